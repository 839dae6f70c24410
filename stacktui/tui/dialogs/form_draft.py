"""A component while it is in the form: its texts, what it was made from, and the component that the texts describe.

Nothing here draws. Used by the component form.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.form_fields import (
    ABSENT,
    Choice,
    FieldSpec,
    Kind,
    config_specs,
    text_of,
    value_of,
    yaml_text,
)

if TYPE_CHECKING:
    from stacktui.categories.base import FlavorConfig

OTHER = "config"
"""The field that holds, as YAML, what the flavor does not know; the whole config where the flavor is not known."""

_LABELS = FieldSpec(
    "labels", Clean("labels"), Kind.PAIRS, description="Free labels to filter by, as team: vision."
)
_DESCRIPTION = FieldSpec(
    "description", Clean("description"), Kind.TEXT, description="One line for the people who choose it."
)


class Built(NamedTuple):
    """What the texts describe."""

    component: Component | None
    """None where a text cannot be read."""
    problems: dict[str, str]
    """What is wrong, by the field's key, in words."""


@dataclass
class Draft:
    """The texts of a form. `source` is the component that they were made from; None for a new one."""

    category: Category
    source: Component | None
    adding: bool
    flavors: tuple[Choice, ...]
    texts: dict[str, str] = field(default_factory=dict)
    specs: tuple[FieldSpec, ...] = ()
    initial: dict[str, str] = field(default_factory=dict)
    """The texts as they were made from `source`."""
    model: type[FlavorConfig] | None = None
    _labels: FieldSpec = field(default_factory=lambda: _LABELS)
    _parked: dict[str, dict[str, str]] = field(default_factory=dict)
    """Config texts of flavors that were left again, so that coming back loses nothing."""

    def start(self, name: str, flavor: str, model: type[FlavorConfig] | None) -> None:
        """Make the fields and texts from the source."""
        source = self.source
        self.texts = {
            "name": name,
            "flavor": flavor,
            "description": source.description if source else "",
        }
        labels = dict(source.labels) if source else {}
        self._labels, self.texts["labels"] = text_of(_LABELS, labels or ABSENT)
        self.specs, config = self._config_fields(model, flavor)
        self.texts.update(config)
        self.initial = dict(self.texts)

    def _config_fields(
        self, model: type[FlavorConfig] | None, flavor: str
    ) -> tuple[tuple[FieldSpec, ...], dict[str, str]]:
        self.model = model
        held = dict(self.source.config) if self.source and self.source.flavor == flavor else {}
        specs: list[FieldSpec] = list(self._common())
        texts: dict[str, str] = {}
        for spec in config_specs(model) if model is not None else ():
            shown, texts[spec.key] = text_of(spec, held.pop(spec.name, ABSENT))
            specs.append(shown)
        if held or model is None:
            about = (
                "Fields that this flavor does not know: take them out, or choose another flavor."
                if model is not None
                else "The flavor does not load here, so its fields are not known: the configuration as YAML."
            )
            specs.append(
                FieldSpec(OTHER, Clean("other" if model else "config"), Kind.YAML, description=about)
            )
            texts[OTHER] = yaml_text(held) if held else ""
        return tuple(specs), texts

    def _common(self) -> tuple[FieldSpec, ...]:
        name = FieldSpec("name", Clean("name"), Kind.TEXT, True, description=f"The file's name: {NAME_RULE}.")
        flavor = FieldSpec(
            "flavor", Clean("flavor"), Kind.CHOICE, True, "choice", description="The implementation.",
            choices=self.flavors,
        )  # fmt: skip
        return (*((name,) if self.adding else ()), flavor, _DESCRIPTION, self._labels)

    def change_flavor(self, flavor: str, model: type[FlavorConfig] | None) -> None:
        """Another flavor: fields of the same names keep their texts."""
        old = {key: text for key, text in self.texts.items() if key.startswith("config.")}
        self._parked[self.texts["flavor"]] = old | {OTHER: self.texts.pop(OTHER, "")}
        for key in old:
            del self.texts[key]
        self.texts["flavor"] = flavor
        self.specs, config = self._config_fields(model, flavor)
        parked = self._parked.get(flavor, {})
        for key in config:
            self.texts[key] = parked.get(key, old.get(key) or config[key])

    def rebase(self, source: Component, model: type[FlavorConfig] | None) -> None:
        """The file was changed by someone else: take their values in where nothing was typed here."""
        mine = {key: text for key, text in self.texts.items() if text != self.initial.get(key, "")}
        name, flavor = self.texts["name"], self.texts["flavor"]
        chosen = flavor if "flavor" in mine else source.flavor
        self.source = source
        self.start(name, chosen, model)
        if chosen != source.flavor:
            self.initial["flavor"] = source.flavor
        known = {spec.key for spec in self.specs}
        self.texts.update({key: text for key, text in mine.items() if key in known})

    @property
    def dirty(self) -> bool:
        """Whether anything differs from what it was made from."""
        return self.texts != self.initial

    def touched(self, key: str) -> bool:
        return self.texts.get(key) != self.initial.get(key)

    def build(self, taken: Collection[str]) -> Built:
        """The component that the texts describe, and what is wrong with single fields. `taken` are names in use."""
        problems: dict[str, str] = {}
        values: dict[str, Any] = {}
        for spec in self.specs:
            if spec.key == "name":
                continue
            try:
                values[spec.key] = value_of(spec, self.texts[spec.key])
            except ValueError as error:
                problems[spec.key] = str(error)
        name = self.texts["name"]
        if self.adding:
            if not name:
                problems["name"] = "a name is needed"
            elif not is_name(name):
                problems["name"] = f"a name has {NAME_RULE}"
            elif name in taken:
                problems["name"] = f"there is a {self.category.facts.title} {name} already"
        if problems.keys() - {"name"}:
            return Built(None, problems)
        config, wrong = self._config(values)
        problems.update(wrong)
        component = self._component(name if is_name(name) else "new", values, config, problems)
        if component is not None and self.model is not None:
            self._check(component, problems)
        return Built(component if "name" not in problems else None, problems)

    def _component(
        self, name: str, values: Mapping[str, Any], config: dict[str, Any], problems: dict[str, str]
    ) -> Component | None:
        from pydantic import ValidationError

        from stacktui.operations.values import first_line

        content: dict[str, Any] = {"flavor": values["flavor"], "config": config}
        if values["description"] is not ABSENT:
            content["description"] = values["description"]
        if values["labels"] is not ABSENT:
            content["labels"] = values["labels"]
        try:
            return Component.model_validate({"category": self.category, "name": name, **content})
        except ValidationError as error:
            where = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
            problems[where if where in self.texts else "flavor"] = first_line(error)
            return None

    def _config(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        held = self.source.config if self.source else {}
        other = values.get(OTHER, ABSENT)
        if other is not ABSENT and not isinstance(other, dict):
            return {}, {OTHER: "must be a mapping of keys to values"}
        found: dict[str, Any] = {}
        for spec in self.specs:
            if not spec.key.startswith("config."):
                continue
            value = values[spec.key]
            # What was not typed is not read anew either: the file's own value stays, quotes and all.
            if not self.touched(spec.key) and spec.name in held and value is not ABSENT:
                value = held[spec.name]
            if value is not ABSENT:
                found[spec.name] = value
        if other is not ABSENT:
            found.update(other if self.touched(OTHER) else {k: held.get(k, v) for k, v in other.items()})
        in_order = [key for key in held if key in found]
        return {key: found[key] for key in (*in_order, *(k for k in found if k not in held))}, {}

    def _check(self, component: Component, problems: dict[str, str]) -> None:
        from stacktui.runtime.config import check_config

        assert self.model is not None
        keys = {spec.key for spec in self.specs}
        for fault in check_config(self.model, component.config):
            key = f"config.{fault.path[0]}" if fault.path else OTHER
            if key not in keys:
                key = OTHER if OTHER in keys else "flavor"
            message = fault.message
            if fault.path and len(fault.path) == 1 and key != OTHER:
                # The label beside it says the field's name.
                message = message.removeprefix(f"{fault.path[0]} ")
            problems.setdefault(key, message)


def label_of(spec: FieldSpec) -> Clean:
    """The label with a star where the field is required: never told by colour alone."""
    return clean(f"{spec.label} *") if spec.required else spec.label
