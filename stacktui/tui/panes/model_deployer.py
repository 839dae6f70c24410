"""The live pane of a model deployer: servers with state and address; start, stop, logs, a prediction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.base import short_id
from stacktui.model.category import Category
from stacktui.model.text import Clean, clean, clean_block
from stacktui.operations.moments import stamp_minutes
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, state_text, tone_of
from stacktui.tui.panes.base import Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.facts import Fact, Facts, Section
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.model_deployer import ModelDeployer

_LOG_LINES = 60
_POLL_SECONDS = 2.0
"""A server that dies tells nobody: it is looked for while the pane is visible."""


@dataclass(frozen=True)
class ServerLine:
    """One served model."""

    name: str
    state: str
    address: Clean
    version: int
    type: Clean
    artifact: str
    run_id: str
    created_at: datetime
    started_at: datetime | None
    error: Clean


@dataclass(frozen=True)
class Servers:
    """The served models by name."""

    servers: tuple[ServerLine, ...]
    capabilities: frozenset[str]


class ModelDeployerPane(Pane[Servers]):
    """Servers, and what the chosen one says."""

    topics = frozenset({Topic.RUNS, Topic.FILES, Topic.ACTIVE})
    WORD = "models"
    EMPTY = Clean(
        "No model is served. On the artifact stores (2), d on an artifact that holds a model serves it."
    )
    STACK_ONLY = frozenset({"start_model", "stop_model", "operation('model delete')", "predict"})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_models.predict", "i", "predict", "predict", rank=2, help="Send inputs to the model and show what it answers."),
        bind("pane_models.stop", "x", "stop_model", "stop", writes=True, rank=3, help="Stop the model; it can be started again."),
        bind("pane_models.start", "X", "start_model", "start", writes=True, rank=4, help="Start the stopped model on its address."),
        bind("pane_models.logs", "l", "server_log", "log", rank=5, help="The last lines that its server wrote."),
        bind("pane_models.delete", "D", "operation('model delete')", "delete", writes=True, rank=12, help="Stop it and forget it; its artifact stays."),
        bind("pane_models.run", "w", "open_model_run", "its run", rank=13, help="Open the run that deployed it."),
        bind("pane_models.copy", "y", "copy_address", "copy address", rank=30, help="Copy the model's address."),
    ]  # fmt: skip

    def __init__(self, category: Category) -> None:
        super().__init__(category)
        self._inputs: dict[str, str] = {}
        self._answers: dict[str, Section] = {}

    def body(self) -> ComposeResult:
        yield self.main_panel(
            Grid(
                Column("state", "state", 10),
                Column("name", "model", 12, grow=True),
                Column("version", "ver", 4, align="right"),
                Column("address", "address", 22, drop=1),
                Column("type", "type", 14, drop=3),
                Column("age", "up", 4, align="right", drop=2),
                markable=False,
                marker_without_focus=False,
                id="models",
                empty=self.EMPTY,
            )
        )
        yield self.detail_panel(Facts(id="model-detail"), title="server")

    def on_mount(self) -> None:
        self.set_interval(_POLL_SECONDS, self._look_again)

    def _look_again(self) -> None:
        if self.view_visible and self.data is not None and self.data.servers:
            self.reload()
            # What its server wrote meanwhile.
            self._load_detail()

    def read(self, source: Source) -> Servers:
        deployer = cast("ModelDeployer", source.live)
        return Servers(
            tuple(
                ServerLine(
                    server.name, server.state.value, clean(server.address), server.version,
                    clean(server.artifact.type.rpartition(".")[2]), server.artifact.id, server.run_id or "",
                    server.created_at, server.started_at, clean(server.error or ""),
                )
                for server in deployer.find()
            ),
            frozenset(deployer.facts.capabilities),
        )  # fmt: skip

    def draw(self, data: Servers) -> None:
        self.main_grid.set_rows(_row(line) for line in data.servers)
        running = sum(line.state == "running" for line in data.servers)
        self.entitle(len(data.servers), f"{running} running" if data.servers else "")
        if self._detail_key is None:
            self.look_at(self.main_grid.cursor_key)

    def on_grid_moved(self, event: Grid.Moved) -> None:
        self.look_at(event.key)

    def read_detail(self, source: Source, key: str) -> tuple[Section, ...]:
        deployer = cast("ModelDeployer", source.live)
        found = next((server for server in deployer.find(key)), None)
        if found is None:
            return ()
        facts = [
            Fact(Clean("address"), clean(found.address), Tone.ACCENT),
            Fact(Clean("artifact"), clean(f"{short_id(found.artifact.id)}  {found.artifact.type}")),
            Fact(Clean("deployed"), clean(f"{stamp_minutes(found.created_at)}  version {found.version}")),
        ]  # fmt: skip
        if found.run_id:
            facts.append(Fact(Clean("by run"), clean(short_id(found.run_id))))
        if found.error:
            facts.append(Fact(Clean("error"), clean(found.error), Tone.ERROR))
        lines = [clean(line) for line in deployer.logs(key, _LOG_LINES)]
        log = tuple(Fact(Clean(""), line, Tone.MUTED) for line in lines)
        none = (Fact(Clean(""), Clean("It has written nothing yet."), Tone.MUTED),)
        return (Section(Clean(""), tuple(facts)), Section(Clean("log"), log or none))

    def show_detail(self, sections: tuple[Section, ...]) -> None:
        key = self._detail_key
        answer = self._answers.get(key or "")
        super().show_detail((*sections[:1], answer, *sections[1:]) if answer and sections else sections)
        self.detail_title(clean(f"server {key}") if key else "server")

    def _line(self) -> ServerLine | None:
        key = self.main_grid.cursor_key
        return next((x for x in self.data.servers if x.name == key), None) if self.data else None

    def subject(self) -> Subject | None:
        line = self._line()
        return (
            Subject("model", {"name": line.name}, clean(f"model {line.name}"))
            if line and self.in_stack
            else None
        )

    def refusal(self, action: str) -> str | None:
        line = self._line()
        if action in _NEEDS_LINE and line is None:
            return "no model is chosen"
        if line is not None:
            if action == "start_model" and line.state in ("running", "starting"):
                return f"it is {line.state} already"
            if action == "stop_model" and line.state == "stopped":
                return "it is stopped already"
            if action == "predict" and line.state != "running":
                return f"it is {line.state}"
            if action == "open_model_run" and not line.run_id:
                return "no run deployed it"
        return super().refusal(action)

    def action_start_model(self) -> None:
        line = self._line()
        if line is not None:
            self.host.notice(clean(f"Starting {line.name}…"))
            self.host.do("model start", self._started, name=line.name)

    def _started(self, document: Any) -> None:
        self.host.notice("")
        self.workbench.toast(clean(f"{document.name} answers at {document.address}"))

    def action_stop_model(self) -> None:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        line = self._line()
        if line is None:
            return
        name = line.name
        text = f"Stop {name}?\n\nRequests to {line.address} fail until it is started again."
        self.host.ask(
            ConfirmDialog("stop a model", text, "stop"),
            lambda yes: self.host.do("model stop", self._stopped, name=name) if yes else None,
        )

    def _stopped(self, document: Any) -> None:
        self.workbench.toast(clean(f"{document.name} is stopped; X starts it on the same address"))

    def action_server_log(self) -> None:
        self.open_detail()

    def action_predict(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        line = self._line()
        if line is None:
            return
        self.host.ask(
            PromptDialog(
                clean(f"ask {line.name}"),
                "Inputs as JSON: rows as nested lists, or column → list.",
                value=self._inputs.get(line.name, "[[]]"),
                check=_json_problem,
            ),
            lambda text: self._send(line.name, text) if text else None,
        )

    def _send(self, name: str, text: str) -> None:
        self._inputs[name] = text
        self.host.do("model predict", partial(self._answered, name, text), name=name, inputs=text)

    def _answered(self, name: str, text: str, document: Any) -> None:
        output = clean_block(json.dumps(document.outputs, ensure_ascii=False, default=str))
        asked = clean(text if len(text) < 200 else text[:200] + "…")
        self._answers[name] = Section(
            Clean("prediction"),
            (Fact(Clean("inputs"), asked, Tone.MUTED), Fact(Clean("outputs"), output, Tone.STRONG)),
        )
        self.look_at(name, at_once=True)
        if self.has_class("-detail") or self.host.has_class("-narrow"):
            self.open_detail()

    def action_open_model_run(self) -> None:
        line = self._line()
        if line is not None and line.run_id:
            self.workbench.open_place("run", line.run_id)

    def action_copy_address(self) -> None:
        line = self._line()
        if line is not None:
            self.copy(line.address)


_NEEDS_LINE = frozenset(
    {"predict", "start_model", "stop_model", "server_log", "open_model_run", "copy_address"}
)


def _json_problem(text: str) -> str | None:
    try:
        json.loads(text)
    except ValueError as error:
        return f"not JSON yet: {error}"
    return None


def _row(line: ServerLine) -> Row:
    up = ago(line.started_at) if line.state == "running" else Clean("")
    return Row(
        line.name,
        (
            Cell(state_text(line.state), tone_of(line.state)),
            Cell(clean(line.name)),
            Cell(Clean(f"v{line.version}"), Tone.MUTED),
            Cell(line.address, Tone.ACCENT),
            Cell(line.type, Tone.MUTED),
            Cell(up, Tone.MUTED),
        ),
    )
