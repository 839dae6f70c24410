"""Paths that begin at a home which is not there: a mistyped `~name`, a user id without a name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.categories.homes import from_home, home_folder
from stacktui.workspace.locate import user_config_dir
from tests.operations.exchanging import workspace

NOBODY = "~no-such-person/data"


def said(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stacktui", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)


def test_a_home_of_nobody_stays_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of-someone")
    assert from_home(NOBODY) == Path(NOBODY)
    assert from_home("~/data") == Path("/home/of-someone/data")
    assert from_home("data/~") == Path("data/~")


def test_a_user_id_without_a_name_and_a_home_has_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    # As in a container that runs as a bare number.
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert not home_folder().exists()
    assert not user_config_dir().exists()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("stack", "import", NOBODY), 2, f"cannot read {NOBODY}: no such file or directory"),
        (("stack", "export", "-o", f"{NOBODY}/x.yaml"), 2, "no such file or directory"),
        (("component", "probe", "artifact_store", "elsewhere"), 0, "elsewhere"),
    ],
)
def test_a_path_to_the_home_of_nobody_is_no_failure_inside(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    root = workspace(tmp_path / "team")
    file = root / "components" / "artifact_store" / "elsewhere.yaml"
    file.write_text(f"flavor: local\nconfig:\n  path: {NOBODY}\n")
    done = said(root, *words)
    assert says in (done.stdout + done.stderr).lower()
    assert "went wrong inside" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code


def test_a_state_in_the_home_of_nobody_does_not_stop_every_command(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team")
    with (root / "stacktui.yaml").open("a") as file:
        file.write(f"state: {NOBODY}\n")
    done = said(root, "stack", "list")
    assert (done.returncode, done.stderr) == (0, "")
