"""Following a run: its lines come once, in order, however the files grow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.categories.private import make_folder
from stacktui.model.base import now, uuid7
from stacktui.model.execution import LogLine
from stacktui.model.run import Run, RunStatus, StepRun, StepStatus
from stacktui.operations.attention import LeaveRunning
from stacktui.operations.errors import OperationError
from stacktui.operations.following import run_events
from stacktui.operations.run_logs import Logs
from stacktui.operations.session import Session
from stacktui.pipelines.logs import LogWriter, log_path
from tests.operations.support import do

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def run_id(session: Session) -> str:
    """A queued run of two steps, whose runner we play."""
    run_id = uuid7()
    run = Run(
        id=run_id, name="played", pipeline="played", stack="default", status=RunStatus.QUEUED, created_at=now()
    )  # fmt: skip
    steps = [StepRun(run_id=run_id, name=name, position=place) for place, name in enumerate(("a", "b"))]
    session.live().metadata_store.create_run(run, steps)
    return run_id


def writers(session: Session, run_id: str) -> Iterator[tuple[str, LogWriter]]:
    for step in ("a", "b"):
        path = log_path(session.workspace.state, run_id, step, 1)
        make_folder(path.parent)
        yield step, LogWriter(path)


@given(
    batches=st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 999)), max_size=5), max_size=8)
)
@settings(max_examples=25, deadline=None)
def test_every_line_comes_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, int]]]
) -> None:
    from stacktui.workspace.scaffold import init_workspace

    root = tmp_path_factory.mktemp("following") / "team"
    init_workspace(root)
    with Session(root) as session:
        run_id = uuid7()
        logs = Logs(session, run_id, None)
        writing = dict(writers(session, run_id))
        count = 0
        for batch in batches:
            wanted = []
            for step, number in batch:
                count += 1
                line = LogLine(at=START + timedelta(seconds=count), stream="stdout", text=f"{step}{number}")
                writing[step].write(line)
                wanted.append((step, line.text))
            seen = [(line.step, line.text) for line in logs.new()]
            assert seen == wanted
        assert logs.new() == []
        for writer in writing.values():
            writer.close()


def test_lines_stand_before_the_end_of_their_step(session: Session, run_id: str) -> None:
    store = session.live().metadata_store
    events = run_events(session, store, run_id)
    assert next(events).event == "run_created"
    with store.hold(run_id):
        store.update_run(run_id, status=RunStatus.RUNNING, started_at=now())
        for position, (name, writer) in enumerate(writers(session, run_id)):
            step = StepRun(run_id=run_id, name=name, position=position, status=StepStatus.RUNNING)
            store.record_step(step)
            writer.write(LogLine(at=now(), stream="stdout", text=f"from {name}"))
            writer.close()
            store.record_step(step.model_copy(update={"status": StepStatus.SUCCEEDED, "finished_at": now()}))
        store.update_run(run_id, status=RunStatus.SUCCEEDED, finished_at=now())
    found = [(event.event, event.step, event.text) for event in events]
    assert found == [
        ("run_started", None, None),
        ("step_started", "a", None),
        ("log", "a", "from a"),
        ("step_finished", "a", None),
        ("step_started", "b", None),
        ("log", "b", "from b"),
        ("step_finished", "b", None),
        ("run_finished", None, None),
    ]


def test_an_interrupt_asks_the_run_to_stop_and_a_second_one_leaves(session: Session, run_id: str) -> None:
    store = session.live().metadata_store
    with store.hold(run_id):
        store.update_run(run_id, status=RunStatus.RUNNING, started_at=now())
        events = run_events(session, store, run_id)
        assert [next(events).event, next(events).event] == ["run_created", "run_started"]
        seen = [events.throw(KeyboardInterrupt()).event]  # type: ignore[attr-defined]
        assert [request.data["what"] for request in store.requests(run_id)] == ["stop"]
        seen.append(next(events).event)
        assert set(seen) == {"stop_requested", "request"}
        left = events.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
        assert (left.event, left.data) == ("left_running", {"stopping": True})
        with pytest.raises(KeyboardInterrupt):
            next(events)
        assert len(store.requests(run_id)) == 1


def test_whoever_leaves_asks_for_nothing(session: Session, run_id: str) -> None:
    store = session.live().metadata_store
    events = run_events(session, store, run_id)
    assert next(events).event == "run_created"
    left = events.throw(LeaveRunning())  # type: ignore[attr-defined]
    assert (left.event, left.data, left.answer) == ("left_running", {"stopping": False}, True)
    assert list(events) == []
    assert store.requests(run_id) == []


def test_who_comes_later_hears_only_what_is_new(session: Session, run_id: str) -> None:
    store = session.live().metadata_store
    with store.hold(run_id):
        store.update_run(run_id, status=RunStatus.RUNNING, started_at=now())
        writing = dict(writers(session, run_id))
        writing["a"].write(LogLine(at=now(), stream="stdout", text="before"))
        events = run_events(session, store, run_id, after=store.last_event())
        store.record_step(StepRun(run_id=run_id, name="a", position=0, status=StepStatus.RUNNING))
        assert next(events).event == "step_started"
        for name, writer in writing.items():
            writer.write(LogLine(at=now(), stream="stdout", text=f"after {name}"))
            writer.close()
        store.update_run(run_id, status=RunStatus.SUCCEEDED, finished_at=now())
    assert [event.text for event in events if event.event == "log"] == ["after a", "after b"]


@pytest.mark.parametrize("lines", [1, 7, 30])
def test_the_last_lines_of_a_log_and_those_that_follow(session: Session, run_id: str, lines: int) -> None:
    for number, (_, writer) in enumerate(writers(session, run_id)):
        for count in range(20):
            writer.write(
                LogLine(at=START + timedelta(seconds=2 * count + number), stream="stdout", text=str(count))
            )
        writer.close()
    store = session.live().metadata_store
    with store.hold(run_id):
        store.update_run(run_id, status=RunStatus.SUCCEEDED, finished_at=now())
    every = [(line.step, line.text) for line in do(session, "runs logs", run_id=run_id)]
    assert len(every) == 40
    for follow in (False, True):
        found = do(session, "runs logs", run_id=run_id, tail=lines, follow=follow)
        assert [(line.step, line.text) for line in found] == every[-lines:]


def test_a_log_larger_than_a_page_stays_in_order_beside_others(session: Session, run_id: str) -> None:
    for name, writer in writers(session, run_id):
        for count in range(12_000 if name == "a" else 30):
            at = START + timedelta(milliseconds=count if name == "a" else 400 * count)
            writer.write(LogLine(at=at, stream="stdout", text=str(count)))
        writer.close()
    logs = Logs(session, run_id, None)
    first = logs.new()
    assert len(first) < 12_030
    found = [*first]
    while logs.more:
        found += logs.new()
    assert len(found) == 12_030
    assert [line.at for line in found] == sorted(line.at for line in found)


def test_of_what_is_drawn_over_only_the_last_state_is_a_line(session: Session, run_id: str) -> None:
    writing = dict(writers(session, run_id))
    for text in ("10%", "20%"):
        writing["a"].write(LogLine(at=START, stream="stderr", text=text, partial=True))
    writing["b"].write(LogLine(at=START, stream="stderr", text="50%", partial=True))
    writing["b"].write(LogLine(at=START, stream="stderr", text="100%\nafter"))
    # One that goes on, or whose runner is gone, ends with how it stands.
    assert [part.text for part in do(session, "runs logs", run_id=run_id)] == ["100%", "after", "20%"]
    writing["a"].write(LogLine(at=START, stream="stderr", text="100%"))
    lines = [(part.step, part.text) for part in do(session, "runs logs", run_id=run_id)]
    assert sorted(lines) == [("a", "100%"), ("b", "100%"), ("b", "after")]


def test_a_run_whose_holder_died_ends_as_lost(session: Session, run_id: str) -> None:
    store = session.live().metadata_store
    with store.hold(run_id):
        store.update_run(run_id, status=RunStatus.RUNNING, started_at=now())
    last = list(run_events(session, store, run_id))[-1]
    assert (last.event, last.status) == ("run_finished", "lost")
    assert not last.answer
    assert last.followed.last_words() == ""
    folder = session.workspace.state_dir("runs", run_id)
    (folder / "runner.log").write_text("first\n" + "x" * 5000 + "\nout of memory\n\n")
    assert last.followed.last_words() == "out of memory"


def test_an_unknown_step_is_named_with_the_nearest(session: Session, run_id: str, root: Path) -> None:
    with pytest.raises(OperationError, match="see: stacktui runs show"):
        do(session, "runs logs", run_id=run_id, step="zzz")
