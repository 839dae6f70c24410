"""A stack that ZenML exported as what it is here: components and a stack of our categories and flavors, each thing
that has no place here as a comment, and a report. Used by `reading`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stacktui.categories.flavor import FlavorBroken
from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.secretref import SecretRef, walk_references
from stacktui.model.stack import Stack
from stacktui.operations.exchange.hiding import hidden
from stacktui.operations.exchange.incoming import Incoming, Piece
from stacktui.operations.exchange.report import Outcome, ReportRow
from stacktui.operations.exchange.zenml_fields import configured, secret_names
from stacktui.operations.exchange.zenml_shapes import (
    ForeignComponent,
    ForeignStack,
    mapping_in,
    read_foreign,
    shown,
)
from stacktui.operations.exchange.zenml_table import ELSEWHERE, TABLE, Row
from stacktui.workspace.edits import new_component, new_stack

if TYPE_CHECKING:
    from stacktui.categories.base import FlavorConfig
    from stacktui.categories.flavor import FlavorRegistry
    from stacktui.workspace.changes import Change
    from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot

_UNFIT = re.compile(r"[^a-z0-9_-]+")
_FILLED_IN = (Category.METADATA_STORE, Category.SECRETS_MANAGER)
_WHY_FILLED_IN = {
    Category.METADATA_STORE: "runs are recorded in it",
    Category.SECRETS_MANAGER: "secrets are kept in it",
}


def incoming_from_zenml(
    value: Mapping[Any, Any], workspace: Workspace, registry: FlavorRegistry, snapshot: WorkspaceSnapshot
) -> Incoming:
    """What a file's mapping brings. Raises `OperationError` where it has none of ZenML's shapes."""
    return _Mapping(read_foreign(value), workspace, registry, snapshot).incoming()


class _Mapping:
    def __init__(
        self,
        foreign: ForeignStack,
        workspace: Workspace,
        registry: FlavorRegistry,
        snapshot: WorkspaceSnapshot,
    ) -> None:
        self._foreign = foreign
        self._workspace = workspace
        self._registry = registry
        self._snapshot = snapshot
        self._rows: list[ReportRow] = []
        self._clear: dict[SecretRef, str] = {}
        self._components: list[Piece[Component]] = []
        self._slots: dict[Category, list[str]] = {}
        self._left: list[tuple[str, ForeignComponent]] = []
        self._secret_names: dict[tuple[str, str], str] = {}
        """Ours, by what it stands for: one of their secrets, or the values of one component."""
        self._their_secrets = {
            name for component in foreign.components for name in secret_names(component.source)
        }

    def incoming(self) -> Incoming:
        foreign = self._foreign
        name = allowed_name(foreign.name, "imported")
        subject = f"stack/{name}"
        for component in foreign.components:
            self._component(component)
        for category in foreign.empty:
            self._say(Outcome.NOTE, subject, f"the file has nothing in its {shown(category)}")
        for key in foreign.beside:
            self._say(
                Outcome.COMMENT, f"{subject} {key}", "stacks have no field for it here; kept as a comment"
            )
        for category in _FILLED_IN:
            if category not in self._slots:
                self._fill_in(category)
        stack = Stack(
            name=name,
            components={
                category: tuple(self._slots[category] if category.many else self._slots[category][:1])
                for category in Category
                if category in self._slots
            },
        )
        return Incoming(
            source="zenml",
            source_version=shown(foreign.version),
            components=tuple(self._components),
            stacks=(
                Piece(
                    stack,
                    self._stack_text(stack).encode(),
                    "" if name == foreign.name else shown(foreign.name),
                    renamed=_why_renamed(name, foreign.name),
                ),
            ),
            rows=tuple(self._rows),
            clear=self._clear,
        )

    # Components.

    def _component(self, foreign: ForeignComponent) -> None:
        found = self._flavor(foreign)
        if isinstance(found, str):
            self._left.append((found, foreign))
            kept = "kept as a comment in the stack's file"
            if _covered(foreign) != foreign.source:
                kept += ", without the credentials in it"
            self._say(Outcome.COMMENT, foreign.label, f"{found}; {kept}")
            return
        row, flavor, model = found
        name = self._own_name(row.ours, foreign)
        subject = f"{row.ours}/{name}"
        labels, description, beside = _labels(foreign.beside)
        here = self._snapshot.components.get(ComponentId(row.ours, name))
        # What is here already keeps the secret that it refers to; another one of its name does not get that.
        for same in (True, False) if here is not None else (True,):
            secret = self._secret_of(row.ours, name, same)
            made = configured(subject, foreign.fields, row, flavor, model, self._secret_named, secret)
            component = Component(
                category=row.ours,
                name=name,
                flavor=flavor,
                description=description,
                labels=labels,
                config=made.config,
            )
            if here is None or here.value == component:
                break
        if made.clear:
            self._secret_names[row.ours.value, name] = secret
        for key, value in beside.items():
            if value is not None:
                made.comments[key] = hidden(value, key)
                self._say(
                    Outcome.COMMENT,
                    f"{subject} {shown(key)}",
                    "components have no such field here; kept as a comment",
                )
        message = f"{shown(foreign.flavor)} → {flavor}" if flavor != foreign.flavor else ""
        if row.note:
            message = f"{message}: {row.note}" if message else row.note
        text = self._component_text(component, made.comments)
        self._components.append(
            Piece(component, text.encode(), foreign.label, message, _why_renamed(name, foreign.name))
        )
        if not row.ours.many and self._slots.get(row.ours):
            self._say(
                Outcome.NOTE, subject,
                f"a stack takes one {row.ours.facts.title} only, {self._slots[row.ours][0]}; this one is beside it",
            )  # fmt: skip
        self._slots.setdefault(row.ours, []).append(name)
        self._rows += made.rows
        self._clear.update(made.clear)

    def _flavor(self, foreign: ForeignComponent) -> tuple[Row, str, type[FlavorConfig]] | str:
        """The row that applies, our flavor and its config model; or why there is none."""
        if not foreign.flavor:
            return "it has no flavor"
        if foreign.category in ELSEWHERE:
            return f"there is no such category here: {ELSEWHERE[foreign.category]}"
        row = TABLE.get((foreign.category, foreign.flavor))
        if row is None and foreign.category in set(Category):
            row = Row(foreign.category, foreign.flavor, Category(foreign.category), (foreign.flavor,))
        if row is None:
            return "there is no such category here"
        why = f"there is no flavor for {shown(foreign.flavor)} here"
        for name in row.flavors:
            if self._registry.get(row.ours, name) is None:
                continue
            try:
                return row, name, self._registry.load(row.ours, name).Config
            except FlavorBroken as error:
                why = f"flavor {name} does not load here: {shown(error.reason)}"
        return why

    def _own_name(self, category: Category, foreign: ForeignComponent) -> str:
        wanted = allowed_name(foreign.name, allowed_name(foreign.flavor, category.value))
        taken = {piece.value.name for piece in self._components if piece.value.category is category}
        if wanted != foreign.name:
            # What is called so in the file keeps its name, wherever it stands.
            taken |= {each.name for each in self._foreign.components if each.category == foreign.category}
        return free_name(wanted, taken)

    def _fill_in(self, category: Category) -> None:
        """The workspace's own embedded component, or a new one where it has none."""
        from stacktui.workspace.scaffold import embedded_component

        embedded, text = embedded_component(category)
        here = {
            each.name: entry.value.flavor
            for each, entry in self._snapshot.components.items()
            if each.category is category
        }
        plain = sorted(name for name, flavor in here.items() if flavor == embedded.flavor)
        if plain:
            name = embedded.name if embedded.name in plain else plain[0]
        else:
            taken = {
                *here,
                *(each.name for each in self._snapshot.broken_components if each.category is category),
            }
            name = free_name(embedded.name, taken)
            self._components.append(Piece(embedded.model_copy(update={"name": name}), text.encode()))
        self._slots[category] = [name]
        self._say(
            Outcome.FILLED_IN, f"{category}/{name}",
            f"the file has no {category.facts.title} that can be used here, and {_WHY_FILLED_IN[category]}",
        )  # fmt: skip

    # Secrets.

    def _secret_named(self, theirs: str) -> str:
        """The name that one of their secrets has here: always the same one, and of no other."""
        known = ("", theirs)
        if known not in self._secret_names:
            wanted = allowed_name(theirs, "secret")
            taken = set(self._secret_names.values())
            if wanted != theirs:
                taken |= self._their_secrets
            self._secret_names[known] = free_name(wanted, taken)
        return self._secret_names[known]

    def _secret_of(self, category: Category, component: str, same: bool) -> str:
        """A name for the values of one component that stand in clear, which nothing else uses."""
        taken = {*self._secret_names.values(), *self._their_secrets}
        for id_, entry in self._snapshot.components.items():
            if not same or id_ != (category, component):
                taken |= {reference.name for _, reference in walk_references(entry.value.config)}
        return free_name(component, taken)

    # Files.

    def _stack_text(self, stack: Stack) -> str:
        foreign = self._foreign
        version = f", written by ZenML {shown(foreign.version)}" if foreign.version else ""
        head, _, body = _text_of(new_stack(self._workspace, stack)).partition("\n")
        text = f"{head}\n# From the ZenML stack {_in_comment(shown(foreign.name))}{_in_comment(version)}.\n{body}"
        for reason, component in self._left:
            covered = _covered(component)
            stars = " Stars stand for credentials." if covered != component.source else ""
            text += f"#\n# Not in use here, {_in_comment(component.label)}: {_in_comment(reason)}.{stars}\n"
            text += _commented({component.category: [covered]})
        if foreign.beside:
            text += "#\n# What else its file says:\n" + _commented(hidden(foreign.beside))
        return text

    def _component_text(self, component: Component, comments: Mapping[str, Any]) -> str:
        text = _text_of(new_component(self._workspace, component))
        if comments:
            text += "# The ZenML file's other fields, which are not read here:\n" + _commented(dict(comments))
        return text

    def _say(self, outcome: Outcome, subject: str, message: str, origin: str = "") -> None:
        self._rows.append(ReportRow(outcome=outcome, subject=subject, message=message, origin=origin))


