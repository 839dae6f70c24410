"""The pipeline's own hooks in the list of a run's steps: each that was called has a log, and from that a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from stacktui.model.run import Run, StepRun

_FAILED = "ERROR stacktui.hooks: "
_MOST_LINES = 2_000


class HookLine(NamedTuple):
    """A hook that was called."""

    name: str
    """As its log is named: `training:on_failure`."""
    shown: Clean
    attempt: int
    status: str
    started_at: datetime | None
    ended_at: datetime | None


def hook_lines(state: Path, run: Run, steps: Sequence[StepRun]) -> Iterator[HookLine]:
    """The hooks of a run, once its steps are over. Blocks: reads their logs."""
    if not steps or not all(step.status.finished for step in steps):
        return
    from stacktui.pipelines.logs import log_folder, log_of, read_log

    names = {step.name for step in steps}
    folder = log_folder(state, run.id)
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        log = log_of(path)
        if log is None or log.step in names or not log.step.startswith(f"{run.pipeline}:on_"):
            continue
        lines = read_log(state, run.id, log.step, log.attempt, 0, _MOST_LINES).lines
        bad = any(line.text.startswith(_FAILED) for line in lines)
        status = "failed" if bad else "succeeded" if run.status.finished else "running"
        hook = log.step.rpartition(":")[2]
        again = f", call {log.attempt}" if log.attempt > 1 else ""
        yield HookLine(
            log.step, clean(f"{hook}{again}"), log.attempt, status,
            lines[0].at if lines else None, lines[-1].at if lines else None,
        )  # fmt: skip
