"""The contract of experiment trackers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stacktui.categories.errors import ComponentError, NotFound, Unsupported
from stacktui.categories.experiment_tracker import ExperimentRun, ExperimentTracker
from stacktui.model.base import uuid7
from stacktui.model.category import Category
from stacktui.testing.contracts.base import ComponentContract, lacks, needs
from stacktui.testing.contracts.nouns import a_run, next_id
from stacktui.testing.contracts.steps import StepInside


class ExperimentTrackerContract(ComponentContract):
    """Override the fixture `component` with an `ExperimentTracker` outside of a step, without experiments.

    If its surroundings give a metadata store, runs are made in it, and what steps emit is recorded there.
    A flavor that is told in another way which step it is in overrides `inside` too.
    """

    category = Category.EXPERIMENT_TRACKER

    def begin(self, component: ExperimentTracker, pipeline: str = "training") -> str:
        """Start a run; returns its id."""
        run = a_run(id=next_id(), pipeline=pipeline, params={"lr": 0.1})
        if component.around.metadata_store is not None:
            component.around.metadata_store.create_run(run, [])
        return run.id

    def inside(self, component: ExperimentTracker, run_id: str, step: str = "fit") -> ExperimentTracker:
        """The same tracker as a step of the run has it."""
        channel = StepInside(run_id, step, component.around.metadata_store)
        return type(component)(
            component.config, replace(component.around, metadata_store=None, channel=channel)
        )

    def test_logs_inside_a_step_only(self, component: ExperimentTracker, tmp_path: Path) -> None:
        needs(component, "log")
        file = tmp_path / "plot.txt"
        file.write_text("x")
        calls: list[Callable[[], None]] = [
            lambda: component.log_params({"lr": 1}),
            lambda: component.log_metric("loss", 1),
            lambda: component.log_metrics({"loss": 1}),
            lambda: component.log_file(file),
        ]
        for call in calls:
            with pytest.raises(ComponentError) as caught:
                call()
            assert "step" in str(caught.value)
            assert "\n" not in str(caught.value)

    def test_shows_what_was_logged(self, component: ExperimentTracker) -> None:
        needs(component, "log", "query")
        run_id = self.begin(component)
        with self.inside(component, run_id) as tracker:
            tracker.log_params({"depth": 3, "kind": "tree"})
            tracker.log_params({"depth": 4})
            tracker.log_metric("loss", 0.5)
            tracker.log_metrics({"loss": 0.25, "accuracy": 0.9})
        found = self._only(component, run_id)
        assert found.experiment == "training"
        # Trackers that keep text keep numbers as text.
        assert str(found.params["depth"]) == "4"
        assert found.params["kind"] == "tree"
        assert found.metrics == {"loss": 0.25, "accuracy": 0.9}

    def test_numbers_points(self, component: ExperimentTracker) -> None:
        needs(component, "log", "curves")
        run_id = self.begin(component)
        with self.inside(component, run_id) as tracker:
            tracker.log_metric("loss", 3.0)
            tracker.log_metric("other", 7.0)
            tracker.log_metric("loss", 2.0)
            tracker.log_metric("loss", 1.0, step=10)
            tracker.log_metric("loss", 0.5)
        assert [(point.step, point.value) for point in component.curve(run_id, "loss")] == [
            (0, 3.0),
            (1, 2.0),
            (10, 1.0),
            (11, 0.5),
        ]
        assert len(component.curve(run_id, "other")) == 1
        assert list(component.curve(run_id, "none")) == []

    def test_thins_long_curves(self, component: ExperimentTracker) -> None:
        needs(component, "log", "curves")
        run_id = self.begin(component)
        with self.inside(component, run_id) as tracker:
            for step in range(100):
                tracker.log_metric("loss", float(step), step)
        curve = component.curve(run_id, "loss", limit=10)
        steps = [point.step for point in curve]
        assert len(steps) == 10
        assert steps[-1] == 99
        gaps = {later - earlier for earlier, later in itertools.pairwise(steps)}
        assert max(gaps) <= 2 * min(gaps)
        assert [point.step for point in component.curve(run_id, "loss", limit=1)] == [99]
        assert len(component.curve(run_id, "loss")) == 100

    def test_has_no_curve_of_an_unknown_run(self, component: ExperimentTracker) -> None:
        needs(component, "curves")
        with pytest.raises(NotFound):
            component.curve(uuid7(), "loss")

    def test_keeps_odd_numbers(self, component: ExperimentTracker) -> None:
        needs(component, "log", "curves")
        run_id = self.begin(component)
        with self.inside(component, run_id) as tracker:
            tracker.log_metric("loss", math.nan)
            tracker.log_metric("loss", math.inf)
            tracker.log_metric("loss", 1)
            with pytest.raises((TypeError, ValueError)):
                tracker.log_metric("loss", "high")  # type: ignore[arg-type]
        first, second, third = (point.value for point in component.curve(run_id, "loss"))
        assert math.isnan(first)
        assert (second, third) == (math.inf, 1.0)

    def test_keeps_files(self, component: ExperimentTracker, tmp_path: Path) -> None:
        needs(component, "log", "files", "query")
        run_id = self.begin(component)
        file = tmp_path / "confusion.txt"
        file.write_text("1 0\n0 1\n")
        with self.inside(component, run_id) as tracker:
            tracker.log_file(file)
            tracker.log_file(file, name="renamed.txt")
            with pytest.raises(ComponentError) as caught:
                tracker.log_file(tmp_path / "missing.txt")
            assert "missing.txt" in str(caught.value)
        assert sorted(self._only(component, run_id).files) == ["confusion.txt", "renamed.txt"]

    def test_cannot_keep_files(self, component: ExperimentTracker, tmp_path: Path) -> None:
        lacks(component, "files")
        file = tmp_path / "plot.txt"
        file.write_text("x")
        run_id = self.begin(component)
        with self.inside(component, run_id) as tracker, pytest.raises(Unsupported):
            tracker.log_file(file)

    def test_lists_and_ranks_experiments(self, component: ExperimentTracker) -> None:
        needs(component, "log", "query")
        losses = {"a": 0.5, "b": 0.1, "c": 0.9}
        runs = {}
        for name, loss in losses.items():
            runs[name] = self.begin(component)
            with self.inside(component, runs[name]) as tracker:
                tracker.log_metric("loss", 5.0)
                tracker.log_metric("loss", loss)
        other = self.begin(component, "inference")
        with self.inside(component, other) as tracker:
            tracker.log_metric("latency", 1.0)

        def ids(*args: str, **words: object) -> list[str]:
            return [found.run_id for found in component.runs(*args, **words)]  # type: ignore[arg-type]

        assert ids() == [other, runs["c"], runs["b"], runs["a"]]
        assert ids("training") == [runs["c"], runs["b"], runs["a"]]
        assert ids("training", limit=2) == [runs["c"], runs["b"]]
        assert ids("none") == []
        assert ids("training", order_by="loss") == [runs["c"], runs["a"], runs["b"]]
        assert ids("training", order_by="loss", descending=False, limit=2) == [runs["b"], runs["a"]]

    def _only(self, component: ExperimentTracker, run_id: str) -> ExperimentRun:
        (found,) = (run for run in component.runs() if run.run_id == run_id)
        return found
