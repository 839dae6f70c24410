"""The local model deployer: the contract, and its processes, files, protocol and what survives what."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError, Unauthorised
from stacktui.categories.model_deployer import ServerState
from stacktui.categories.process_mark import ProcessMark
from stacktui.flavors.local.model_deployer import LocalModelDeployer, LocalModelDeployerConfig
from stacktui.flavors.local.model_server import ServerFolder, ServerRecord
from stacktui.model.artifact import ArtifactRef
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.model_deployer import ModelDeployerContract
from stacktui.testing.contracts.models import RowSum, kept


def _ports() -> LocalModelDeployerConfig:
    """A range of its own, below the ports that the system gives to connections: a stopped model's stays free."""
    first = random.randrange(20_000, 32_000)
    return LocalModelDeployerConfig(first_port=first, last_port=first + 20)


@pytest.fixture
def component(stacktui_surroundings: Surroundings) -> Iterator[LocalModelDeployer]:
    deployer = LocalModelDeployer(_ports(), stacktui_surroundings)
    yield deployer
    for server in deployer.find():
        deployer.delete(server.name)


class TestLocalModelDeployer(ModelDeployerContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> Iterator[LocalModelDeployer]:
        deployer = LocalModelDeployer(_ports(), stacktui_surroundings)
        yield deployer
        for server in deployer.find():
            deployer.delete(server.name)


def _keep(component: LocalModelDeployer, value: Any) -> ArtifactRef:
    assert component.around.artifact_store is not None
    return kept(value, component.around.artifact_store())


def _record(component: LocalModelDeployer, name: str) -> ServerRecord:
    return ServerFolder(component.around.state / "models", name).read()


def _process(component: LocalModelDeployer, name: str) -> ProcessMark:
    process = _record(component, name).process
    assert process is not None
    return process


def _request(
    component: LocalModelDeployer, method: str, path: str, body: Any = None, token: str | None = ""
) -> tuple[int, Any]:
    port = _record(component, "sums").port
    connection = http.client.HTTPConnection("127.0.0.1", port or 0, timeout=30)
    if token == "":
        token = (component.around.state / "models" / "sums" / "token").read_text()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    connection.request(method, path, data, headers)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_speaks_the_open_inference_protocol(component: LocalModelDeployer) -> None:
    component.deploy("sums", _keep(component, RowSum(2)))
    assert _request(component, "GET", "/v2/health/live") == (200, {"live": True})
    assert _request(component, "GET", "/v2/health/ready") == (200, {"ready": True})
    status, server = _request(component, "GET", "/v2")
    assert (status, server["name"], server["extensions"]) == (200, "stacktui", [])
    status, facts = _request(component, "GET", "/v2/models/sums")
    assert (status, facts["name"], facts["versions"]) == (200, "sums", ["1"])
    assert facts["platform"] == "stacktui.testing.contracts.models.RowSum"
    assert _request(component, "GET", "/v2/models/sums/ready") == (200, {"name": "sums", "ready": True})
    request = {
        "id": "42",
        "inputs": [{"name": "x", "shape": [2, 2], "datatype": "INT64", "data": [[1, 2], [3, 4]]}],
        "outputs": [{"name": "predict"}],
    }
    for path in ("/v2/models/sums/infer", "/v2/models/sums/versions/1/infer"):
        assert _request(component, "POST", path, request) == (
            200,
            {
                "model_name": "sums",
                "model_version": "1",
                "id": "42",
                "outputs": [{"name": "predict", "shape": [2], "datatype": "FP64", "data": [6.0, 14.0]}],
            },
        )
    assert _request(component, "POST", "/v2/models/sums/versions/9/infer", request)[0] == 404
    assert _request(component, "GET", "/v2/models/sums/infer")[0] == 405
    assert _request(component, "GET", "/metrics")[0] == 404


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [3]}, "has 3 values"),
        ({"shape": [10**12, 0], "data": []}, "too many"),
        ({"shape": "x"}, "shape"),
        ({"datatype": "FP8"}, "datatype"),
        ({"datatype": "INT64", "data": ["a", "b", "c", "d"]}, "INT64"),
        ({"datatype": "UINT8", "data": [1, 2, 3, 4000]}, "UINT8"),
        ({"name": None}, "name"),
    ],
)
def test_a_bad_tensor_is_a_bad_request(
    component: LocalModelDeployer, change: dict[str, Any], said: str
) -> None:
    component.deploy("sums", _keep(component, RowSum(2)))
    tensor = {"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4], **change}
    status, answer = _request(component, "POST", "/v2/models/sums/infer", {"inputs": [tensor]})
    assert status == 400
    assert said in answer["error"]


def test_a_body_that_is_no_request_is_refused(component: LocalModelDeployer) -> None:
    component.deploy("sums", _keep(component, RowSum(2)))
    for body in (b"{", b"[]", b"{}", b'{"inputs": []}', b"[" * 100_000):
        assert _request(component, "POST", "/v2/models/sums/infer", body)[0] == 400
    assert component.predict("sums", [[1.0]]) == [2.0]


def test_nothing_is_answered_without_the_token(component: LocalModelDeployer) -> None:
    component.deploy("sums", _keep(component, RowSum(2)))
    for path in ("/v2", "/v2/health/live", "/v2/models/sums", "/none"):
        for token in (None, "wrong", "\u00fc"):
            assert _request(component, "GET", path, token=token)[0] == 401
    assert _request(component, "POST", "/v2/models/sums/infer", b"x" * 5_000_000, token="wrong")[0] == 401
    (component.around.state / "models" / "sums" / "token").write_text("another")
    with pytest.raises(Unauthorised):
        component.predict("sums", [[1.0]])


def test_listens_on_loopback_only_and_hides_its_token(component: LocalModelDeployer) -> None:
    server = component.deploy("sums", _keep(component, RowSum(2)))
    token = (component.around.state / "models" / "sums" / "token").read_text()
    process = _process(component, "sums")
    command = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True, check=True
    ).stdout
    assert "stacktui.pipelines.serving" in command
    assert token not in command
    assert token not in "\n".join(component.logs("sums"))
    if sys.platform == "linux":
        port = f"{int(server.address.rpartition(':')[2]):04X}"
        lines = (
            Path("/proc/net/tcp").read_text().splitlines() + Path("/proc/net/tcp6").read_text().splitlines()
        )
        listening = [line.split()[1] for line in lines[1:] if line.split()[3] == "0A"]
        assert [address for address in listening if address.endswith(f":{port}")] == [f"0100007F:{port}"]


