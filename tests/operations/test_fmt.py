"""`stacktui fmt` as an operation: one edit, which can be looked at first and is taken back as any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.operations.errors import OperationError
from stacktui.operations.fmt import Formatted
from stacktui.operations.session import Session
from tests.operations.support import do

UNFORMED = "components:  \n  alerter: [inbox]\n  orchestrator: local # here\nextends: default\n"
FORMED = "extends: default\ncomponents:\n  orchestrator: local # here\n  alerter: [inbox]\n"


@pytest.fixture
def prod(root: Path) -> Path:
    file = root / "stacks" / "prod.yaml"
    file.write_text(UNFORMED)
    return file


def test_the_whole_workspace_is_put_in_form(session: Session, prod: Path, root: Path) -> None:
    (root / "components" / "alerter" / "two.yaml").write_text("description: x\nflavor: local\n")
    result: Formatted = do(session, "fmt")
    assert [each.file for each in result.of("changed")] == ["stacks/prod.yaml", "components/alerter/two.yaml"]
    assert result.answer
    assert prod.read_text() == FORMED
    assert not do(session, "fmt").of("changed")


@pytest.mark.parametrize("flag", ["check", "diff"])
def test_a_look_writes_nothing(session: Session, prod: Path, flag: str) -> None:
    result = do(session, "fmt", **{flag: True})
    assert [each.file for each in result.of("changed")] == ["stacks/prod.yaml"]
    assert prod.read_text() == UNFORMED
    assert result.answer == (flag == "diff")
    assert ("+extends: default" in result.diff) == (flag == "diff")


def test_files_and_folders_may_be_named(session: Session, prod: Path, root: Path) -> None:
    other = root / "components" / "alerter" / "two.yaml"
    other.write_text("description: x\nflavor: local\n")
    assert [each.state for each in do(session, "fmt", files=(Path("stacks"),)).files] == [
        "in form",
        "changed",
    ]
    assert prod.read_text() == FORMED
    assert other.read_text() == "description: x\nflavor: local\n"
    assert do(session, "fmt", files=(other,)).of("changed")
    with pytest.raises(OperationError, match="there is no file"):
        do(session, "fmt", files=(Path("nothing.yaml"),))


def test_what_is_not_ours_or_cannot_be_read_stays_and_is_named(
    session: Session, root: Path, tmp_path: Path
) -> None:
    broken = root / "stacks" / "broken.yaml"
    broken.write_text("extends: [\n")
    foreign = tmp_path / "compose.yaml"
    foreign.write_text("b: 1\na: 2\n")
    keymap = root / "keymap.yaml"
    keymap.write_text("b: 1\n")
    result = do(session, "fmt", files=(broken, foreign, keymap, root / "stacks" / "default.yaml"))
    assert {Path(each.file).name: each.state for each in result.files} == {
        "broken.yaml": "broken",
        "compose.yaml": "skipped",
        "keymap.yaml": "skipped",
        "default.yaml": "in form",
    }
    assert "line 1" in result.of("broken")[0].reason
    assert not result.answer
    assert broken.read_text() == "extends: [\n"


def test_all_files_are_one_edit_that_undo_takes_back(session: Session, prod: Path, root: Path) -> None:
    from stacktui.workspace.journal import records
    from stacktui.workspace.undo import undo_change

    other = root / "components" / "alerter" / "two.yaml"
    other.write_text("description: x\nflavor: local\n")
    do(session, "fmt")
    newest = next(iter(records(session.workspace)))
    assert newest.title == "format 2 files"
    from stacktui.operations.changes import apply

    apply(session, undo_change(session.workspace))
    assert prod.read_text() == UNFORMED
    assert other.read_text() == "description: x\nflavor: local\n"


def test_a_preview_stops_before_it_writes(session: Session, prod: Path) -> None:
    from stacktui.operations.changes import previewed
    from stacktui.operations.table import operations_of

    preview = previewed(session, operations_of("fmt")["fmt"])
    assert preview.change is not None
    assert prod.read_text() == UNFORMED
    assert "+extends: default" in preview.change.diff(session.workspace.root)
