"""One component's attributes in ZenML's file as the config of one of our flavors. Used by `zenml`.

Nothing is lost: what our flavor has no field for, or does not accept, is handed back to be kept as a comment, and
each has a row in the report. A credential in clear becomes a reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stacktui.model.secretref import SecretRef
from stacktui.operations.exchange.hiding import hidden, holds_secret, is_secret_name
from stacktui.operations.exchange.report import Outcome, ReportRow
from stacktui.operations.exchange.zenml_shapes import mapping_in, shown
from stacktui.operations.fields import FieldPart, config_fields

if TYPE_CHECKING:
    from stacktui.categories.base import FlavorConfig
    from stacktui.operations.exchange.zenml_table import Row

_REFERENCE = re.compile(r"\{\{\s*([^\s.{}]+)\.([^\s{}]+)\s*\}\}")
_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9_.-]+")
_KEY_FIRST = re.compile(r"^[.-]+")


@dataclass
class Configured:
    """What became of a component's attributes."""

    config: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, Any] = field(default_factory=dict)
    """What no field takes, without credentials."""
    rows: list[ReportRow] = field(default_factory=list)
    clear: dict[SecretRef, str] = field(default_factory=dict, repr=False)


def configured(
    subject: str,
    fields: Mapping[str, Any],
    row: Row,
    flavor: str,
    model: type[FlavorConfig] | None,
    secret_named: Callable[[str], str],
    own_secret: str,
) -> Configured:
    """The config of `flavor` from a component's attributes.

    `secret_named` gives the name that one of their secrets has here; `own_secret` is the secret that this component's
    values in clear belong into, by field.
    """
    made = _Making(subject, row, flavor, model, secret_named, own_secret)
    for name, value in fields.items():
        if value is not None:
            made.put(name, value)
    made.check(model)
    return made.result


class _Making:
    def __init__(
        self,
        subject: str,
        row: Row,
        flavor: str,
        model: type[FlavorConfig] | None,
        secret_named: Callable[[str], str],
        own_secret: str,
    ) -> None:
        self.result = Configured()
        self._subject = subject
        self._row = row
        self._flavor = flavor
        self._ours: dict[str, FieldPart] = (
            {} if model is None else {part.name: part for part in config_fields(model)}
        )
        self._secret_named = secret_named
        self._own_secret = own_secret

    def put(self, name: str, value: Any) -> None:
        """One attribute, or what stands inside it, into the field that takes it."""
        inside = {
            path.partition(".")[2]: targets
            for path, targets in self._row.fields.items()
            if path.startswith(f"{name}.")
        }
        if inside and isinstance(found := mapping_in(value) or value, dict):
            rest = dict(found)
            for key, targets in inside.items():
                target = self._free(targets)
                if target is not None and rest.get(key) is not None:
                    self._set(f"{name}.{key}", target, rest.pop(key))
            if not rest:
                return
            value = rest
        target = self._free(self._row.fields.get(name, (name,)))
        if target is None:
            self._keep(name, value, f"{self._flavor} has no field for it")
        else:
            self._set(name, target, value)

    def check(self, model: type[FlavorConfig] | None) -> None:
        """Take out what the config model refuses, with its own words, and name what it misses."""
        from pydantic import ValidationError

        if model is None:
            return
        try:
            model.model_validate(self.result.config)
        except ValidationError as error:
            for finding in error.errors(include_url=False, include_context=False, include_input=False):
                where = str(finding["loc"][0]) if finding["loc"] else ""
                if where in self.result.config:
                    value = self.result.config.pop(where)
                    self._keep(where, value, f"{self._flavor} does not accept it: {_lower(finding['msg'])}")
                elif finding["type"] == "missing":
                    self._say(
                        Outcome.NEEDS_VALUE, where, f"{self._flavor} needs it, and the file does not have it"
                    )

    def _free(self, targets: tuple[str, ...]) -> str | None:
        return next((name for name in targets if name in self._ours and name not in self.result.config), None)

    def _set(self, name: str, target: str, value: Any) -> None:
        ours = self._ours[target]
        if any(True for _ in _texts_with_references(value)):
            if ours.secretable:
                self.result.config[target] = self._referring(target, value)
            else:
                self._keep(name, value, f"a reference to a secret cannot stand in {target} of {self._flavor}")
            return
        wanted = name in self._row.secrets or (ours.secretable and is_secret_name(target))
        if (wanted and value != "" and not isinstance(value, bool)) or holds_secret(value, name):
            if ours.secretable and isinstance(value, (str, int, float)):
                reference = SecretRef(self._own_secret, target)
                self.result.clear[reference] = str(value)
                self.result.config[target] = f"{{{{{reference}}}}}"
                self._say(
                    Outcome.NEEDS_VALUE,
                    target,
                    f"it stands in the file in clear; here it is {{{{{reference}}}}}",
                    "" if target == name else shown(name),
                )
            else:
                self._keep(
                    name, value, f"it holds a credential, and {target} of {self._flavor} takes no reference"
                )
            return
        parsed = mapping_in(value) if ours.type == "mapping" else None
        if parsed is not None:
            value = parsed
        if isinstance(value, str) and ours.secretable:
            value = value.replace("{{", "{{{{")
        self.result.config[target] = value
        if target != name:
            self._say(
                Outcome.RENAMED, target, f"the field {shown(name)} is called {target} here", shown(name)
            )

    def _referring(self, target: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._referring(target, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._referring(target, item) for item in value]
        return (
            _REFERENCE.sub(lambda match: self._reference(target, match), value)
            if isinstance(value, str)
            else value
        )

    def _reference(self, target: str, match: re.Match[str]) -> str:
        name, key = self._secret_named(match[1]), allowed_key(match[2])
        if (name, key) != (match[1], match[2]):
            self._say(
                Outcome.RENAMED, target,
                f"the secret {shown(match[1])}.{shown(match[2])} is called {name}.{key} here: names are stricter",
                shown(match[0]),
            )  # fmt: skip
        return f"{{{{{name}.{key}}}}}"

    def _keep(self, name: str, value: Any, why: str) -> None:
        secret = name in self._row.secrets
        covered = hidden(value, name, secret)
        self.result.comments[name] = covered
        note = "; the credential in it is left out of the comment" if covered != value else ""
        self._say(Outcome.COMMENT, shown(name), f"{why}; kept as a comment{note}")

    def _say(self, outcome: Outcome, name: str, message: str, origin: str = "") -> None:
        self.result.rows.append(
            ReportRow(outcome=outcome, subject=f"{self._subject} {name}", message=message, origin=origin)
        )


def allowed_key(key: str) -> str:
    """A secret's key as ours may be called."""
    return _KEY_FIRST.sub("", _NOT_IN_A_KEY.sub("_", key))[:128] or "value"


def secret_names(value: Any) -> set[str]:
    """The names of the secrets that a foreign value refers to, as they are there."""
    return {match[1] for text in _texts_with_references(value) for match in _REFERENCE.finditer(text)}


def _texts_with_references(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if _REFERENCE.search(value):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts_with_references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts_with_references(item)


def _lower(message: str) -> str:
    text = shown(message.removeprefix("Value error, "))
    return text[:1].lower() + text[1:]
