"""Our own bundle: one YAML document with a stack, its parents and their components, each file as it is on disk.

`stack_export` writes it, `reading` reads it. Secrets stay references; flavors of a team's own are named, not carried:
code is never taken from a bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stacktui import __version__
from stacktui.model.base import Name
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.stack import Stack
from stacktui.operations.errors import OperationError
from stacktui.operations.exchange.incoming import Incoming, Piece
from stacktui.operations.exchange.report import Outcome, ReportRow
from stacktui.operations.exchange.zenml_shapes import MOST_COMPONENTS, shown
from stacktui.workspace.documents import Outcome as Read
from stacktui.workspace.documents import read_component, read_stack
from stacktui.workspace.yaml_reader import MAX_BYTES
from stacktui.workspace.yaml_writer import scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stacktui.workspace.reading import Entry

FORMAT = 1
_HEAD = "# A stack of stacktui with all that it needs. Import it with: stacktui stack import FILE\n"


class ForeignFlavor(NamedTuple):
    """A flavor that a workspace has of its own, which a bundle names and does not carry."""

    category: Category
    name: str
    provider: str
    """The file or package that brings it."""


class _Flavor(BaseModel):
    model_config = ConfigDict(extra="ignore")

    category: Category
    name: str
    provider: str = ""


class _Secret(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    keys: tuple[str, ...] = ()


class BundleFile(BaseModel):
    """What a bundle holds."""

    model_config = ConfigDict(extra="ignore")

    bundle: int
    stack: Name
    written_by: str = ""
    secrets: tuple[_Secret, ...] = ()
    """Those that the components refer to: for whoever reads the file; an import looks into the components itself."""
    flavors: tuple[_Flavor, ...] = ()
    stacks: dict[Name, str]
    components: dict[Category, dict[Name, str]] = Field(default_factory=dict)


def bundle_text(
    chain: Sequence[Entry[Stack]],
    components: Sequence[Entry[Component]],
    secrets: Mapping[str, Sequence[str]],
    flavors: Sequence[ForeignFlavor],
) -> str:
    """The document: of a stack, which comes first, its parents, and their components.

    Raises `OperationError` where it would be larger than what an import reads.
    """
    lines = [
        _HEAD,
        f"bundle: {FORMAT}\n",
        f"stack: {scalar(chain[0].value.name)}\n",
        f"written_by: stacktui {__version__}\n",
    ]
    if secrets:
        lines.append("secrets:\n")
        lines += [
            f"  - name: {scalar(name)}\n    keys: [{', '.join(scalar(key, in_flow=True) for key in keys)}]\n"
            for name, keys in secrets.items()
        ]
    if flavors:
        lines.append("flavors:\n")
        lines += [
            f"  - category: {each.category}\n    name: {scalar(each.name)}\n    provider: {scalar(each.provider)}\n"
            for each in flavors
        ]
    lines.append("stacks:\n")
    lines += [f"  {scalar(each.value.name)}: {embedded(each.raw, '    ')}\n" for each in chain]
    if components:
        lines.append("components:\n")
    for category in Category:
        held = [each for each in components if each.value.category is category]
        if held:
            lines.append(f"  {category}:\n")
            lines += [f"    {scalar(each.value.name)}: {embedded(each.raw, '      ')}\n" for each in held]
    text = "".join(lines)
    if len(text.encode()) > MAX_BYTES:
        raise OperationError(
            f"the bundle of stack {chain[0].value.name!r} would be larger than {MAX_BYTES >> 20} MiB, "
            "which is the most that an import reads; shorten the components' files"
        )
    return text


def embedded(raw: bytes, indent: str) -> str:
    """A file's bytes as the value of a key, so that reading it gives the same bytes again: a block where YAML keeps it
    as it is, else in quotes. `indent` is the block's."""
    text = raw.decode()
    lines = text.split("\n")
    if not text.strip("\n") or any(not line.replace("\t", "").isprintable() for line in lines):
        return scalar(text, '"')
    chomp = "-" if lines[-1] else "" if len(lines) > 1 and lines[-2] else "+"
    body = lines if lines[-1] else lines[:-1]
    step = 2 if text.startswith((" ", "\n", "\t")) else ""
    block = "\n".join(f"{indent}{line}" if line else "" for line in body)
    return f"|{step}{chomp}\n{block}"


def incoming_from_bundle(value: Mapping[Any, Any]) -> Incoming:
    """What a bundle brings. Raises `OperationError` in words."""
    version = value.get("bundle")
    if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT:
        raise OperationError(
            f"the bundle has format {version} and this stacktui reads {FORMAT}; install a newer one, see: stacktui --version"
        )
    try:
        held = BundleFile.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(shown(part) for part in first["loc"] if part != "[key]")
        message = shown(first["msg"].removeprefix("Value error, "))
        raise OperationError(
            f"this is not a bundle that can be read: {where}: {message}; export it again"
        ) from None
    if held.bundle != FORMAT:
        raise OperationError(f"the bundle has format {held.bundle}, which does not exist; export it again")
    if sum(map(len, held.components.values())) > MOST_COMPONENTS:
        raise OperationError(f"the file has more than {MOST_COMPONENTS:,} components; that is no stack")
    rows = [
        ReportRow(
            outcome=Outcome.NOTE,
            subject=shown(key),
            message="a field that this stacktui does not know; not used",
        )
        for key in value
        if key not in BundleFile.model_fields
    ]
    stacks = _chain(held, rows)
    components = [
        Piece(_read(read_component(Path(f"{category}/{name}.yaml"), text.encode(), category, name), f"{category}/{name}"), text.encode())
        for category in Category
        for name, text in held.components.get(category, {}).items()
    ]  # fmt: skip
    return Incoming(
        source="bundle",
        source_version=shown(held.written_by.removeprefix("stacktui ")),
        components=tuple(components),
        stacks=tuple(stacks),
        rows=tuple(rows),
        flavors={(each.category, each.name): shown(each.provider) for each in held.flavors},
    )


def _chain(held: BundleFile, rows: list[ReportRow]) -> list[Piece[Stack]]:
    """The stack and its parents as far as the bundle has them, parents first."""
    chain: list[Piece[Stack]] = []
    name: str | None = held.stack
    while name is not None and name in held.stacks:
        if any(piece.value.name == name for piece in chain):
            raise OperationError(
                f"the bundle's stacks extend each other in a circle at {name}; export it again"
            )
        raw = held.stacks[name].encode()
        stack = _read(read_stack(Path(f"stacks/{name}.yaml"), raw, name), f"stack/{name}")
        chain.append(Piece(stack, raw))
        name = stack.extends
    if not chain:
        raise OperationError(
            f"the bundle does not hold the stack {held.stack!r} that it names; export it again"
        )
    if name is not None:
        rows.append(
            ReportRow(
                outcome=Outcome.NOTE, subject=f"stack/{chain[-1].value.name}",
                message=f"it extends {name}, which the bundle does not hold",
            )
        )  # fmt: skip
    for other in held.stacks.keys() - {piece.value.name for piece in chain}:
        rows.append(
            ReportRow(
                outcome=Outcome.NOTE,
                subject=f"stack/{other}",
                message=f"{held.stack} does not extend it; not imported",
            )
        )
    return chain[::-1]


def _read(outcome: Read[Any], what: str) -> Any:
    if outcome.value is None or not outcome.readable:
        problem = outcome.problems[0]
        line = f", line {problem.line}" if problem.line else ""
        raise OperationError(f"the bundle's {what} cannot be used{line}: {problem.message}; export it again")
    return outcome.value
