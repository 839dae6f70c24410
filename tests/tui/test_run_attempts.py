"""A run's screen over a step's attempts, its progress, and what a run waits for; home shows the same in a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.base import now
from stacktui.model.run import (
    Run,
    RunStatus,
    StepAttempt,
    StepDefinition,
    StepError,
    StepProgress,
    StepRun,
    StepStatus,
)
from stacktui.tui.screens.run import RunScreen
from stacktui.tui.screens.run_facts import progress_of
from stacktui.tui.widgets.bars import progress_bar
from stacktui.tui.widgets.grid import Grid
from stacktui.tui.widgets.lanes import below, lanes
from tests.tui.executed import begin, execute, runnable
from tests.tui.stores import add_run
from tests.tui.workbench import Bench, workbench, workspace

SHAKY = '''
from pathlib import Path

from stacktui import pipeline, step


@step(retries=1)
def fetch(flag: str) -> int:
    """Fails until the file is there, and makes it."""
    if Path(flag).exists():
        print("the second time it goes well")
        return 1
    print("the first time it does not")
    Path(flag).touch()
    raise ConnectionError("reset by peer")


@step
def use(number: int) -> None:
    print(number)


@pipeline
def shaky(flag: str):
    use(fetch(flag))


@step(retries=3, retry_delay=300, retry_backoff=2)
def patient() -> int:
    raise ConnectionError("not yet")


@pipeline
def slow():
    patient()
'''


@contextmanager
def at_work(store: MetadataStore, name: str, done: float, total: float | None) -> Iterator[Run]:
    """A run whose second step of two runs and says how far it is; lost when the context is left."""
    began = now() - timedelta(seconds=100)
    graph = (StepDefinition(name="load"), StepDefinition(name="fit", after=("load",)))
    run = add_run(
        store, name, status=RunStatus.QUEUED, created_at=now(), started_at=None, finished_at=None, graph=graph
    )
    with store.hold(run.id):
        store.update_run(run.id, status=RunStatus.RUNNING, started_at=began)
        for place, step in enumerate(("load", "fit")):
            store.record_step(StepRun(
                run_id=run.id, name=step, position=place, where="orchestrator/local", started_at=began,
                status=StepStatus.RUNNING if place else StepStatus.SUCCEEDED, finished_at=None if place else began,
            ))  # fmt: skip
        store.log_progress(run.id, "fit", StepProgress(done=done, total=total, text="loss 0.5", at=now()))
        yield run


def test_progress_in_words() -> None:
    at = now()
    said = progress_of(StepProgress(done=50, total=200, text="x", at=at), at - timedelta(seconds=10))
    assert said == (0.25, "50 of 200  5/s  x", 30.0)
    said = progress_of(StepProgress(done=1_500, at=at), None)
    assert said == (None, "1,500", None)
    over = progress_of(StepProgress(done=5, total=4, at=at), None)
    assert over.part == 1.0


def test_a_bar_says_how_much_and_how_long() -> None:
    assert progress_bar(0.5, "", 15) == "━━━━━╌╌╌╌╌  50%"
    assert progress_bar(0.25, "30s left", 22) == "━━╌╌╌╌╌╌  25% 30s left"
    assert progress_bar(1.0, "", 3) == "100"


def test_lanes_go_on_beside_attempts() -> None:
    drawn = lanes(["a", "b", "c"], {"b": ["a"], "c": ["a", "b"]})
    assert [below(drawn, place) for place in range(3)] == ["│", "│", ""]
    drawn = lanes(["a", "b", "c", "d"], {"b": ["a"], "c": ["a"], "d": ["b", "c"]})
    assert below(drawn, 1) == "│ │"


async def test_each_attempt_is_a_line_with_its_own_log(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    (root / "pipelines" / "shaky.py").write_text(SHAKY.lstrip())
    run_id = execute(root, "shaky", f"flag={tmp_path / 'flag'}")
    async with workbench(root) as bench:
        bench.app.open_place("run", run_id=run_id)
        await bench.sees("fetch ×2", "attempt 1", "ConnectionE", "steps 2")
        await bench.press("g")
        await bench.sees("the second time it goes well")
        await bench.press("j")
        await bench.sees("fetch, attempt 1", "the first time it does not", "reset by peer")
        await bench.misses("the second time it goes well")
        await bench.sees("log of fetch, attempt 1")
        # Paths from the workspace's root, in the facts as in the log; the error itself once in each.
        screen = bench.screen
        assert isinstance(screen, RunScreen)
        await bench.wait_for(lambda: screen.snapshot is not None and screen.snapshot.step == "fetch\n1")
        assert screen.snapshot is not None
        said = "\n".join(fact.value for section in screen.snapshot.details for fact in section.facts)
        assert 'File "pipelines/shaky.py"' in said
        assert said.count("ConnectionError: reset by peer") == 1
        # A retry from an attempt is one from its step.
        assert screen.retry_step() == "fetch"


async def test_a_step_that_waits_says_when_it_is_tried_again(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    (root / "pipelines" / "shaky.py").write_text(SHAKY.lstrip())
    run_id = begin(root, "pipelines/shaky.py:slow")
    async with workbench(root, size=(200, 40)) as bench:
        store = bench.session.store()
        await bench.wait_for(lambda: store.steps(run_id)[0].status is StepStatus.RETRYING)
        bench.app.open_place("run", run_id=run_id)
        await bench.sees("↻ retrying", "in 4m", "next attempt in 2")
        bench.app.stopping.stop([(run_id, bench.screen.snapshot.name)])
        await bench.wait_for(lambda: store.run(run_id).status.finished)


async def test_progress_is_a_bar_with_rate_and_rest(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision"), size=(200, 40)) as bench:
        store = bench.session.store()
        with at_work(store, "long", 250, 1_000) as run:
            # Home first: which step, of how many, and how much of the whole.
            await bench.sees("1/2 fit", "62%")
            bench.app.open_place("run", run_id=run.id)
            await bench.sees("● running 25%", "━━", "left", "250 of 1,000", "/s", "loss 0.5")
            store.log_progress(run.id, "fit", StepProgress(done=500, total=1_000, at=now()))
            await bench.sees("● running 50%", "500 of 1,000")


async def test_attempts_are_kept_across_a_lost_run(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision")) as bench:
        store = bench.session.store()
        with at_work(store, "long", 1, None) as run:
            store.keep_attempt(StepAttempt(
                run_id=run.id, name="fit", attempt=1, status=StepStatus.LOST, started_at=now(), finished_at=now(),
                error=StepError(type="Lost", message="the runner was gone before it ended"),
            ))  # fmt: skip
            store.record_step(store.steps(run.id)[1].model_copy(update={"attempt": 2}))
        bench.app.open_place("run", run_id=run.id)
        await bench.sees("? lost", "T resumes it", "attempt 1", "gone without a word")
        grid = bench.screen.query_one("#steps", Grid)
        assert [row.key for row in grid.rows] == ["load", "fit", "fit\n1"]


async def test_a_queued_run_says_what_it_waits_for(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision"), size=(160, 40)) as bench:
        store = bench.session.store()
        run = add_run(store, "waits", status=RunStatus.QUEUED, started_at=None, finished_at=None)
        with store.hold(run.id):
            store.update_run(run.id, waits_for="waits for 2 runs: max_runs is 1")
            await bench.sees("2 runs: max_runs is 1", "1 queued")
            await bench.press("r")
            await bench.sees("○ queued", "waits for 2 runs: max_runs is 1")
            await bench.press("enter")
            await bench.wait_for(lambda: isinstance(bench.screen, RunScreen))
            await bench.sees("waits for 2 runs: max_runs is 1")
            await bench.press("I")
            await bench.sees("waits for  ")


async def lost_on_home(bench: Bench) -> None:
    for _ in range(3):
        await bench.press("tab")


async def test_a_run_that_was_asked_to_stop_and_goes_on_says_so(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    async with workbench(root) as bench:
        store = bench.session.store()
        with at_work(store, "long", 450, 1_000) as run:
            bench.app.open_place("run", run_id=run.id)
            await bench.sees("● running", "45%")
            await bench.misses("stopping")
            store.request(run.id, "stop")
            await bench.sees("stopping: asked at", "x ends it by a signal")


async def test_home_tells_of_a_lost_run_and_t_resumes(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision")) as bench:
        store = bench.session.store()
        with at_work(store, "gone", 1, None):
            pass
        await bench.sees("? lost", "1 lost: T resumes the one chosen")
        assert "resume" not in bench.text().splitlines()[-1]
        await lost_on_home(bench)
        await bench.wait_for(lambda: [run.status for run in bench.screen.chosen_runs()] == ["lost"])
        await bench.sees("T resume")
        assert bench.screen.refusal("operation('runs stop')") == "nobody runs it any more: T resumes it"


HOOKED = """
from stacktui import pipeline, step


def tell(context) -> None:
    print("telling everybody")
    raise RuntimeError("nobody listens")


@step
def fit() -> int:
    raise ValueError("no data")


@pipeline(on_failure=tell)
def hooked():
    fit()
"""


async def test_a_hook_of_the_pipeline_is_a_line_with_its_log(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    (root / "pipelines" / "hooked.py").write_text(HOOKED.lstrip())
    run_id = execute(root, "hooked")
    async with workbench(root) as bench:
        bench.app.open_place("run", run_id=run_id)
        await bench.sees("on_failure", "steps 1")
        await bench.press("G")
        await bench.sees("telling everybody", "nobody listens", "changes nothing of the run")
        assert bench.screen.retry_step() is None


async def test_the_last_run_opens_by_that_word(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    async with workbench(root) as bench:
        for name in ("older", "newer"):
            add_run(bench.session.store(), name)
        for word, name in (("last", "newer"), ("last-1", "older")):
            bench.app.open_place("run", run_id=word)
            await bench.sees(f"› {name}")
            await bench.press("h")
