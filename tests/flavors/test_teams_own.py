"""Flavors of a team: one in a package that pip really installs, one in the workspace's `flavors/` folder.

Both are listed without being imported: each writes a file when it is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

SOURCE = '''
"""An alerter that writes to a file."""
import os
from pathlib import Path
from collections.abc import Sequence

Path(os.environ["IMPORTED"]).touch()

from pydantic import Field
from stacktui.categories.alerter import Alerter
from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.errors import Unsupported
from stacktui.categories.flavor import FlavorFacts
from stacktui.model.alert import Level
from stacktui.model.category import Category


class PagerConfig(FlavorConfig):
    file: str = Field(description="Where messages go.")


class Pager(Alerter):
    facts = FlavorFacts(category=Category.ALERTER, name="{name}", summary="writes to a file", capabilities=frozenset({{"post"}}))
    Config = PagerConfig
    config: PagerConfig

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        return ProbeResult(ok=True, message="there is a pen")

    def post(self, message: str, level: Level = Level.INFO) -> None:
        with open(self.config.file, "a") as pager:
            pager.write(f"{{level}}: {{message}}\\n")

    def ask(self, question: str, choices: Sequence[str] = (), timeout: float | None = None, default: str | None = None) -> str:
        raise Unsupported("the pager is one way")
'''
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "team-pager"
version = "1.0"
description = "alerts of the team"

[project.entry-points."stacktui.flavors"]
"alerter.pager" = "team_pager:Pager"
"""


class Place:
    """A workspace, and a folder of installed packages on the path."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "workspace"
        self.packages = folder / "packages"
        self.packages.mkdir(parents=True)
        self.imported = folder / "imported"
        self.messages = folder / "messages.txt"
        self.stacktui("init", str(self.root), at=folder)

    def stacktui(self, *words: str, at: Path | None = None, code: int = 0) -> str:
        """Run the command line; the exit code must be `code`."""
        repository = Path(__file__).parents[2]
        environment = os.environ | {
            "PYTHONPATH": f"{self.packages}{os.pathsep}{repository}",
            "IMPORTED": str(self.imported),
        }
        done = subprocess.run(
            [sys.executable, "-m", "stacktui", "-C", str(at or self.root), *words],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def flavor(self, name: str) -> dict[str, Any]:
        """One alerter as `flavor list` tells it."""
        found = json.loads(self.stacktui("flavor", "list", "alerter", "--json"))["flavors"]
        return next(flavor for flavor in found if flavor["name"] == name)

    def uses_it(self, name: str) -> None:
        """A component of the flavor is made, probed and used."""
        self.stacktui(
            "component", "add", "alerter", "duty", "--flavor", name, "--set", f"file={self.messages}"
        )
        assert "there is a pen" in self.stacktui("component", "probe", "alerter", "duty")
        self.stacktui("stack", "edit", "default", "--set", "alerter=duty")
        self.stacktui("stack", "validate")
        self.stacktui("alert", "post", "the forest is down")
        assert self.messages.read_text() == "info: the forest is down\n"
        assert self.imported.exists()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_package_that_pip_installed_brings_a_flavor(place: Place, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "team_pager.py").write_text(dedent(SOURCE).format(name="pager"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
         "--target", str(place.packages), str(project)],
        check=True,
    )  # fmt: skip
    listed = place.flavor("pager")
    assert (listed["provider"], listed["summary"], listed["installed"]) == (
        "team-pager",
        "alerts of the team",
        True,
    )
    assert not place.imported.exists(), "listing imports nothing"
    place.uses_it("pager")


def test_a_file_in_the_workspace_brings_a_flavor(place: Place) -> None:
    folder = place.root / "flavors"
    folder.mkdir(exist_ok=True)
    (folder / "slate.py").write_text(dedent(SOURCE).format(name="slate"))
    assert place.flavor("slate")["summary"] == "writes to a file"
    assert not place.imported.exists(), "listing imports nothing"
    place.uses_it("slate")


def test_a_skeleton_is_a_flavor_that_loads(place: Place) -> None:
    place.stacktui("flavor", "new", "alerter", "smoke")
    assert place.flavor("smoke")["installed"]
    shown = json.loads(place.stacktui("flavor", "show", "alerter", "smoke", "--json"))
    assert shown["name"] == "smoke"
