"""Real things in a workspace for the live panes to show: steps, artifacts, curves, secrets, images, views, models."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.artifact import Artifact
from stacktui.model.base import now, uuid7
from stacktui.model.run import Metric, Run, RunStatus, StepDefinition, StepRun, StepStatus
from stacktui.operations.session import Session
from tests.tui.stores import add_run


def add_steps(store: MetadataStore, run: Run, where: str, **states: StepStatus) -> None:
    """Steps of a run, by name and state, on one component."""
    for position, (name, status) in enumerate(states.items()):
        began = None if status is StepStatus.PENDING else now() - timedelta(seconds=9)
        store.record_step(
            StepRun(
                run_id=run.id, name=name, position=position, status=status, where=where, started_at=began,
                finished_at=now() if status.finished else None,
            )
        )  # fmt: skip


def running(store: MetadataStore, name: str, *after: tuple[str, tuple[str, ...]]) -> Run:
    """A run that goes on, with its graph. Hold it, or it is lost."""
    graph = tuple(StepDefinition(name=step, after=before) for step, before in after)
    return add_run(store, name, status=RunStatus.RUNNING, finished_at=None, graph=graph)


def keep(
    session: Session,
    value: Any,
    *,
    pipeline: str = "training",
    step: str = "fit",
    name: str = "report",
    inputs: Iterable[Artifact] = (),
) -> Artifact:
    """A JSON value as a step of a run that succeeded would have left it."""
    data = json.dumps(value).encode()
    stored = session.live().artifact_store.put_bytes(data)
    run = add_run(session.store(), f"{pipeline}-{step}", pipeline=pipeline)
    artifact = Artifact(
        id=uuid7(), uri=stored.path, digest=stored.digest, size=stored.size, type="dict", materializer="json",
        name=name, run_id=run.id, pipeline=pipeline, step=step, version=0, created_at=now(),
    )  # fmt: skip
    used = {each.name: each.id for each in inputs}
    done = StepRun(
        run_id=run.id, name=step, position=0, status=StepStatus.SUCCEEDED, where="orchestrator/local",
        started_at=now(), finished_at=now(), inputs=used, outputs={name: artifact.id},
    )  # fmt: skip
    (recorded,) = session.store().record_step(done, (artifact,), input_links=used)
    return recorded


def curve(
    store: MetadataStore, run: Run, key: str, values: Iterable[float], at: datetime | None = None
) -> None:
    """A metric of a run, a point a step."""
    moment = at or now()
    store.log_metrics(
        run.id,
        [
            Metric(key=key, value=value, step=step, at=moment, source="fit")
            for step, value in enumerate(values)
        ],
    )


def falling(start: float, count: int = 20) -> list[float]:
    """A loss as it should be."""
    return [start * math.exp(-step / 6) for step in range(count)]


def feature_file(root: Path, rows: list[dict[str, Any]], name: str = "data/spending.csv") -> Path:
    """Rows of a feature view's source."""
    file = root / name
    file.parent.mkdir(exist_ok=True)
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    file.write_text("\n".join(lines) + "\n")
    return file
