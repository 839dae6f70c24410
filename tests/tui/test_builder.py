"""The stack builder as a person uses it: look, move, put in, take out, order, inherit, components in place, leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.form import ComponentForm
from stacktui.tui.dialogs.model_form import ModelForm
from stacktui.tui.dialogs.simple import ConfirmDialog
from stacktui.tui.screens.builder import BuilderScreen
from stacktui.tui.screens.category import CategoryScreen
from stacktui.tui.screens.home import HomeScreen
from tests.tui.building import NIGHTLY, build, building, choose, go_to
from tests.tui.workbench import Bench, stack, workbench


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return building(tmp_path / "vision")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_ten_slots_stand_in_two_columns_with_where_each_is_said(
    root: Path, size: tuple[int, int]
) -> None:
    async with workbench(root, size=size) as bench:
        await build(bench, "nightly")
        await bench.sees("stack nightly extends default", "← default", "Every rule passes")
        await bench.sees("orchestrators (one, required)", "1 does not fit", "✗ max_workers")
        lines = bench.text().splitlines()
        assert [text in lines[2] for text in ("1 orchestrator", "6 step operator")] == [True, True]
        assert [text in lines[6] for text in ("5 secrets manager", "0 alerter")] == [True, True]
        await bench.sees("over local from default")
        # What fits stands above what does not.
        order = [
            next(i for i, line in enumerate(lines) if text in line) for text in ("does not fit", "greedy")
        ]
        assert order == [order[0], order[0] + 1]
        assert any("wide" in line for line in lines[8 : order[0]])


async def test_a_terminal_too_narrow_for_two_columns_has_one(root: Path) -> None:
    async with workbench(root, size=(60, 30)) as bench:
        await build(bench, "nightly")
        lines = bench.text().splitlines()
        assert [line[2:3] for line in lines[2:12]] == list("1234567890")


async def test_what_comes_through_several_parents_says_from_which_and_through_which(root: Path) -> None:
    async with workbench(root) as bench:
        await build(bench, "deep")
        await bench.sees("stack deep extends base › default")
        await bench.sees("artifact store     team", "← base", "removed, was default's")
        await bench.sees("from default through base")
        await choose(bench, "artifact_store")
        await bench.sees("─ from base ─")
        await bench.sees("team=vision ← base")


async def test_the_cursor_goes_down_and_across_and_the_digits_keep_their_meaning(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        keys = []
        for key in ("j", "l", "down", "left", "right", "right", "G", "g", "k"):
            await bench.press(key)
            keys.append(screen.slots.cursor_key)
        assert keys == [
            "artifact_store", "model_deployer", "feature_store", "metadata_store", "feature_store",
            "metadata_store", "alerter", "orchestrator", "orchestrator",
        ]  # fmt: skip
        await bench.press("6")
        await bench.wait_for(lambda: isinstance(bench.screen, CategoryScreen), "the step operators")


async def test_a_swap_changes_the_findings_and_is_written_after_its_diff(root: Path) -> None:
    file = root / "stacks/nightly.yaml"
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await choose(bench, "orchestrator", "greedy")
        await bench.sees("max_workers must be less than or equal to 256")
        await bench.press("space")
        await bench.sees("findings 1", "unsaved, ctrl+s saves")
        assert screen.draft is not None
        assert screen.draft.components[Category.ORCHESTRATOR] == ("greedy",)
        # The one that the parent has anyway: then the key goes.
        assert screen.candidates.move_to("orchestrator/local")
        await bench.press("enter")
        await bench.sees("Every rule passes")
        assert Category.ORCHESTRATOR not in screen.draft.components
        assert file.read_text() == NIGHTLY
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("-  orchestrator: wide   # eight at once")
        await bench.press("enter")
        await bench.wait_for(lambda: "wide" not in file.read_text(), "the edit")
        await bench.misses("unsaved")
    assert file.read_text() == NIGHTLY.replace("  orchestrator: wide   # eight at once\n", "")


async def test_minus_takes_out_and_backspace_inherits_again(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await bench.press("minus")
        await bench.sees("✗ none, required", "removed: local from default", "findings 1")
        assert screen.draft is not None
        assert screen.draft.components[Category.ORCHESTRATOR] == ()
        await bench.press("backspace")
        await bench.sees("orchestrator       local", "Every rule passes")
        assert Category.ORCHESTRATOR not in screen.draft.components
        await bench.press("backspace")
        await bench.sees("it is inherited already")


async def test_several_have_an_order_and_the_first_is_marked_as_the_default(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await choose(bench, "step_operator", "subprocess")
        assert [row.key for row in screen.candidates.rows] == [
            "step_operator/a100", "step_operator/subprocess",
        ]  # fmt: skip
        await bench.press("J")
        await bench.sees("it is the last")
        await bench.press("K")
        await bench.sees("subprocess, a100")
        lines = bench.text().splitlines()
        assert next("the default" in line for line in lines if "1  subprocess" in line)
        await bench.press("minus")
        await bench.misses("subprocess, a100")
        await bench.press("space")
        await bench.sees("a100, subprocess")
        assert not screen.dirty
        await choose(bench, "orchestrator", "wide")
        await bench.press("K")
        await bench.sees("a stack has one orchestrator")


async def _types_name(bench: Bench, name: str) -> None:
    await bench.wait_for(lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "the form")
    await bench.types(name)
    await bench.press("ctrl+s")
    await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
    await bench.press("enter")


async def test_a_new_component_is_made_in_place(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await choose(bench, "artifact_store")
        await bench.press("a")
        await _types_name(bench, "fresh")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        await bench.sees("fresh", "unsaved")
        assert screen.draft is not None
        assert screen.draft.components[Category.ARTIFACT_STORE] == ("fresh",)
        assert (root / "components/artifact_store/fresh.yaml").exists()


async def test_a_component_is_edited_and_copied_in_place(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await choose(bench, "step_operator", "a100")
        await bench.press("e")
        await bench.wait_for(lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "it")
        await bench.sees("step operator a100")
        await bench.types("fast")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        await bench.sees("fast")
        await bench.press("c")
        await bench.wait_for(lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "it")
        await bench.press("ctrl+u")
        await _types_name(bench, "b200")
        await bench.wait_for(lambda: bench.screen is screen, "the builder")
        await bench.sees("a100, subprocess, b200")


async def test_each_change_can_be_taken_back_and_done_again(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await bench.press("U")
        await bench.sees("nothing was changed here; u takes back what was saved")
        await bench.press("minus", "P")
        await bench.sees("protected", "none, required")
        await bench.press("U")
        await bench.sees("Taken back: protected. Y does it again.")
        await bench.press("U")
        await bench.sees("Taken back: orchestrator taken out.", "orchestrator       wide")
        assert not screen.dirty
        await bench.press("Y", "Y")
        await bench.sees("Done again: protected.", "none, required")
        await bench.press("space", "minus")
        assert screen.draft is not None
        assert screen.draft.protected


async def test_labels_description_and_parent_are_edited(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "deep")
        await bench.press("L")
        await bench.wait_for(
            lambda: isinstance(bench.screen, ModelForm) and bench.screen.focused, "the labels"
        )
        await bench.sees("Inherited: team: vision from base")
        await bench.types("tier: gold")
        await bench.press("ctrl+s")
        await bench.sees("tier=gold", "team=vision ← base")
        await bench.press("i")
        await bench.types("deep indeed")
        await bench.press("enter")
        await bench.sees("deep indeed")
        await bench.press("x")
        # Who extends it cannot be its parent.
        await bench.sees("nothing", "nightly")
        await bench.press("1")
        await bench.sees("stack deep ─", "none, required")
        assert screen.draft is not None
        assert screen.draft.labels == {"tier": "gold"}
        assert screen.draft.extends is None


async def test_a_parent_is_not_offered_to_its_own_parents(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "base")
        assert screen.snapshot is not None
        assert screen.snapshot.could_extend == ("default", "nightly")


async def test_protection_is_inherited_and_can_be_said_otherwise(root: Path) -> None:
    stack(root, "prod", "extends: default\nprotected: true\n")
    file = stack(root, "lab", "extends: prod\n")
    async with workbench(root) as bench:
        screen = await build(bench, "lab")
        await bench.sees("protected")
        await bench.press("P")
        await bench.misses("· protected")
        assert screen.dirty
        await bench.press("P")
        await bench.wait_for(lambda: not screen.dirty, "nothing to say")
        await bench.press("P", "ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.sees("Type its name, lab, to go on")
        await bench.types("lab")
        await bench.press("enter")
        await bench.wait_for(lambda: "protected: false" in file.read_text(), "the edit")


async def test_keys_that_come_faster_than_the_list_mean_the_slot_that_was_reached(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "deep")
        await bench.settled()
        # From the orchestrators to the artifact stores, into the list, and the first of it in.
        await bench.press("j", "enter", "g", "space")
        await bench.wait_for(lambda: screen.dirty, "the edit")
        assert screen.draft is not None
        assert screen.draft.components[Category.ARTIFACT_STORE] == ("local",)
        assert Category.ORCHESTRATOR not in screen.draft.components


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_leaving_with_unsaved_changes_asks(root: Path, key: str) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
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
    assert (root / "stacks/nightly.yaml").read_text() == NIGHTLY


async def test_esc_goes_from_the_components_to_the_slots_then_away(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        await choose(bench, "orchestrator", "local")
        await bench.press("slash", *"gre", "enter")
        await bench.misses("8 at once")
        await bench.press("escape")
        assert screen.candidates.has_focus
        await bench.press("escape")
        await bench.wait_for(lambda: screen.slots.has_focus, "the slots")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, HomeScreen), "home")


async def test_what_is_missing_or_broken_is_told(root: Path) -> None:
    stack(root, "half", "components:\n  orchestrator: gone\n")
    stack(root, "bad", "components: [\n")
    async with workbench(root) as bench:
        await build(bench, "half")
        await bench.sees("✗ gone", "there is no such component", "none, required")
        await bench.press("escape")
        bench.app.open_place("builder", "bad")
        await bench.sees("cannot be read as it is now; E opens it")
        await bench.press("ctrl+s", "a", "minus", "U", "d", "tab")
        await bench.sees("file of stack bad cannot be read", "opens it in your editor")
        await bench.press("escape")
        await bench.wait_for(lambda: not isinstance(bench.screen, BuilderScreen), "away")


async def test_read_only_every_edit_is_greyed_with_its_reason(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await build(bench, "nightly")
        (root / "stacktui.yaml").write_text("version: 1\ndefault_stack: default\nreadonly: true\n")
        await bench.wait_for(lambda: bench.app.feed.summary.readonly, "read-only")
        await choose(bench, "orchestrator", "local")
        for key in ("space", "minus", "a", "e", "P", "x"):
            await bench.press(key)
            await bench.sees("the workbench is read-only")
        assert not screen.dirty
        # Looking is allowed.
        await bench.press("d", "2")
        await bench.sees("beside base")


async def test_in_ascii_and_without_colour_all_is_told_apart(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACKTUI_ASCII", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    async with workbench(root, size=(80, 24)) as bench:
        await build(bench, "deep")
        await bench.sees("team      < base", "none     removed")
        await go_to(bench, "steps")
        await bench.sees("gpu 1")
        inside = [line[1:-1] for line in bench.text().splitlines()[2:7]]
        assert all(line.isascii() for line in inside)


async def test_the_footer_says_what_enter_does_in_the_list_of_components(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("s", "e")
        await bench.sees("builder default")
        await bench.press("enter")
        await bench.sees("enter in or out")
