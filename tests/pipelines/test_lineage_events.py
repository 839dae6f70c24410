"""OpenLineage: what is sent of runs, that it arrives once a transport can be had, and that no run waits for it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openlineage.client", reason="the extra `openlineage` is not installed")

from openlineage.client.event_v2 import RunEvent, RunState
from openlineage.client.serde import Serde

from stacktui.model.run import RunStatus
from stacktui.pipelines.lineage_consumer import LineageState
from stacktui.pipelines.lineage_events import step_run_id
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_running import wait_until_ended
from tests.pipelines.running import Make, Place

SOURCE = """
from typing import Any

@step
def load(n: int) -> Annotated[list, "rows"]:
    return list(range(n))

@step(retries=1)
def fit(rows: list, secret: str = "") -> float:
    if secret and context().attempt == 1:
        raise ValueError("not yet")
    return sum(rows) / len(rows)

@step
def breaks(rows: list) -> int:
    raise RuntimeError("it broke")

@step
def sleeps(folder: str) -> int:
    Path(folder, "began").touch()
    time.sleep(600)
    return 1

@pipeline
def main(n: int = 4, secret: str = ""):
    fit(load(n), secret=secret)

@pipeline
def broken():
    breaks(load(3))

@step
def frame() -> Annotated[Any, "table"]:
    import pandas as pd
    return pd.DataFrame({"age": [1, 2], "name": ["a", "b"]})

@pipeline
def framed():
    frame()

@pipeline
def long(folder: str):
    sleeps(folder)
