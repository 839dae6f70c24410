"""What is done with runs by key: stopped, resumed, retried, labelled, noted, pinned, deleted; one or several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.errors import NotFound
from stacktui.categories.metadata_store import MetadataStore, RunQuery
from stacktui.model.run import Run, RunStatus
from stacktui.operations.table import operations_of
from stacktui.tui import stopping
from stacktui.tui.dialogs.simple import ConfirmDialog, PromptDialog
from stacktui.tui.screens.home import HomeScreen
from stacktui.tui.screens.retry import RetryScreen
from stacktui.tui.screens.run import RunScreen
from stacktui.tui.screens.run_actions import Chosen, label_problem, labels_typed, refused
from stacktui.tui.screens.runs import RunsScreen
from stacktui.tui.widgets.chooser import Chooser
from tests.tui.executed import FAILS, begin, execute, runnable
from tests.tui.stores import add_run
from tests.tui.workbench import Bench, workbench, workspace


async def history(bench: Bench, *names: str) -> RunsScreen:
    await bench.press("r")
    await bench.wait_for(lambda: isinstance(bench.screen, RunsScreen) and bench.screen.snapshot)
    await bench.sees(*names)
    screen = bench.screen
    assert isinstance(screen, RunsScreen)
    return screen


async def answer(bench: Bench, kind: type, *keys: str, text: str = "") -> None:
    """Wait for a dialog and type into it."""
    await bench.wait_for(lambda: isinstance(bench.screen, kind), f"a {kind.__name__}")
    if text:
        await bench.types(text)
    await bench.press(*keys)


def run_of(store: MetadataStore, run_id: str) -> Run:
    return store.run(run_id)


@pytest.mark.parametrize(
    ("operation", "status", "reason"),
    [
        ("runs stop", "succeeded", "the run has ended: succeeded"),
        ("runs stop", "lost", "nobody runs it any more"),
        ("runs stop", "running", None),
        ("runs resume", "succeeded", "nothing to resume"),
        ("runs resume", "running", "it is running already"),
        ("runs resume", "lost", None),
        ("runs retry", "queued", "x stops it first"),
        ("runs retry", "succeeded", None),
        ("runs delete", "running", "x stops it first"),
        ("runs delete", "failed", None),
    ],
)
def test_a_key_says_why_it_makes_no_sense(operation: str, status: str, reason: str | None) -> None:
    found = refused(operation, [Chosen("1", clean_name("nightly"), status)])
    assert (found is None) if reason is None else (reason in (found or ""))


def clean_name(text: str) -> Any:
    from stacktui.model.text import clean

    return clean(text)


def test_several_runs_are_taken_where_it_makes_sense() -> None:
    going, ended = Chosen("1", clean_name("a"), "running"), Chosen("2", clean_name("b"), "failed")
    assert refused("runs stop", [going, ended]) is None
    assert refused("runs stop", [ended, ended]) == "the run has ended: failed"
    assert "one run at a time" in (refused("runs retry", [ended, ended]) or "")
    assert "pinned" in (refused("runs delete", [ended._replace(pinned=True)]) or "")


def test_labels_are_read_from_one_line() -> None:
    assert labels_typed("team=vision -old  nightly=") == (("team=vision", "nightly="), ("old",))
    assert label_problem("team=vision -old") is None
    assert "neither" in (label_problem("team") or "")
    assert "no key" in (label_problem("=x") or "")


def test_home_has_the_keys_of_the_table() -> None:
    keys = {found.name: found.key for found in operations_of("runs").values()}
    bound = {binding.action: binding.key for binding in HomeScreen.BINDINGS if not isinstance(binding, tuple)}
    for name in ("runs stop", "runs resume", "runs retry"):
        assert bound[f"operation('{name}')"] == keys[name]


async def test_labels_note_and_pin_are_written_and_shown(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision"), size=(160, 36)) as bench:
        store = bench.session.store()
        run = add_run(store, "nightly", labels={"old": "1"})
        await history(bench, "nightly")
        await bench.press("L")
        await answer(bench, PromptDialog, "enter", text="team=vision -old")
        await bench.wait_for(lambda: run_of(store, run.id).labels == {"team": "vision"})
        await bench.sees("team=vision")
        await bench.press("N")
        await answer(bench, PromptDialog, "enter", text="the one we shipped")
        await bench.wait_for(lambda: run_of(store, run.id).note == "the one we shipped")
        await bench.sees("the one we shipped")
        await bench.press("P")
        await bench.wait_for(lambda: run_of(store, run.id).pinned)
        await bench.sees("◆ nightly")
        # A pinned run is not deleted.
        await bench.press("D")
        await bench.sees("it is pinned")
        await bench.press("P")
        await bench.wait_for(lambda: not run_of(store, run.id).pinned)
        await bench.misses("◆ nightly")


async def test_marked_runs_are_deleted_together_after_they_were_named(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision")) as bench:
        store = bench.session.store()
        runs = [add_run(store, name) for name in ("first", "second", "third")]
        screen = await history(bench, "first", "third")
        await bench.press("asterisk", "g", "space")
        await bench.wait_for(lambda: len(screen.chosen_runs()) == 2)
        await bench.press("D")
        await bench.wait_for(lambda: isinstance(bench.screen, ConfirmDialog))
        await bench.sees("Delete these 2 runs", "first", "second")
        await bench.press("enter")
        await bench.sees("runs 1")
        assert [run.id for run in store.runs(RunQuery()).runs] == [runs[2].id]
        with pytest.raises(NotFound):
            store.run(runs[0].id)


async def test_delete_names_what_others_rely_on(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    first = execute(root, "sums", name="maker")
    execute(root, "sums", "factor=5", name="user")
    async with workbench(root) as bench:
        await history(bench, "maker", "user")
        await bench.press("j", "D")
        await bench.wait_for(lambda: isinstance(bench.screen, ConfirmDialog))
        await bench.sees("Delete run maker?", "sums/numbers/", "used by run")
        await bench.press("escape")
        await bench.sees("maker")
        assert bench.session.store().run(first).name == "maker"


async def test_x_asks_a_run_to_stop_and_it_stops(tmp_path: Path) -> None:
    root, flag = runnable(tmp_path / "vision"), tmp_path / "flag"
    run_id = begin(root, "waits", f"flag={flag}", name="long")
    async with workbench(root) as bench:
        store = bench.session.store()
        await bench.wait_for(lambda: store.run(run_id).status is RunStatus.RUNNING)
        await history(bench, "● running")
        await bench.press("x")
        await answer(bench, ConfirmDialog, "enter")
        await bench.sees("■ cancelled")
        assert store.run(run_id).status is RunStatus.CANCELLED


async def test_a_run_that_does_not_stop_is_asked_about_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "FORCE_AFTER_SECONDS", 0.3)
    async with workbench(workspace(tmp_path / "vision")) as bench:
        store = bench.session.store()
        # This process holds it and reads no request.
        run = add_run(store, "deaf", status=RunStatus.RUNNING, finished_at=None)
        with store.hold(run.id):
            await history(bench, "deaf")
            await bench.press("x")
            await answer(bench, ConfirmDialog, "enter")
            await bench.wait_for(lambda: store.requests(run.id), "the request")
            await bench.wait_for(lambda: isinstance(bench.screen, ConfirmDialog), "the question")
            await bench.sees("deaf has not stopped", "Force it?")
            await bench.press("escape")
            await bench.wait_for(lambda: isinstance(bench.screen, RunsScreen))
            assert run.id not in bench.app.stopping._waits


async def test_a_failed_run_is_resumed_from_the_list(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    (root / "pipelines" / "fails.py").write_text(
        FAILS.replace("1 / by", "open('go').read() and 1.0").lstrip()
    )
    run_id = execute(root, "fails", name="broke")
    async with workbench(root) as bench:
        store = bench.session.store()
        assert store.run(run_id).status is RunStatus.FAILED
        await history(bench, "✗ failed")
        await bench.press("T")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen) and bench.screen.run_id == run_id)
        await bench.wait_for(lambda: store.run(run_id).resumes == 1, "the run to be taken up")
        # What the first attempt was stays on screen.
        await bench.sees("resumed once", "attempt 1")
        await bench.wait_for(lambda: store.run(run_id).status.finished)


async def test_a_retry_shows_its_plan_and_starts_from_the_chosen_step(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    run_id = execute(root, "sums", name="base")
    async with workbench(root) as bench:
        store = bench.session.store()
        await history(bench, "base")
        await bench.press("t")
        await bench.wait_for(lambda: isinstance(bench.screen, RetryScreen))
        await bench.sees("the whole run", "4 cached of 4")
        await bench.press("tab", "j", "space")
        await bench.sees(
            "from `twice` on", "the retry is from `twice`", "which this one retries", "2 kept of 4"
        )
        await bench.press("w")
        await bench.sees("the whole run")
        await bench.press("b")
        await bench.sees("2 kept of 4")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen))
        new = await bench.wait_for(lambda: next((r for r in store.runs(RunQuery()).runs if r.retry_of), None))
        assert new.retry_of == run_id
        await bench.wait_for(lambda: store.run(new.id).status.finished)
        states = {step.name: str(step.status) for step in store.steps(new.id)}
        assert states == {"numbers": "cached", "thrice": "cached", "twice": "succeeded", "total": "succeeded"}
        # Enter on what it is a retry of opens that.
        await bench.press("I")
        await bench.sees("retry of")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen) and bench.screen.run_id == run_id)


async def test_t_on_a_step_retries_from_there(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    execute(root, "sums", name="base")
    async with workbench(root) as bench:
        await history(bench, "base")
        await bench.press("enter")
        await bench.sees("thrice")
        await bench.press("g", "j", "j", "t")
        await bench.wait_for(lambda: isinstance(bench.screen, RetryScreen))
        await bench.sees("from `thrice` on", "kept")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen))


async def test_every_key_of_runs_is_in_the_help(tmp_path: Path) -> None:
    async with workbench(workspace(tmp_path / "vision"), size=(120, 50)) as bench:
        add_run(bench.session.store(), "nightly")
        screen = await history(bench, "nightly")
        listed = {item.facts.id: item for item in screen.all_keys()}
        for name in ("stop", "resume", "retry", "label", "note", "pin", "delete"):
            assert f"run.runs.{name}" in listed
        assert "nothing to resume" in listed["run.runs.resume"].refused
        await bench.press("question_mark")
        await bench.wait_for(lambda: bench.screen.query(Chooser))
        await bench.sees("resume", "retry", "delete")


async def test_the_palette_does_it_as_the_key_does(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    execute(root, "sums", name="base")
    async with workbench(root) as bench:
        await history(bench, "base")
        await bench.press("ctrl+p")
        await bench.wait_for(lambda: bench.screen.query(Chooser))
        await bench.types("runs retry")
        await bench.sees("runs retry  run base")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, RetryScreen))
