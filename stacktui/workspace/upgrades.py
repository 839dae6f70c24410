"""From the files of an older format to those of this one: a table of steps, one a version.

Used by `stacktui workspace upgrade`. Version 1 is the only one that there has been; a `stacktui.yaml` without its line
counts as not versioned yet. A later format adds one line to `UPGRADES` and raises `FORMAT_VERSION`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stacktui.workspace.changes import Change, FileEdit
from stacktui.workspace.documents import FORMAT_VERSION
from stacktui.workspace.edits import EditImpossible, schema_line
from stacktui.workspace.workspace import Workspace
from stacktui.workspace.yaml_editor import rewrite
from stacktui.workspace.yaml_reader import YamlProblem, read_yaml


class NewerWorkspace(Exception):
    """The workspace was written by a newer stacktui. The message says so, and what to do."""


@dataclass(frozen=True)
class Documents:
    """What the files of a workspace hold, as plain values by their path from the root: `stacks/prod.yaml`."""

    settings: dict[Any, Any]
    """`stacktui.yaml`."""
    stacks: Mapping[str, dict[Any, Any]] = field(default_factory=dict)
    components: Mapping[str, dict[Any, Any]] = field(default_factory=dict)


Upgrade = Callable[[Documents], Documents]


def _first_version(old: Documents) -> Documents:
    return replace(old, settings={"version": 1, **old.settings})


UPGRADES: Mapping[int, Upgrade] = {1: _first_version}
"""By the version that it makes: from the one before."""


def version_of(settings: Any) -> int:
    """The format of a workspace by what its `stacktui.yaml` holds; 0 where it does not say."""
    version = settings.get("version") if isinstance(settings, dict) else None
    return version if isinstance(version, int) and not isinstance(version, bool) and version > 0 else 0


def upgrade_change(
    workspace: Workspace,
    upgrades: Mapping[int, Upgrade] = UPGRADES,
    newest: int = FORMAT_VERSION,
) -> Change:
    """The change that brings every file of a workspace to the newest format; an empty one where nothing is to do.

    Comments and order stay. Raises `NewerWorkspace`, and `EditImpossible` for a file that cannot be read or edited:
    all of them go or none.
    """
    raw: dict[str, bytes] = {}
    held: dict[str, dict[Any, Any]] = {}
    for file in _files(workspace):
        name = file.relative_to(workspace.root).as_posix()
        raw[name], held[name] = _content(file, name)
    root_file = workspace.file.name
    version = version_of(held[root_file])
    if version > newest:
        raise NewerWorkspace(
            f"{root_file} has format version {version} and this stacktui reads {newest}; upgrade stacktui"
        )
    documents = Documents(
        held[root_file],
        {name: value for name, value in held.items() if name.startswith("stacks/")},
        {name: value for name, value in held.items() if name.startswith("components/")},
    )
    for number in range(version + 1, newest + 1):
        documents = upgrades[number](documents)
        documents = replace(documents, settings={**documents.settings, "version": number})
    wanted = {root_file: documents.settings, **documents.stacks, **documents.components}
    return Change(
        f"upgrade the workspace to format version {newest}",
        tuple(
            _edit(workspace.root / name, name, raw.get(name), wanted.get(name)) for name in {**raw, **wanted}
        ),
    )


def _files(workspace: Workspace) -> list[Path]:
    snapshot = workspace.read()
    return [
        workspace.file,
        *(entry.file for entry in snapshot.stacks.values()),
        *snapshot.broken_stacks.values(),
        *(entry.file for entry in snapshot.components.values()),
        *snapshot.broken_components.values(),
    ]


def _content(file: Path, name: str) -> tuple[bytes, dict[Any, Any]]:
    try:
        raw = file.read_bytes()
        value = read_yaml(raw).value
    except OSError as error:
        raise EditImpossible(f"{name} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except YamlProblem as problem:
        where = f", line {problem.line}" if problem.line else ""
        raise EditImpossible(f"{name}{where}: {problem.message}; repair the file first") from None
    if value is None:
        return raw, {}
    if not isinstance(value, dict):
        raise EditImpossible(f"{name} does not hold a mapping; repair the file first")
    return raw, value


def _edit(file: Path, name: str, raw: bytes | None, wanted: dict[Any, Any] | None) -> FileEdit:
    if raw is None:
        from stacktui.workspace.yaml_writer import document

        kind, _, rest = name.partition("/")
        schema = "stack" if kind == "stacks" else f"component.{rest.partition('/')[0]}"
        text = schema_line(schema, name.count("/")) + document(wanted or {})
        return FileEdit(file, None, text.encode())
    if wanted is None:
        return FileEdit(file, raw, None)
    try:
        return FileEdit(file, raw, rewrite(raw, wanted) if wanted or read_yaml(raw).value else raw)
    except TypeError as error:
        raise EditImpossible(f"{name}: {error}") from None
