"""Runs from a later session: resumed, retried, waited for, marked and deleted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run

FLOW = """
from pathlib import Path
from stacktui import pipeline, step

BROKEN = Path({broken!r})


@step
def load(number: int) -> int:
    print("loaded")
    return number


@step(retries=1)
def fit(value: int) -> int:
    print("fits")
    if BROKEN.exists():
        raise ValueError("still broken")
    return value + 1


@step
def report(value: int) -> str:
    return f"{{value}}"


@pipeline
def flow(number: int = 1):
    report(fit(load(number)))
"""


@pytest.fixture
def broken(root: Path, tmp_path: Path) -> Path:
    """A file that breaks the step `fit` for as long as it is there."""
    file = tmp_path / "broken"
    file.touch()
    (root / "pipelines" / "flow.py").write_text(FLOW.format(broken=str(file)), "utf-8")
    return file


@pytest.fixture
def failed(stacktui: Run, broken: Path) -> str:
    """The id of a run that failed in `fit`, in its second attempt."""
    answer = stacktui("run", "flow", "--json")
    assert answer.code == 1, answer.err
    return str(answer.lines[-1]["run_id"])


def shown(stacktui: Run, run: str) -> dict[str, dict[str, object]]:
    return {step["name"]: step for step in stacktui("runs", "show", run, "--json").document["steps"]}


def test_a_failed_run_is_resumed_and_followed(stacktui: Run, failed: str, broken: Path) -> None:
    broken.unlink()
    answer = stacktui("runs", "resume", failed, "--json")
    assert answer.code == 0, answer.err
    lines = answer.lines
    assert {line["run_id"] for line in lines} == {failed}
    assert (lines[-1]["event"], lines[-1]["status"]) == ("run_finished", "succeeded")
    assert [line["text"] for line in lines if line["event"] == "log"] == ["fits"], (
        "what was there is not told again"
    )
    steps = shown(stacktui, failed)
    assert {name: step["status"] for name, step in steps.items()} == dict.fromkeys(steps, "succeeded")
    assert steps["load"]["attempt"] == 1
    attempts = steps["fit"]["attempts"]
    assert isinstance(attempts, list)
    assert [(each["attempt"], each["status"], each["error"]["type"]) for each in attempts] == [
        (1, "failed", "ValueError"), (2, "failed", "ValueError"),
    ]  # fmt: skip
    document = stacktui("runs", "show", failed, "--json").document
    assert document["resumes"] == 1
    said = stacktui("runs", "show", "last").out
    assert "resumed" in said
    assert "Earlier attempts of fit" in said
    assert "still broken" in said
    again = stacktui("runs", "resume", failed)
    assert (again.code, "has succeeded" in again.err) == (2, True)


def test_a_retry_is_a_run_of_its_own_and_may_begin_in_the_middle(
    stacktui: Run, failed: str, broken: Path
) -> None:
    assert stacktui("runs", "retry", failed, "--from", "ft").err.count("did you mean 'fit'?") == 1
    broken.unlink()
    answer = stacktui("runs", "retry", failed, "--from", "fit", "--detach", "--json")
    assert answer.code == 0, answer.err
    retry = answer.document["run_id"]
    assert retry != failed
    waited = stacktui("runs", "wait", retry, "--json")
    assert waited.code == 0
    assert [run["id"] for run in waited.document["runs"]] == [retry]
    assert stacktui("runs", "show", retry, "--json").document["retry_of"] == failed
    steps = shown(stacktui, retry)
    assert (steps["load"]["status"], steps["load"]["cached_from"]) == ("cached", failed)
    assert steps["fit"]["status"] == "succeeded"


def test_a_protected_stack_asks_for_its_name(stacktui: Run, root: Path, failed: str, broken: Path) -> None:
    stack = root / "stacks" / "default.yaml"
    stack.write_text(stack.read_text("utf-8") + "protected: true\n", "utf-8")
    broken.unlink()
    for verb in ("resume", "retry"):
        refused = stacktui("runs", verb, failed)
        assert (refused.code, "--confirm default" in refused.err) == (2, True)
    assert stacktui("runs", "resume", failed, "--confirm", "default").code == 0


def test_waiting_says_how_runs_ended_and_when_it_gave_up(stacktui: Run, failed: str, broken: Path) -> None:
    broken.unlink()
    assert stacktui("run", "flow").code == 0
    both = stacktui("runs", "wait", failed, "last", "--json")
    assert both.code == 1
    assert [run["status"] for run in both.document["runs"]] == ["failed", "succeeded"]
    assert stacktui("runs", "wait", "last").code == 0


SLOW = """
import time
from stacktui import pipeline, step


