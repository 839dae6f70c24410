"""The contract of model deployers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.model_deployer import ModelDeployer, ServerState
from stacktui.model.artifact import ArtifactRef
from stacktui.model.category import Category
from stacktui.testing.contracts.base import ComponentContract, needs, wait_for
from stacktui.testing.contracts.models import RowSum, kept

_ROWS = [[1.0, 2.0], [3.0, 4.0]]


class ModelDeployerContract(ComponentContract):
    """Override the fixture `component` with a `ModelDeployer` without models; it deletes what is left at its end.

    Models are kept in the artifact store that the component's surroundings give.
    """

    category = Category.MODEL_DEPLOYER

    @pytest.fixture
    def model(self, component: ModelDeployer) -> Callable[..., ArtifactRef]:
        """Keeps a `RowSum` and gives its artifact."""
        make_store = component.around.artifact_store
        assert make_store is not None
        return lambda factor, seconds=0.0: kept(RowSum(factor, seconds), make_store())

    def test_deploys_and_predicts(self, component: ModelDeployer, model: Callable[..., ArtifactRef]) -> None:
        needs(component, "deploy", "predict", "find")
        artifact = model(2)
        server = component.deploy("sums", artifact, run_id="the-run")
        assert server.state is ServerState.RUNNING
        assert (server.name, server.version, server.run_id) == ("sums", 1, "the-run")
        assert server.artifact == artifact
        assert server.address.startswith("http")
        assert component.predict("sums", _ROWS) == [6.0, 14.0]
        assert component.predict("sums", {"a": [1, 3], "b": [2, 4]}) == [6.0, 14.0]
        assert component.find("sums") == [server]
        assert component.find() == [server]

    def test_stops_and_starts_on_the_same_address(
        self, component: ModelDeployer, model: Callable[..., ArtifactRef]
    ) -> None:
        needs(component, "deploy", "start", "stop")
        before = component.deploy("sums", model(2))
        assert component.stop("sums").state is ServerState.STOPPED
        assert component.find("sums")[0].state is ServerState.STOPPED
        assert component.stop("sums").state is ServerState.STOPPED
        with pytest.raises(ComponentError, match="stopped"):
            component.predict("sums", _ROWS)
        after = component.start("sums")
        assert (after.state, after.address, after.version) == (ServerState.RUNNING, before.address, 1)
        assert component.start("sums") == after
        assert component.predict("sums", _ROWS) == [6.0, 14.0]

    def test_replacing_keeps_the_address_and_fails_no_request(
        self, component: ModelDeployer, model: Callable[..., ArtifactRef]
    ) -> None:
        needs(component, "deploy", "predict", "replace")
        first = component.deploy("sums", model(1, 0.005))
        done, problems, seen = threading.Event(), list[str](), list[float]()

        def ask() -> None:
            while not done.is_set():
                try:
                    seen.append(component.predict("sums", [[1.0, 0.0]])[0])
                except ComponentError as error:
                    problems.append(str(error))

        callers = [threading.Thread(target=ask) for _ in range(4)]
        for caller in callers:
            caller.start()
        try:
            wait_for(lambda: seen, "a first answer")
            for factor in (2, 3):
                server = component.deploy("sums", model(factor, 0.005))
                assert (server.address, server.version) == (first.address, factor)
                wait_for(lambda wanted=factor: wanted in seen, f"an answer of version {factor}")  # type: ignore[misc]
        finally:
            done.set()
            for caller in callers:
                caller.join()
        assert problems == []
        assert set(seen) == {1.0, 2.0, 3.0}
        assert component.predict("sums", [[1.0, 0.0]]) == [3.0]

    def test_a_replacement_that_fails_leaves_the_old_one_serving(
        self, component: ModelDeployer, model: Callable[..., ArtifactRef]
    ) -> None:
        needs(component, "deploy", "replace")
        before = component.deploy("sums", model(2))
        with pytest.raises(ComponentError, match="predict"):
            component.deploy("sums", self._no_model(component))
        assert component.find("sums") == [before]
        assert component.predict("sums", _ROWS) == [6.0, 14.0]

    def test_says_why_a_model_does_not_start(self, component: ModelDeployer) -> None:
        needs(component, "deploy", "logs")
        with pytest.raises(ComponentError, match="predict") as caught:
            component.deploy("sums", self._no_model(component))
        assert "\n" not in str(caught.value)
        (server,) = component.find("sums")
        assert server.state is ServerState.FAILED
        assert "predict" in (server.error or "")
        assert any("predict" in line for line in component.logs("sums"))

    def test_refuses_content_that_is_not_what_was_kept(
        self, component: ModelDeployer, model: Callable[..., ArtifactRef]
    ) -> None:
        needs(component, "deploy")
        artifact = model(2).model_copy(update={"digest": "sha256:" + "0" * 64})
        with pytest.raises(ComponentError):
            component.deploy("sums", artifact)

    def test_says_what_is_wrong_with_a_request(
        self, component: ModelDeployer, model: Callable[..., ArtifactRef]
    ) -> None:
        needs(component, "deploy", "predict")
        component.deploy("sums", model(2))
        with pytest.raises(ComponentError, match="rectangular"):
            component.predict("sums", [[1.0], [1.0, 2.0]])
        with pytest.raises(ComponentError, match="length"):
            component.predict("sums", {"a": [1], "b": [1, 2]})
        with pytest.raises(ComponentError, match="the model failed"):
            component.predict("sums", [["text"]])
        assert component.predict("sums", _ROWS) == [6.0, 14.0]

    def test_deletes(self, component: ModelDeployer, model: Callable[..., ArtifactRef]) -> None:
        needs(component, "deploy", "delete")
        component.deploy("sums", model(2))
        component.delete("sums")
        assert component.find() == []

    @pytest.mark.parametrize("call", ["start", "stop", "delete", "find"])
    def test_says_that_a_model_is_unknown(self, component: ModelDeployer, call: str) -> None:
        with pytest.raises(NotFound):
            getattr(component, call)("none")
        with pytest.raises(NotFound):
            list(component.logs("none"))
        with pytest.raises(NotFound):
            component.predict("none", [[1]])

    @pytest.mark.parametrize("name", ["../up", "UPPER", "", "a/b", ".."])
    def test_refuses_a_name_that_is_none(
        self, component: ModelDeployer, model: Callable[..., ArtifactRef], name: str
    ) -> None:
        with pytest.raises(ComponentError):
            component.deploy(name, model(1))

    def _no_model(self, component: ModelDeployer) -> ArtifactRef:
        make_store = component.around.artifact_store
        assert make_store is not None
        value: Any = {"not": "a model"}
        return kept(value, make_store())
