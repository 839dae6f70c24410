"""The stack builder as a person uses it: swap, take out, order, new components in place, save, leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.tui.dialogs.diff import ConflictDialog, DiffDialog
from stacktui.tui.dialogs.form import ComponentForm
from stacktui.tui.dialogs.simple import ConfirmDialog, NameDialog
from stacktui.tui.screens.builder import BuilderScreen
from stacktui.tui.screens.home import HomeScreen
from tests.tui.workbench import Bench, component, stack, workbench, workspace

_NIGHTLY = """\
# what runs at night
extends: default
components:
  orchestrator: wide   # eight at once
  step_operator: [a100, subprocess]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = workspace(tmp_path / "vision")
    component(made, "orchestrator", "wide", "local", "  max_workers: 8\n")
    component(made, "orchestrator", "greedy", "local", "  max_workers: 4000\n")
    component(made, "step_operator", "a100", "subprocess")
    component(made, "artifact_store", "team", "local", "  path: data/team\n")
    stack(made, "nightly", _NIGHTLY)
    return made


async def _build(bench: Bench, name: str, **params: object) -> BuilderScreen:
    await bench.settled()
    bench.app.open_place("builder", name, **params)
    await bench.wait_for(
        lambda: isinstance(bench.screen, BuilderScreen) and bench.screen.snapshot, "the builder"
    )
    await bench.settled()
    screen: BuilderScreen = bench.screen
    return screen


async def _choose(bench: Bench, category_key: str, name: str) -> None:
    """Go to a category, then to a component of it."""
    screen: BuilderScreen = bench.screen
    screen.slots.focus()
    screen.slots.move_to(category_key)
    await bench.wait_for(lambda: screen.snapshot and screen.snapshot.category == category_key, category_key)
    await bench.settled()
    await bench.press("enter")
    await bench.wait_for(lambda: screen.candidates.has_focus, "the components")
    assert screen.candidates.move_to(f"{category_key}/{name}")
    await bench.pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_it_shows_ten_categories_with_where_each_is_said(root: Path, size: tuple[int, int]) -> None:
    async with workbench(root, size=size) as bench:
        await _build(bench, "nightly")
        await bench.sees(
            "stack nightly extends default", "alerter", "← default", "over default", "Every rule passes"
        )
        await bench.sees("orchestrators (one, required)", "local", "wide", "greedy", "✗ max_workers")
        lines = bench.text().splitlines()
        # Those that fit come first.
        place = {
            name: next(i for i, line in enumerate(lines) if name in line)
            for name in ("greedy", "✗ max_workers")
        }
        assert place["greedy"] == place["✗ max_workers"]


