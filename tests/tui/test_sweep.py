"""A sweep: started from the form, tied together in the list, compared as one table."""

from __future__ import annotations

from pathlib import Path

from stacktui.categories.metadata_store import RunQuery
from stacktui.model.base import now, uuid7
from stacktui.model.run import Metric, RunStatus
from stacktui.model.text import Clean
from stacktui.tui.screens.compare import CompareScreen
from stacktui.tui.screens.newrun import NewRunScreen
from stacktui.tui.screens.newrun_form import ParameterForm
from stacktui.tui.screens.run import RunScreen
from stacktui.tui.screens.runs import RunsScreen
from stacktui.tui.screens.sweep import SweepScreen
from stacktui.tui.snapshots.runs import RunLine, Words, brace
from stacktui.tui.snapshots.sweep import SweepLine, in_order
from stacktui.tui.widgets.grid import Grid
from tests.tui.executed import runnable
from tests.tui.stores import add_run
from tests.tui.workbench import Bench, workbench, workspace


def _line(run_id: str, group: str | None) -> RunLine:
    text = Clean("")
    return RunLine(
        run_id, "", Clean(run_id), text, text, text, text, "succeeded", now(), None, None, group, False, text, "",
        text, text,
    )  # fmt: skip


def test_neighbours_of_one_sweep_are_tied_together() -> None:
    groups = (None, "a", "a", "a", "b", None, "a")
    lines = [_line(str(place), group) for place, group in enumerate(groups)]
    signs = [brace(lines, place) if line.group else " " for place, line in enumerate(lines)]
    assert "".join(signs) == " ╭│╰• •"


def test_the_filter_line_knows_labels_and_pins() -> None:
    assert Words.of("nightly label:team=vision is:pinned lr") == ("nightly lr", "team=vision", True)
    assert Words.of("label:team is:unpinned") == ("", "team", False)
    # Half typed, it is not a word to search for yet.
    assert Words.of("label:") == ("", None, None)
    assert Words.of("is:odd") == ("is:odd", None, None)


def test_runs_without_a_value_come_last_either_way() -> None:
    lines = [
        SweepLine(name, Clean(name), "succeeded", None, None, (value,), False, "")
        for name, value in (("a", 2), ("b", None), ("c", 10), ("d", Clean("x")))
    ]
    assert [line.id for line in in_order(lines, 0, False)] == ["a", "c", "d", "b"]
    assert [line.id for line in in_order(lines, 0, True)] == ["d", "c", "a", "b"]


async def sweep_of(bench: Bench) -> str:
    """Three runs of a sweep in the store, between two others."""
    store, group = bench.session.store(), uuid7()
    add_run(store, "before")
    for rate, accuracy in ((0.1, 0.9), (0.2, 0.97), (0.4, 0.93)):
        run = add_run(store, f"lr-{rate:g}", params={"lr": rate, "epochs": 20}, group=group)
        store.log_metrics(run.id, [Metric(key="accuracy", value=accuracy, at=now(), source="fit")])
    add_run(store, "after", labels={"team": "vision"})
    await bench.press("r")
    await bench.sees("after", "before")
    return group


async def test_a_sweep_is_tied_together_narrowed_to_and_compared_as_a_table(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision"), size=(140, 36)) as bench:
        group = await sweep_of(bench)
        await bench.sees("╭ lr-0.4", "│ lr-0.2", "╰ lr-0.1")
        await bench.press("j", "z")
        await bench.misses("before")
        await bench.sees("runs 3", f"sweep {group[:13]}")
        await bench.press("equals_sign")
        await bench.wait_for(lambda: isinstance(bench.screen, SweepScreen))
        await bench.sees("3 runs of training", "accuracy ↓", "all: epochs=20", "0.97")
        grid = bench.screen.query_one("#sweep", Grid)
        names = [str(row.cells[1].text) for row in grid.rows]
        assert names == ["lr-0.2", "lr-0.4", "lr-0.1"]
        # By another column, and the other way round.
        await bench.press("left", "o")
        await bench.sees("lr ↑")
        assert [str(row.cells[1].text) for row in grid.rows] == ["lr-0.1", "lr-0.2", "lr-0.4"]
        await bench.press("g", "space", "equals_sign")
        await bench.wait_for(lambda: isinstance(bench.screen, CompareScreen))
        await bench.press("escape", "enter")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen))
        # Back through the table and the narrowed list to all runs.
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, SweepScreen))
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, RunsScreen))
        await bench.press("escape")
        await bench.sees("before")


async def test_three_marked_runs_are_compared_in_a_table(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision")) as bench:
        await sweep_of(bench)
        await bench.press("g", "space", "space", "space", "equals_sign")
        await bench.wait_for(lambda: isinstance(bench.screen, SweepScreen))
        await bench.sees("comparison", "3 runs of training", "after", "lr-0.4", "lr-0.2")


async def test_labels_and_pins_narrow_the_list(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision")) as bench:
        await sweep_of(bench)
        await bench.press("slash")
        await bench.types("label:team=vision")
        await bench.sees("runs 1", "label: team=vision")
        await bench.press("escape")
        await bench.sees("runs 5")
        await bench.press("slash")
        await bench.types("is:pinned")
        await bench.sees("No run has that label or pin")


async def test_several_values_in_a_field_start_a_sweep_that_is_followed(tmp_path: Path) -> None:
    async with workbench(runnable(tmp_path / "vision"), size=(140, 36)) as bench:
        store = bench.session.store()
        await bench.press("n")
        await bench.wait_for(lambda: isinstance(bench.screen, NewRunScreen) and bench.screen.snapshot)
        await bench.sees("sums")
        await bench.press("j", "enter")
        await bench.wait_for(lambda: bench.screen.query_one(ParameterForm).has_focus_within)
        await bench.types("2,3,4")
        await bench.press("ctrl+g")
        await bench.sees("start 3 runs", "a run each", "plan")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, SweepScreen), "the sweep's table")
        await bench.sees("3 runs of sums", "count")
        done = {RunStatus.SUCCEEDED}
        await bench.wait_for(
            lambda: {run.status for run in store.runs(RunQuery()).runs} == done, "their ends"
        )
        runs = store.runs(RunQuery()).runs
        assert len({run.group for run in runs}) == 1
        assert sorted(run.params["count"] for run in runs) == [2, 3, 4]
        await bench.sees("✓ succeeded", "seen")
