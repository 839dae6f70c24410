"""The pictures in `screenshots/` are what the workbench draws today."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.screens.draw import SCENES

ROOT = Path(__file__).parents[2]


def pinned() -> dict[str, str]:
    """The versions in `constraints.txt` of what draws."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = dict(line.split("==") for line in lines if "==" in line)
    return {name: pairs[name] for name in ("textual", "rich", "duckdb")}


@pytest.mark.timeout(600)
def test_no_picture_is_stale() -> None:
    pytest.importorskip("sklearn", reason="the demo's workspace is drawn")
    installed = {name: metadata.version(name) for name in pinned()}
    if installed != pinned():
        pytest.skip(f"pictures are drawn under constraints.txt; here are {installed}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.screens.draw", "--check", "screenshots"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_picture_has_its_scene_and_each_scene_its_picture() -> None:
    drawn = {file.stem for file in (ROOT / "screenshots").glob("*.svg")}
    assert drawn == {scene.name for scene in SCENES}


def test_the_readme_shows_pictures_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    shown = [part.partition(")")[0] for part in text.split("(screenshots/")[1:]]
    assert shown
    for name in shown:
        assert (ROOT / "screenshots" / name).is_file()
