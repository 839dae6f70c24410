"""A component while it is in the form: what stands in its fields, what it was made from, and the component that they
describe.

Nothing here draws. Used by the component form.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.text import Clean
from stacktui.tui.dialogs.form_entries import entry_of, same_entry, value_of
from stacktui.tui.dialogs.form_fields import ABSENT, Choice, FieldSpec, Kind
from stacktui.tui.dialogs.form_state import ModelFields, Wrong
from stacktui.tui.dialogs.merging import Unreadable

if TYPE_CHECKING:
    from stacktui.categories.base import FlavorConfig

CONFIG = "config."
OTHER = "config"
"""The field that holds, as YAML, what the flavor does not know; the whole config where the flavor is not known."""

_LABELS = FieldSpec(
    "labels", Clean("labels"), Kind.PAIRS, description="Free labels to filter by, as team: vision."
)
_DESCRIPTION = FieldSpec(
    "description", Clean("description"), Kind.TEXT, description="One line for the people who choose it."
)
_NAME = FieldSpec("name", Clean("name"), Kind.TEXT, True, description=f"The file's name: {NAME_RULE}.")
_FLAVOR = FieldSpec("flavor", Clean("flavor"), Kind.CHOICE, True, "choice", description="The implementation.")


class Built(NamedTuple):
    """What the entries describe."""

    component: Component | None
    """None where an entry cannot be read."""
    problems: dict[str, Wrong]
    """What is wrong, by the field's key, in words."""


