"""What a form holds while it is open: the entries of a model's fields, what they were made from, and the data that
they describe. Nothing here draws. Used by the forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stacktui.model.text import Clean
from stacktui.runtime.findings import KeyPath
from stacktui.tui.dialogs.form_entries import entry_of, same_entry, value_of
from stacktui.tui.dialogs.form_fields import ABSENT, Choices, FieldSpec, Kind, specs_of

if TYPE_CHECKING:
    from pydantic import BaseModel

REST = "*"
"""The field that holds, as YAML, what the model does not know."""
WHOLE = ""
"""The key of what is wrong with the fields together."""


_REST = FieldSpec(
    REST, Clean("other"), Kind.YAML,
    description="Fields that are not known here: kept as they are, and refused where only known ones may stand.",
)  # fmt: skip


class Wrong(NamedTuple):
    """What is wrong with a field."""

    text: str
    rows: frozenset[int | str] = frozenset()
    """Of a list or mapping: the rows that it is about."""


class Held(Protocol):
    """What a form needs of what it edits."""

    @property
    def specs(self) -> tuple[FieldSpec, ...]:
        """The fields, in order."""

    @property
    def dirty(self) -> bool:
        """Whether anything differs from what it was made from."""

    def entry(self, key: str) -> Any:
        """What stands in a field."""

    def put(self, key: str, entry: Any) -> None:
        """Something else stands in it."""

    def touched(self, key: str) -> bool:
        """Whether it differs from what it was made from."""


class Read(NamedTuple):
    """The data that entries describe."""

    data: dict[str, Any]
    wrong: dict[str, Wrong]
    """Entries that cannot be read, by key; `data` is without them."""


@dataclass
class ModelFields:
    """The fields of one model. What the model does not know is kept, and stands in a field of its own."""

    model: type[BaseModel] | None
    """None where it is not known: all of the source is then one field, as YAML."""
    source: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""
    rest: FieldSpec = _REST
    choices: Choices = field(default_factory=dict)
    specs: tuple[FieldSpec, ...] = ()
    entries: dict[str, Any] = field(default_factory=dict)
    initial: dict[str, Any] = field(default_factory=dict)
    """The entries as they were made from the source."""

    def __post_init__(self) -> None:
        held = dict(self.source)
        specs: list[FieldSpec] = []
        known = (
            specs_of(self.model, prefix=self.prefix, choices=self.choices) if self.model is not None else ()
        )
        for spec in known:
            shown, self.entries[spec.key] = entry_of(spec, held.pop(spec.name, ABSENT))
            specs.append(shown)
        if held or self.model is None:
            shown, self.entries[self.rest.key] = entry_of(self.rest, held or ABSENT)
            specs.append(shown)
        self.specs = tuple(specs)
        self.initial = dict(self.entries)

    @property
    def dirty(self) -> bool:
        return any(self.touched(key) for key in self.entries)

    def entry(self, key: str) -> Any:
        return self.entries[key]

    def put(self, key: str, entry: Any) -> None:
        self.entries[key] = entry

    def touched(self, key: str) -> bool:
        return not same_entry(self.entries.get(key, ""), self.initial.get(key, ""))

    def read(self) -> Read:
        """The data that the entries describe; what was not typed is the source's own, in the source's order."""
        held = self.source
        found: dict[str, Any] = {}
        wrong: dict[str, Wrong] = {}
        for spec in self.specs:
            if spec.key == self.rest.key:
                continue
            try:
                value = value_of(spec, self.entries[spec.key])
            except ValueError as error:
                wrong[spec.key] = Wrong(str(error))
                continue
            # What was not typed is not read anew either: the file's own value stays, quotes and all.
            if not self.touched(spec.key) and spec.name in held:
                value = held[spec.name]
            if value is not ABSENT:
                found[spec.name] = value
        if self.rest.key in self.entries:
            self._read_rest(found, wrong)
        in_order = [key for key in held if key in found]
        return Read({key: found[key] for key in (*in_order, *(k for k in found if k not in held))}, wrong)

    def _read_rest(self, found: dict[str, Any], wrong: dict[str, Wrong]) -> None:
        try:
            rest = value_of(self.rest, self.entries[self.rest.key])
        except ValueError as error:
            wrong[self.rest.key] = Wrong(str(error))
            return
        if rest is ABSENT:
            return
        if not isinstance(rest, dict):
            wrong[self.rest.key] = Wrong("must be a mapping of keys to values")
            return
        touched = self.touched(self.rest.key)
        found.update({key: value if touched else self.source.get(key, value) for key, value in rest.items()})

    def check(self, data: Mapping[str, Any]) -> dict[str, Wrong]:
        """What the model says about the data, by the field's key; `WHOLE` for what is about no single field."""
        from stacktui.runtime.config import check_config

        if self.model is None:
            return {}
        keys = {spec.key for spec in self.specs}
        wrong: dict[str, Wrong] = {}
        for fault in check_config(self.model, data):
            key = f"{self.prefix}{fault.path[0]}" if fault.path else WHOLE
            if fault.path and key not in keys:
                key = self.rest.key if self.rest.key in keys else WHOLE
            message = fault.message
            if fault.path and key not in (self.rest.key, WHOLE):
                message = _beside_label(message, fault.path)
            row = frozenset(fault.path[1:2])
            before = wrong.get(key)
            wrong[key] = Wrong(before.text, before.rows | row) if before else Wrong(message, row)
        return wrong


def _beside_label(message: str, path: KeyPath) -> str:
    """A fault's message where a label says the field's name already: rows are counted from one, or named by key."""
    from stacktui.runtime.config import spelled

    if len(path) == 1:
        return message.removeprefix(f"{path[0]} ")
    rest = message.removeprefix(spelled(path[:2]))
    if rest == message:
        return message
    row = f"row {path[1] + 1}" if isinstance(path[1], int) else str(path[1])
    return f"{row}: {rest[1:]}" if rest.startswith(".") else f"{row}{rest}"