def test_files_are_private(component: LocalModelDeployer) -> None:
    before = os.umask(0)
    try:
        component.deploy("sums", _keep(component, RowSum(2)))
        component.deploy("sums", _keep(component, RowSum(3)))
    finally:
        os.umask(before)
    models = component.around.state / "models"
    assert stat.S_IMODE(models.stat().st_mode) == 0o700
    for path in models.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert not mode & 0o077, (path, oct(mode))
    assert [path.name for path in (models / "sums").glob("v*")] == ["v2"]


def test_a_model_fitted_by_names_gets_a_frame(component: LocalModelDeployer) -> None:
    frame = pd.DataFrame({"b": [1.0, 2.0, 3.0, 5.0], "a": [0.0, 1.0, 0.0, 2.0]})
    fitted = LinearRegression().fit(frame, frame["b"] * 10 + frame["a"])
    component.deploy("sums", _keep(component, fitted))
    # By name in another order, and by position in the model's own.
    assert component.predict("sums", {"a": [1.0], "b": [2.0]}) == pytest.approx([21.0])
    assert component.predict("sums", pd.DataFrame({"a": [1.0], "b": [2.0]})) == pytest.approx([21.0])
    assert component.predict("sums", [[2.0, 1.0]]) == pytest.approx([21.0])
    for inputs, said in (
        ({"a": [1.0]}, "missing b"),
        ({"a": [1], "b": [1], "c": [1]}, "unknown c"),
        ([[1.0]], "2 features"),
    ):
        with pytest.raises(ComponentError, match=said):
            component.predict("sums", inputs)
    _, facts = _request(component, "GET", "/v2/models/sums")
    assert [tensor["name"] for tensor in facts["inputs"]] == ["b", "a"]
    assert not any("feature names" in line for line in component.logs("sums")), "scikit-learn was not warned"


