"""What runs and waits on an orchestrator and on a step operator, as it happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.run import RunStatus, StepStatus
from stacktui.tui.screens.run import RunScreen
from tests.tui.pane_data import add_steps, running
from tests.tui.stores import add_run
from tests.tui.workbench import workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace(tmp_path / "vision")


async def test_an_orchestrator_shows_what_runs_and_what_waits_for_what(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("1")
        await bench.sees("No step has run on it yet", "idle")
        store = bench.session.store()
        run = running(store, "nightly", ("load", ()), ("fit", ("load",)), ("tell", ("fit",)))
        with store.hold(run.id):
            add_steps(
                store,
                run,
                "orchestrator/local",
                load=StepStatus.RUNNING,
                fit=StepStatus.PENDING,
                tell=StepStatus.PENDING,
            )
            await bench.sees(
                "now  nightly  (1 running, 2 waiting)", "● running", "waits for load", "waits for fit"
            )
            await bench.sees("1 of 1 worker busy")
            add_steps(store, run, "orchestrator/local", load=StepStatus.SUCCEEDED, fit=StepStatus.RUNNING)
            await bench.sees("lately  nightly", "✓ succeeded", "now  nightly  (1 running, 1 waiting)")
            await bench.misses("waits for load")


async def test_steps_of_a_run_that_nobody_holds_do_not_run(root: Path) -> None:
    async with workbench(root) as bench:
        store = bench.session.store()
        run = running(store, "crashed", ("load", ()))
        add_steps(store, run, "orchestrator/local", load=StepStatus.RUNNING)
        await bench.press("1")
        await bench.sees("? lost", "idle")
        await bench.misses("● running")


async def test_a_step_operator_shows_only_its_own_steps(root: Path) -> None:
    async with workbench(root) as bench:
        store = bench.session.store()
        run = add_run(store, "nightly", status=RunStatus.SUCCEEDED)
        add_steps(store, run, "orchestrator/local", load=StepStatus.SUCCEEDED)
        add_steps(store, run, "step_operator/subprocess", fit_on_gpu=StepStatus.FAILED)
        await bench.press("6")
        await bench.sees("steps of subprocess", "fit_on_gpu", "✗ failed", "places")
        assert "load" not in bench.text()


async def test_enter_on_a_step_opens_its_run_and_x_stops_one_that_runs(root: Path) -> None:
    async with workbench(root) as bench:
        store = bench.session.store()
        run = running(store, "nightly", ("fit", ()))
        with store.hold(run.id):
            add_steps(store, run, "orchestrator/local", fit=StepStatus.RUNNING)
            await bench.press("1")
            await bench.sees("now  nightly  (1 running")
            await bench.press("enter")
            await bench.sees("x stop run")
            await bench.press("x")
            await bench.sees("stop run")
            await bench.press("enter")
            await bench.wait_for(lambda: store.requests(run.id), "the request to stop")
            await bench.press("escape", "enter", "enter")
            await bench.wait_for(lambda: isinstance(bench.screen, RunScreen))
