"""The findings in the stack builder: with every change, to their slot on enter, mended by one key."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.simple import ChoiceDialog
from tests.tui.building import build, building, choose, go_to
from tests.tui.workbench import component, stack, workbench


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return building(tmp_path / "vision")


async def test_enter_goes_to_the_slot_that_a_finding_is_about(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await choose(bench, "metadata_store")
        await bench.press("minus")
        await bench.sees("findings 1")
        await choose(bench, "alerter")
        await go_to(bench, "findings")
        await bench.press("enter")
        await bench.wait_for(lambda: screen.where == "slots", "the slots")
        assert screen.slots.cursor_key == "metadata_store"
        await bench.sees("metadata stores (one, required)")


async def test_enter_goes_to_the_component_that_a_finding_is_about(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await choose(bench, "orchestrator", "greedy")
        await bench.press("space")
        await bench.sees("findings 1")
        await choose(bench, "alerter")
        await go_to(bench, "findings")
        await bench.press("enter")
        await bench.wait_for(lambda: screen.where == "components", "the components")
        await bench.wait_for(lambda: screen.candidates.cursor_key == "orchestrator/greedy", "it")


async def test_a_fix_of_the_draft_is_made_in_the_draft_at_once(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    before = file.read_text()
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await bench.press("f")
        await bench.sees("there is nothing to mend")
        await bench.press("minus")
        await bench.sees("findings 1")
        await bench.press("f")
        await bench.sees("inherit it from default: STK005 is mended in the draft", "Every rule passes")
        assert screen.draft is not None
        assert Category.ORCHESTRATOR not in screen.draft.components
        await bench.press("U")
        await bench.sees("findings 1")
    assert file.read_text() == before


async def test_a_new_stacks_findings_can_be_mended_too(root: Path) -> None:
    (root / "components/artifact_store/local.yaml").unlink()
    async with workbench(root) as bench:
        screen = await build(bench, "mine", new=True)
        await choose(bench, "orchestrator", "local")
        await bench.press("space")
        await bench.sees("findings 2")
        # One metadata store and one artifact store are known: both are offered.
        await bench.press("f")
        await bench.sees("findings 1")
        await bench.press("f")
        await bench.sees("Every rule passes")
        assert screen.draft is not None
        assert screen.draft.components == {
            Category.ORCHESTRATOR: ("local",),
            Category.ARTIFACT_STORE: ("team",),
            Category.METADATA_STORE: ("local",),
        }


async def test_a_misspelt_name_in_a_list_is_mended_in_its_place(root: Path) -> None:
    stack(root, "typo", "extends: default\ncomponents:\n  step_operator: [subproces, a100]\n")
    async with workbench(root) as bench:
        screen = await build(bench, "typo")
        await bench.sees("✗ subproces, a100")
        await bench.press("P")
        await bench.sees("unsaved")
        await bench.press("f")
        await bench.sees("subprocess, a100", "Every rule passes")
        assert screen.draft is not None
        assert screen.draft.components[Category.STEP_OPERATOR] == ("subprocess", "a100")
        assert screen.draft.protected


async def test_a_fix_of_a_components_file_is_written_after_its_diff(root: Path) -> None:
    file = component(root, "orchestrator", "odd", "local", "  max_worker: 3\n")
    stack(root, "odd", "extends: default\ncomponents:\n  orchestrator: odd\n")
    async with workbench(root) as bench:
        screen = await build(bench, "odd")
        await bench.sees("max_worker")
        await bench.press("P")
        await go_to(bench, "findings")
        await bench.press("f")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.wait_for(lambda: "max_worker: 3" not in file.read_text(), "the edit")
        await bench.sees("Every rule passes")
        assert screen.dirty


async def test_a_parent_that_is_not_there_is_chosen_from_its_finding(root: Path) -> None:
    stack(root, "lost", "extends: nowhere\n")
    async with workbench(root) as bench:
        screen = await build(bench, "lost")
        await go_to(bench, "findings")
        await bench.sees("there is no such stack")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the parents")
        await bench.press("j", "enter")
        await bench.wait_for(lambda: screen.draft is not None and screen.draft.extends == "base", "a parent")
        await bench.sees("stack lost extends base › default", "Every rule passes")
