"""What is called and who is told when a step or a run is over: hooks and alerters."""

from __future__ import annotations

import pytest

from stacktui.model.alert import Level
from stacktui.model.run import Run, RunStatus, StepStatus
from stacktui.pipelines.errors import GraphBroken
from stacktui.testing.contracts.base import wait_for
from tests.pipelines.running import Make, Place

KILLED = """
def tell(error):
    context().alerter.post(f"{context().step} attempt {context().attempt}: {type(error).__name__} {error}")
    print("told in", os.getpid())

def broken(error):
    raise KeyError("hook")

@step(on_failure=tell, retries=1)
def dies() -> int:
    print("dies in", os.getpid(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

@step(on_failure=tell)
def leaves() -> int:
    os._exit(3)

@step(on_failure=tell, timeout="1s")
def slow() -> int:
    time.sleep(600)

@step(on_failure=tell, step_operator="subprocess", resources=Resources(memory="300MiB"))
def hungry(x: int) -> int:
    block = bytearray(x)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(600)

@step(on_failure=broken)
def unlucky() -> int:
    os._exit(4)

@step(on_failure=tell)
def waits(folder: str) -> int:
    Path(folder, "begun").touch()
    time.sleep(600)

@pipeline
def main():
    dies()
    leaves()
    slow()
    hungry(600 << 20)
    unlucky()

@pipeline
def waiting(folder: str):
    waits(folder)
"""


def _posted(here: Place) -> list[str]:
    """What steps and hooks have posted."""
    return sorted(item.text for item in here.store.inbox() if item.step is not None)


def test_a_hook_is_called_after_a_kill_and_a_limit_too(make: Make) -> None:
    here = make(KILLED)
    run = here.run(failure_mode="continue")
    assert run.status is RunStatus.FAILED, here.runner_log(run.id)
    dies, hungry, leaves, slow = _posted(here)
    assert dies.startswith(
        "dies attempt 2: StepFailed ProcessKilled: the step's process was killed by SIGKILL"
    )
    assert hungry.startswith("hungry attempt 1: StepFailed MemoryLimit: ended at ")
    assert leaves.startswith(
        "leaves attempt 1: StepFailed ProcessExited: the step's process exited with code 3"
    )
    assert slow == "slow attempt 1: StepFailed Timeout: ended after 1 s, its time limit"
    # In another process than the one that is gone; in the log of the attempt that it is about.
    began, told = here.lines(run.id, "dies")
    assert began.startswith("dies in ")
    assert told.startswith("told in ")
    assert began.split()[-1] != told.split()[-1]
    assert {step.status for step in here.steps(run.id).values()} == {StepStatus.FAILED}
    assert any("the hook broken failed" in line for line in here.lines(run.id, "unlucky"))


def test_a_step_that_is_cancelled_has_not_failed(make: Make, tmp_path: str) -> None:
    here = make(KILLED)
    run_id = here.start("waiting", params={"folder": str(tmp_path)})
    wait_for(lambda: here.steps(run_id)["waits"].status is StepStatus.RUNNING, "the step to begin")
    here.store.request(run_id, "stop")
    assert here.ended(run_id).status is RunStatus.CANCELLED
    assert here.store.inbox() == ()


PIPELINES = """
def failed(error):
    context().alerter.post(f"hook: {context().run.run_name}: {error}")

def succeeded():
    context().alerter.post(f"hook: {context().run.run_name} is done")

def bad():
    print("before it breaks")
    raise ValueError("in the hook")

@step
def work(fail: bool) -> int:
    if fail:
        raise RuntimeError("no luck")
    return 1

@pipeline(on_success=succeeded, on_failure=failed)
def main(fail: bool = False):
    work(fail)

@pipeline(on_success=bad)
def unlucky():
    work(False)
"""


def test_a_pipelines_hooks_are_called_at_the_end_of_the_run(make: Make) -> None:
    here = make(PIPELINES)
    good = here.run(name="good")
    assert good.status is RunStatus.SUCCEEDED
    bad = here.run(name="bad", params={"fail": True})
    assert bad.status is RunStatus.FAILED
    hooks = [item for item in reversed(here.store.inbox()) if item.text.startswith("hook: ")]
    assert [(item.run_id, item.text) for item in hooks] == [
        (good.id, "hook: good is done"),
        (bad.id, "hook: bad: step `work` failed: RuntimeError: no luck"),
    ]


