"""When a run ends: the bell, the terminal's own notification and a toast, once, and never for what is history."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.base import now
from stacktui.model.run import Run, RunStatus
from stacktui.model.text import Clean, clean
from stacktui.operations.session import Session
from stacktui.tui.terminal import notification
from tests.terminal.pseudo import Terminal
from tests.terminal.sequences import taken_apart
from tests.tui.executed import runnable
from tests.tui.stores import add_run
from tests.tui.workbench import Bench, workbench, workspace


def told(bench: Bench) -> list[str]:
    """The toasts that are there, by title."""
    return [str(notification.title) for notification in bench.app._notifications]


@contextmanager
def going(store: MetadataStore, name: str, began: datetime) -> Iterator[Run]:
    """A run that goes on, as a runner says it: held before it says that it runs."""
    run = add_run(store, name, status=RunStatus.QUEUED, created_at=now(), started_at=None, finished_at=None)
    with store.hold(run.id):
        store.update_run(run.id, status=RunStatus.RUNNING, started_at=began)
        yield run


def test_the_notification_is_bounded_and_wrapped_for_tmux_and_screen() -> None:
    plain = notification(Clean("nightly succeeded"), {})
    assert plain == "\x1b]9;stacktui: nightly succeeded\x07"
    assert len(notification(clean("x" * 5_000), {})) < 200
    assert notification(Clean("a"), {"TMUX": "/tmp/x"}) == "\x1bPtmux;\x1b\x1b]9;stacktui: a\x07\x1b\\"
    assert notification(Clean("a"), {"STY": "1.x"}) == "\x1bP\x1b]9;stacktui: a\x07\x1b\\"
    assert not taken_apart(notification(clean("a\x1b]0;t\x07\nb"), {}).encode()).strangers


async def test_a_long_run_that_ends_is_told_once_and_old_ones_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workbench(workspace(tmp_path / "vision")) as bench:
        said: list[Clean] = []
        monkeypatch.setattr(bench.app, "alert", said.append)
        store = bench.session.store()
        add_run(store, "history", started_at=now() - timedelta(hours=2))
        began = now() - timedelta(minutes=3)
        with going(store, "long", began) as long, going(store, "short", now()) as short:
            await bench.wait_for(lambda: {long.id, short.id} <= bench.app.endings._going)
            store.update_run(short.id, status=RunStatus.SUCCEEDED, finished_at=now())
            store.update_run(
                long.id, status=RunStatus.FAILED, finished_at=now(), error="step fit failed: it blew up"
            )
            await bench.wait_for(lambda: said, "the long run's end")
            await bench.sees("it blew up")
        # Another one later: what was told stays told.
        with going(store, "next", began) as next_:
            await bench.wait_for(lambda: next_.id in bench.app.endings._going)
            store.update_run(next_.id, status=RunStatus.SUCCEEDED, finished_at=now())
            await bench.wait_for(lambda: len(said) > 1, "the next one's end")
        assert [text.split()[:2] for text in said] == [["long", "failed"], ["next", "succeeded"]]


async def test_a_run_that_nobody_holds_any_more_is_told_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workbench(workspace(tmp_path / "vision")) as bench:
        said: list[Clean] = []
        monkeypatch.setattr(bench.app, "alert", said.append)
        store = bench.session.store()
        began = now() - timedelta(minutes=3)
        with going(store, "gone", began) as run:
            await bench.wait_for(lambda: run.id in bench.app.endings._going)
        await bench.wait_for(lambda: said, "the loss")
        assert said[0].startswith("gone lost")


async def test_a_short_run_that_was_started_here_is_told_when_another_screen_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workbench(runnable(tmp_path / "vision")) as bench:
        said: list[Clean] = []
        monkeypatch.setattr(bench.app, "alert", said.append)
        bench.app.doing.start("run", {"target": "sums", "name": "mine"}, lambda _: None)
        await bench.wait_for(lambda: said, "its end")
        assert said[0].startswith("mine succeeded")
        await bench.wait_for(lambda: any("mine succeeded" in title for title in told(bench)))


async def test_the_setting_turns_it_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config" / "stacktui"
    config.mkdir(parents=True)
    (config / "settings.yaml").write_text("long_run: null\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config.parent))
    async with workbench(workspace(tmp_path / "vision")) as bench:
        said: list[Clean] = []
        monkeypatch.setattr(bench.app, "alert", said.append)
        store = bench.session.store()
        with going(store, "long", now() - timedelta(minutes=3)) as run:
            await bench.wait_for(lambda: run.id in bench.app.endings._going)
            store.update_run(run.id, status=RunStatus.SUCCEEDED, finished_at=now())
            await bench.wait_for(lambda: run.id not in bench.app.endings._going)
        await bench.settled()
        assert said == []


def test_a_terminal_gets_the_bell_and_the_notification_and_nothing_else(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    with Session(root) as session:
        store = session.store()
        began = now() - timedelta(minutes=3)
        name = "evil\x1b]0;PWNED\x07\u202e"
        command = [sys.executable, "-m", "stacktui", "-C", str(root)]
        environment = {"XDG_CONFIG_HOME": str(tmp_path / "none"), "STY": ""}
        with going(store, name, began) as run, Terminal(command, environment=environment) as terminal:
            terminal.wait_for("● evil")
            terminal.settle(0.5)
            store.update_run(run.id, status=RunStatus.SUCCEEDED, finished_at=now())
            terminal.wait_until(lambda: b"\x1b]9;stacktui: evil" in terminal.output, "the notification")
            terminal.settle(0.5)
            output = bytes(terminal.output)
    assert output.count(b"\x1b]9;") == 1
    assert taken_apart(output).strangers == ()
