"""A workspace whose runs are pruned: its pipelines, and how tests look at what is left."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.metadata_store import ArtifactQuery, MetadataStore, RunQuery
from stacktui.model.run import RunStatus
from stacktui.operations.session import Session
from tests.cli.conftest import Answer, Run

FLOW = """
import os, time
from pathlib import Path
from stacktui import Artifact, pipeline, step


@step
def load(size: int = 3) -> list[int]:
    return list(range(size))


@step
def fit(values: list[int], lr: float = 0.1) -> dict[str, float]:
    return {"total": sum(values) * lr}


@step(cache=False)
def wait(model: dict[str, float], until: str) -> str:
    print("waiting", flush=True)
    while not Path(until).exists():
        time.sleep(0.02)
    return f"after {until}"


@pipeline
def flow(size: int = 3, lr: float = 0.1):
    fit(load(size), lr)


@pipeline
def slow(until: str, lr: float = 0.1):
    wait(fit(load(7), lr), until)


@pipeline
def takes(until: str):
    wait.named("hold")({}, until)
    wait(Artifact("flow/fit"), until)


@pipeline
def user():
    wait(Artifact("flow/fit"), "/")
"""
LONG_AGO = 1_600_000_000


def patient(stacktui: Run, root: Path) -> Run:
    """The command line, which waits for the runner too: how a run ended is not the last that its runner writes."""

    def run(*words: str, folder: Path = root) -> Answer:
        answer = stacktui(*words, folder=folder)
        if words[0] == "run" and answer.code == 0 and "--detach" not in words:
            with opened(folder, "other" if "other" in words else None) as (store, _):
                until(lambda: not store.is_held(answer.lines[-1]["run_id"]), "the runner's end")
        return answer

    return run


def ran(stacktui: Run, *words: str) -> str:
    answer = stacktui("run", *words, "--json")
    assert answer.code == 0, answer.err
    return str(answer.lines[-1]["run_id"])


def pruned(stacktui: Run, *words: str) -> Any:
    answer = stacktui("prune", *words, "--json")
    assert answer.code == 0, answer.err
    return answer.document


def counts(document: Any) -> dict[str, int]:
    return {each["kind"]: each["count"] for each in document["removed"] if each["count"]}


def age_contents(root: Path) -> None:
    for file in (root / ".stacktui" / "artifacts" / "blobs").rglob("*"):
        os.utime(file, (LONG_AGO, LONG_AGO))


@contextmanager
def opened(root: Path, stack: str | None = None) -> Iterator[tuple[MetadataStore, ArtifactStore]]:
    with Session(root, stack=stack) as session:
        yield session.store(), session.live().artifact_store


def runs(root: Path) -> list[str]:
    with opened(root) as (store, _):
        return [run.id for run in store.runs(RunQuery(limit=500)).runs]


def all_whole(root: Path) -> bool:
    """Whether the content of every artifact is there and is what it was."""
    with opened(root) as (store, artifacts):
        for each in store.artifacts(ArtifactQuery(limit=500)):
            artifacts.read_bytes(each.uri, expect_digest=each.digest)
        return True


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def waiting(stacktui: Run, flow: Path, *words: str) -> tuple[str, Path]:
    """A run that goes on until a file is there."""
    sign = flow / f"go-on-{len(runs(flow))}"
    answer = stacktui("run", *words, "-p", f"until={sign}", "--detach", "--json")
    assert answer.code == 0, answer.err
    run_id = str(answer.document["run_id"])
    until(lambda: "waiting" in stacktui("runs", "logs", run_id).out, "the step that waits")
    return run_id, sign


def ended(flow: Path, run_id: str) -> RunStatus:
    with opened(flow) as (store, _):
        until(lambda: store.run(run_id).status.finished, "the run's end")
        return store.run(run_id).status