def test_missing_numbers_travel_as_null(component: LocalModelDeployer) -> None:
    component.deploy("sums", _keep(component, RowSum(2)))
    assert component.predict("sums", [[1.0, float("nan")], [1.0, None], [1.0, 1.0]]) == [None, None, 4.0]


def test_the_teams_own_classes_are_found(
    component: LocalModelDeployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipelines = component.around.workspace / "pipelines"
    pipelines.mkdir()
    (pipelines / "team_model_of_ours.py").write_text(
        textwrap.dedent(
            """
            class Ours:
                def predict(self, rows):
                    print("asked for", len(rows))
                    return ["yes" for _ in rows]
            """
        )
    )
    monkeypatch.syspath_prepend(str(pipelines))
    module = __import__("team_model_of_ours")
    artifact = _keep(component, module.Ours())
    monkeypatch.undo()
    component.deploy("sums", artifact)
    assert component.predict("sums", [[1], [2]]) == ["yes", "yes"]
    assert "asked for 2" in list(component.logs("sums"))


def test_a_model_that_leaves_is_answered_for(component: LocalModelDeployer) -> None:
    pipelines = component.around.workspace / "pipelines"
    pipelines.mkdir()
    (pipelines / "model_that_leaves.py").write_text(
        "class Leaves:\n    def predict(self, rows):\n        raise SystemExit(3)\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(pipelines))
        artifact = _keep(component, __import__("model_that_leaves").Leaves())
    component.deploy("sums", artifact)
    with pytest.raises(ComponentError, match="the model failed: SystemExit: 3"):
        component.predict("sums", [[1]])
    assert component.find("sums")[0].state is ServerState.RUNNING


def test_survives_whoever_started_it(component: LocalModelDeployer) -> None:
    around = component.around
    artifact = _keep(component, RowSum(2))
    program = f"""
import os, signal
from pathlib import Path
from stacktui.categories.base import Surroundings
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.flavors.local.model_deployer import LocalModelDeployer, LocalModelDeployerConfig
from stacktui.model.artifact import ArtifactRef
place = (Path({str(around.workspace)!r}), Path({str(around.state)!r}), Path({str(around.user_data)!r}))
store = LocalArtifactStore(LocalArtifactStoreConfig(), Surroundings("s", *place))
config = LocalModelDeployerConfig.model_validate_json({component.config.model_dump_json()!r})
deployer = LocalModelDeployer(config, Surroundings("d", *place, artifact_store=lambda: store))
deployer.deploy("sums", ArtifactRef.model_validate_json({artifact.model_dump_json()!r}))
os.killpg(0, signal.SIGKILL)
"""
    starter = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    assert starter.wait(timeout=60) == -signal.SIGKILL
    assert component.predict("sums", [[1.0, 1.0]]) == [4.0]
    process = _process(component, "sums")
    parent = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(process.pid)], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert parent != str(starter.pid)


def test_a_killed_server_is_stopped_and_starts_on_its_port(component: LocalModelDeployer) -> None:
    before = component.deploy("sums", _keep(component, RowSum(2)))
    process = _process(component, "sums")
    process.signal(signal.SIGKILL)
    wait_for(lambda: not process.alive, "the server's end")
    (server,) = component.find("sums")
    assert (server.state, server.error) == (ServerState.STOPPED, None)
    assert component.start("sums").address == before.address
    assert component.predict("sums", [[1.0, 1.0]]) == [4.0]


def test_after_a_reboot_it_is_stopped_and_no_process_is_touched(component: LocalModelDeployer) -> None:
    component.deploy("sums", _keep(component, RowSum(2)))
    process = _process(component, "sums")
    process.signal(signal.SIGKILL)
    wait_for(lambda: not process.alive, "the server's end")
    folder = ServerFolder(component.around.state / "models", "sums")
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    try:
        # The same pid belongs to another process now: after a reboot, or because pids came round.
        for change in ({"boot": "an-earlier-boot"}, {"started": "1"}):
            mark = process.model_copy(update={"pid": bystander.pid, **change})
            folder.write(folder.read().model_copy(update={"process": mark}))
            assert component.find("sums")[0].state is ServerState.STOPPED
            component.stop("sums")
            assert component.start("sums").state is ServerState.RUNNING
            component.stop("sums")
        assert bystander.poll() is None
    finally:
        bystander.communicate()


def test_a_crash_of_the_interpreter_is_a_failure_with_its_reason(component: LocalModelDeployer) -> None:
    component.deploy("sums", _keep(component, RowSum(2)))
    process = _process(component, "sums")
    process.signal(signal.SIGSEGV)
    wait_for(lambda: not process.alive, "the server's end")
    (server,) = component.find("sums")
    assert server.state is ServerState.FAILED
    assert "Segmentation fault" in (server.error or "")
    with pytest.raises(ComponentError, match="Segmentation fault"):
        component.predict("sums", [[1.0]])
    assert component.start("sums").state is ServerState.RUNNING


def test_a_port_that_is_taken_is_said(component: LocalModelDeployer) -> None:
    server = component.deploy("sums", _keep(component, RowSum(2)))
    component.stop("sums")
    port = int(server.address.rpartition(":")[2])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(ComponentError, match=f"port {port}.*used by another process"):
            component.start("sums")
    assert component.start("sums").address == server.address


def test_two_models_have_two_ports(component: LocalModelDeployer) -> None:
    first = component.deploy("one", _keep(component, RowSum(1)))
    component.stop("one")
    second = component.deploy("two", _keep(component, RowSum(2)))
    assert first.address != second.address, "a stopped model keeps its address"
    assert component.start("one").address == first.address
    assert component.predict("one", [[1.0]]) == [1.0]
    assert component.predict("two", [[1.0]]) == [2.0]


def test_content_is_kept_when_the_artifact_store_forgets_it(component: LocalModelDeployer) -> None:
    artifact = _keep(component, RowSum(2))
    component.deploy("sums", artifact)
    component.stop("sums")
    assert component.around.artifact_store is not None
    component.around.artifact_store().delete(artifact.uri)
    component.start("sums")
    assert component.predict("sums", [[1.0]]) == [2.0]


def test_content_that_was_changed_is_never_unpickled(component: LocalModelDeployer, tmp_path: Path) -> None:
    artifact = _keep(component, RowSum(2))
    component.deploy("sums", artifact)
    component.stop("sums")
    trap = tmp_path / "sprung"
    (content,) = (
        path for path in (component.around.state / "models/sums/v1/artifacts").rglob("*") if path.is_file()
    )
    # A pickle that makes a file when it is loaded.
    content.write_bytes(b"cpathlib\nPath\n(V" + str(trap).encode() + b"\ntR.")
    with pytest.raises(ComponentError, match=r"digest|not what"):
        component.start("sums")
    content.write_bytes(b"cos\nmkdir\n(V" + str(trap).encode() + b"\ntR.")
    with pytest.raises(ComponentError, match=r"digest|not what"):
        component.start("sums")
    assert not trap.exists()


def test_a_server_that_does_not_come_up_in_time_is_ended(component: LocalModelDeployer) -> None:
    workspace = component.around.workspace
    (workspace / "slow_module_of_ours.py").write_text(
        "import time, sys\nif 'stacktui.pipelines.serving' in ' '.join(sys.argv) or 'serving' in sys.argv[0]:\n"
        "    print('takes its time', flush=True)\n    time.sleep(600)\nclass Slow:\n    def predict(self, x): return x\n"
    )
    sys.path.insert(0, str(workspace))
    try:
        artifact = _keep(component, __import__("slow_module_of_ours").Slow())
    finally:
        sys.path.remove(str(workspace))
    with pytest.raises(ComponentError, match="takes its time"):
        component.deploy("sums", artifact, timeout_s=3)
    (server,) = component.find("sums")
    assert server.state is ServerState.FAILED
    process = _process(component, "sums")
    wait_for(lambda: not process.alive, "the server's end")


def test_one_damaged_record_does_not_hide_the_others(component: LocalModelDeployer) -> None:
    component.deploy("sums", _keep(component, RowSum(2)))
    damaged = component.around.state / "models" / "damaged"
    damaged.mkdir()
    (damaged / "server.json").write_text("{")
    assert [server.name for server in component.find()] == ["sums"]
    with pytest.raises(ComponentError, match="damaged"):
        component.find("damaged")


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="below"):
        LocalModelDeployerConfig(first_port=9000, last_port=8000)
