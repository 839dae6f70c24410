"""The fields of a form that open forms of their own: a nested model, a list of models, a mapping with nested values.

They hold plain data and ask their form to open what is under the cursor. Used by a form's rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from stacktui.model.text import Clean, clean
from stacktui.operations.fields import shown_config
from stacktui.tui.dialogs.form_fields import ABSENT, FieldSpec, Kind, shown_value
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

_MOST_ROWS = 6
_COLUMNS = 3


class Nest(Message):
    """A nested form is asked for."""

    def __init__(self, field: ModelField | RowsField, row: int | str | None, value: Any) -> None:
        """`row` is the list's place or the mapping's key; None for a new one, and for a nested model."""
        super().__init__()
        self.field = field
        self.row = row
        self.value = value


class NewKey(Message):
    """A key is asked for, for a new row of a mapping or, with `old`, another one for a row that is there."""

    def __init__(self, field: RowsField, old: str | None) -> None:
        super().__init__()
        self.field = field
        self.old = old


class DataChanged(Message):
    """A field's data changed."""

    def __init__(self, field: Widget, data: Any) -> None:
        super().__init__()
        self.field = field
        self.data = data


def summary_of(value: Any, spec: FieldSpec) -> Clean:
    """A value in one line, as `cpu 4, memory 16GiB`; what may be a secret is masked."""
    if isinstance(value, Mapping):
        shown = shown_config(value, spec.model)
        return clean(", ".join(f"{key} {_brief(item)}" for key, item in shown.items() if item is not None))
    return clean(_brief(value))


def _brief(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(str, value))}}}"
    if isinstance(value, (list, tuple)) and any(isinstance(item, (Mapping, list, tuple)) for item in value):
        return f"{len(value)} items"
    return shown_value(value)


