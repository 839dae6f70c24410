"""The list of runs: it tails, filters and searches in the store, pages, marks and compares."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from stacktui.model.run import RunStatus
from stacktui.tui.screens.compare import CompareScreen
from stacktui.tui.screens.newrun import NewRunScreen
from stacktui.tui.screens.run import RunScreen
from stacktui.tui.screens.runs import PAGE, RunsScreen
from stacktui.tui.widgets.grid import Grid
from tests.stores.generate import fill
from tests.tui.executed import begin, execute, runnable
from tests.tui.stores import add_run
from tests.tui.workbench import Bench, component, workbench, workspace


def store_file(root: Path, name: str = "local") -> Path:
    """Where the embedded metadata store keeps its rows; made by opening it."""
    from stacktui.operations.session import Session

    with Session(root) as session:
        location = Path(session.store(name).store_facts().location)
    return location


async def list_of(bench: Bench) -> RunsScreen:
    await bench.press("r")
    await bench.wait_for(lambda: isinstance(bench.screen, RunsScreen) and bench.screen.snapshot)
    screen = bench.screen
    assert isinstance(screen, RunsScreen)
    return screen


def grid_of(screen: RunsScreen) -> Grid:
    return screen.query_one("#runs", Grid)


def _longer_than(grid: Grid, count: int) -> bool:
    return len(grid.rows) > count


async def test_a_run_appears_and_finishes_while_the_list_is_open(tmp_path: Path) -> None:
    root, flag = runnable(tmp_path / "vision"), tmp_path / "flag"
    async with workbench(root) as bench:
        screen = await list_of(bench)
        await bench.sees("No runs yet. n starts")
        run_id = await bench.app.background.run(lambda: begin(root, "waits", f"flag={flag}", name="long"))
        await bench.sees("● running", "long", "runs 1")
        await bench.wait_for(lambda: screen._ticking)
        flag.write_text("end")
        await bench.sees("✓ succeeded")
        await bench.wait_for(lambda: not screen._ticking)
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen))
        await bench.sees("› long", "waiting for the flag")
        assert bench.screen.snapshot.id == run_id


async def test_only_a_running_run_can_be_stopped(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    async with workbench(root) as bench:
        add_run(bench.session.store(), "done")
        screen = await list_of(bench)
        await bench.sees("done")
        assert screen.refusal("operation('runs stop')") == "the run has ended: succeeded"
        await bench.press("x")
        assert bench.screen is screen


async def test_states_and_words_are_looked_for_in_the_store(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    async with workbench(root) as bench:
        store = bench.session.store()
        for number in range(PAGE + 20):
            add_run(store, f"nightly-{number}")
        add_run(store, "broke", status=RunStatus.FAILED, error="column `price` is missing")
        for number in range(PAGE + 20, PAGE + 40):
            add_run(store, f"nightly-{number}", params={"depth": number})
        screen = await list_of(bench)
        await bench.sees(f"runs {PAGE} of {PAGE + 41}")
        await bench.press("f", "f")
        await bench.sees("state: failed", "broke", "runs 1")
        await bench.press("f", "f")
        await bench.sees(f"of {PAGE + 41}")
        # It stands in an error, and far outside the page that is loaded.
        await bench.press("slash")
        await bench.types("price")
        await bench.sees("search: price", "broke", "runs 1")
        await bench.press("enter", "escape")
        await bench.sees(f"of {PAGE + 41}")
        await bench.press("slash")
        await bench.types("nosuchword")
        await bench.sees("No run has 'nosuchword'")
        await bench.press("escape")
        await bench.sees(f"of {PAGE + 41}")
        assert grid_of(screen).has_focus


async def test_the_room_of_a_row_goes_to_why_a_run_failed(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    async with workbench(root) as bench:
        store = bench.session.store()
        error = "step `evaluate` failed: ValueError: below 0.95"
        add_run(store, "nightly", status=RunStatus.FAILED, error=error)
        for lr in (0.1, 0.2):
            add_run(
                store, f"fit lr={lr}", group="0193e2b0-0000-7000-8000-000000000000", labels={"sweep": "lr"}
            )
        screen = await list_of(bench)
        # A sweep ties its runs together by a brace: its label says nothing more.
        await bench.sees("evaluate: ValueError: below 0.95", "╭ fit lr=0.2", "╰ fit lr=0.1")
        assert "sweep=lr" not in bench.text()
        columns = {column.key: column for column in grid_of(screen).columns}
        assert columns["age"].width == len("age")
        assert "labels" not in columns


async def test_a_filter_that_is_opened_again_is_typed_over(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    async with workbench(root) as bench:
        for name in ("nightly", "doomed"):
            add_run(bench.session.store(), name)
        await list_of(bench)
        await bench.press("slash", *"night", "enter")
        await bench.misses("doomed")
        await bench.press("slash", *"doom", "enter")
        await bench.sees("succeeded   doomed", "search: doom")
        await bench.press("slash", "right", *"ed", "enter")
        await bench.sees("search: doomed")


async def test_a_thousand_runs_come_page_by_page_and_stay_while_new_ones_come(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    fill(store_file(root), 1_000, whole=20)
    async with workbench(root) as bench:
        screen = await list_of(bench)
        grid = grid_of(screen)
        await bench.sees("runs 100 of 1,000")
        pages = 1
        while len(grid.rows) < 1_000:
            before = len(grid.rows)
            await bench.press("G")
            await bench.wait_for(partial(_longer_than, grid, before), "the next page")
            pages += 1
        assert pages == 10
        assert len({row.key for row in grid.rows}) == 1_000
        assert [row.key for row in grid.rows] == sorted((row.key for row in grid.rows), reverse=True)
        await bench.press("G")
        last = grid.cursor_key
        for _ in range(300):
            grid.action_cursor(-1)
        key, top = grid.cursor_key, grid.cursor - grid.scroll_offset.y
        add_run(bench.session.store(), "brand-new")
        await bench.wait_for(lambda: grid.rows[0].cells[1].text == "brand-new", "the new run on top")
        # What is read stays where it was, to the line.
        assert (grid.cursor_key, len(grid.rows)) == (key, 1_001)
        assert grid.cursor - grid.scroll_offset.y == top
        assert grid.rows[-1].key == last


async def test_an_older_run_that_ends_is_seen_outside_the_first_page(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    async with workbench(root) as bench:
        store = bench.session.store()
        long = add_run(store, "long", status=RunStatus.RUNNING, finished_at=None)
        with store.hold(long.id):
            for number in range(PAGE + 5):
                add_run(store, f"nightly-{number}")
            screen = await list_of(bench)
            await bench.sees("of 106")
            await bench.press("G")
            await bench.wait_for(lambda: len(grid_of(screen).rows) == PAGE + 6)
            await bench.press("G")
            await bench.sees("● running")
            store.update_run(long.id, status=RunStatus.SUCCEEDED, finished_at=long.created_at)
        await bench.misses("● running")
        assert len(grid_of(screen).rows) == PAGE + 6
        assert grid_of(screen).cursor_key == long.id


async def test_two_marked_runs_are_compared(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    async with workbench(root) as bench:
        store = bench.session.store()
        for name in ("first", "second", "third"):
            add_run(store, name, params={"name": name})
        screen = await list_of(bench)
        await bench.sees("first", "third")
        assert "mark two" in (screen.refusal("compare") or "")
        await bench.press("space", "j", "space", "equals_sign")
        await bench.wait_for(lambda: isinstance(bench.screen, CompareScreen))
        await bench.sees("first", "third", "parameter name")
        assert "second" not in bench.text()
        text = bench.text()
        assert text.index("first") < text.index("third"), "the older run stands left"


async def test_another_store_is_shown_by_name(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    component(root, "metadata_store", "archive", "sqlite", "  path: archive.db\n")
    async with workbench(root) as bench:
        add_run(bench.session.store(), "of-today")
        old = add_run(bench.session.store("archive"), "of-last-year")
        await list_of(bench)
        await bench.sees("of-today")
        await bench.press("colon")
        await bench.types("runs archive")
        await bench.press("enter")
        await bench.sees("runs in archive", "of-last-year")
        await bench.misses("of-today")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen))
        await bench.sees("› of-last-year", "The run has no steps yet")
        assert bench.screen.snapshot.id == old.id
        assert bench.screen.refusal("operation('runs stop')") is not None


async def test_n_begins_with_the_pipeline_under_the_cursor(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    execute(root, "sums", "count=9")
    async with workbench(root) as bench:
        await list_of(bench)
        await bench.sees("count=9")
        await bench.press("n")
        await bench.wait_for(lambda: isinstance(bench.screen, NewRunScreen))
        # Its parameters are those of a fresh start: the plan does not take the old run's.
        await bench.sees("parameters of sums", "plan 4")
