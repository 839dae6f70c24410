"""The form of a pipeline's parameters on the screen that starts a run: a line each, as its source says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.widgets.filterline import QuietInput

if TYPE_CHECKING:
    from stacktui.pipelines.discover import ParameterSource, PipelineSource


class StartButton(Static, can_focus=True):
    """Starts the run, with enter, space or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("startbutton.press", "enter,space", "press", "start", rank=1, help="Start the run."),
    ]

    class Pressed(Message):
        """The run shall start."""

    def __init__(self, says: Clean = Clean("start the run")) -> None:
        self._says = says
        super().__init__(Content(self._says), id="newrun-start")

    def say(self, text: Clean) -> None:
        """What it starts."""
        if text != self._says:
            self._says = text
            self.update(Content(text))

    def action_press(self) -> None:
        self.post_message(self.Pressed())

    def on_click(self) -> None:
        self.action_press()


class ParameterLine(Horizontal):
    """A parameter: its name, what is typed, its type."""

    def __init__(self, source: ParameterSource, value: str, width: int) -> None:
        super().__init__(classes="parameter")
        self.source = source
        self._value = value
        self._label = clean(source.name).ljust(width)

    def compose(self) -> ComposeResult:
        yield Static(Content(self._label), classes="parameter--name")
        default = self.source.default_text
        field = QuietInput(value=self._value, placeholder="needed" if default is None else clean(default))
        yield field
        yield Static(Content(clean(self.source.annotation)), classes="parameter--type")

    @property
    def field(self) -> Input:
        """Where it is typed."""
        return self.query_one(Input)


class ParameterForm(VerticalScroll, can_focus=False):
    """All parameters of one pipeline."""

    class Changed(Message):
        """Something was typed."""

    class Submitted(Message):
        """Enter was pressed in the last field."""

    def __init__(self) -> None:
        super().__init__(id="newrun-form")
        self._source: PipelineSource | None = None
        self._typed: dict[tuple[str, str], str] = {}
        """What was typed, by pipeline and parameter: it is there again when one comes back."""

    def preset(self, target: str, given: Mapping[str, object]) -> None:
        """Values to begin with."""
        for name, value in given.items():
            self._typed[target, name] = as_typed(value)

    async def show(self, source: PipelineSource | None) -> None:
        """Show a pipeline's parameters; the same ones again change nothing."""
        old, self._source = self._source, source
        if source == old:
            return
        if source and old and (source.target, source.parameters) == (old.target, old.parameters):
            return
        focused = self._focused_name() if source and old and source.target == old.target else None
        await self.remove_children()
        if source is None:
            return
        width = min(24, max((len(item.name) for item in source.parameters), default=0))
        lines = [
            ParameterLine(item, self._typed.get((source.target, item.name), ""), width)
            for item in source.parameters
        ]
        if lines:
            await self.mount(*lines)
        else:
            await self.mount(Static(Content("It takes no parameters."), classes="newrun--quiet"))
        for line in lines:
            if line.source.name == focused:
                line.field.focus()

    def values(self) -> dict[str, str]:
        """What is typed, by parameter; an empty field is left out, so that its default holds."""
        return {line.source.name: line.field.value for line in self._lines() if line.field.value}

    def missing(self) -> list[str]:
        """Parameters that need a value and have none."""
        return [
            line.source.name
            for line in self._lines()
            if line.source.default_text is None and not line.field.value
        ]

    def mark(self, problem: str) -> None:
        """Mark the field that a problem names; an empty one takes the marks away."""
        for line in self._lines():
            line.set_class(bool(problem) and f"`{line.source.name}`" in problem, "-bad")

    def focus_first(self) -> bool:
        """To the first field that needs a value, or the first; False without any."""
        lines = self._lines()
        if not lines:
            return False
        missing = self.missing()
        next((line for line in lines if line.source.name in missing), lines[0]).field.focus()
        return True

    def _lines(self) -> list[ParameterLine]:
        return [line for line in self.query(ParameterLine) if line.is_mounted and line.query(Input)]

    def _focused_name(self) -> str | None:
        return next((line.source.name for line in self._lines() if line.field.has_focus), None)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        line = event.input.parent
        if isinstance(line, ParameterLine) and self._source is not None:
            key = (self._source.target, line.source.name)
            if self._typed.get(key, "") != event.value:
                self._typed[key] = event.value
                self.post_message(self.Changed())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        lines = self._lines()
        place = next((n for n, line in enumerate(lines) if line.field is event.input), len(lines))
        if place + 1 < len(lines):
            lines[place + 1].field.focus()
        else:
            self.post_message(self.Submitted())


def as_typed(value: object) -> str:
    """A parameter's value as a person would type it again."""
    import json

    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return str(value)


HOW_TO = Clean(
    """There is no pipeline yet. Write one, for example pipelines/first.py:

    from stacktui import pipeline, step

    @step
    def load(rows: int = 100) -> list[int]:
        return list(range(rows))

    @step
    def total(numbers: list[int]) -> int:
        print("adding", len(numbers), "numbers")
        return sum(numbers)

    @pipeline
    def first(rows: int = 100):
        \"\"\"Add numbers up.\"\"\"
        total(load(rows))

It appears here when the file is saved."""
)
"""What stands on the screen of a workspace without pipelines."""