@dataclass
class Draft:
    """A component's fields. `source` is the component that they were made from; None for a new one."""

    category: Category
    source: Component | None
    adding: bool
    flavors: tuple[Choice, ...]
    own: dict[str, Any] = field(default_factory=dict)
    """Entries of the component's own fields: name, flavor, description, labels."""
    initial: dict[str, Any] = field(default_factory=dict)
    """Those entries as they were made from `source`."""
    config: ModelFields = field(default_factory=lambda: ModelFields(None))
    _labels: FieldSpec = _LABELS
    _shown: str = ""
    """The flavor whose fields are shown; another one may just have been chosen."""
    _parked: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Config entries of flavors that were left again, so that coming back loses nothing."""

    # What a form needs of it.

    @property
    def specs(self) -> tuple[FieldSpec, ...]:
        """The fields, in order."""
        flavor = _FLAVOR._replace(choices=self.flavors)
        return (*((_NAME,) if self.adding else ()), flavor, _DESCRIPTION, self._labels, *self.config.specs)

    @property
    def dirty(self) -> bool:
        """Whether anything differs from what it was made from."""
        return any(self.touched(key) for key in self.own) or self.config.dirty

    def entry(self, key: str) -> Any:
        """What stands in a field."""
        return self.own[key] if key in self.own else self.config.entry(key)

    def put(self, key: str, entry: Any) -> None:
        """Something else stands in it."""
        if key in self.own:
            self.own[key] = entry
        else:
            self.config.put(key, entry)

    def touched(self, key: str) -> bool:
        """Whether a field differs from what it was made from."""
        if key in self.own:
            return not same_entry(self.own[key], self.initial.get(key, ""))
        return self.config.touched(key)

    # Its life.

    def start(self, name: str, flavor: str, model: type[FlavorConfig] | None) -> None:
        """Make the fields and entries from the source."""
        source = self.source
        labels = dict(source.labels) if source else {}
        self._labels, entry = entry_of(_LABELS, labels or ABSENT)
        self.own = {
            "name": name,
            "flavor": flavor,
            "description": source.description if source else "",
            "labels": entry,
        }
        self.initial = dict(self.own)
        self.config = self._config_fields(model, flavor)

    def _config_fields(self, model: type[FlavorConfig] | None, flavor: str) -> ModelFields:
        self._shown = flavor
        held = self.source.config if self.source and self.source.flavor == flavor else {}
        about = (
            "Fields that this flavor does not know: take them out, or choose another flavor."
            if model is not None
            else "The flavor does not load here, so its fields are not known: the configuration as YAML."
        )
        rest = FieldSpec(OTHER, Clean("other" if model else "config"), Kind.YAML, description=about)
        return ModelFields(model, held, CONFIG, rest)

    def change_flavor(self, flavor: str, model: type[FlavorConfig] | None) -> None:
        """Another flavor: fields of the same names keep their entries."""
        old = {spec.key: (spec.kind, self.config.entries[spec.key]) for spec in self.config.specs}
        self._parked[self._shown] = {key: entry for key, (_, entry) in old.items()}
        self.own["flavor"] = flavor
        self.config = self._config_fields(model, flavor)
        parked = self._parked.get(flavor, {})
        for spec in self.config.specs:
            kind, entry = old.get(spec.key, (spec.kind, ABSENT))
            if spec.key in parked:
                self.config.put(spec.key, parked[spec.key])
            elif entry not in (ABSENT, "") and kind is spec.kind and spec.key != OTHER:
                self.config.put(spec.key, entry)

    def follow(self, source: Component, model: type[FlavorConfig] | None) -> None:
        """Take a component as the new source, and nothing of what was typed."""
        self.source = source
        self.start(source.name, source.flavor, model)

    # Two versions.

    def content(self) -> dict[str, Any]:
        """What stands here as plain data, `Unreadable` where a text is no value."""
        read = self.config.read()
        unread = {
            spec.name: Unreadable(str(self.config.entry(spec.key)))
            for spec in self.config.specs
            if spec.key in read.wrong and spec.key != OTHER
        }
        try:
            labels = value_of(self._labels, self.own["labels"])
        except ValueError:
            labels = Unreadable(self.own["labels"])
        found = {
            "flavor": self.own["flavor"],
            "description": self.own["description"] or ABSENT,
            "labels": labels,
        }
        return _without_absent({**found, "config": {**read.data, **unread}})

    def take_in(
        self,
        theirs: Component,
        model: type[FlavorConfig] | None,
        data: Mapping[str, Any],
        mine: Collection[str],
    ) -> None:
        """Go on from their version, with `data` in the fields. The entries of the fields in `mine` (by key) stay as
        they were typed."""
        old_specs = {spec.key: spec for spec in self.specs}
        kept = {key: self.entry(key) for key in mine if key in old_specs}
        name = self.own["name"]
        self.source = theirs
        self.start(name, theirs.flavor, model if data["flavor"] == theirs.flavor else None)
        for key in ("flavor", "description"):
            self.own[key] = kept.get(key, data.get(key, ""))
        if "labels" in kept:
            self._labels, self.own["labels"] = old_specs["labels"], kept["labels"]
        else:
            self._labels, self.own["labels"] = entry_of(_LABELS, data.get("labels", ABSENT))
        before = self._config_fields(model, data["flavor"])
        config = {k: v for k, v in data.get("config", {}).items() if not isinstance(v, Unreadable)}
        self.config = ModelFields(model, config, CONFIG, before.rest)
        self.config.source, self.config.initial = before.source, before.initial
        for place, spec in enumerate(self.config.specs):
            if spec.key in kept and spec.key != OTHER:
                self.config.specs = (
                    *self.config.specs[:place], old_specs[spec.key], *self.config.specs[place + 1 :],
                )  # fmt: skip
                self.config.put(spec.key, kept[spec.key])

    # What it describes.

    def build(self, taken: Collection[str]) -> Built:
        """The component, and what is wrong with single fields. `taken` are names in use."""
        problems: dict[str, Wrong] = {}
        values: dict[str, Any] = {}
        for spec in (_DESCRIPTION, self._labels):
            try:
                values[spec.key] = value_of(spec, self.own[spec.key])
            except ValueError as error:
                problems[spec.key] = Wrong(str(error))
        name = self.own["name"]
        if self.adding:
            if not name:
                problems["name"] = Wrong("a name is needed")
            elif not is_name(name):
                problems["name"] = Wrong(f"a name has {NAME_RULE}")
            elif name in taken:
                problems["name"] = Wrong(f"there is a {self.category.facts.title} {name} already")
        config = self.config.read()
        problems |= config.wrong
        if problems.keys() - {"name"}:
            return Built(None, problems)
        component = self._component(name if is_name(name) else "new", values, config.data, problems)
        if component is not None:
            for key, wrong in self.config.check(component.config).items():
                problems.setdefault(key, wrong)
        return Built(component if "name" not in problems else None, problems)

    def _component(
        self, name: str, values: Mapping[str, Any], config: dict[str, Any], problems: dict[str, Wrong]
    ) -> Component | None:
        from pydantic import ValidationError

        from stacktui.operations.values import first_line

        content: dict[str, Any] = {"flavor": self.own["flavor"], "config": config}
        for key in ("description", "labels"):
            if values[key] is not ABSENT:
                content[key] = values[key]
        try:
            return Component.model_validate({"category": self.category, "name": name, **content})
        except ValidationError as error:
            where = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
            problems[where if where in self.own else "flavor"] = Wrong(first_line(error))
            return None


def content_of(component: Component) -> dict[str, Any]:
    """A component as plain data, as `Draft.content` gives it."""
    return _without_absent(
        {
            "flavor": component.flavor,
            "description": component.description or ABSENT,
            "labels": dict(component.labels) or ABSENT,
            "config": dict(component.config),
        }
    )


def _without_absent(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not ABSENT}
