"""The pytest plugin as a team has it: its fixtures are there, a suite works by a subclass, and it is light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import stacktui

_TEST = """
import pytest

from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.testing.contracts.artifact_store import ArtifactStoreContract


class TestOurs(ArtifactStoreContract):
    @pytest.fixture
    def component(self, stacktui_surroundings):
        return LocalArtifactStore(LocalArtifactStoreConfig(path="here"), stacktui_surroundings)


class TestForgotten(ArtifactStoreContract):
    pass


def test_surroundings(stacktui_surroundings, stacktui_environment, tmp_path):
    around = stacktui_surroundings
    assert around.workspace.is_dir() and around.state.is_dir() and around.user_data.is_dir()
    assert around.workspace.is_relative_to(tmp_path)
    stacktui_environment["KEY"] = "value"
    assert around.environment["KEY"] == "value"
    assert around.artifact_store().put_bytes(b"x").size == 1
"""


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    home = str(Path(stacktui.__file__).parent.parent)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PYTHONPATH": home, "PATH": "/bin"},
    )


def test_a_team_tests_its_own_flavor(tmp_path: Path) -> None:
    (tmp_path / "test_ours.py").write_text(_TEST)
    # Where stacktui is installed the plugin would come twice: not by its entry point, then.
    done = _run(
        tmp_path,
        "pytest",
        "-q",
        "-p",
        "no:stacktui",
        "-p",
        "stacktui.testing.plugin",
        "-p",
        "no:cacheprovider",
        "test_ours.py",
    )
    lines = done.stdout.splitlines()
    assert "TestOurs" not in done.stdout, done.stdout
    assert "TestForgotten has to override the fixture `component`" in done.stdout
    assert "FAILED test_ours.py::test_surroundings" not in lines
    assert " passed" in lines[-1]


def test_the_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    program = """
import sys
import pytest
before = set(sys.modules)
import stacktui.testing.plugin
print(sorted(set(sys.modules) - before))
"""
    (tmp_path / "light.py").write_text(program)
    done = _run(tmp_path, "light")
    assert done.stdout.strip() == "['stacktui', 'stacktui.testing', 'stacktui.testing.plugin']", done.stderr
