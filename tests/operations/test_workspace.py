"""Workspaces as such: which were opened, whole ones checked, one upgraded."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from stacktui.operations.errors import OperationError
from stacktui.operations.session import Session
from stacktui.workspace.locate import WorkspaceNotFound
from stacktui.workspace.recent import recent_workspaces, remember_workspace, user_state_dir
from stacktui.workspace.scaffold import init_workspace
from tests.operations.support import do


def test_what_was_opened_is_listed_latest_first_with_its_stack(
    session: Session, root: Path, tmp_path: Path
) -> None:
    other, gone = tmp_path / "other", tmp_path / "gone"
    init_workspace(other)
    for each in (other, gone, root, other):
        remember_workspace(each)
    found = do(session, "workspace list")
    assert found.current == str(root)
    assert [(row.name, row.exists, row.current, row.active) for row in found.workspaces] == [
        ("other", True, False, "default"),
        ("team", True, True, "default"),
        ("gone", False, False, None),
    ]


def test_it_is_listed_outside_a_workspace_too(tmp_path: Path) -> None:
    assert do(Session(tmp_path), "workspace list").workspaces == ()


def test_the_list_is_the_person_s_alone_bounded_and_survives_what_is_broken(tmp_path: Path) -> None:
    for number in range(60):
        remember_workspace(tmp_path / f"w{number}")
    file = user_state_dir() / "workspaces.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [each.root.name for each in recent_workspaces()][:2] == ["w59", "w58"]
    assert len(recent_workspaces()) == 50
    for text in (
        "",
        "[]",
        '{"workspaces": 3}',
        '{"workspaces": [3, {"path": "x", "opened_at": "y"}, {}]}',
        "\x00",
    ):
        file.write_text(text)
        assert recent_workspaces() == ()
    remember_workspace(tmp_path)
    assert json.loads(file.read_text())["version"] == 1
    assert [each.root for each in recent_workspaces()] == [tmp_path]


def test_a_workspace_that_is_broken_is_listed_all_the_same(session: Session, tmp_path: Path) -> None:
    other = tmp_path / "other"
    init_workspace(other)
    (other / "stacktui.yaml").write_text("{{{")
    (other / "stacks" / "default.yaml").write_text("[")
    remember_workspace(other)
    (row,) = do(session, "workspace list").workspaces
    assert row.exists


def test_whole_workspaces_are_checked_from_above_and_by_their_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        init_workspace(tmp_path / "repo" / name)
    bad = tmp_path / "repo" / "two" / "stacks" / "bad.yaml"
    bad.write_text("extends: nothing\n")
    start = Session(tmp_path / "repo")
    found = do(start, "workspace validate")
    assert [(Path(each.path).name, each.ok) for each in found.workspaces] == [("one", True), ("two", False)]
    assert not found.answer
    assert {each.file for each in found.workspaces[1].diagnostics if each.severity == "error"} == {
        "two/stacks/bad.yaml"
    }
    assert do(start, "workspace validate", paths=(Path("one/stacks/default.yaml"), Path("one"))).answer
    assert len(do(Session(bad.parent), "workspace validate").workspaces) == 1
    with pytest.raises(WorkspaceNotFound):
        do(Session(tmp_path / "repo"), "workspace validate", paths=(tmp_path / "nowhere",))


def test_strict_counts_warnings(session: Session, root: Path) -> None:
    (root / "components" / "wrong").mkdir()
    assert do(session, "workspace validate").answer
    assert not do(session, "workspace validate", strict=True).answer


def test_an_upgrade_shows_its_diff_first_and_is_one_edit(session: Session, root: Path) -> None:
    file = root / "stacktui.yaml"
    old = file.read_text().replace("version: 1\n", "")
    file.write_text(old)
    look = do(session, "workspace upgrade", dry_run=True)
    assert (look.version_before, look.version_after, look.dry_run) == (0, 1, True)
    assert "+version: 1" in look.diff
    assert file.read_text() == old
    done = do(session, "workspace upgrade")
    assert [each.file for each in done.files] == ["stacktui.yaml"]
    assert "version: 1\n" in file.read_text()
    assert (
        do(session, "workspace upgrade").title
        == "nothing to do: the workspace has format version 1, the newest"
    )


def test_a_newer_workspace_is_refused_in_one_line(session: Session, root: Path) -> None:
    (root / "stacktui.yaml").write_text("version: 2\n")
    with pytest.raises(OperationError, match="upgrade stacktui"):
        do(session, "workspace upgrade")
    assert (root / "stacktui.yaml").read_text() == "version: 2\n"
