"""The lines of a sweep on a terminal: each run's state, in whatever room there is."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from stacktui.cli.live_sweep import SweepPicture
from stacktui.cli.terminal import Out
from stacktui.model.base import uuid7
from stacktui.operations.sweep import SweepBegan, SweepEvent, SweptPart

START = datetime(2026, 1, 1, tzinfo=UTC)


def picture(count: int, name: str = "lr") -> tuple[SweepPicture, list[str]]:
    runs = tuple(SweptPart(run_id=uuid7(), values={name: f"0.{place}"}) for place in range(count))
    began = SweepBegan(group=uuid7(), at=START, runs=runs)
    return SweepPicture(began, Out(io.StringIO(), colour=False), "ctrl+c stops them"), [
        run.run_id for run in runs
    ]


def happens(made: SweepPicture, run_id: str, event: str, after_s: float, **more: object) -> None:
    made.take(
        SweepEvent(event=event, run_id=run_id, at=START + timedelta(seconds=after_s), group="g", **more)
    )


def texts(made: SweepPicture, after_s: float = 10.0, columns: int = 100, rows: int = 24) -> list[str]:
    lines = made.lines(START + timedelta(seconds=after_s), columns, rows)
    assert len(lines) <= rows
    assert all(line.width < columns for line in lines)
    return [line.text.rstrip() for line in lines]


def test_each_run_has_a_line_with_its_state_and_metrics() -> None:
    made, (a, b, c) = picture(3)
    happens(made, a, "run_started", 1)
    happens(made, a, "metric", 2, data={"metrics": {"accuracy": 0.5}})
    happens(made, a, "run_finished", 4, status="succeeded", data={"metrics": {"accuracy": 0.75}})
    happens(made, b, "run_started", 4)
    happens(made, b, "step_started", 5, step="fit")
    head, *runs, summary = texts(made)
    assert head.endswith("of 3 runs")
    assert runs == [
        "  ✓ lr=0.0  succeeded     3 s  accuracy=0.75",
        "  ● lr=0.1  running       6 s  fit",
        "  ○ lr=0.2  queued",
    ]
    assert summary == "1 of 3 runs · 1 running · 1 queued · 10 s · ctrl+c stops them"
    happens(made, c, "run_finished", 9, status="failed", data={"error": "it broke"})
    assert texts(made)[3].endswith("it broke")


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("columns", [10, 30, 100])
def test_what_runs_and_what_failed_is_seen_where_there_is_room_for_few(rows: int, columns: int) -> None:
    made, run_ids = picture(30)
    for run_id in run_ids[:20]:
        happens(made, run_id, "run_started", 0)
        happens(made, run_id, "run_finished", 1, status="succeeded")
    happens(made, run_ids[25], "run_started", 2)
    happens(made, run_ids[3], "run_finished", 2, status="failed")
    lines = texts(made, columns=columns, rows=rows)
    assert lines[-1].startswith("20 of 30"[: columns - 2])
    if rows >= 5 and columns == 100:
        assert any("lr=0.25  running" in line for line in lines)
        assert any("failed" in line for line in lines[1:-1])


def test_control_bytes_of_a_value_do_not_come_through() -> None:
    made, _ = picture(1, name="\x1b]0;title\x07lr")
    assert "\x1b" not in "".join(texts(made))