def allowed_name(theirs: str, otherwise: str) -> str:
    """A foreign name as one that is allowed here; `otherwise` where nothing of it is."""
    if is_name(theirs):
        return theirs
    plain = unicodedata.normalize("NFKD", theirs[:1000]).encode("ascii", "ignore").decode().lower()
    name = _UNFIT.sub("-", plain).strip("-_")[:63].rstrip("-_")
    return name if is_name(name) else otherwise


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or with the first number behind it that makes it a name that is not taken."""
    used = set(taken)
    name, number = wanted, 1
    while name in used:
        number += 1
        end = f"-{number}"
        name = f"{wanted[: 63 - len(end)]}{end}"
    return name


def _labels(beside: Mapping[str, Any]) -> tuple[dict[str, str], str, dict[str, Any]]:
    """The labels and the description among what stands beside a configuration, and the rest."""
    rest = dict(beside)
    labels: dict[str, str] = {}
    found = rest.get("labels")
    if isinstance(found, dict) and all(
        isinstance(key, str) and isinstance(item, str) for key, item in found.items()
    ):
        labels = found
        del rest["labels"]
    description = ""
    if isinstance(rest.get("description"), str):
        description = rest.pop("description")
    return labels, description, rest


def _covered(component: ForeignComponent) -> dict[str, Any]:
    """All that the file says of a component, without credentials."""
    row = TABLE.get((component.category, component.flavor))
    secrets = row.secrets if row is not None else frozenset()
    kept: dict[str, Any] = {}
    for key, value in component.source.items():
        inside = (mapping_in(value) or value) if key == "configuration" else None
        if isinstance(inside, dict):
            kept[key] = {name: hidden(item, str(name), name in secrets) for name, item in inside.items()}
        else:
            kept[key] = hidden(value, key, key in secrets)
    return kept


def _text_of(change: Change) -> str:
    return (change.edits[0].after or b"").decode()


def _in_comment(text: str) -> str:
    """A foreign text in a comment's line, where no character may end the line or be refused by YAML."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _commented(value: dict[Any, Any]) -> str:
    """A mapping as YAML in comments: each of its lines begins with a number sign, whatever stands in it."""
    from stacktui.workspace.yaml_writer import document

    return "".join(f"#   {line}\n" if line else "#\n" for line in document(value).rstrip("\n").split("\n"))


def _why_renamed(name: str, theirs: str) -> str:
    if name == theirs:
        return ""
    return "another one has that name already" if is_name(theirs) else f"a name has {NAME_RULE}"
