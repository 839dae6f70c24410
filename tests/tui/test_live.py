"""Live views: one load at a time, stale results dropped, nothing loaded that nobody sees."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from stacktui.tui.live import LiveView, Topic
from tests.tui.workbench import Bench, workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace(tmp_path / "vision")


class Probe(Static, LiveView[str]):
    """A view whose loads the test lets go one by one."""

    topics = frozenset({Topic.PROBES})

    def __init__(self) -> None:
        super().__init__("")
        self.loads: list[str] = []
        self.asked_for = "a"
        self.shown: list[str] = []
        self.gates: dict[str, threading.Event] = {}
        self.let_go = threading.Event()
        self.let_go.set()

    def load(self, session: Any) -> str:
        wanted = self.asked_for
        self.loads.append(wanted)
        self.gates.get(wanted, self.let_go).wait(10)
        return wanted

    def show(self, snapshot: str) -> None:
        self.shown.append(snapshot)


async def with_probe(bench: Bench) -> Probe:
    probe = Probe()
    await bench.screen.mount(probe)
    await bench.wait_for(lambda: probe.shown == ["a"])
    return probe


async def test_loads_once_when_shown_and_again_on_its_topic_only(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.settled()
        probe = await with_probe(bench)
        assert probe.loads == ["a"]
        bench.app.feed.publish(Topic.RUNS)
        await bench.settled()
        probe.asked_for = "b"
        bench.app.feed.publish(Topic.PROBES)
        await bench.wait_for(lambda: probe.shown == ["a", "b"])
        assert probe.loads == ["a", "b"]


async def test_an_equal_snapshot_is_not_drawn_again(root: Path) -> None:
    async with workbench(root) as bench:
        probe = await with_probe(bench)
        probe.reload()
        await bench.wait_for(lambda: len(probe.loads) == 2 and not probe.loading_now)
        assert probe.shown == ["a"]


async def test_many_changes_during_a_load_are_one_load_after_it(root: Path) -> None:
    async with workbench(root) as bench:
        probe = await with_probe(bench)
        probe.let_go.clear()
        probe.reload()
        await bench.wait_for(lambda: len(probe.loads) == 2)
        for _ in range(50):
            probe.reload()
        probe.let_go.set()
        await bench.wait_for(lambda: not probe.loading_now and not probe._stale)
        assert len(probe.loads) == 3


async def test_a_result_for_an_older_question_is_dropped(root: Path) -> None:
    async with workbench(root) as bench:
        probe = await with_probe(bench)
        probe.gates["slow"] = threading.Event()
        probe.asked_for = "slow"
        probe.reload_now()
        await bench.wait_for(lambda: "slow" in probe.loads)
        probe.asked_for = "quick"
        probe.reload_now()
        await bench.wait_for(lambda: probe.shown == ["a", "quick"])
        probe.gates["slow"].set()
        await bench.wait_for(lambda: not probe.loading_now)
        assert probe.shown == ["a", "quick"]


async def test_a_hidden_view_waits_until_it_is_shown(root: Path) -> None:
    async with workbench(root) as bench:
        probe = await with_probe(bench)
        probe.display = False
        probe.asked_for = "later"
        bench.app.feed.publish(Topic.PROBES)
        await bench.wait_for(lambda: probe._stale)
        assert probe.loads == ["a"]
        probe.display = True
        probe.view_shown()
        await bench.wait_for(lambda: probe.shown == ["a", "later"])


async def test_a_view_under_another_screen_waits_until_it_is_back(root: Path) -> None:
    async with workbench(root) as bench:
        probe = await with_probe(bench)
        await bench.press("F")
        await bench.sees("› flavors")
        probe.asked_for = "back"
        bench.app.feed.publish(Topic.PROBES)
        await bench.wait_for(lambda: probe._stale)
        assert probe.loads == ["a"]
        await bench.press("escape")
        await bench.wait_for(lambda: probe.shown == ["a", "back"])


def ticks(bench: Bench) -> bool:
    return bench.app.feed._ticker is not None


async def test_the_ticker_runs_only_while_something_that_runs_is_visible(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.settled()
        probe = await with_probe(bench)
        assert not ticks(bench)
        probe.keep_ticking(True)
        assert ticks(bench)
        await bench.press("F")
        await bench.wait_for(lambda: not ticks(bench))
        await bench.press("escape")
        await bench.wait_for(lambda: ticks(bench))
        await probe.remove()
        await bench.wait_for(lambda: not ticks(bench))


async def test_a_blocked_load_does_not_keep_the_workbench_from_ending(root: Path) -> None:
    never = threading.Event()
    async with workbench(root) as bench:
        probe = await with_probe(bench)
        probe.gates["never"] = never
        probe.asked_for = "never"
        probe.reload()
        await bench.wait_for(lambda: "never" in probe.loads)
    never.set()