class ModelField(Widget, can_focus=True):
    """A nested model in one line; enter opens its form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("modelfield.open", "enter,space,e", "open", "open", rank=150, help="Open its fields in a form."),
        bind("modelfield.clear", "D,delete,backspace", "clear", "leave out", rank=150, help="Leave it out of the file."),
    ]  # fmt: skip

    def __init__(self, spec: FieldSpec, data: Any) -> None:
        super().__init__()
        self.spec = spec
        self.data = data

    def take(self, data: Any) -> None:
        """Hold other data."""
        self.data = data
        self.refresh()
        self.post_message(DataChanged(self, data))

    def action_open(self) -> None:
        self.post_message(Nest(self, None, {} if self.data is ABSENT else self.data))

    def action_clear(self) -> None:
        if self.data is not ABSENT:
            self.take(ABSENT)

    def on_click(self) -> None:
        self.action_open()

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.refresh()

    def render(self) -> Content:
        mark = glyph("▌") if self.has_focus else " "
        if self.data is ABSENT:
            text, style = self.spec.placeholder(), "$quiet"
        else:
            text, style = summary_of(self.data, self.spec) or Clean("nothing in it is set"), ""
        return Content.assemble(
            (mark, "$tone-accent"), (text, "bold" if self.has_focus and not style else style)
        )


class RowsField(Grid):
    """A list of models or a mapping with nested values: rows to add, open, move and take out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("rowsfield.add", "a", "add", "add", rank=150, help="Add a row."),
        bind("rowsfield.edit", "e", "open", "open", rank=150, help="Open the row in a form."),
        bind("rowsfield.copy", "c", "copy", "copy", rank=150, help="Add a copy of the row."),
        bind("rowsfield.remove", "D,delete", "remove", "take out", rank=150, help="Take the row out."),
        bind("rowsfield.rename", "R", "rename", "rename", rank=150, help="Give the row another key."),
        bind("rowsfield.lower", "J,ctrl+down", "move(1)", "move down", rank=150, help="Move the row down."),
        bind("rowsfield.higher", "K,ctrl+up", "move(-1)", "move up", rank=150, help="Move the row up."),
        bind("rowsfield.next", "down", "line(1)", "down", rank=150, help="The next row; from the last, the next field."),
        bind("rowsfield.previous", "up", "line(-1)", "up", rank=150, help="The row before; from the first, the field before."),
    ]  # fmt: skip

    def __init__(self, spec: FieldSpec, data: Any) -> None:
        self.spec = spec
        self.rows_data: list[tuple[str, Any]] = []
        """Each row's key (of a list: its place) and value."""
        self._wrong: frozenset[int | str] = frozenset()
        self._names = _columns(spec, [])
        super().__init__(
            header=True, markable=False, filter_here=False, marker_without_focus=False,
            empty=Clean(f"none yet; a adds the first{'' if spec.required else ', or leave it so'}"),
        )  # fmt: skip
        self._hold(data)

    @property
    def keyed(self) -> bool:
        """Whether it is a mapping."""
        return self.spec.kind is Kind.MAPPING

    @property
    def data(self) -> Any:
        """What it holds."""
        if self.keyed:
            return dict(self.rows_data)
        return [value for _, value in self.rows_data]

    def _hold(self, data: Any) -> None:
        if data is ABSENT:
            data = {} if self.keyed else []
        pairs: Iterable[tuple[Any, Any]] = data.items() if self.keyed else enumerate(data)
        self.rows_data = [(str(key), value) for key, value in pairs]

    def on_mount(self) -> None:
        self._show()

    def _show(self, cursor: int | None = None) -> None:
        names = _columns(self.spec, [value for _, value in self.rows_data])
        first = Column("key", "key", 12, grow=True, most=24) if self.keyed else Column("place", "", 2)
        self.set_columns(
            Column("mark", "", 1),
            first,
            *(Column(name, name or "value", 10, grow=True, drop=place) for place, name in enumerate(names)),
        )
        self.show_header = bool(self.rows_data)
        self.set_rows(self._row(place, names) for place in range(len(self.rows_data)))
        self.styles.height = min(_MOST_ROWS, len(self.rows_data)) + 1 if self.rows_data else 1
        if cursor is not None and self.rows_data:
            self.action_cursor_to(max(0, min(cursor, len(self.rows_data) - 1)))

    def _row(self, place: int, names: Sequence[str]) -> Row:
        key, value = self.rows_data[place]
        wrong = (key if self.keyed else place) in self._wrong
        shown = shown_config(value, self.spec.model) if isinstance(value, Mapping) else {}
        cells = [
            Cell(
                summary_of(value, self.spec)
                if not name
                else clean(_brief(shown[name]) if name in shown else "")
            )
            for name in names
        ]
        mark = Cell(Clean(glyph("✗")), Tone.ERROR) if wrong else Cell(Clean(""))
        # By its place: two rows may look alike.
        return Row(str(place), (mark, Cell(clean(key if self.keyed else place + 1), Tone.MUTED), *cells))

    def point_at(self, wrong: frozenset[int | str]) -> None:
        """Mark the rows that something is wrong with."""
        if wrong != self._wrong:
            self._wrong = wrong
            self._show(self.cursor)

    def _changed(self, cursor: int) -> None:
        self._show(cursor)
        self.post_message(DataChanged(self, self.data))

    def put_row(self, row: int | str | None, value: Any, key: str = "") -> None:
        """A row has another value; None adds one (of a mapping: under `key`)."""
        if row is None:
            self.rows_data.append((key, value))
            place = len(self.rows_data) - 1
        else:
            place = next(
                n for n, (held, _) in enumerate(self.rows_data) if row == (held if self.keyed else n)
            )
            self.rows_data[place] = (self.rows_data[place][0], value)
        self._changed(place)

    def put_key(self, old: str, new: str) -> None:
        """A row of a mapping has another key."""
        self.rows_data = [(new if key == old else key, value) for key, value in self.rows_data]
        self._changed(self.cursor)

    # Keys.

    def action_open(self) -> None:
        if not self.rows_data:
            self.action_add()
            return
        key, value = self.rows_data[self.cursor]
        self.post_message(Nest(self, key if self.keyed else self.cursor, value))

    def action_add(self) -> None:
        self.post_message(NewKey(self, None) if self.keyed else Nest(self, None, {}))

    def action_copy(self) -> None:
        if not self.rows_data:
            return
        key, value = self.rows_data[self.cursor]
        if self.keyed:
            taken = dict(self.rows_data)
            key = next(new for n in range(2, 10_000) if (new := f"{key}-{n}") not in taken)
        self.rows_data.insert(self.cursor + 1, (key, value))
        self._changed(self.cursor + 1)

    def action_remove(self) -> None:
        if self.rows_data:
            place = self.cursor
            del self.rows_data[place]
            self._changed(place)

    def action_rename(self) -> None:
        if self.keyed and self.rows_data:
            self.post_message(NewKey(self, self.rows_data[self.cursor][0]))

    def action_move(self, by: int) -> None:
        here, there = self.cursor, self.cursor + by
        if 0 <= there < len(self.rows_data):
            rows = self.rows_data
            rows[here], rows[there] = rows[there], rows[here]
            self._changed(there)

    def action_line(self, by: int) -> None:
        if 0 <= self.cursor + by < len(self.rows_data):
            self.action_cursor(by)
        elif by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open":
            return True
        if action == "rename" and not self.keyed:
            return False
        return super().check_action(action, parameters)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A double click."""
        event.stop()
        self.action_open()


def _columns(spec: FieldSpec, values: Sequence[Any]) -> tuple[str, ...]:
    """The fields of a row that are shown: required ones first, and those that say something; `""` is all in one."""
    if spec.model is None:
        return ("",)
    fields = [(info.alias or name, info.is_required()) for name, info in spec.model.model_fields.items()]
    used = {key for value in values if isinstance(value, Mapping) for key in value}
    names = [name for name, required in fields if required] + [
        name for name, required in fields if not required and name in used
    ]
    return tuple(names[:_COLUMNS]) or ("",)
