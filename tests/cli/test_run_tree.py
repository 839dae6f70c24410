"""The live tree: fits whatever terminal it is given, folds what does not, and says states in words."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.cli.run_state import RunState, levels_of
from stacktui.cli.run_tree import RunTree, whole_seconds
from stacktui.cli.terminal import Out, cell_width
from stacktui.model.run import Run, RunStatus, StepDefinition, StepRun, StepStatus
from stacktui.model.stack import StepSettings
from stacktui.model.text import clean
from stacktui.operations.following import FollowedRun, RunEvent

START = datetime(2026, 1, 1, tzinfo=UTC)


class Followed(FollowedRun):
    """A run of the given graph whose steps have not begun."""

    def __init__(self, graph: dict[str, tuple[str, ...]], retries: int = 0, status: str = "running") -> None:
        self.run_id = "0193a1b2-7c4f-7000-8000-000000000000"
        self._graph = graph
        self._retries = retries
        self._status = status

    def run(self) -> Run:
        return Run(
            id=self.run_id, name="a-run", pipeline="p", stack="default", status=RunStatus(self._status), created_at=START,
            started_at=START, graph=tuple(StepDefinition(name=name, after=after) for name, after in self._graph.items()),
        )  # fmt: skip

    def steps(self) -> tuple[StepRun, ...]:
        return tuple(
            StepRun(run_id=self.run_id, name=name, position=place) for place, name in enumerate(self._graph)
        )

    def settings(self) -> dict[str, StepSettings]:
        waits = StepSettings(retries=self._retries, retry_delay=4)
        return dict.fromkeys(self._graph, waits)


def event(kind: str, step: str | None = None, after_s: float = 0, **fields: Any) -> RunEvent:
    own = ("status", "stream", *(("text",) if kind == "log" else ()))
    data = {key: fields.pop(key) for key in list(fields) if key not in own}
    return RunEvent(
        event=kind, run_id="r", at=START + timedelta(seconds=after_s), step=step, data=data, **fields
    )


def shown(
    state: RunState, columns: int = 100, rows: int = 30, after_s: float = 0, colour: bool = False
) -> list[str]:
    tree = RunTree(state, Out(io.StringIO(), colour=colour), "ctrl+c stops it")
    lines = tree.lines(START + timedelta(seconds=after_s), columns, rows)
    return [line.text for line in lines]


CHAIN: dict[str, tuple[str, ...]] = {"load": (), "fit": ("load",), "evaluate": ("load", "fit")}


def test_states_attempts_progress_and_places_are_words() -> None:
    state = RunState(Followed(CHAIN, retries=2))
    state.take(
        event("step_finished", "load", status="cached", cached_from="0193a000-0000-7000-8000-000000000000")
    )
    state.take(event("step_started", "fit", status="running", attempt=1, where="orchestrator/local"))
    state.take(event("progress", "fit", done=5, total=10, text="epoch 5"))
    lines = shown(state, after_s=12)
    assert lines[0] == "● running  a-run  0193a1b2-7c4f  on stack default"
    assert lines[1].split() == ["◐", "load", "cached", "from", "run", "0193a000-0000"]
    assert "● fit       running      12 s  attempt 1 of 3  ━━━━━━╌╌╌╌╌╌ 50 %  orchestrator/local" in lines[2]
    assert lines[3].strip() == "epoch 5"
    assert lines[4].split() == ["○", "evaluate", "pending"]
    assert lines[5] == "1 of 3 steps · 1 cached · 12 s · ctrl+c stops it"
    state.take(event("log", "fit", text="[b]x[/b]\x1b[2J", stream="stdout"))
    assert shown(state)[3].strip() == "[b]x[/b]␛[2J"
    state.take(event("metric", "fit", last={"loss": 0.25}))
    assert shown(state)[3].strip() == "loss=0.25"


def test_a_failed_attempt_says_when_the_next_one_begins() -> None:
    state = RunState(Followed(CHAIN, retries=2))
    state.take(event("step_started", "fit", status="running", attempt=1))
    error = {"type": "ValueError", "message": "no\nway"}
    state.take(event("step_retrying", "fit", 10, status="retrying", attempt=1, error=error))
    line = next(line for line in shown(state, after_s=11) if "fit" in line)
    assert "↻ fit       retrying" in line
    assert "attempt 1 of 3 failed, next in 3 s" in line
    assert "ValueError: no␊way" in line
    state.take(event("step_started", "fit", 14, status="running", attempt=2))
    assert "attempt 2 of 3" in next(line for line in shown(state, after_s=15) if "fit" in line)
    state.take(event("step_finished", "fit", 20, status="failed", attempt=2, error=error))
    assert "✗ fit       failed" in next(line for line in shown(state, after_s=30) if "fit" in line)


def test_a_run_that_waits_says_for_what() -> None:
    state = RunState(Followed(CHAIN, status="queued"))
    state.take(event("run_changed", waits_for="waits for 2 runs: max_runs is 1"))
    assert shown(state)[0].startswith("○ queued")
    assert "waits for 2 runs: max_runs is 1" in shown(state)[0]
    state.take(event("run_started", status="running"))
    assert shown(state)[0] == "● running  a-run  0193a1b2-7c4f  on stack default"
    state.take(event("stop_requested"))
    assert shown(state)[0].startswith("◐ stopping")


@pytest.mark.parametrize(
    ("graph", "levels"),
    [
        (CHAIN, {"load": 0, "fit": 0, "evaluate": 0}),
        (
            {"load": (), "a": ("load",), "b": ("load",), "a2": ("a",), "join": ("a2", "b"), "end": ("join",)},
            {"load": 0, "a": 1, "a2": 1, "b": 1, "join": 0, "end": 0},
        ),
        ({"x": (), "y": (), "z": ("x", "y")}, {"x": 0, "y": 0, "z": 0}),
        ({"late": ("missing",), "next": ("late",)}, {"late": 0, "next": 0}),
    ],
)
def test_a_graph_is_a_tree_with_few_levels(graph: dict[str, tuple[str, ...]], levels: dict[str, int]) -> None:
    found = levels_of(list(graph.items()))
    assert list(found.items()) == list(levels.items())


def test_a_graph_of_ten_thousand_steps_is_folded_into_a_screen() -> None:
    graph: dict[str, tuple[str, ...]] = {
        f"step_{number}": (f"step_{number - 1}",) if number else () for number in range(10_000)
    }
    state = RunState(Followed(graph))
    for number in range(5_000):
        state.take(event("step_finished", f"step_{number}", status="succeeded", attempt=1))
    state.take(event("step_started", "step_5000", status="running", attempt=1))
    lines = shown(state, rows=12)
    assert len(lines) <= 12
    assert any("step_5000" in line for line in lines)
    assert re_counts(lines) == 10_000
    assert "5000 of 10000 steps" in lines[-1]


def re_counts(lines: list[str]) -> int:
    """How many steps the lines stand for: a line each, or the counts of those that are folded."""
    import re

    total = 0
    for line in lines[1:-1]:
        counts = re.findall(
            r"(\d+) more (?:succeeded|cached|skipped|cancelled|running|retrying|failed|lost|pending)", line
        )
        total += sum(map(int, counts)) if counts else bool(re.match(r" +[✓✗●○◐↻◌■?·] ", line))
    return total


STATUSES = st.sampled_from([status.value for status in StepStatus])


@given(
    steps=st.lists(st.tuples(st.text(min_size=1, max_size=30), STATUSES, st.text(max_size=60)), max_size=40),
    columns=st.integers(1, 120),
    rows=st.integers(1, 30),
)
@settings(max_examples=200, deadline=None)
def test_it_fits_and_counts_every_step_and_lets_no_control_byte_through(
    steps: list[tuple[str, str, str]], columns: int, rows: int
) -> None:
    graph: dict[str, tuple[str, ...]] = {f"{place}{name}": () for place, (name, _, _) in enumerate(steps)}
    state = RunState(Followed(graph, retries=1))
    for name, (_, status, text) in zip(graph, steps, strict=True):
        kind = {"running": "step_started", "retrying": "step_retrying", "pending": "step_changed"}.get(
            status, "step_finished"
        )
        state.take(event("step_started", name, status="running", attempt=1))
        state.take(event("log", name, text=text, stream="stdout"))
        state.take(event(kind, name, status=status, attempt=1, error={"type": "E", "message": text}))
    assert sum(state.counts.values()) == len(steps)
    lines = RunTree(state, Out(io.StringIO(), colour=False), "x").lines(START, columns, rows)
    assert len(lines) <= rows
    for line in lines:
        assert clean(line.text) == line.text
        assert line.width == cell_width(line.text)
        assert line.width < max(columns, 2)
    if rows >= 6 and columns > 100 and not any(text.strip() for _, _, text in steps):
        assert re_counts([line.text for line in lines]) == len(steps)


def test_no_colour_stands_alone() -> None:
    state = RunState(Followed(CHAIN))
    state.take(event("step_started", "load", status="running", attempt=1))
    plain, coloured = shown(state), shown(state, colour=True)
    import re

    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == plain
    assert "\x1b[36m" in "".join(coloured)


@pytest.mark.parametrize(
    ("seconds", "said"), [(-3, "0 s"), (0.9, "0 s"), (59.9, "59 s"), (184, "3 m 04 s"), (7860, "2 h 11 m")]
)
def test_times_that_run(seconds: float, said: str) -> None:
    assert whole_seconds(seconds) == said
