"""The screen of one run, on runs that were really executed: steps, log, facts, error, search, live."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from stacktui.model.base import now
from stacktui.model.run import RunStatus, StepRun, StepStatus
from stacktui.tui.screens.newrun import NewRunScreen
from stacktui.tui.screens.run import RunScreen
from stacktui.tui.screens.run_facts import last_event
from stacktui.tui.widgets.facts import Facts
from stacktui.tui.widgets.grid import Grid
from stacktui.tui.widgets.logview import LogView
from tests.tui.executed import begin, execute, runnable
from tests.tui.stores import add_run
from tests.tui.workbench import Bench, workbench


class Ran(NamedTuple):
    root: Path
    first: str
    again: str
    failed: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    root = runnable(tmp_path_factory.mktemp("ran") / "vision")
    return Ran(
        root,
        execute(root, "sums", name="sums-1"),
        execute(root, "sums", "factor=5", name="sums-2"),
        execute(root, "fails", name="broke"),
    )


async def open_run(bench: Bench, run_id: str) -> RunScreen:
    bench.app.open_place("run", run_id)
    await bench.wait_for(lambda: isinstance(bench.screen, RunScreen) and bench.screen.snapshot)
    screen = bench.screen
    assert isinstance(screen, RunScreen)
    return screen


async def to_step(bench: Bench, name: str) -> None:
    grid = bench.screen.query_one("#steps", Grid)
    await bench.press("g", *["j"] * [row.key for row in grid.rows].index(name))
    await bench.wait_for(lambda: grid.cursor_key == name)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_a_run_opens_from_the_list_as_a_graph(ran: Ran, size: tuple[int, int]) -> None:
    async with workbench(ran.root, size=size) as bench:
        await bench.press("r")
        await bench.sees("sums-1", "broke")
        await bench.press("j", "j", "enter")
        await bench.sees("› sums-1", "✓ succeeded", "sums on default", "count=3 factor=2", "log of total")
        await bench.sees("├─●", "●─╯", "adding up")
        steps = [row.key for row in bench.screen.query_one("#steps", Grid).rows]
        assert steps == ["numbers", "twice", "thrice", "total"]
        await bench.press("escape")
        await bench.sees("› runs")


async def test_each_step_has_its_log_and_its_facts(ran: Ran) -> None:
    async with workbench(ran.root) as bench:
        await open_run(bench, ran.first)
        await to_step(bench, "twice")
        await bench.sees("log of twice", "doubling 0", "doubling 2")
        # Parameters, inputs with where they come from, outputs, metrics with their curve.
        await bench.sees("factor", "from numbers", "json", "seen", "▁▅█")
        await to_step(bench, "numbers")
        await bench.sees("making 3 numbers")
        await bench.misses("doubling")


async def test_a_cached_step_says_where_its_result_comes_from(ran: Ran) -> None:
    async with workbench(ran.root) as bench:
        await open_run(bench, ran.again)
        await to_step(bench, "numbers")
        await bench.sees(
            "◐ cached", f"the result of run {ran.first[:13]} stands in", f"run {ran.first[:13]} did the same"
        )


async def test_a_failed_run_shows_the_error_and_its_frames_at_once(ran: Ran) -> None:
    for size in ((80, 24), (120, 36)):
        async with workbench(ran.root, size=size) as bench:
            await open_run(bench, ran.failed)
            await bench.sees("✗ failed", "step `divide` failed: ZeroDivisionError", "about to divide")
            await bench.sees('File "pipelines/fails.py", line 7', "return 1 / by", "◌ skipped")
            assert str(ran.root) not in bench.text()
            assert bench.screen.query_one(LogView).lines[-1].stream == "error"


async def test_the_log_is_searched_as_one_types(ran: Ran) -> None:
    async with workbench(ran.root) as bench:
        await open_run(bench, ran.first)
        await to_step(bench, "twice")
        await bench.sees("doubling 2")
        await bench.press("enter", "slash")
        await bench.types("doubling")
        await bench.sees("1 of 3")
        await bench.press("enter", "right_square_bracket")
        await bench.sees("/doubling 2 of 3")
        await bench.press("left_square_bracket", "left_square_bracket")
        await bench.sees("/doubling 3 of 3")
        await bench.press("escape")
        await bench.misses("of 3")
        # The next escapes go to the steps and back to where the run was opened.
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen.focused, Grid))


async def test_zoom_and_the_facts_on_a_narrow_screen(ran: Ran) -> None:
    async with workbench(ran.root, size=(80, 24)) as bench:
        screen = await open_run(bench, ran.first)
        await to_step(bench, "twice")
        await bench.sees("log of twice")
        await bench.press("i")
        await bench.sees("from numbers")
        assert "doubling" not in bench.text()
        await bench.press("z")
        await bench.misses("timeline", "sums on default")
        assert isinstance(screen.focused, Facts)
        await bench.press("escape")
        await bench.sees("sums on default", "from numbers")
        await bench.press("l", "z")
        await bench.misses("sums on default")
        await bench.sees("doubling 1")
        await bench.press("z")
        await bench.sees("sums on default", "doubling 1")


async def test_a_log_is_saved_whole_and_never_over_a_file(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with workbench(ran.root) as bench:
        await open_run(bench, ran.first)
        await to_step(bench, "twice")
        await bench.sees("doubling 2")
        await bench.press("o")
        await bench.sees("save log")
        await bench.press("enter")
        await bench.sees("3 lines saved to")
        (saved,) = tmp_path.glob("*-twice.log")
        assert [line.partition(" ")[2] for line in saved.read_text().splitlines()] == [
            f"doubling {number}" for number in range(3)
        ]
        assert saved.stat().st_mode & 0o777 == 0o600
        await bench.press("o")
        await bench.sees("save log")
        await bench.press("enter")
        await bench.sees("exists already")


async def test_a_run_that_goes_on_is_followed_until_it_ends(tmp_path: Path) -> None:
    root, flag = runnable(tmp_path / "vision"), tmp_path / "flag"
    run_id = begin(root, "waits", f"flag={flag}", name="long")
    async with workbench(root) as bench:
        screen = await open_run(bench, run_id)
        await bench.sees("● running", "waiting for the flag", "follows", "steps 0 of 1")
        assert screen._ticking
        flag.write_text("")
        await bench.sees("the flag is there")
        flag.write_text("end")
        await bench.sees("✓ succeeded", "steps 1")
        await bench.wait_for(lambda: not screen._ticking)
        await bench.settled()


async def test_a_running_run_is_stopped_after_a_question(tmp_path: Path) -> None:
    root, flag = runnable(tmp_path / "vision"), tmp_path / "never"
    run_id = begin(root, "waits", f"flag={flag}", name="long")
    async with workbench(root) as bench:
        await open_run(bench, run_id)
        await bench.sees("waiting for the flag")
        await bench.press("x")
        await bench.sees("stop run long?")
        await bench.press("enter")
        await bench.sees("■ cancelled", "Cancelled: cancelled while it ran")
        assert "StepCancelled" not in bench.text()
        await bench.press("x")
        assert isinstance(bench.screen, RunScreen)
        assert bench.screen.refusal("operation('runs stop')") == "the run has ended: cancelled"


async def test_a_lost_run_says_so_with_its_last_event_and_what_to_do(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    async with workbench(root) as bench:
        store = bench.session.store()
        run = add_run(store, "crashed", status=RunStatus.RUNNING, finished_at=None)
        began = now() - timedelta(seconds=30)
        step = StepRun(run_id=run.id, name="fit", position=0, status=StepStatus.RUNNING, started_at=began)
        store.record_step(step)
        assert (event := last_event(store, run.id)) is not None
        assert event.kind == "step_started"
        await open_run(bench, run.id)
        await bench.sees("? lost", "is gone without a word", "step started fit", "T resumes it")
        assert "fit" in bench.text()


async def test_n_on_a_run_offers_the_same_with_its_parameters(ran: Ran) -> None:
    async with workbench(ran.root) as bench:
        await open_run(bench, ran.again)
        await bench.press("n")
        await bench.wait_for(lambda: isinstance(bench.screen, NewRunScreen))
        await bench.sees("parameters of sums", "plan: 4 cached of 4")
        fields = [field.value for field in bench.screen.query("ParameterLine Input")]
        assert fields == ["3", "5"]


async def test_foreign_text_in_a_log_does_not_reach_the_terminal(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    (root / "pipelines" / "rude.py").write_text(
        "from stacktui import pipeline, step\n\n\n@step\ndef shout() -> int:\n"
        "    print('\\x1b]0;owned\\x07[bold]plain[/bold]\\u202eevil')\n    return 1\n\n\n"
        "@pipeline\ndef rude():\n    shout()\n"
    )
    run_id = execute(root, "rude")
    async with workbench(root) as bench:
        await open_run(bench, run_id)
        await bench.sees("[bold]plain[/bold]")
        assert not {"\x1b", "\x07", "\u202e"} & set(bench.text())
