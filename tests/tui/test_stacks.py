"""The stacks screen as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.screens.builder import BuilderScreen
from stacktui.tui.screens.stacks import StacksScreen
from stacktui.tui.widgets.grid import Grid
from tests.tui.workbench import Bench, component, stack, workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = workspace(tmp_path / "vision")
    component(made, "step_operator", "a100", "subprocess")
    stack(
        made,
        "nightly",
        "extends: default\ndescription: at night\ncomponents:\n  step_operator: [a100, subprocess]\n",
    )
    stack(made, "prod", "extends: nightly\nprotected: true\ncomponents:\n  feature_store: null\n")
    stack(made, "half", "components:\n  orchestrator: gone\n")
    return made


async def _stacks(bench: Bench, name: str) -> StacksScreen:
    await bench.settled()
    await bench.press("s")
    await bench.wait_for(
        lambda: isinstance(bench.screen, StacksScreen) and bench.screen.list.rows, "the stacks"
    )
    screen: StacksScreen = bench.screen
    assert screen.list.move_to(name)
    await bench.wait_for(
        lambda: screen.detail.snapshot and screen.detail.snapshot.name == name, f"stack {name}"
    )
    await bench.settled()
    return screen


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_list_and_the_chosen_stack(root: Path, size: tuple[int, int]) -> None:
    async with workbench(root, size=size) as bench:
        screen = await _stacks(bench, "default")
        await bench.sees("stacks 4", "● ", "protected", "✗ 3", "Every rule passes", "A make active")
        assert screen.list.move_to("prod")
        await bench.sees(
            "stack prod", "← default", "← nightly", "a100, subprocess", "extends nightly › default"
        )
        assert screen.list.move_to("half")
        await bench.sees("there is no orchestrator named gone" if size[0] > 200 else "gone", "none, required")


async def test_a_stack_is_made_active(root: Path) -> None:
    async with workbench(root) as bench:
        await _stacks(bench, "nightly")
        await bench.press("A")
        await bench.sees("nightly is the active stack of this checkout", "chosen in this checkout")
        await bench.wait_for(lambda: bench.session.active().name == "nightly", "the choice")


async def test_enter_opens_the_builder_and_a_adds_through_it(root: Path) -> None:
    async with workbench(root) as bench:
        await _stacks(bench, "nightly")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, BuilderScreen), "the builder")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, StacksScreen), "the stacks")
        await bench.press("a")
        await bench.types("prod")
        await bench.sees("there is a stack prod already")
        await bench.press("minus", "2", "enter")
        await bench.sees("prod-2 extends", "all ten categories are its own")
        await bench.press("j", "j", "j", "enter")
        await bench.sees("stack prod-2 extends nightly", "unsaved")
        assert not (root / "stacks/prod-2.yaml").exists()


async def test_a_copy_is_byte_for_byte(root: Path) -> None:
    file = root / "stacks/nightly-copy.yaml"
    async with workbench(root) as bench:
        await _stacks(bench, "nightly")
        await bench.press("c")
        await bench.sees("copy of nightly")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        assert not file.exists()
        await bench.press("enter")
        await bench.wait_for(file.exists, "the copy")
        await bench.sees("stacks 5")
    assert file.read_bytes() == (root / "stacks/nightly.yaml").read_bytes()


async def test_delete_names_who_refers_and_asks_for_a_protected_name(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await _stacks(bench, "nightly")
        await bench.press("D")
        await bench.sees(
            "stack 'nightly' is used by", "stacks/prod.yaml:1 (extends)", "Type nightly to delete it"
        )
        await bench.types("night")
        await bench.press("enter")
        await bench.sees("that is not nightly")
        await bench.press("escape")
        assert screen.list.move_to("prod")
        await bench.press("D")
        await bench.sees("is protected. Type its name")
        await bench.types("prod")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("-protected: true")
        await bench.press("enter")
        await bench.wait_for(lambda: not (root / "stacks/prod.yaml").exists(), "the file to go")
        await bench.sees("stacks 3")
    assert (root / "stacks/nightly.yaml").exists()


async def test_a_probe_asks_every_component(root: Path) -> None:
    async with workbench(root) as bench:
        await _stacks(bench, "default")
        await bench.press("b")
        await bench.sees("✓ ok", "All 10 components of default answer.")


async def test_two_stacks_are_compared(root: Path) -> None:
    async with workbench(root) as bench:
        await _stacks(bench, "prod")
        await bench.press("d")
        await bench.sees("compare prod with", "at night")
        await bench.press("enter")
        await bench.sees(
            "prod and default, after inheritance", "step_operator", "a100, subprocess", "feature_store"
        )


async def test_a_broken_file_is_a_row_and_no_crash(root: Path) -> None:
    stack(root, "torn", "components: [\n")
    async with workbench(root) as bench:
        await _stacks(bench, "torn")
        await bench.sees("✗ broken", "E opens it")
        await bench.press("e", "c", "A")
        assert isinstance(bench.screen, StacksScreen)


async def test_it_follows_the_files(root: Path) -> None:
    async with workbench(root) as bench:
        await _stacks(bench, "half")
        stack(root, "half", "extends: default\n")
        await bench.sees("Every rule passes")
        await bench.misses("gone")


async def test_read_only_greys_what_writes(root: Path) -> None:
    before = {file: file.read_bytes() for file in (root / "stacks").iterdir()}
    async with workbench(root, readonly=True) as bench:
        screen = await _stacks(bench, "nightly")
        await bench.wait_for(lambda: bench.app.feed.summary.readonly, "the header")
        for key in ("A", "a", "e", "c", "D"):
            await bench.press(key)
            assert bench.screen is screen
        await bench.press("d")
        await bench.sees("compare nightly with")
    assert {file: file.read_bytes() for file in (root / "stacks").iterdir()} == before


async def test_the_editor_is_opened_where_it_is_said(root: Path) -> None:
    stack(root, "prod", "extends: nightly\nprotected: true\ncomponents:\n  feature_store: gone\n")
    async with workbench(root) as bench:
        screen = await _stacks(bench, "prod")
        # At the first finding of its own file, wherever the cursor is.
        assert screen.detail.place() == (root / "stacks/prod.yaml", 4, 3)
        await bench.press("tab")
        slots = screen.detail.query_one("#stack-slots", Grid)
        await bench.wait_for(lambda: slots.has_focus, "the categories")
        places = {}
        for category in ("step_operator", "feature_store", "alerter"):
            assert slots.move_to(category)
            places[category] = screen.detail.place()
        lines = (root / "stacks/default.yaml").read_text().splitlines()
        assert places == {
            "step_operator": (root / "stacks/nightly.yaml", 4, 1),
            "feature_store": (root / "stacks/prod.yaml", 4, 1),
            "alerter": (root / "stacks/default.yaml", lines.index("  alerter: inbox") + 1, 1),
        }
