"""Step settings in the stack builder: whose they are, adding, editing in a form, taking out."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.stack import Resources, StepSettings
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.model_form import ModelForm
from stacktui.tui.dialogs.simple import ChoiceDialog
from stacktui.tui.screens.builder import BuilderScreen
from tests.tui.building import build, building, go_to
from tests.tui.workbench import Bench, stack, workbench

_BOTH = """\
extends: base
steps:
  fit: {timeout: 2h, step_operator: subprocess}   # slow
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return building(tmp_path / "vision")


async def _form(bench: Bench, field: str) -> None:
    """Wait for the form and put the cursor into a field."""
    await bench.wait_for(lambda: isinstance(bench.screen, ModelForm) and bench.screen.focused, "the form")
    row = bench.screen._row(field) if hasattr(bench.screen, "_row") else bench.screen.row(field)
    row.field.focus()
    await bench.pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_own_and_inherited_settings_stand_together_with_where_each_comes_from(
    root: Path, size: tuple[int, int]
) -> None:
    stack(root, "both", _BOTH)
    async with workbench(root, size=size) as bench:
        screen = await build(bench, "both")
        if size[0] < 100:
            await bench.sees("tab: 1 step setting")
        await go_to(bench, "steps")
        await bench.sees("step settings 1", "fit", "on subprocess")
        await bench.sees("on subprocess, gpu 1 from base, retries 2 from base", "timeout 2h")
        await bench.press("D")
        await bench.wait_for(lambda: screen.dirty, "its own out")
        await bench.sees("gpu 1 · retries 2", "← base")
        await bench.press("D")
        await bench.sees("base says so; e says it otherwise here")


async def test_a_step_of_the_pipelines_is_chosen_and_its_settings_are_typed(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await go_to(bench, "steps")
        await bench.sees("No step settings")
        await bench.press("a")
        await bench.sees("load", "training · Reads the digits.", "fit", "another name…")
        await bench.press("2")
        await _form(bench, "retries")
        await bench.types("3")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        await bench.sees("step settings 1", "retries 3", "unsaved")
        # In the list at once, and edited again from there.
        await bench.press("enter")
        await _form(bench, "step_operator")
        await bench.press("down")
        await bench.sees("settings of step fit")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.wait_for(lambda: "retries: 3" in file.read_text(), "the edit")


async def test_a_name_that_no_pipeline_shows_can_be_typed(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await go_to(bench, "steps")
        await bench.press("a")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the steps")
        await bench.press("G", "enter")
        await bench.sees("as the pipeline calls it")
        await bench.types("a step")
        await bench.press("enter")
        await bench.sees("a step is named in letters, digits, - and _")
        await bench.press(*["backspace"] * 5)
        await bench.types("_2")
        await bench.press("enter")
        await _form(bench, "retries")
        await bench.types("1")
        await bench.press("ctrl+s")
        await bench.wait_for(
            lambda: screen.draft is not None and screen.draft.steps == {"a_2": StepSettings(retries=1)}, "it"
        )


async def test_where_a_step_runs_is_offered_from_the_drafts_own_slot(root: Path) -> None:
    async with workbench(root) as bench:
        screen: BuilderScreen = await build(bench, "nightly")
        await go_to(bench, "steps")
        await bench.press("a", "2")
        await bench.wait_for(lambda: isinstance(bench.screen, ModelForm), "the form")
        spec = next(spec for spec in bench.screen.held.specs if spec.key == "step_operator")
        assert [choice.text for choice in spec.choices if choice.text] == ["a100", "subprocess"]
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")


async def test_a_finding_about_a_step_points_at_it_and_is_mended(root: Path) -> None:
    stack(root, "typo", "extends: nightly\nsteps:\n  fit: {step_operator: a10}\n  load: {retries: 1}\n")
    async with workbench(root) as bench:
        screen = await build(bench, "typo")
        await bench.sees("✗  fit", "findings 1")
        await go_to(bench, "findings")
        await bench.sees("did you mean a100?", "f: write a100 instead")
        await bench.press("enter")
        await bench.wait_for(lambda: screen.where == "steps", "the steps")
        assert screen.steps.cursor_key == "fit"
        await bench.press("f")
        await bench.sees("STK008 is mended in the draft", "Every rule passes")
        assert screen.draft is not None
        assert screen.draft.steps["fit"] == StepSettings(step_operator="a100")
        assert screen.draft.steps["load"] == StepSettings(retries=1)


async def test_resources_are_kept_when_other_settings_are_edited(root: Path) -> None:
    stack(root, "rich", "extends: nightly\nsteps:\n  fit: {resources: {memory: 16GiB, time: 10m}}\n")
    async with workbench(root) as bench:
        screen = await build(bench, "rich")
        await go_to(bench, "steps")
        await bench.sees("memory 16GiB", "time 10m")
        await bench.press("e")
        await _form(bench, "retries")
        await bench.types("1")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: screen.dirty, "the edit")
        assert screen.draft is not None
        assert screen.draft.steps["fit"] == StepSettings(
            retries=1, resources=Resources(memory="16GiB", time="10m")
        )
