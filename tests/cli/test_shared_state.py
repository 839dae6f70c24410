"""A state that a group shares: everything that is made in it is the group's, but for what is secret."""

from __future__ import annotations

import contextlib
import grp
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def stacktui(root: Path, *words: str, typed: str = "") -> str:
    """Run the command line with the umask of most people, which takes writing from the group."""
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY), "HOME": str(home), "STACKTUI_DATA": str(home / "data"), "XDG_CONFIG_HOME": str(home)
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "stacktui", "-C", str(root), *words],
        capture_output=True, text=True, check=False, env=environment, input=typed, umask=0o022, cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def modes(folder: Path, kind: str) -> dict[str, str]:
    """Modes of all files, or of all folders, below a folder."""
    wanted = stat.S_ISDIR if kind == "d" else stat.S_ISREG
    found = {}
    for path in sorted(folder.rglob("*")):
        # The runner may still be leaving, and takes the database's side files along.
        with contextlib.suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if wanted(mode):
                found[str(path.relative_to(folder))] = oct(stat.S_IMODE(mode))
    return found


@pytest.fixture
def team(tmp_path: Path) -> Path:
    root = tmp_path / "team"
    stacktui(tmp_path, "init", str(root))
    group = grp.getgrgid(os.getgid()).gr_name
    with (root / "stacktui.yaml").open("a") as settings:
        settings.write(f"shared: {group}\n")
    shutil.rmtree(root / ".stacktui", ignore_errors=True)
    return root


def test_what_is_made_is_the_groups_but_for_secrets(team: Path) -> None:
    stacktui(team, "run", "pipelines/hello.py:hello")
    stacktui(team, "secret", "set", "aws", "key", typed="hunter22\n")
    state = team / ".stacktui"
    folders = modes(state, "d") | {".": oct(stat.S_IMODE(state.stat().st_mode))}
    assert {place: mode for place, mode in folders.items() if mode != "0o2770"} == {}
    files = modes(state, "f")
    secret = {place: mode for place, mode in files.items() if place.endswith(".enc")}
    assert set(secret.values()) == {"0o600"}
    code = {place for place in files if place.startswith("code/") and not place.endswith("index.json")}
    assert {files[place] for place in code} <= {"0o440", "0o550"}
    others = {place: mode for place, mode in files.items() if place not in {*secret, *code}}
    assert {place: mode for place, mode in others.items() if mode != "0o660"} == {}


def test_without_it_the_state_is_one_users_alone(tmp_path: Path) -> None:
    root = tmp_path / "own"
    stacktui(tmp_path, "init", str(root))
    stacktui(root, "run", "pipelines/hello.py:hello")
    state = root / ".stacktui"
    assert set(modes(state, "d").values()) == {"0o700"}
    assert {mode for place, mode in modes(state, "f").items() if not place.startswith("code/")} == {"0o600"}