"""


def ask(here: Place, openlineage: str = "{}") -> None:
    (here.root / "stacktui.yaml").write_text(
        f"version: 1\ndefault_stack: default\nopenlineage: {openlineage}\n"
    )


def sent(here: Place) -> list[dict[str, Any]]:
    file = here.workspace.state / "openlineage.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def kinds(here: Place) -> list[tuple[str, str]]:
    return [(each["eventType"], each["job"]["name"]) for each in sent(here)]


def told(here: Place, *wanted: tuple[str, str]) -> list[dict[str, Any]]:
    """The events, once these (kind, job) are among them."""
    wait_for(lambda: set(kinds(here)) >= set(wanted), f"{wanted} to be sent", 30)
    return sent(here)


@pytest.fixture
def here(make: Make) -> Place:
    return make(SOURCE)


def test_nothing_is_sent_unless_it_was_asked_for(here: Place) -> None:
    assert here.run().status is RunStatus.SUCCEEDED
    assert not list(here.workspace.state.glob("openlineage*"))


def test_a_run_its_steps_and_its_data(here: Place) -> None:
    for command in (
        ["init", "-q"],
        ["remote", "add", "origin", "https://someone:token@git.example/team/pipes.git"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@example", "commit", "-qm", "first"],
    ):
        subprocess.run(["git", "-C", str(here.root), *command], check=True)
    ask(here, "{namespace: vision}")
    run_id = here.run(labels={"team": "vision"}).id
    events = told(here, ("COMPLETE", "main"))
    assert [(each["eventType"], each["job"]["name"]) for each in events] == [
        ("START", "main"),
        ("START", "main.load"),
        ("COMPLETE", "main.load"),
        ("START", "main.fit"),
        ("COMPLETE", "main.fit"),
        ("COMPLETE", "main"),
    ]
    assert {each["job"]["namespace"] for each in events} == {"vision"}
    assert {each["run"]["runId"] for each in events[::5]} == {run_id}
    start, _, loaded, _, fitted, _ = events
    assert fitted["run"]["runId"] == step_run_id(run_id, "fit", 1)
    parent = fitted["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (run_id, "main")
    assert start["run"]["facets"]["stacktui"]["labels"] == {"team": "vision"}
    code = start["job"]["facets"]["sourceCodeLocation"]
    commit = here.store.run(run_id).code.commit  # type: ignore[union-attr]
    assert code["repoUrl"] == "https://git.example/team/pipes.git"
    assert (code["path"], code["version"].removesuffix("-dirty")) == ("pipelines/main.py", commit)
    # What one step made is what the other one took.
    (made,), (taken,) = loaded["outputs"], fitted["inputs"]
    assert (made["name"], made["namespace"]) == ("main/load/rows", "vision")
    assert (made["name"], made["namespace"], made["facets"]) == (
        taken["name"],
        taken["namespace"],
        taken["facets"],
    )
    artifact = here.store.artifact(here.steps(run_id)["load"].outputs["rows"])
    assert made["facets"]["version"]["datasetVersion"] == "1"
    assert made["facets"]["stacktui_artifact"]["digest"] == artifact.digest
    file = here.workspace.state / "openlineage.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "token" not in file.read_text()
    # A cached step is complete too, with the data that stands in for its own.
    here.run()
    wait_for(lambda: len(sent(here)) == 12, "the second run's events", 30)
    cached = [each for each in sent(here)[6:] if each["job"]["name"] == "main.load"]
    assert [each["eventType"] for each in cached] == ["START", "COMPLETE"]
    assert cached[1]["outputs"][0]["facets"]["version"]["datasetVersion"] == "1"


def test_a_frame_has_a_schema(here: Place) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    ask(here)
    here.run("framed")
    events = told(here, ("COMPLETE", "framed.frame"))
    (made,) = next(each for each in events if each["eventType"] == "COMPLETE")["outputs"]
    assert [field["name"] for field in made["facets"]["schema"]["fields"]] == ["age", "name"]


def test_each_event_is_one_of_the_clients_own(here: Place) -> None:
    ask(here)
    here.run("broken")
    for each in told(here, ("FAIL", "broken")):
        kinds = {kind.value for kind in RunState}
        assert each["eventType"] in kinds
        again = RunEvent(
            eventTime=each["eventTime"],
            producer=each["producer"],
            run=each["run"],
            job=each["job"],
            eventType=RunState(each["eventType"]),
            inputs=each["inputs"],
            outputs=each["outputs"],
        )
        assert json.loads(Serde.to_json(again))["run"]["runId"] == each["run"]["runId"]


def test_a_failure_says_why_without_a_secret(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACKTUI_SECRET_VAULT__TOKEN", "v3ry-s3cret-value")
    here.edit(
        "from stacktui import context, pipeline, step\n"
        "@step(secrets=['vault.token'])\n"
        "def breaks() -> int:\n    raise RuntimeError('refused ' + context().secret('vault.token'))\n"
        "@pipeline\ndef broken():\n    breaks()\n"
    )
    ask(here)
    here.run("broken")
    events = told(here, ("FAIL", "broken"), ("FAIL", "broken.breaks"))
    failed = next(
        each for each in events if (each["eventType"], each["job"]["name"]) == ("FAIL", "broken.breaks")
    )
    error = failed["run"]["facets"]["errorMessage"]
    assert error["message"] == "RuntimeError: refused ******"
    assert "pipelines/main.py" in error["stackTrace"]
    assert "v3ry-s3cret-value" not in (here.workspace.state / "openlineage.jsonl").read_text()


def test_each_attempt_is_a_run_of_its_own(here: Place) -> None:
    ask(here)
    run_id = here.run(params={"secret": "x"}).id
    events = [each for each in told(here, ("COMPLETE", "main")) if each["job"]["name"] == "main.fit"]
    assert [(each["eventType"], each["run"]["runId"]) for each in events] == [
        ("START", step_run_id(run_id, "fit", 1)),
        ("FAIL", step_run_id(run_id, "fit", 1)),
        ("START", step_run_id(run_id, "fit", 2)),
        ("COMPLETE", step_run_id(run_id, "fit", 2)),
    ]


def test_a_run_that_was_stopped_and_one_that_was_lost_are_aborted(here: Place, tmp_path: Path) -> None:
    ask(here)
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        run_id = here.start("long", params={"folder": str(folder)})
        wait_for((folder / "began").exists, "the step to begin", 30)
        if number == 0:
            here.store.request(run_id, "stop")
            here.ended(run_id)
        else:
            pid = here.pid(run_id)
            os.kill(pid, signal.SIGKILL)
            wait_until_ended(pid)
        wait_for(
            lambda number=number: kinds(here).count(("ABORT", "long")) == number + 1,  # type: ignore[misc]
            "the run to be aborted",
            30,
        )
    ends = [each for each in sent(here) if each["eventType"] == "ABORT"]
    assert [each["job"]["name"] for each in ends] == ["long.sleeps", "long", "long.sleeps", "long"]
    assert ends[-1]["run"]["facets"]["errorMessage"]["message"] == "the process that ran it is gone"


class Receiver:
    """A lineage server on this host. While `down` it takes nothing."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.down = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not receiver.down:
                    receiver.keys.append(self.headers.get("Authorization"))
                    receiver.events.append(json.loads(body))
                self.send_response(503 if receiver.down else 201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_a_server_that_was_down_gets_everything_later(
    here: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACKTUI_SECRET_LINEAGE__KEY", "l1neage-key")
    auth = "auth: {type: api_key, apiKey: '{{lineage.key}}'}"
    ask(here, f"{{transport: {{type: http, url: '{receiver.url}', retry: {{total: 0}}, {auth}}}}}")
    receiver.down = True
    first = here.run()
    assert first.status is RunStatus.SUCCEEDED, first.error
    state = here.workspace.state
    wait_for(lambda: LineageState.read(state).error, "the failure to be noted", 30)
    wait_for(lambda: "lineage is not sent" in here.runner_log(first.id), "a line in the runner's log", 30)
    assert "l1neage-key" not in here.runner_log(first.id) + LineageState.read(state).model_dump_json()
    receiver.down = False
    second = here.run()
    wait_for(
        lambda: (
            [each["run"]["runId"] for each in receiver.events if each["eventType"] == "COMPLETE"][-1:]
            == [second.id]
        ),
        "the second run's end",
        60,
    )
    ends = [each["run"]["runId"] for each in receiver.events if each["eventType"] == "COMPLETE"]
    assert first.id in ends
    assert set(receiver.keys) == {"Bearer l1neage-key"}
    assert wait_for(lambda: not LineageState.read(state).error, "the failure to be over", 30)


def test_a_configuration_that_the_client_does_not_take_fails_no_run(here: Place) -> None:
    ask(here, "{transport: {type: pigeon}}")
    run = here.run()
    assert run.status is RunStatus.SUCCEEDED
    wait_for(lambda: "is not understood" in here.runner_log(run.id), "a line in the runner's log", 30)
    assert "is not understood" in LineageState.read(here.workspace.state).error
