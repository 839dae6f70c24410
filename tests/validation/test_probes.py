"""Probes side by side: results as they arrive, timeouts not waited for, results kept for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.base import ProbeResult
from stacktui.categories.errors import ComponentError
from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.validation.probes import KEPT_S, Probe, ProbeBoard, probe_finding, probes_of
from tests.runtime.support import Place


class Probed:
    """A component of which only the probe matters here."""

    def __init__(self, answer: Callable[[float], ProbeResult]) -> None:
        self.probe = answer
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def named(name: str) -> ComponentId:
    return ComponentId(Category.ALERTER, name)


def probe(name: str, answer: Callable[[float], ProbeResult], **words: Any) -> Probe:
    made: Any = Probed(answer)
    return Probe(named(name), lambda: made, **words)


def fine(timeout_s: float) -> ProbeResult:
    return ProbeResult(ok=True, message="here")


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    released = threading.Event()
    yield released
    released.set()


def test_results_arrive_as_they_come_and_side_by_side(hanging: threading.Event) -> None:
    second_answers = threading.Event()

    def first(timeout_s: float) -> ProbeResult:
        # Only answers once the second, which is started later, has answered.
        assert second_answers.wait(30)
        return fine(timeout_s)

    def second(timeout_s: float) -> ProbeResult:
        second_answers.set()
        return fine(timeout_s)

    results = dict(ProbeBoard(timeout_s=60).probe_all([probe("first", first), probe("second", second)]))
    assert all(result.ok for result in results.values())


def test_a_probe_that_hangs_is_a_timeout_and_holds_nobody_up(hanging: threading.Event) -> None:
    def hangs(timeout_s: float) -> ProbeResult:
        hanging.wait()
        return fine(timeout_s)

    board = ProbeBoard(timeout_s=0.05)
    results = list(board.probe_all([probe("hangs", hangs), probe("fine", fine)]))
    assert [key.name for key, _ in results] == ["fine", "hangs"]
    assert not results[1][1].ok
    assert "no answer within 0.05 s" in results[1][1].message
    assert not hanging.is_set()


def test_no_more_than_the_limit_run_at_once(hanging: threading.Event) -> None:
    lock = threading.Lock()
    running, most = 0, 0
    both = threading.Barrier(2)

    def counted(timeout_s: float) -> ProbeResult:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(30)
        with lock:
            running -= 1
        return fine(timeout_s)

    board = ProbeBoard(timeout_s=60, at_once=2)
    results = list(board.probe_all(probe(f"p{number}", counted) for number in range(6)))
    assert len(results) == 6
    assert all(result.ok for _, result in results)
    assert most == 2


def test_a_result_counts_for_thirty_seconds() -> None:
    time = 100.0
    asked = 0

    def counted(timeout_s: float) -> ProbeResult:
        nonlocal asked
        asked += 1
        return fine(timeout_s)

    board = ProbeBoard(clock=lambda: time)
    one = probe("p", counted)
    list(board.probe_all([one]))
    time += KEPT_S - 1
    assert dict(board.probe_all([one]))[named("p")].ok
    assert asked == 1
    list(board.probe_all([one], fresh=True))
    assert asked == 2
    time += KEPT_S
    assert board.kept(named("p")) is None
    list(board.probe_all([one]))
    assert asked == 3
    board.forget([named("p")])
    assert board.kept(named("p")) is None


def test_what_cannot_be_made_or_raises_is_a_failed_result_in_words() -> None:
    def raises(timeout_s: float) -> ProbeResult:
        raise ValueError("odd\nanswer")

    def cannot() -> Any:
        raise ComponentError("alerter/x has no token; set one")

    board = ProbeBoard()
    results = dict(board.probe_all([Probe(named("x"), cannot), probe("y", raises)]))
    assert results[named("x")].message == "alerter/x has no token; set one"
    assert results[named("y")].message == "the probe failed: ValueError: odd answer"
    finding = probe_finding(named("x"), results[named("x")])
    assert finding is not None
    assert finding.code == "PRB001"
    assert probe_finding(named("z"), fine(1)) is None


def test_a_component_made_for_its_probe_is_closed() -> None:
    kept: Any = Probed(fine)
    own: Any = Probed(fine)
    list(
        ProbeBoard().probe_all([Probe(named("k"), lambda: kept), Probe(named("o"), lambda: own, close=True)])
    )
    assert own.closed.is_set()
    assert not kept.closed.is_set()


def test_the_components_of_a_live_stack(tmp_path: Path) -> None:
    place = Place(
        tmp_path,
        {
            "components/alerter/bell.yaml": 'flavor: bell\nconfig: {token: "{{a.b}}"}\n',
            "stacks/prod.yaml": "extends: base\ncomponents: {alerter: bell}\n",
        },
    )
    with place.live("prod") as live:
        results = {str(key): result for key, result in ProbeBoard().probe_all(probes_of(live))}
    assert len(results) == 5
    failed = {key: result.message for key, result in results.items() if not result.ok}
    assert list(failed) == ["alerter/bell"]
    assert "stacktui secret set a b" in failed["alerter/bell"]