def test_what_a_pipelines_hook_does_wrong_stands_in_a_log_of_its_own(make: Make) -> None:
    here = make(PIPELINES)
    run = here.run("unlucky")
    assert run.status is RunStatus.SUCCEEDED
    lines = here.lines(run.id, "unlucky:on_success")
    assert lines[0] == "before it breaks"
    assert any("ValueError: in the hook" in line for line in lines)


def test_a_hook_is_given_where_the_step_is_decorated(make: Make) -> None:
    # A worker finds the step by its name: another hook would never be called.
    here = make(
        KILLED
        + """
@pipeline
def other():
    dies.with_options(on_failure=broken)()
"""
    )
    with pytest.raises(GraphBroken, match="step `dies`: on_failure is given where the step is decorated"):
        here.start("other")


def _told(here: Place, run: Run) -> list[tuple[str, Level]]:
    """What the alerter was told of a run; it may be told just after the run has ended."""
    wait_for(lambda: not here.store.is_held(run.id), "the runner to let go of the run")
    return [(item.text, item.level) for item in here.store.inbox() if item.run_id == run.id]


@pytest.mark.parametrize(
    ("settings", "of_failed", "of_succeeded"),
    [
        ("", True, False),
        ("alerts: {failed: false}\n", False, False),
        ("alerts: {succeeded_after: 0s}\n", True, True),
        ("alerts: {failed: false, succeeded_after: null}\n", False, False),
    ],
)
def test_the_alerter_is_told_as_the_workspace_wants_it(
    make: Make, settings: str, of_failed: bool, of_succeeded: bool
) -> None:
    here = make(PIPELINES.replace("(on_success=succeeded, on_failure=failed)", ""))
    file = here.root / "stacktui.yaml"
    file.write_text(file.read_text() + settings)
    good, bad = here.run(name="good"), here.run(name="bad", params={"fail": True})
    said = f"run bad failed: step `work` failed: RuntimeError: no luck; stacktui runs show {bad.id[:13]} says more"
    assert _told(here, bad) == ([(said, Level.ERROR)] if of_failed else [])
    told = _told(here, good)
    assert bool(told) is of_succeeded
    assert all(text.startswith("run good succeeded after ") for text, _ in told)
    assert all(level is Level.SUCCESS for _, level in told)


def test_an_alerter_that_cannot_speak_changes_nothing(make: Make) -> None:
    here = make(PIPELINES)
    (here.root / "flavors").mkdir()
    (here.root / "flavors" / "mute.py").write_text(
        "from stacktui.categories.alerter import Alerter\n"
        "from stacktui.categories.base import FlavorConfig, ProbeResult\n"
        "from stacktui.categories.flavor import FlavorFacts\n"
        "from stacktui.model.category import Category\n"
        "class Nothing(FlavorConfig):\n"
        "    '''Nothing to set.'''\n"
        "class Mute(Alerter):\n"
        "    '''Says nothing.'''\n"
        "    facts = FlavorFacts(category=Category.ALERTER, name='mute', summary='says nothing')\n"
        "    Config = Nothing\n"
        "    def probe(self, timeout_s=5.0):\n"
        "        return ProbeResult(ok=True, message='mute')\n"
        "    def post(self, message, level=None):\n"
        "        raise ConnectionError('the channel is gone')\n"
        "    def ask(self, question, choices=(), timeout=None, default=None):\n"
        "        raise ConnectionError('the channel is gone')\n"
    )
    (here.root / "components" / "alerter" / "mute.yaml").write_text("flavor: mute\n")
    stack = here.root / "stacks" / "default.yaml"
    stack.write_text(stack.read_text().replace("alerter: inbox", "alerter: [inbox, mute]"))
    run = here.run(params={"fail": True})
    assert run.status is RunStatus.FAILED
    assert run.error == "step `work` failed: RuntimeError: no luck"
    assert len([level for _, level in _told(here, run) if level is Level.ERROR]) == 1
    wait_for(lambda: "the channel is gone" in here.runner_log(run.id), "the runner's log to say so")
