"""Entry points of installed packages are found wherever `importlib.metadata` finds them, and mostly without it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest

from stacktui.categories.installed import entry_points, is_installed

GROUP = "stacktui.test-group"
TEXT = f"[console_scripts]\nfar = far_away:main\n\n[{GROUP}]\nnear = far_away:Near\n"


def names(group: str = GROUP) -> list[str]:
    return [found.name for found in entry_points(group)]


@pytest.mark.parametrize("facts", ["far_away-1.0.dist-info", "Far_Away-1.0.Dist-Info", "far_away.egg-info"])
def test_a_package_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: str) -> None:
    (tmp_path / facts).mkdir()
    (tmp_path / facts / "METADATA").write_text("Metadata-Version: 2.1\nName: far-away\nVersion: 1.0\n")
    (tmp_path / facts / "entry_points.txt").write_text(TEXT)
    assert names() == []
    monkeypatch.syspath_prepend(str(tmp_path))
    assert names() == ["near"]
    assert names("stacktui.another-group") == []


def test_an_egg_that_is_a_folder_of_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    egg = tmp_path / "far_away-1.0.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    (egg / "EGG-INFO" / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: far-away\nVersion: 1.0\n")
    (egg / "EGG-INFO" / "entry_points.txt").write_text(TEXT)
    monkeypatch.syspath_prepend(str(egg))
    assert names() == [found.name for found in metadata.entry_points(group=GROUP)] == ["near"]


def test_a_package_in_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "packages.zip"
    with zipfile.ZipFile(archive, "w") as writing:
        writing.writestr(
            "far_away-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: far-away\nVersion: 1.0\n"
        )
        writing.writestr("far_away-1.0.dist-info/entry_points.txt", TEXT)
    monkeypatch.syspath_prepend(str(archive))
    assert names() == ["near"]


def test_a_package_that_another_finder_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = tmp_path / "elsewhere.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(TEXT)

    class Finder:
        def find_spec(self, *_: object) -> None:
            return None

        def find_distributions(self, _: object) -> Iterable[metadata.Distribution]:
            return [metadata.Distribution.at(facts)]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert names() == ["near"]


def test_folders_of_the_path_that_are_gone_and_packages_without_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_file.egg-info").write_text("Name: a-file\n")
    (tmp_path / "empty.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "gone"))
    assert names() == []


def test_where_nobody_has_any_the_metadata_is_not_read() -> None:
    program = (
        "import sys; from stacktui.categories.installed import entry_points; "
        f"assert not list(entry_points({GROUP!r})); print('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("requirement", "there"),
    [
        ("far-away>=1.9", True), ("far_away>=1.10.0", True), ("far-away>=1.10.0.1", False), ("far-away>=2", False),
        ("far-away", True), ("far-away>=1,<1.5", False), ("Far.Away>=1", True), ("far-away>=1.10rc1", True),
        ("far>=1", False), ("far-away-too>=1", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("facts", ["far_away-1.10.dist-info", "Far.Away-1.10.dist-info", "far_away.egg-info"])
def test_whether_a_requirement_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requirement: str, there: bool, facts: str
) -> None:
    (tmp_path / facts).mkdir()
    file = "METADATA" if facts.endswith("dist-info") else "PKG-INFO"
    (tmp_path / facts / file).write_text("Metadata-Version: 2.1\nName: far-away\nVersion: 1.10\n")
    assert not is_installed(requirement)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_installed(requirement) is there


def test_the_first_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, version in (("a", "2.0.dev1"), ("b", "3.0")):
        facts = tmp_path / folder / f"far_away-{version}.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: far-away\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "b"))
    assert is_installed("far-away>=3")
    monkeypatch.syspath_prepend(str(tmp_path / "a"))
    assert not is_installed("far-away>=2")
    assert is_installed("far-away>=1")


def test_what_is_installed_as_usual_needs_no_packaging() -> None:
    program = (
        "import sys; from stacktui.categories.installed import is_installed; "
        "assert is_installed('pydantic>=2'); print({'packaging', 'importlib.metadata'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
