"""Saving from the stack builder, and what others do to the file meanwhile: nobody's work is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.merge import MergeDialog
from stacktui.tui.dialogs.simple import ConfirmDialog, NameDialog
from tests.tui.building import NIGHTLY, build, building, choose
from tests.tui.workbench import Bench, stack, workbench


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return building(tmp_path / "vision")


async def _write(bench: Bench) -> None:
    await bench.press("ctrl+s")
    await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
    await bench.press("enter")


async def test_errors_stand_above_the_diff(root: Path) -> None:
    async with workbench(root) as bench:
        await build(bench, "nightly")
        await choose(bench, "orchestrator", "greedy")
        await bench.press("space")
        await bench.sees("findings 1")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("✗ max_workers must be", "+  orchestrator: greedy")
        await bench.press("escape")
    assert (root / "stacks/nightly.yaml").read_text() == NIGHTLY


async def test_a_protected_stack_asks_for_its_name(root: Path) -> None:
    file = stack(root, "prod", "extends: nightly\nprotected: true\n")
    async with workbench(root) as bench:
        await build(bench, "prod")
        await choose(bench, "artifact_store", "team")
        await bench.press("space")
        await bench.sees("unsaved")
        await _write(bench)
        await bench.wait_for(lambda: isinstance(bench.screen, NameDialog), "the question")
        await bench.sees("is protected. Type its name, prod, to go on.")
        await bench.types("prof")
        await bench.press("enter")
        await bench.sees("that is not prod")
        await bench.press("backspace", *"d", "enter")
        await bench.wait_for(lambda: "artifact_store: team" in file.read_text(), "the edit")


async def test_a_parent_of_a_protected_stack_asks_for_that_name(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    stack(root, "prod", "extends: nightly\nprotected: true\n")
    async with workbench(root) as bench:
        await build(bench, "nightly")
        await bench.press("minus")
        await bench.sees("unsaved")
        await _write(bench)
        await bench.sees("is a parent of the protected stack prod", "its name, prod, to go on")
        await bench.types("prod")
        await bench.press("enter")
        await bench.wait_for(lambda: "orchestrator: null" in file.read_text(), "the edit")


async def test_a_new_stack_is_only_there_after_it_was_saved(root: Path) -> None:
    file = root / "stacks/mine.yaml"
    async with workbench(root) as bench:
        await build(bench, "mine", new=True, extends="nightly")
        await bench.sees("stack mine extends nightly › default", "unsaved", "← nightly")
        await bench.press("i")
        await bench.types("just mine")
        await bench.press("enter", "P")
        await bench.sees("protected")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        assert not file.exists()
        await bench.press("enter")
        await bench.wait_for(file.exists, "the file")
        await bench.misses("unsaved")
    assert file.read_text().endswith("extends: nightly\ndescription: just mine\nprotected: true\n")


async def test_what_was_changed_on_both_sides_is_chosen_field_by_field(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    theirs = NIGHTLY.replace("[a100, subprocess]", "[a100]").replace(
        "extends", "description: theirs\nextends"
    )
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await choose(bench, "artifact_store", "team")
        await bench.press("space")
        await choose(bench, "step_operator", "subprocess")
        await bench.press("K")
        await bench.sees("subprocess, a100")
        file.write_text(theirs)
        await bench.sees("was changed on disk. ctrl+o shows both versions, field by field")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, MergeDialog), "both versions")
        assert file.read_text() == theirs
        await bench.sees("artifact store", "step operator", "description", "subprocess, a100")
        # Each field that one side alone changed is that side's; the one that both changed is chosen.
        await bench.press("h", "enter")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        await bench.wait_for(
            lambda: screen.draft is not None and screen.draft.description == "theirs", "the merge"
        )
        await bench.settled()
        await _write(bench)
        await bench.wait_for(lambda: "team" in file.read_text(), "the edit")
    assert "description: theirs" in file.read_text()
    assert "step_operator: [subprocess, a100]\n" in file.read_text()
    assert "orchestrator: wide   # eight at once" in file.read_text()


async def test_left_open_the_choice_loses_nothing(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await bench.press("minus")
        await bench.sees("unsaved")
        theirs = NIGHTLY.replace("wide", "greedy")
        file.write_text(theirs)
        await bench.sees("was changed on disk")
        await bench.press("ctrl+o")
        await bench.wait_for(lambda: isinstance(bench.screen, MergeDialog), "both versions")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        assert screen.draft is not None
        assert screen.draft.components[Category.ORCHESTRATOR] == ()
        await bench.press("ctrl+o")
        await bench.wait_for(lambda: isinstance(bench.screen, MergeDialog), "both versions")
        await bench.press("t", "enter")
        await bench.sees("✗ greedy")
        assert not screen.dirty
    assert file.read_text() == theirs


async def test_unchanged_it_follows_the_file(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        file.write_text(NIGHTLY.replace("wide", "greedy"))
        await bench.sees("was changed on disk just now", "✗ greedy")
        assert not screen.dirty


async def test_a_file_that_was_renamed_is_followed_with_what_was_built(root: Path) -> None:
    file, other = root / "stacks/nightly.yaml", root / "stacks/nights.yaml"
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await bench.press("minus")
        await bench.sees("unsaved")
        file.rename(other)
        await bench.sees("The stack was renamed to nights on disk", "stack nights extends default", "unsaved")
        await _write(bench)
        await bench.wait_for(lambda: "orchestrator: null" in other.read_text(), "the edit")
        await bench.wait_for(lambda: not screen.dirty, "it is saved")
    assert not file.exists()


async def test_a_file_that_was_deleted_is_written_anew_when_asked(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    # A copy that was there before is no renamed one.
    stack(root, "twin", NIGHTLY)
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await bench.press("minus")
        await bench.sees("unsaved")
        file.unlink()
        await bench.sees("was deleted on disk; yours is kept here")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, ConfirmDialog), "the question")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.wait_for(file.exists, "the file")
        await bench.wait_for(lambda: not screen.dirty, "it is saved")
    assert "orchestrator: null" in file.read_text()
    assert (root / "stacks/twin.yaml").read_text() == NIGHTLY


async def test_a_branch_without_the_stack_and_back_again_keeps_what_was_built(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await bench.press("minus")
        await bench.sees("unsaved")
        file.unlink()
        await bench.sees("was deleted on disk")
        file.write_text(NIGHTLY)
        await bench.wait_for(
            lambda: screen.snapshot is not None and screen.snapshot.entry is not None, "it is back"
        )
        await bench.misses("was deleted on disk")
        await _write(bench)
        await bench.wait_for(lambda: "orchestrator: null" in file.read_text(), "the edit")


async def test_a_file_that_breaks_is_not_written_over(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await bench.press("minus")
        await bench.sees("unsaved")
        file.write_text("extends: [\n")
        await bench.sees("cannot be read as it is now. Yours is kept here")
        await bench.press("ctrl+s")
        await bench.sees("yours is kept here")
        assert file.read_text() == "extends: [\n"
        file.write_text(NIGHTLY)
        await bench.misses("cannot be read")
        assert screen.dirty
        await _write(bench)
        await bench.wait_for(lambda: "orchestrator: null" in file.read_text(), "the edit")


async def test_a_stack_of_the_same_name_that_appears_is_not_written_over(root: Path) -> None:
    file = root / "stacks/mine.yaml"
    async with workbench(root) as bench:
        screen = await build(bench, "mine", new=True, extends="nightly")
        await bench.press("P")
        file.write_text("extends: default\ndescription: somebody else's\n")
        await bench.sees("A stack of this name was made on disk meanwhile")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, MergeDialog), "both versions")
        await bench.sees("extends", "nightly", "default", "somebody else's")
        await bench.press("m", "enter")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        await bench.settled()
        await _write(bench)
        await bench.wait_for(lambda: "extends: nightly" in file.read_text(), "the edit")
