"""Another stack beside the one that is built: how they differ, live while it is edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.tui.dialogs.simple import ChoiceDialog
from tests.tui.building import build, building, go_to
from tests.tui.workbench import stack, workbench


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return building(tmp_path / "vision")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_differences_follow_each_edit(root: Path, size: tuple[int, int]) -> None:
    async with workbench(root, size=size) as bench:
        screen = await build(bench, "nightly")
        await bench.press("d")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the stacks")
        await bench.sees("as it is saved", "base", "deep", "default")
        await bench.press("4")
        await bench.sees("beside default 2", "step_operator   subprocess   a100, subprocess", "d closes")
        await bench.press("backspace")
        await bench.sees("beside default 1")
        # What others save is there at once as well.
        await bench.press("d", "d", "2")
        await bench.sees("labels.team")
        stack(root, "base", "extends: default\nlabels: {group: audio}\n")
        await bench.sees("labels.group")
        await bench.press("d")
        await bench.misses("beside base")
        assert screen.beside is None
        assert screen.dirty


async def test_against_what_is_saved_it_shows_what_was_built(root: Path) -> None:
    async with workbench(root) as bench:
        await build(bench, "nightly")
        await bench.press("d", "1")
        await bench.sees("beside nightly as saved 0", "They are the same after inheritance.")
        await bench.press("minus")
        await bench.sees("orchestrator   wide               -")


async def test_esc_closes_it_and_a_stack_that_goes_says_so(root: Path) -> None:
    gone = stack(root, "aside", "extends: default\n")
    async with workbench(root, size=(80, 24)) as bench:
        screen = await build(bench, "nightly")
        await bench.press("d", "2")
        await bench.sees("beside aside")
        await go_to(bench, "beside")
        await bench.press("j", "k", "G", "g")
        gone.unlink()
        await bench.sees("There is no stack aside that can be resolved.")
        await bench.press("escape", "escape")
        await bench.misses("beside aside")
        assert bench.screen is screen
