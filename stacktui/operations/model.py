"""Models that the active stack's deployer serves: deployed from artifacts, started, stopped, asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.categories.model_deployer import ModelServer, ServerState
from stacktui.operations.documents import Document, DoneDocument, Moment, Part
from stacktui.operations.errors import OperationError, unknown
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session

_NAME = Arg("The model's name.", complete="model")
_WAIT = Opt("How long it may take to come up, in seconds.")


class ModelRow(Part):
    """One served model."""

    name: str
    state: ServerState
    address: str
    model_version: int
    """Counted from 1, one more with each replacement."""
    artifact: str
    """The artifact's id."""
    type: str
    created_at: Moment
    started_at: Moment | None
    run_id: str | None
    error: str | None


class ModelList(Document):
    """The served models by name."""

    deployer: str
    models: tuple[ModelRow, ...]


class ModelDocument(ModelRow, Document):
    """One served model, as it is now."""


class PredictionDocument(Document):
    """What a model answered."""

    name: str
    outputs: Any


class ServerLine(Part):
    """One line that a model's server wrote."""

    name: str
    text: str


@operation("model list", writes=False, examples=("stacktui model list",))
def list_(session: Session) -> ModelList:
    """List the served models with their state and address."""
    deployer = session.live().model_deployer
    return ModelList(
        deployer=deployer.name, models=tuple(ModelRow(**_facts(server)) for server in deployer.find())
    )


@operation("model show", writes=False, on="model", key="enter", examples=("stacktui model show churn",))
def show(session: Session, name: Annotated[str, _NAME]) -> ModelDocument:
    """Show one served model."""
    return _document(_server(session, name))


@operation(
    "model deploy",
    writes=True,
    on="artifact",
    key="d",
    examples=("stacktui model deploy churn training/fit/model",),
)
def deploy(
    session: Session,
    name: Annotated[str, _NAME],
    artifact_id: Annotated[
        str,
        Arg(
            "The artifact: its id, or pipeline/step[/output][@version or :tag].",
            complete="artifact",
            name="artifact",
        ),
    ],
    *,
    timeout: Annotated[float, _WAIT] = 60.0,
) -> ModelDocument:
    """Serve an artifact under a name; one that is served already is replaced without a failed request."""
    from stacktui.model.base import NAME_RULE, is_name
    from stacktui.operations.artifact import find

    if not is_name(name):
        raise OperationError(f"{name!r} cannot name a model: a name has {NAME_RULE}")
    artifact = find(session.store(), artifact_id)
    server = session.live().model_deployer.deploy(name, artifact, run_id=artifact.run_id, timeout_s=timeout)
    session.note("deployed", f"model/{name}", f"artifact {artifact.id}")
    session.changed(paths=[session.workspace.state])
    return _document(server)


@operation("model start", writes=True, on="model", examples=("stacktui model start churn",))
def start(
    session: Session, name: Annotated[str, _NAME], *, timeout: Annotated[float, _WAIT] = 60.0
) -> ModelDocument:
    """Start a stopped model on its address."""
    _server(session, name)
    server = session.live().model_deployer.start(name, timeout)
    session.note("started", f"model/{name}")
    session.changed(paths=[session.workspace.state])
    return _document(server)


@operation("model stop", writes=True, on="model", key="x", examples=("stacktui model stop churn",))
def stop(session: Session, name: Annotated[str, _NAME]) -> ModelDocument:
    """Stop a model; it can be started again."""
    _server(session, name)
    server = session.live().model_deployer.stop(name)
    session.note("stopped", f"model/{name}")
    session.changed(paths=[session.workspace.state])
    return _document(server)


@operation("model delete", writes=True, on="model", key="D", examples=("stacktui model delete churn",))
def delete(session: Session, name: Annotated[str, _NAME]) -> DoneDocument:
    """Stop a model and forget it; its artifact stays."""
    _server(session, name)
    session.live().model_deployer.delete(name)
    session.note("deleted", f"model/{name}")
    session.changed(paths=[session.workspace.state])
    return DoneDocument(done=f"deleted model {name}")


@operation(
    "model predict",
    writes=False,
    on="model",
    examples=("stacktui model predict churn '[[1.0, 2.0]]'", "stacktui model predict churn - < rows.json"),
)
def predict(
    session: Session,
    name: Annotated[str, _NAME],
    inputs: Annotated[
        str, Arg("JSON: nested lists, or column → list; `-` reads standard input.", stdin=True)
    ],
    *,
    timeout: Annotated[float, Opt("How long the answer may take, in seconds.")] = 30.0,
) -> PredictionDocument:
    """Send inputs to a model and show what it answers."""
    try:
        value = json.loads(inputs)
    except ValueError as error:
        raise OperationError(f"the inputs are not JSON: {error}; write them as '[[1.0, 2.0]]'") from None
    _server(session, name)
    return PredictionDocument(name=name, outputs=session.live().model_deployer.predict(name, value, timeout))


@operation("model logs", writes=False, streams=True, on="model", examples=("stacktui model logs churn",))
def logs(
    session: Session,
    name: Annotated[str, _NAME],
    *,
    tail: Annotated[int, Opt("How many lines, at most.", short="n")] = 200,
) -> Iterator[ServerLine]:
    """Show the last lines that a model's server wrote."""
    _server(session, name)
    for line in session.live().model_deployer.logs(name, tail):
        yield ServerLine(name=name, text=line)


def _server(session: Session, name: str) -> ModelServer:
    servers = {server.name: server for server in session.live().model_deployer.find()}
    if name not in servers:
        raise unknown("model", name, servers, "stacktui model list")
    return servers[name]


def _document(server: ModelServer) -> ModelDocument:
    return ModelDocument(**_facts(server))


def _facts(server: ModelServer) -> dict[str, Any]:
    return {
        "name": server.name,
        "state": server.state,
        "address": server.address,
        "model_version": server.version,
        "artifact": server.artifact.id,
        "type": server.artifact.type,
        "created_at": server.created_at,
        "started_at": server.started_at,
        "run_id": server.run_id,
        "error": server.error,
    }
