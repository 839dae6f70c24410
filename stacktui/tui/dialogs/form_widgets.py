"""A form's rows: a field with its label and what is wrong with it; a field of choices; a button. Used by every form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.dialogs.form_entries import looks_secret, same_entry, showable
from stacktui.tui.dialogs.form_fields import Choice, FieldSpec, Kind
from stacktui.tui.dialogs.form_lines import Completion, Done, LineField, LinesField, NumberField
from stacktui.tui.dialogs.form_nested import DataChanged, ModelField, RowsField
from stacktui.tui.dialogs.form_state import Wrong
from stacktui.tui.keys import bind
from stacktui.tui.marks import glyph

_LIST_FROM = 4
"""From so many choices on, space lists them instead of going to the next."""
_CARELESS = "this will stand in the file for everyone to read; write a reference, as {{name.key}}"

Paths = Callable[[FieldSpec, str], Any]
"""Gives, awaited, the paths that a begun one may become."""


def label_of(spec: FieldSpec) -> Clean:
    """The label with a star where the field is required: never told by colour alone."""
    return clean(f"{spec.label} *") if spec.required else spec.label


class FormRow(Vertical):
    """A field of the form."""

    class Changed(Message):
        """What stands in a field changed."""

        def __init__(self, row: FormRow, entry: Any) -> None:
            super().__init__()
            self.row = row
            self.entry = entry

    def __init__(
        self, spec: FieldSpec, entry: Any, secrets: Sequence[str] = (), paths: Paths | None = None
    ) -> None:
        super().__init__(classes="form-row")
        self.spec = spec
        self.entry = entry
        self.locked = not showable(entry)
        """Whether it holds characters that cannot be typed here; it keeps them."""
        self._secrets = secrets
        self._paths = paths
        self._problem = ""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="form-line"):
            yield Static(Content(label_of(self.spec)), classes="form-label")
            yield self._field()
        problem = Static(classes="form-problem")
        problem.display = False
        yield problem

    def _field(self) -> Widget:
        spec = self.spec
        if spec.kind is Kind.MODEL:
            return ModelField(spec, self.entry)
        if spec.structured:
            return RowsField(spec, self.entry)
        text = clean_block(self.entry)
        if spec.kind is Kind.CHOICE:
            return ChoiceField(spec.choices, text)
        if spec.multiline:
            return LinesField(text, spec.placeholder(), disabled=self.locked)
        if spec.kind is Kind.NUMBER:
            whole = spec.type == "whole number"
            return NumberField(
                clean(text), spec.placeholder(), whole=whole, secretable=spec.secretable, disabled=self.locked,
                completion=self._completion(),
            )  # fmt: skip
        return LineField(
            clean(text), spec.placeholder(), secretable=spec.secretable, masked=spec.masked, disabled=self.locked,
            completion=self._completion(),
        )  # fmt: skip

    def _completion(self) -> Completion | None:
        spec, paths = self.spec, self._paths
        offered = [choice.text for choice in spec.choices]
        secrets = self._secrets if spec.secretable else ()
        look = (lambda begun: paths(spec, begun)) if spec.path and paths is not None else None
        return Completion(secrets, offered, look) if secrets or offered or look else None

    def offer_secrets(self, secrets: Sequence[str]) -> None:
        """Other references to secrets can be completed."""
        self._secrets = secrets
        if self.spec.secretable and isinstance(self.field, LineField):
            self.field.suggester = self._completion()

    @property
    def field(self) -> Widget:
        """The widget that takes the focus."""
        return self.query_one("LineField, LinesField, ChoiceField, ModelField, RowsField")

    def problem(self, wrong: Wrong | None) -> None:
        """Say what is wrong with the field, or nothing."""
        careless = wrong is None and self._is_careless
        said = wrong.text if wrong is not None else _CARELESS if careless else ""
        field = self.field
        if isinstance(field, RowsField):
            field.point_at(wrong.rows if wrong is not None else frozenset())
        if said != self._problem:
            self._problem = said
            line = self.query_one(".form-problem", Static)
            line.display = bool(said)
            line.update(Content(f"{'!' if careless else glyph('✗')} {clean(said)}"))
            line.set_class(careless, "-careless")
            self.set_class(wrong is not None, "-wrong")

    @property
    def _is_careless(self) -> bool:
        """Whether a secret is written where a reference to it belongs."""
        spec, entry = self.spec, self.entry
        plain = isinstance(entry, str) and bool(entry) and "{" not in entry
        return spec.secretable and plain and looks_secret(spec.name)

    def take(self, entry: Any) -> None:
        """The field's widget holds something else."""
        if not same_entry(entry, self.entry) and not self.locked:
            # A plain text: what was cleaned for the screen has a type that no file is written from.
            self.entry = str(entry) if isinstance(entry, str) else entry
            self.post_message(self.Changed(self, self.entry))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.take(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(Done())

    @on(TextArea.Changed)
    def _lines_typed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.take(event.text_area.text)

    @on(DataChanged)
    def _nested(self, event: DataChanged) -> None:
        event.stop()
        self.take(event.data)


class ChoiceField(Widget, can_focus=True):
    """One of several values: arrows change it, a letter goes to the next that starts with it, space lists them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("choicefield.next", "right,l", "turn(1)", "next", rank=150, help="The next value."),
        bind("choicefield.previous", "left,h", "turn(-1)", "previous", rank=150, help="The value before."),
        bind("choicefield.list", "space", "list", "choose", rank=150, help="List the values."),
        bind("choicefield.done", "enter", "done", "next field", rank=150),
    ]

    def __init__(self, choices: Sequence[Choice], value: str) -> None:
        super().__init__()
        self.choices = list(choices)
        if value not in {choice.text for choice in choices}:
            self.choices.append(Choice(value, clean(value)))
        self.value = value

    @property
    def chosen(self) -> Choice:
        """The value that is set."""
        return next(choice for choice in self.choices if choice.text == self.value)

    def choose(self, value: str) -> None:
        """Set another value."""
        if value != self.value:
            self.value = value
            self.refresh()
            row = self.parent.parent if self.parent is not None else None
            if isinstance(row, FormRow):
                row.take(value)

    def action_turn(self, by: int) -> None:
        place = self.choices.index(self.chosen)
        self.choose(self.choices[(place + by) % len(self.choices)].text)

    async def _on_key(self, event: events.Key) -> None:
        letter = (event.character or "").casefold()
        if letter.isalnum() and letter not in ("h", "l"):
            place = self.choices.index(self.chosen)
            after = [*self.choices[place + 1 :], *self.choices[: place + 1]]
            found = next((c for c in after if c.text and c.label.casefold().startswith(letter)), None)
            if found is not None:
                event.stop()
                self.choose(found.text)

    def action_list(self) -> None:
        if len(self.choices) < _LIST_FROM:
            self.action_turn(1)
        else:
            self.list_all()

    def list_all(self) -> None:
        """Let one be chosen from a list."""
        from stacktui.tui.dialogs.simple import ChoiceDialog

        items = [(choice.text or "\0", choice.label, choice.help) for choice in self.choices]

        def answered(key: str | None) -> None:
            if key is not None:
                self.choose("" if key == "\0" else key)

        app: Any = self.app
        app.ask(ChoiceDialog("choose", items, current=self.value or "\0"), answered)

    def action_done(self) -> None:
        self.post_message(Done())

    def on_click(self) -> None:
        self.action_list()

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.refresh()

    def render(self) -> Content:
        chosen = self.chosen
        left, right = (glyph("‹"), glyph("›")) if self.has_focus else (" ", " ")
        style = "bold $tone-accent" if self.has_focus else ""
        return Content.assemble(
            (f"{left} ", "$tone-accent"), (chosen.label, style), (f" {right}  ", "$tone-accent"), (chosen.help, "$quiet")
        )  # fmt: skip


class FormButton(Widget, can_focus=True):
    """A button that tab reaches; enter or space presses it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("button.press", "enter,space", "press", "press", rank=150),
    ]

    class Pressed(Message):
        """It was pressed."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(name=name, classes="form-button")
        self._hint = hint

    def action_press(self) -> None:
        self.post_message(self.Pressed(self.name or ""))

    def on_click(self) -> None:
        self.action_press()

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.refresh()

    def render(self) -> Content:
        if self.has_focus:
            return Content.assemble(
                (f" {glyph('▌')}{self.name} ", "bold reverse"), (f" {self._hint}", "$quiet")
            )
        return Content.assemble((f"  {self.name} ", "bold"), (f" {self._hint}", "$quiet"))
