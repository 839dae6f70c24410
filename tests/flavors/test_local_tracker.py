"""The embedded experiment tracker: the contract, and what it sends from inside a step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.flavors.local import experiment_tracker
from stacktui.flavors.local.experiment_tracker import LocalExperimentTracker, LocalExperimentTrackerConfig
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.execution import FileLogged, MetricPoint, ParamsLogged
from stacktui.testing.contracts.experiment_tracker import ExperimentTrackerContract
from stacktui.testing.contracts.nouns import a_run
from stacktui.testing.contracts.steps import StepInside


@pytest.fixture
def tracker(stacktui_surroundings: Surroundings) -> Iterator[LocalExperimentTracker]:
    with SqliteMetadataStore(SqliteMetadataStoreConfig(), stacktui_surroundings) as store:
        around = replace(stacktui_surroundings, metadata_store=store)
        yield LocalExperimentTracker(LocalExperimentTrackerConfig(), around)


class TestLocalExperimentTracker(ExperimentTrackerContract):
    @pytest.fixture
    def component(self, tracker: LocalExperimentTracker) -> LocalExperimentTracker:
        return tracker


@pytest.fixture
def channel() -> StepInside:
    return StepInside("a-run")


@pytest.fixture
def inside(stacktui_surroundings: Surroundings, channel: StepInside) -> LocalExperimentTracker:
    around = replace(stacktui_surroundings, channel=channel)
    return LocalExperimentTracker(LocalExperimentTrackerConfig(), around)


def test_sends_events_and_touches_nothing_else(
    inside: LocalExperimentTracker, channel: StepInside, tmp_path: Path
) -> None:
    file = tmp_path / "plot.txt"
    file.write_text("x" * 7)
    assert inside.probe().ok
    inside.log_params({"lr": 0.1})
    inside.log_metrics({"loss": 1, "accuracy": 0.5}, step=3)
    inside.log_file(file)
    params, loss, accuracy, logged = channel.events
    assert isinstance(params, ParamsLogged)
    assert params.params == {"lr": 0.1}
    assert isinstance(loss, MetricPoint)
    assert isinstance(accuracy, MetricPoint)
    assert [(point.key, point.value, point.step) for point in (loss, accuracy)] == [
        ("loss", 1.0, 3),
        ("accuracy", 0.5, 3),
    ]
    assert isinstance(logged, FileLogged)
    assert (logged.name, logged.artifact.size) == ("plot.txt", 7)
    assert list(inside.around.state.iterdir()) == []


def test_sends_all_of_a_batch_or_nothing(inside: LocalExperimentTracker, channel: StepInside) -> None:
    with pytest.raises(ValueError):
        inside.log_metrics({"loss": 1.0, "bad": "high"})  # type: ignore[dict-item]
    assert channel.events == []


def test_threads_of_a_step_number_points_together(
    inside: LocalExperimentTracker, channel: StepInside
) -> None:
    def log() -> None:
        for _ in range(50):
            inside.log_metric("loss", 1.0)

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = [event.step for event in channel.events if isinstance(event, MetricPoint)]
    assert steps == list(range(200))


def test_says_where_it_can_be_read(inside: LocalExperimentTracker) -> None:
    for ask in (inside.runs, lambda: inside.curve("a-run", "loss")):
        with pytest.raises(ComponentError, match="outside a step"):
            ask()


def test_says_that_there_is_no_store(stacktui_surroundings: Surroundings) -> None:
    alone = LocalExperimentTracker(LocalExperimentTrackerConfig(), stacktui_surroundings)
    assert not alone.probe().ok
    with pytest.raises(ComponentError, match="metadata store"):
        alone.runs()


def test_ranks_across_pages(tracker: LocalExperimentTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment_tracker, "_PAGE", 2)
    store = tracker.around.metadata_store
    assert store is not None
    for value in (3.0, 1.0, 4.0, 1.5, 9.0):
        run = a_run()
        store.create_run(run, [])
        step = LocalExperimentTracker(
            tracker.config,
            replace(tracker.around, metadata_store=None, channel=StepInside(run.id, store=store)),
        )
        step.log_metric("score", value)
    best = tracker.runs(order_by="score", limit=3)
    assert [found.metrics["score"] for found in best] == [9.0, 4.0, 3.0]
    monkeypatch.setattr(experiment_tracker, "RANKED_RUNS", 3)
    assert [found.metrics["score"] for found in tracker.runs(order_by="score")] == [9.0, 4.0, 1.5]
