"""The widgets of a form: one line of text, one of several, several lines, a button; each in a row with its label and
what is wrong with it. Used by the component form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea
from textual.widgets.text_area import Edit, EditResult

from stacktui.model.secretref import references
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.dialogs.form_draft import label_of
from stacktui.tui.dialogs.form_fields import Choice, FieldSpec, Kind, looks_secret, showable
from stacktui.tui.keys import bind
from stacktui.tui.marks import glyph
from stacktui.tui.widgets.filterline import QuietInput

_LIST_FROM = 4
"""From so many choices on, space lists them instead of going to the next."""
_MOST_LINES = 8
_CARELESS = "this will stand in the file for everyone to read; write a reference, as {{name.key}}"


class FormRow(Vertical):
    """A field of the form."""

    class Changed(Message):
        """The text of a field changed."""

        def __init__(self, row: FormRow, text: str) -> None:
            super().__init__()
            self.row = row
            self.text = text

    class Done(Message):
        """Enter was pressed: go to the next field."""

    def __init__(self, spec: FieldSpec, text: str, suggestions: Sequence[str] = ()) -> None:
        super().__init__(classes="form-row")
        self.spec = spec
        self.text = text
        self.locked = not showable(text)
        """Whether it holds characters that cannot be typed here; it keeps them."""
        self._suggestions = suggestions
        self._problem = ""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="form-line"):
            yield Static(Content(label_of(self.spec)), classes="form-label")
            yield self._field()
        problem = Static(classes="form-problem")
        problem.display = False
        yield problem

    def _field(self) -> Widget:
        spec, text = self.spec, clean_block(self.text)
        if spec.kind is Kind.CHOICE:
            return ChoiceField(spec.choices, text)
        if spec.multiline:
            return LinesField(text, spec.placeholder(), disabled=self.locked)
        return LineField(
            clean(text), spec.placeholder(),
            secretable=spec.secretable, suggestions=self._suggestions, disabled=self.locked,
        )  # fmt: skip

    @property
    def field(self) -> Widget:
        """The widget that takes the focus."""
        return self.query_one("LineField, LinesField, ChoiceField")

    def problem(self, text: str) -> None:
        """Say what is wrong with the field, or nothing."""
        careless = not text and self._is_careless
        said = text or (_CARELESS if careless else "")
        if said != self._problem:
            self._problem = said
            line = self.query_one(".form-problem", Static)
            line.display = bool(said)
            line.update(Content(f"{'!' if careless else glyph('✗')} {clean(said)}"))
            line.set_class(careless, "-careless")
            self.set_class(bool(text), "-wrong")

    @property
    def _is_careless(self) -> bool:
        """Whether a secret is written where a reference to it belongs."""
        name, text = self.spec.name, self.text
        return self.spec.secretable and bool(text) and "{" not in text and looks_secret(name)

    def take(self, text: str) -> None:
        """The field's widget holds another text."""
        if text != self.text and not self.locked:
            # A plain text: what was cleaned for the screen has a type that no file is written from.
            self.text = str(text)
            self.post_message(self.Changed(self, self.text))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.take(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Done())

    @on(TextArea.Changed)
    def _lines_typed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.take(event.text_area.text)


class LineField(QuietInput):
    """One line. It hides a secret value that was written where a reference belongs."""

    def __init__(
        self,
        value: str,
        placeholder: Clean = Clean(""),
        *,
        secretable: bool = False,
        suggestions: Sequence[str] = (),
        disabled: bool = False,
    ) -> None:
        super().__init__(value=value, placeholder=placeholder)
        self.disabled = disabled
        self._secretable = secretable
        if suggestions:
            self.suggester = SuggestFromList(suggestions)
        self._mask()

    def _mask(self) -> None:
        value = self.value
        self.password = (
            self._secretable and bool(value) and not references(value) and not value.startswith("{")
        )

    @on(Input.Changed)
    def _masked(self) -> None:
        if self._secretable:
            self._mask()

    def replace(self, text: str, start: int, end: int) -> None:
        # What is pasted may hold anything.
        super().replace(clean(text), start, end)


class LinesField(TextArea):
    """Several lines, as high as its text. Enter on an empty last line goes on to the next field."""

    def __init__(self, text: str, placeholder: Clean = Clean(""), *, disabled: bool = False) -> None:
        super().__init__(
            text,
            compact=True,
            highlight_cursor_line=False,
            disabled=disabled,
            placeholder=Content(placeholder),
        )
        self.cursor_blink = False
        self._fit()

    def edit(self, edit: Edit) -> EditResult:
        edit.text = clean_block(edit.text)
        return super().edit(edit)

    def _fit(self) -> None:
        self.styles.height = min(_MOST_LINES, max(1, self.document.line_count))

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._fit()

    async def _on_key(self, event: events.Key) -> None:
        lines = self.document.lines
        at_end = self.cursor_location[0] == len(lines) - 1
        if event.key == "enter" and at_end and not lines[-1].strip():
            event.stop()
            event.prevent_default()
            if len(lines) > 1:
                self.delete((len(lines) - 2, len(lines[-2])), self.document.end)
            self.post_message(FormRow.Done())
            return
        await super()._on_key(event)


class ChoiceField(Widget, can_focus=True):
    """One of several values: arrows change it, space lists them."""

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

    def action_list(self) -> None:
        if len(self.choices) < _LIST_FROM:
            self.action_turn(1)
            return
        from stacktui.tui.dialogs.simple import ChoiceDialog

        items = [(choice.text or "\0", choice.label, choice.help) for choice in self.choices]

        def answered(key: str | None) -> None:
            if key is not None:
                self.choose("" if key == "\0" else key)

        app: Any = self.app
        app.ask(ChoiceDialog("choose", items, current=self.value or "\0"), answered)

    def action_done(self) -> None:
        self.post_message(FormRow.Done())

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