async def test_a_swap_changes_the_findings_and_is_written_after_its_diff(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    async with workbench(root) as bench:
        await _build(bench, "nightly")
        await _choose(bench, "orchestrator", "greedy")
        await bench.sees("max_workers must be less than or equal to 256")
        await bench.press("space")
        await bench.sees("findings 1", "unsaved, ctrl+s saves")
        assert bench.screen.draft.components["orchestrator"] == ("greedy",)
        # The one that the parent has anyway: then the key goes.
        assert bench.screen.candidates.move_to("orchestrator/local")
        await bench.press("enter")
        await bench.sees("Every rule passes")
        assert "orchestrator" not in bench.screen.draft.components
        assert file.read_text() == _NIGHTLY
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("-  orchestrator: wide   # eight at once")
        await bench.press("enter")
        await bench.wait_for(lambda: "wide" not in file.read_text(), "the edit")
        await bench.misses("unsaved")
    assert file.read_text() == _NIGHTLY.replace("  orchestrator: wide   # eight at once\n", "")


async def test_errors_are_said_beside_the_diff(root: Path) -> None:
    async with workbench(root) as bench:
        await _build(bench, "nightly")
        await _choose(bench, "orchestrator", "greedy")
        await bench.press("space")
        await bench.sees("findings 1")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("✗ max_workers must be", "+  orchestrator: greedy")


async def test_minus_takes_out_ones_own_then_what_is_inherited(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await _build(bench, "nightly")
        await bench.press("minus")
        await bench.wait_for(
            lambda: screen.draft and "orchestrator" not in screen.draft.components, "the parent's"
        )
        await bench.sees("1  orchestrator        local")
        await bench.press("backspace")
        await bench.sees("none, required", "not default", "findings 1")
        assert screen.draft is not None
        assert screen.draft.components[Category.ORCHESTRATOR] == ()
        await bench.press("minus")
        await bench.sees("1  orchestrator        local")


async def test_several_have_an_order(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await _build(bench, "nightly")
        await _choose(bench, "step_operator", "subprocess")
        await bench.press("K")
        await bench.sees("subprocess, a100")
        await bench.press("space")
        await bench.misses("subprocess, a100")
        await bench.press("space")
        await bench.sees("a100, subprocess")
        assert screen.draft is not None
        assert not screen.dirty


async def test_a_new_component_is_made_in_place(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await _build(bench, "nightly")
        screen.slots.move_to("artifact_store")
        await bench.wait_for(
            lambda: screen.snapshot and screen.snapshot.category == "artifact_store", "the category"
        )
        await bench.press("a")
        await bench.wait_for(
            lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "the form"
        )
        await bench.types("fresh")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        await bench.sees("fresh", "unsaved")
        assert screen.draft is not None
        assert screen.draft.components[Category.ARTIFACT_STORE] == ("fresh",)


async def test_a_protected_stack_asks_for_its_name(root: Path) -> None:
    file = stack(root, "prod", "extends: nightly\nprotected: true\n")
    async with workbench(root) as bench:
        await _build(bench, "prod")
        await _choose(bench, "artifact_store", "team")
        await bench.press("space")
        await bench.sees("unsaved")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, NameDialog), "the question")
        await bench.types("prof")
        await bench.press("enter")
        await bench.sees("that is not prod")
        await bench.press("backspace", *"d", "enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.wait_for(lambda: "artifact_store: team" in file.read_text(), "the edit")


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_leaving_with_unsaved_changes_asks(root: Path, key: str) -> None:
    async with workbench(root) as bench:
        screen = await _build(bench, "nightly")
        await bench.press("minus")
        await bench.sees("unsaved")
        await bench.press(key)
        await bench.wait_for(lambda: isinstance(bench.screen, ConfirmDialog), "the question")
        await bench.sees("Throw away your changes to stack nightly?")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        if key == "escape":
            await bench.press("escape", "enter")
            await bench.wait_for(lambda: isinstance(bench.screen, HomeScreen), "home")
    assert (root / "stacks/nightly.yaml").read_text() == _NIGHTLY


async def test_esc_goes_from_the_components_to_the_categories_then_away(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await _build(bench, "nightly")
        await _choose(bench, "orchestrator", "local")
        await bench.press("escape")
        await bench.wait_for(lambda: screen.slots.has_focus, "the categories")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, HomeScreen), "home")


async def test_a_file_that_changes_underneath_is_said_and_merged_when_asked(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    theirs = _NIGHTLY.replace("[a100, subprocess]", "[a100]").replace(
        "extends", "description: theirs\nextends"
    )
    async with workbench(root) as bench:
        screen = await _build(bench, "nightly")
        await _choose(bench, "artifact_store", "team")
        await bench.press("space")
        await bench.sees("unsaved")
        file.write_text(theirs)
        await bench.sees("was changed on disk. ctrl+o shows both versions")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, ConflictDialog), "both versions")
        assert file.read_text() == theirs
        await bench.press("enter")
        await bench.wait_for(
            lambda: bench.screen is screen and screen.draft.description == "theirs", "the merge"
        )
        await bench.settled()
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.wait_for(lambda: "team" in file.read_text(), "the edit")
    assert "description: theirs" in file.read_text()
    assert "step_operator: [a100]\n" in file.read_text()


async def test_a_new_stack_is_only_there_after_it_was_saved(root: Path) -> None:
    file = root / "stacks/mine.yaml"
    async with workbench(root) as bench:
        await _build(bench, "mine", new=True, extends="nightly")
        await bench.sees("stack mine extends nightly", "unsaved", "← nightly")
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


async def test_what_is_missing_or_broken_is_told(root: Path) -> None:
    stack(root, "half", "components:\n  orchestrator: gone\n")
    stack(root, "bad", "components: [\n")
    async with workbench(root) as bench:
        await _build(bench, "half")
        await bench.sees("✗ gone", "there is no such component", "none, required")
        await bench.press("escape")
        bench.app.open_place("builder", "bad")
        await bench.sees("cannot be read as it is now; E opens it")
        await bench.press("ctrl+s", "a", "minus", "escape")
        await bench.wait_for(lambda: isinstance(bench.screen, HomeScreen), "home")
