"""`context()`: what a step finds in it, and that there is none elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacktui import context
from stacktui.model.execution import Alert, FileLogged, MetricPoint, ParamsLogged, Progress
from stacktui.pipelines.context import NotInAStep
from tests.pipelines.working import Bench, bench

SOURCE = """
@step
def facts():
    here = context()
    return [here.run.run_id, here.run.pipeline, here.step, here.attempt, repr(here)]

@step
def logs(folder):
    tracker = context().experiment_tracker
    tracker.log_params({"lr": 0.1})
    tracker.log_metric("loss", 0.5, step=3)
    path = Path(folder, "plot.txt"); path.write_text("plot")
    tracker.log_file(path)
    context().alerter.post("done")
    context().progress(1, 4, "quarter")
    return tracker.name

@step
def from_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(context().step))
    thread.start(); thread.join()
    return found

@step
def secret(name):
    try:
        return context().secret(name)
    except KeyError as error:
        return str(error)

@step
def looks_up(name):
    try:
        return context().secrets[name]
    except KeyError as error:
        return str(error)

@step
def shows():
    return repr(context().secrets)

@step
def looks(x):
    return [context().input_artifact("x").digest, str(context().code)]

@step
def reaches(what):
    getattr(context(), what).name

@step
def keeps():
    return context().save("early", [1, 2]).uri

"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Bench]:
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(bench(tmp_path, SOURCE))


def test_there_is_none_outside_of_a_step() -> None:
    with pytest.raises(NotInAStep, match="inside a step"):
        context()


def test_the_run_and_the_step(here: Bench) -> None:
    found = here.value(here.do("facts", "found", attempt=2, step="facts_2"), "found")
    assert found[:4] == [here.run.run_id, "bench", "facts_2", 2]


def test_components_speak_to_the_runner(here: Bench, tmp_path: Path) -> None:
    result = here.do("logs", "tracker", folder=str(tmp_path))
    assert here.value(result, "tracker") == "first"
    by_kind = {type(event): event for event in here.events}
    params, metric = by_kind[ParamsLogged], by_kind[MetricPoint]
    file, alert, progress = by_kind[FileLogged], by_kind[Alert], by_kind[Progress]
    assert isinstance(params, ParamsLogged)
    assert params.params == {"lr": 0.1}
    assert isinstance(metric, MetricPoint)
    assert (metric.key, metric.value, metric.step) == ("loss", 0.5, 3)
    assert isinstance(file, FileLogged)
    assert here.artifacts.read_bytes(file.artifact.uri) == b"plot"
    assert isinstance(alert, Alert)
    assert (alert.alerter, alert.message) == ("inbox", "done")
    assert isinstance(progress, Progress)
    assert (progress.done, progress.total) == (1, 4)


def test_the_tracker_is_the_one_of_the_settings(here: Bench, tmp_path: Path) -> None:
    assert (
        here.value(here.do("logs", "tracker", folder=str(tmp_path), tracker="second"), "tracker") == "second"
    )


def test_inputs_artifacts_and_the_code(here: Bench) -> None:
    made = here.do("from_a_thread", "found").outputs["found"]
    assert here.value(here.do("looks", "v", x=made), "v") == [made.digest, str(here.code)]
    error = here.do("looks", "v", x=1).error
    assert error is not None
    assert "no input 'x' comes from a step" in error.message


def test_threads_of_a_step_have_it_too(here: Bench) -> None:
    assert here.value(here.do("from_a_thread", "found"), "found") == ["from_a_thread"]


def test_only_named_secrets_are_there_and_none_shows_itself(here: Bench) -> None:
    given = {"vault.token": "s3cr3t-value"}
    assert here.value(here.do("secret", "v", name="vault.token", secrets=given), "v") == "s3cr3t-value"
    said = here.value(here.do("secret", "v", name="vault.other", secrets=given), "v")
    assert "@step(secrets=[…])" in said
    assert here.value(here.do("looks_up", "v", name="vault.token", secrets=given), "v") == "s3cr3t-value"
    assert here.value(here.do("looks_up", "v", name="vault.other", secrets=given), "v") == said
    assert here.value(here.do("shows", "v", secrets=given), "v") == "{'vault.token': '******'}"


@pytest.mark.parametrize("what", ["model_deployer", "feature_store", "container_registry"])
def test_what_the_stack_does_not_hold_is_said(here: Bench, what: str) -> None:
    error = here.do("reaches", what=what).error
    assert error is not None
    assert f"has no {what.replace('_', ' ')}" in error.message


def test_a_value_can_be_kept_early(here: Bench) -> None:
    uri = here.value(here.do("keeps", "uri"), "uri")
    assert here.artifacts.read_bytes(uri) == b"[1,2]"
