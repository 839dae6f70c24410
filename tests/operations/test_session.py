"""The session: what is in force, the one door, who is told, and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacktui.model.category import Category
from stacktui.operations.changes import apply, previewed
from stacktui.operations.errors import OperationError
from stacktui.operations.session import Changed, Session, run_operation
from stacktui.operations.stack_edit import stack_change
from stacktui.operations.table import Operation, ReadOnlyRefused, all_operations, operations_of
from stacktui.workspace.locate import WorkspaceNotFound
from tests.operations.support import do

WRITING = [operation for operation in all_operations().values() if operation.writes]


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    session = Session(tmp_path / "nowhere")
    with pytest.raises(WorkspaceNotFound):
        session.snapshot()
    assert session.registry().get(Category.ORCHESTRATOR, "local") is not None


def test_the_stack_in_force_and_why(root: Path) -> None:
    assert Session(root).active().name == "default"
    given = Session(root, stack="other").active()
    assert (given.name, given.reason) == ("other", "--stack")
    by_environment = Session(root, environ={"STACKTUI_STACK": "third"}).active()
    assert (by_environment.name, by_environment.reason) == ("third", "STACKTUI_STACK")


def test_an_active_stack_that_does_not_exist_is_named_with_who_chose_it(root: Path) -> None:
    with pytest.raises(
        OperationError, match=r"no stack 'defalt' \(--stack\); did you mean 'default'\? See: stacktui stack"
    ):
        Session(root, stack="defalt").resolved()


def test_live_components_are_kept_until_their_files_change(session: Session) -> None:
    first = session.live()
    assert session.live() is first
    do(session, "component edit", category=Category.ALERTER, name="inbox", description="another")
    second = session.live()
    assert second is not first
    assert first.metadata_store.last_event() == 0
    session.close()
    session.close()


def test_the_store_can_be_named(root: Path) -> None:
    with Session(root) as session:
        do(
            session,
            "component add",
            category=Category.METADATA_STORE,
            name="other",
            flavor="sqlite",
            values=("path=other.db",),
        )
        assert session.store("other").name == "other"
        assert session.store().name == "local"
    with Session(root, store="other") as session:
        assert session.store().name == "other"
        assert session.store() is session.store()
    with Session(root, store="othr") as session, pytest.raises(OperationError, match="did you mean 'other'"):
        session.store()


def test_listeners_hear_which_files_changed(session: Session, root: Path) -> None:
    heard: list[Changed] = []
    stop = session.on_changed(heard.append)
    do(session, "stack clone", name="default", new="copy")
    assert heard == [Changed(frozenset({root / "stacks" / "copy.yaml"}), frozenset())]
    stop()
    do(session, "stack delete", name="copy")
    assert len(heard) == 1


@pytest.mark.parametrize("operation", WRITING, ids=[operation.name for operation in WRITING])
def test_a_read_only_session_refuses_everything_that_writes(root: Path, operation: Operation) -> None:
    arguments: dict[str, Any] = {
        each.name: each.type(each.choices[0]) if each.choices else (("x",) if each.multiple else "x")
        for each in operation.parameters
        if each.required
    }
    before = _files(root)
    with Session(root, readonly=True) as session, pytest.raises(ReadOnlyRefused, match=operation.name):
        run_operation(session, operation, **arguments)
    assert _files(root) == before


@pytest.mark.parametrize("way", ["environment", "settings"])
def test_read_only_can_be_asked_for_in_other_ways(root: Path, way: str) -> None:
    if way == "settings":
        (root / "stacktui.yaml").write_text("version: 1\ndefault_stack: default\nreadonly: true\n")
    session = Session(root, environ={"STACKTUI_READONLY": "1"} if way == "environment" else {})
    with pytest.raises(ReadOnlyRefused):
        do(session, "stack clone", name="default", new="copy")
    stack = session.snapshot().stacks["default"].value.model_copy(update={"name": "copy"})
    with pytest.raises(ReadOnlyRefused):
        apply(session, stack_change(session, stack))


def test_a_preview_writes_nothing_and_is_what_is_written_then(session: Session, root: Path) -> None:
    operation = operations_of("stack")["stack clone"]
    before = _files(root)
    preview = previewed(session, operation, name="default", new="copy")
    assert _files(root) == before
    assert preview.change is not None
    assert "+++ b/stacks/copy.yaml" in preview.change.diff(root)
    apply(session, preview.change)
    assert "copy" in session.snapshot().stacks


def test_a_change_is_refused_where_someone_else_wrote_meanwhile(session: Session, root: Path) -> None:
    stack = session.snapshot().stacks["default"].value.model_copy(update={"description": "mine"})
    change = stack_change(session, stack)
    file = root / "stacks" / "default.yaml"
    theirs = file.read_bytes() + b"# theirs\n"
    file.write_bytes(theirs)
    with pytest.raises(OperationError, match=r"stacks/default.yaml was changed by someone else"):
        apply(session, change)
    assert file.read_bytes() == theirs


def _files(root: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


def test_what_is_read_in_one_look_belongs_together(root: Path) -> None:
    file = root / "stacks" / "default.yaml"
    with Session(root) as session:
        before = session.snapshot()
        with session.one_look():
            first = session.snapshot()
            file.write_text(file.read_text() + "# changed\n")
            assert session.snapshot() is first is before
            # An operation of this thread says that it wrote: the next look is a new one.
            session.changed(paths=[file])
            assert session.snapshot() is not first
        file.write_text(file.read_text() + "# again\n")
        assert session.snapshot().generation > before.generation
