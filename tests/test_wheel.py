"""What is installed: the wheel carries the themes, the demo and the styles; a checkout reads its own `themes/`."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = "from stacktui.workspace.themes import load_themes; print(*sorted(load_themes(None).themes))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (built,) = target.glob("*.whl")
    return built


def shipped() -> list[str]:
    return sorted(file.stem for file in (ROOT / "themes").glob("*.yaml"))


def themes_seen(path: Path, tmp_path: Path) -> list[str]:
    environment = os.environ | {"PYTHONPATH": str(path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=tmp_path,
    )
    return done.stdout.split()


def test_the_wheel_holds_what_is_not_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"stacktui/themes/{name}.yaml" for name in shipped()} <= names
    assert "stacktui/demo/workspace/stacks/demo.yaml" in names
    assert "stacktui/tui/styles/base.tcss" in names
    assert "stacktui/py.typed" in names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_an_installed_stacktui_finds_its_themes(wheel: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(unpacked)
    assert themes_seen(unpacked, tmp_path) == shipped()


def test_a_checkout_finds_its_themes(tmp_path: Path) -> None:
    assert themes_seen(ROOT, tmp_path) == shipped()


def test_five_themes_or_more_ship() -> None:
    assert len(shipped()) >= 5
