"""`u` and `ctrl+r`: saved edits are taken back and done again, after their diff; and the list of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.operations.session import Session
from stacktui.tui.dialogs.diff import DiffDialog, ShownDiff, UndoRefusedDialog
from stacktui.tui.dialogs.simple import NameDialog
from tests.operations.support import do
from tests.tui.workbench import Bench, stack, workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace(tmp_path / "team")


def edited(root: Path, *descriptions: str) -> Path:
    """Edits that were saved in an earlier session: the inbox is described again and again."""
    with Session(root) as session:
        for text in descriptions:
            do(session, "component edit", category=Category.ALERTER, name="inbox", description=text)
    return root / "components" / "alerter" / "inbox.yaml"


async def undo_known(bench: Bench) -> None:
    await bench.wait_for(lambda: bench.app.feed.summary.undo, "the journal to be read")


async def test_u_takes_back_an_edit_of_an_earlier_session_and_ctrl_r_does_it_again(root: Path) -> None:
    file = root / "components" / "alerter" / "inbox.yaml"
    first = file.read_bytes()
    edited(root, "the night")
    last = file.read_bytes()
    async with workbench(root) as bench:
        await undo_known(bench)
        await bench.press("u")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("Takes back your edit 1", "-description: the night")
        assert file.read_bytes() == last
        await bench.press("enter")
        await bench.wait_for(lambda: file.read_bytes() == first, "the first bytes")
        await bench.wait_for(lambda: bench.app.feed.summary.redo, "the edit to wait")
        assert bench.app.feed.summary.undo == ""
        await bench.press("ctrl+r")
        await bench.sees("Does again your edit 1", "+description: the night")
        await bench.press("enter")
        await bench.wait_for(lambda: file.read_bytes() == last, "the last bytes")


async def test_undo_that_is_typed_shows_the_same_diff(root: Path) -> None:
    file = root / "components" / "alerter" / "inbox.yaml"
    first = file.read_bytes()
    edited(root, "the night")
    last = file.read_bytes()
    async with workbench(root) as bench:
        await undo_known(bench)
        await bench.press("colon")
        await bench.types("undo")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("Takes back your edit 1", "-description: the night")
        assert file.read_bytes() == last
        await bench.press("enter")
        await bench.wait_for(lambda: file.read_bytes() == first, "the first bytes")
        await bench.press("colon")
        await bench.types("redo")
        await bench.press("enter")
        await bench.sees("Does again your edit 1")


async def test_a_diff_that_is_left_writes_nothing(root: Path) -> None:
    file = edited(root, "the night")
    last = file.read_bytes()
    async with workbench(root) as bench:
        await undo_known(bench)
        await bench.press("u")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("escape")
        await bench.wait_for(lambda: not isinstance(bench.screen, DiffDialog), "the diff to go")
        assert file.read_bytes() == last
        assert len(bench.session.workspace.journal.records()) == 1


async def test_with_nothing_to_undo_the_key_says_so(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.wait_for(lambda: bench.app.feed.summary.undo == "", "the journal to be read")
        await bench.press("u")
        await bench.sees("u undo: there is nothing to undo")
        await bench.press("ctrl+r")
        await bench.sees("ctrl+r redo: there is nothing to redo")


async def test_undo_refuses_what_was_changed_since_and_shows_it(root: Path) -> None:
    file = edited(root, "the night")
    file.write_bytes(file.read_bytes() + b"# by hand\n")
    mine = file.read_bytes()
    async with workbench(root) as bench:
        await undo_known(bench)
        await bench.press("u")
        await bench.wait_for(lambda: isinstance(bench.screen, UndoRefusedDialog), "the refusal")
        await bench.sees(
            "not undone", "inbox.yaml was changed since", "+# by hand", "take these lines back first"
        )
        await bench.press("enter")
        await bench.sees("your edits 1", "it cannot be undone")
        assert file.read_bytes() == mine


async def test_a_protected_stack_asks_for_its_name_before_an_edit_of_it_is_undone(root: Path) -> None:
    file = stack(root, "prod", "extends: default\nprotected: true\n")
    with Session(root) as session:
        do(session, "stack edit", name="prod", description="nightly", confirm="prod")
    last = file.read_bytes()
    async with workbench(root) as bench:
        await undo_known(bench)
        await bench.press("u")
        await bench.wait_for(lambda: isinstance(bench.screen, NameDialog), "the name to be asked for")
        assert file.read_bytes() == last
        await bench.types("prod")
        await bench.press("enter")
        await bench.sees("-description: nightly")
        await bench.press("enter")
        await bench.wait_for(lambda: b"nightly" not in file.read_bytes(), "the edit to be undone")


async def test_the_list_of_edits_and_the_diff_beside_it(root: Path) -> None:
    file = edited(root, "one", "two", "three")
    async with workbench(root) as bench:
        await undo_known(bench)
        await bench.press("colon")
        await bench.types("edits")
        await bench.press("enter")
        await bench.sees("your edits 3", "+description: three", "u undo", "ctrl+r redo")
        await bench.press("j")
        await bench.sees("+description: two", "its files were changed since")
        await bench.press("u")
        await bench.sees("-description: three")
        await bench.press("enter")
        await bench.wait_for(lambda: b"two" in file.read_bytes(), "the newest edit to be undone")
        await bench.sees("○ undone", "redo")
        # The cursor is where it was, and nothing stands in the way of that edit any more.
        await bench.misses("its files were changed since")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, ShownDiff), "the diff to be large")


async def test_without_edits_the_list_says_what_to_do(root: Path) -> None:
    async with workbench(root) as bench:
        bench.app.open_place("edits")
        await bench.sees("Nothing was saved yet", "u takes it back")


async def test_edits_of_others_are_shown_and_not_undone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")
    edited(root, "theirs")
    monkeypatch.setenv("LOGNAME", "me")
    async with workbench(root) as bench:
        await bench.wait_for(lambda: bench.app.feed.summary.undo == "", "the journal to be read")
        bench.app.open_place("edits")
        await bench.sees("None of the saved edits is yours", "1 of others")
        await bench.press("o")
        await bench.sees("edits of everybody 1", "somebody", "+description: theirs")
        await bench.press("u")
        await bench.sees("there is nothing to undo")


async def test_read_only_greys_undo_and_shows_the_edits(root: Path) -> None:
    edited(root, "the night")
    async with workbench(root, readonly=True) as bench:
        await undo_known(bench)
        bench.app.open_place("edits")
        await bench.sees("+description: the night")
        await bench.press("u")
        await bench.sees("u undo: the workbench is read-only")


async def test_the_editor_opens_a_file_of_the_edit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = edited(root, "the night")
    opened: list[Path] = []
    monkeypatch.setattr("stacktui.tui.editor.open_in_editor", lambda _, path: opened.append(path))
    async with workbench(root) as bench:
        bench.app.open_place("edits")
        await bench.sees("+description: the night")
        await bench.press("E")
        await bench.wait_for(lambda: opened, "the editor")
    assert opened == [file]
