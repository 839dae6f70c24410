"""Two runs that were really executed, side by side."""

from __future__ import annotations

from pathlib import Path

from stacktui.operations.session import Session
from stacktui.tui.screens.compare import CompareScreen, load_comparison
from stacktui.tui.widgets.grid import Grid
from tests.tui.executed import execute, runnable
from tests.tui.workbench import workbench


async def test_parameters_metrics_steps_and_outputs_are_compared(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    first = execute(root, "sums", name="sums-1")
    second = execute(root, "sums", "count=5", name="sums-2")
    with Session(root) as session:
        comparison = load_comparison(session.store(), first, second)
    lines = {str(line.what): line for line in comparison.lines}
    assert (lines["parameter count"].left, lines["parameter count"].right) == ("3", "5")
    assert lines["parameter count"].change == "+2"
    assert lines["parameter factor"].same
    assert lines["code"].same
    assert (lines["metric seen"].left, lines["metric seen"].right) == ("2.0", "4.0")
    assert lines["step total"].same
    assert not lines["output numbers/output"].same

    async with workbench(root) as bench:
        bench.app.open_place("compare", f"{first} {second}")
        await bench.sees("sums-1", "sums-2", "parameter count", "+2", "parameter factor", "≠")
        screen = bench.screen
        assert isinstance(screen, CompareScreen)
        await bench.press("d")
        await bench.misses("parameter factor")
        await bench.sees("only differences", "parameter count")
        grid = screen.query_one("#compare", Grid)
        assert grid.move_to("parameter count")
        await bench.press("enter")
        await bench.sees("parameter count", "esc close")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is screen)


async def test_one_run_alone_says_what_to_do(tmp_path: Path) -> None:
    async with workbench(runnable(tmp_path / "vision")) as bench:
        bench.app.open_place("compare", "0193")
        await bench.sees("mark two with space")