@step(cache=False)
def sleeps() -> int:
    print("sleeping")
    time.sleep(120)
    return 1


@pipeline
def slow():
    sleeps()
"""


@pytest.mark.parametrize("force", [False, True], ids=["asked", "forced"])
def test_a_run_is_waited_for_in_vain_kept_and_stopped(stacktui: Run, root: Path, force: bool) -> None:
    (root / "pipelines" / "slow.py").write_text(SLOW, "utf-8")
    run = stacktui("run", "slow", "--detach", "--json").document["run_id"]
    in_vain = stacktui("runs", "wait", run, "--timeout", "0.2")
    assert (in_vain.code, f"run {run[:13]} goes on after 0.2 s" in in_vain.err) == (2, True)
    refused = stacktui("runs", "delete", run)
    assert (refused.code, f"stacktui runs stop {run[:13]}" in refused.err) == (1, True)
    assert stacktui("runs", "retry", run).code == 1
    assert stacktui("runs", "resume", run).code == 2
    deadline = time.monotonic() + 30
    while stacktui("runs", "logs", run, "--json").out == "":
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.05)
    assert stacktui("runs", "stop", run, *(["--force"] if force else [])).code == 0
    ended = stacktui("runs", "wait", run, "--json")
    assert (ended.code, ended.document["runs"][0]["status"]) == (1, "cancelled")
    assert stacktui("runs", "stop", run).code == 1
    assert stacktui("runs", "delete", run).code == 0


def test_last_is_the_newest_run(stacktui: Run, failed: str, broken: Path) -> None:
    broken.unlink()
    stacktui("run", "flow")
    newest, before = (run["id"] for run in stacktui("runs", "list", "--json").document["runs"])
    assert before == failed
    assert stacktui("runs", "show", "last", "--json").document["id"] == newest
    assert stacktui("runs", "show", "last-1", "--json").document["id"] == failed
    assert "the store has 2 runs" in stacktui("runs", "show", "last-2").err
    assert stacktui("step", "show", "last-1", "fit", "--json").document["attempt"] == 2


def test_when_the_next_attempt_comes_is_said_as_far_as_it_is_known(stacktui: Run, broken: Path) -> None:
    assert "still broken; attempt 2 at once\n" in stacktui("run", "flow").out
    by_chance = ("--set", "fit.retry_delay=0.1", "--set", "fit.retry_jitter=0.5")
    assert "still broken; attempt 2 in about 0.10 s\n" in stacktui("run", "flow", *by_chance).out


def test_what_a_run_does_not_have_is_said(stacktui: Run, failed: str) -> None:
    no_step = stacktui("runs", "logs", failed, "fti")
    said = f"no step 'fti' in run {failed[:13]}; did you mean 'fit'? See: stacktui runs show {failed[:13]}"
    assert (no_step.code, said in no_step.err) == (2, True)
    no_attempt = stacktui("runs", "logs", failed, "fit", "--attempt", "9")
    said = f"no attempt 9 of step 'fit' in run {failed[:13]}; the newest is 2"
    assert (no_attempt.code, said in no_attempt.err) == (2, True)
    assert stacktui("runs", "logs", failed, "--attempt", "0").code == 2
    assert stacktui("runs", "logs", failed, "--attempt", "2").code == 0


def test_nothing_has_run_yet(stacktui: Run) -> None:
    answer = stacktui("runs", "show", "last")
    assert (answer.code, "nothing has run yet" in answer.err) == (2, True)


def test_labels_notes_and_pins_are_kept_and_found(stacktui: Run, failed: str) -> None:
    run = failed[:20]
    assert stacktui("runs", "label", run, "team=vision", "best=yes").code == 0
    assert stacktui("runs", "label", run, "--remove", "best").code == 0
    assert "did you mean 'team'" in stacktui("runs", "label", run, "--remove", "tea").err
    assert stacktui("runs", "label", run).code == 2
    assert "both set and taken away" in stacktui("runs", "label", run, "team=x", "--remove", "team").err
    assert stacktui("runs", "note", run, "the unlucky one").code == 0
    assert stacktui("runs", "pin", run).code == 0
    document = stacktui("runs", "show", run, "--json").document
    assert (document["labels"], document["note"], document["pinned"]) == (
        {"team": "vision"}, "the unlucky one", True,
    )  # fmt: skip
    for words in (["--label", "team"], ["--label", "team=vision"], ["--pinned"], ["--search", "unlucky"]):
        assert [each["id"] for each in stacktui("runs", "list", *words, "--json").document["runs"]] == [
            failed
        ], words
    assert stacktui("runs", "list", "--label", "best", "--json").document["runs"] == []
    assert stacktui("runs", "list", "--group", "none", "--json").document["runs"] == []
    refused = stacktui("runs", "delete", run)
    assert (refused.code, "is pinned" in refused.err) == (1, True)
    assert stacktui("runs", "pin", run, "--off").code == 0
    assert "not pinned already" in stacktui("runs", "pin", run, "--off").out
    assert stacktui("runs", "note", run, "").code == 0
    assert stacktui("runs", "show", run, "--json").document["note"] == ""


def test_a_deleted_run_is_gone_with_its_logs_and_folder(stacktui: Run, root: Path, failed: str) -> None:
    state = root / ".stacktui"
    assert (state / "logs" / failed).is_dir()
    answer = stacktui("runs", "delete", failed, "--json")
    assert answer.code == 0, answer.err
    assert answer.document == {"version": 1, "deleted": [failed], "kept_artifacts": []}
    assert not (state / "logs" / failed).exists()
    assert not (state / "runs" / failed).exists()
    assert stacktui("runs", "list", "--json").document["runs"] == []
    assert stacktui("runs", "show", failed).code == 2


def test_what_others_rely_on_is_named_and_stays(stacktui: Run, root: Path, failed: str, broken: Path) -> None:
    broken.unlink()
    assert stacktui("runs", "retry", failed, "--from", "fit").code == 0
    newest = stacktui("runs", "show", "last", "--json").document["id"]
    refused = stacktui("runs", "delete", failed)
    assert refused.code == 1
    assert f"flow/load/output@1 of run {failed[:13]} is used by run {newest[:13]}" in refused.err
    answer = stacktui("runs", "delete", failed, "--yes")
    assert answer.code == 0, answer.err
    assert "kept flow/load/output@1" in answer.out
    assert [run["id"] for run in stacktui("runs", "list", "--json").document["runs"]] == [newest]
    assert [each["step"] for each in stacktui("artifact", "list", "--json").document["artifacts"]].count(
        "load"
    ) == 1


def test_settings_of_steps_on_the_command_line_stand_above_the_file(
    stacktui: Run, root: Path, broken: Path
) -> None:
    (root / "run.yaml").write_text("steps: {fit: {retries: 5, timeout: 30s}}\n", "utf-8")
    answer = stacktui("run", "flow", "--config", str(root / "run.yaml"), "--set", "fit.retries=0", "--json")
    assert answer.code == 1
    assert [
        line["attempt"]
        for line in (
            event["data"]
            for event in answer.lines
            if event.get("step") == "fit" and event["event"] == "step_finished"
        )
    ] == [1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("fit.retires=2", "a step has no setting 'retires'; did you mean 'retries'?"),
        ("fit.resources.gpus=1", "a step has no setting 'gpus'; did you mean 'gpu'?"),
        ("fit.resources=1", "say which of the resources, as resources.gpu=1"),
        ("fit.retries=many", "--set fit.retries: "),
        ("fit.timeout=soon", "is not a duration"),
        ("fit=2", "not of the form step.key=value"),
        ("fi.retries=2", "no step `fi`; did you mean `fit`?"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(stacktui: Run, broken: Path, given: str, said: str) -> None:
    answer = stacktui("run", "flow", "--set", given)
    assert answer.code == 2
    assert said in answer.err
    assert answer.err.count("\n") == 1
