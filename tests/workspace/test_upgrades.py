"""From an older format to a newer one. There has been one version only, so that the way is shown with a made-up table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacktui.workspace.changes import apply_change
from stacktui.workspace.edits import EditImpossible
from stacktui.workspace.scaffold import init_workspace
from stacktui.workspace.upgrades import UPGRADES, Documents, NewerWorkspace, upgrade_change, version_of
from stacktui.workspace.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    init_workspace(folder)
    (folder / "stacks" / "prod.yaml").write_text(
        "# nightly\nextends: default  # for now\nlabels: {tier: prod}\nprotected: true\n"
    )
    return folder


def texts(root: Path) -> dict[str, str]:
    return {file.relative_to(root).as_posix(): file.read_text() for file in root.rglob("*.yaml")}


def upgraded(root: Path, upgrades: Any = UPGRADES, newest: int = 1) -> None:
    apply_change(Workspace.open(root), upgrade_change(Workspace.open(root), upgrades, newest))


def second(old: Documents) -> Documents:
    """A made-up second format: `extends` is called `parent`, and every component says where it runs."""
    stacks = {
        name: {("parent" if key == "extends" else key): value for key, value in data.items()}
        for name, data in old.stacks.items()
    }
    return replace(
        old,
        stacks=stacks,
        components={name: {**data, "host": "here"} for name, data in old.components.items()},
    )


def third(old: Documents) -> Documents:
    """A made-up third one: the default stack's file is called `main`."""
    stacks = {name: data for name, data in old.stacks.items() if name != "stacks/default.yaml"}
    stacks["stacks/main.yaml"] = old.stacks["stacks/default.yaml"]
    return replace(old, settings={**old.settings, "default_stack": "main"}, stacks=stacks)


def test_what_is_new_already_has_nothing_to_do(root: Path) -> None:
    assert upgrade_change(Workspace.open(root)).empty


def test_a_missing_line_counts_as_not_versioned_yet_and_comments_stay(root: Path) -> None:
    file = root / "stacktui.yaml"
    file.write_text(file.read_text().replace("version: 1\n", "# ours\n"))
    before = texts(root)
    upgraded(root)
    after = texts(root)
    assert {name for name in after if after[name] != before[name]} == {"stacktui.yaml"}
    assert set(after["stacktui.yaml"].splitlines()) - set(before["stacktui.yaml"].splitlines()) == {
        "version: 1"
    }
    assert "# ours\n" in after["stacktui.yaml"]
    assert upgrade_change(Workspace.open(root)).empty


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_settings_file_gets_its_line(root: Path, text: str) -> None:
    (root / "stacktui.yaml").write_text(text)
    upgraded(root)
    assert (root / "stacktui.yaml").read_text() == f"{text}version: 1\n"


def test_steps_run_one_after_the_other_and_every_file_follows(root: Path) -> None:
    table = {**UPGRADES, 2: second, 3: third}
    (root / "stacktui.yaml").write_text("default_stack: default  # see below\n")
    upgraded(root, table, 3)
    after = texts(root)
    assert after["stacktui.yaml"] == "version: 3\ndefault_stack: main  # see below\n"
    assert after["stacks/prod.yaml"].startswith("# nightly\n")
    assert "parent: default" in after["stacks/prod.yaml"]
    assert "extends" not in after["stacks/prod.yaml"]
    assert "stacks/default.yaml" not in after
    assert "components:" in after["stacks/main.yaml"]
    assert after["components/alerter/inbox.yaml"].endswith("host: here\n")
    # The table that this stacktui has reads version 1: it does not touch these files any more.
    with pytest.raises(NewerWorkspace, match="upgrade stacktui"):
        upgrade_change(Workspace.open(root))


def test_only_the_steps_that_are_missing_run(root: Path) -> None:
    (root / "stacktui.yaml").write_text("version: 2\n")
    before = texts(root)
    upgraded(root, {1: second, 2: second, 3: lambda old: old}, 3)
    after = texts(root)
    assert after.pop("stacktui.yaml") == "version: 3\n"
    del before["stacktui.yaml"]
    assert after == before


def test_a_newer_workspace_is_refused_and_stays(root: Path) -> None:
    (root / "stacktui.yaml").write_text("version: 7\n")
    with pytest.raises(NewerWorkspace, match="format version 7 and this stacktui reads 1; upgrade stacktui"):
        upgrade_change(Workspace.open(root))


def test_a_file_that_cannot_be_read_stops_all_of_it(root: Path) -> None:
    (root / "stacktui.yaml").write_text("default_stack: default\n")
    (root / "stacks" / "broken.yaml").write_text("extends: [\n")
    with pytest.raises(EditImpossible, match=r"stacks/broken.yaml, line \d+: .*repair the file first"):
        upgrade_change(Workspace.open(root))


@pytest.mark.parametrize(
    ("held", "version"),
    [
        ({}, 0),
        ({"version": 1}, 1),
        ({"version": "1"}, 0),
        ({"version": True}, 0),
        ({"version": -2}, 0),
        (None, 0),
    ],
)
def test_what_does_not_say_its_version_has_none(held: Any, version: int) -> None:
    assert version_of(held) == version
