"""An import's file, whichever kind it is, as what it brings. Used by `stack_import` and the workbench's dialog."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stacktui.categories.homes import from_home
from stacktui.operations.errors import OperationError
from stacktui.workspace.yaml_problem import YamlProblem

if TYPE_CHECKING:
    from stacktui.operations.exchange.incoming import Incoming
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import WorkspaceSnapshot

STDIN = Path("-")


def read_incoming(session: Session, file: Path, snapshot: WorkspaceSnapshot) -> Incoming:
    """What a file brings; `-` is standard input. Raises `OperationError` in one line, whatever the file holds."""
    from stacktui.operations.exchange.bundle import incoming_from_bundle
    from stacktui.operations.exchange.zenml import incoming_from_zenml
    from stacktui.operations.exchange.zenml_shapes import looks_like_zenml
    from stacktui.workspace.yaml_reader import read_yaml

    raw = _content(file)
    name = "standard input" if file == STDIN else str(file)
    try:
        document = read_yaml(raw)
    except YamlProblem as problem:
        line = f", line {problem.line}" if problem.line else ""
        raise OperationError(f"{name}{line}: {problem.message}") from None
    if document.duplicates:
        twice = document.duplicates[0]
        raise OperationError(
            f"{name}, line {twice.line}: {'.'.join(map(str, twice.path))[:80]} stands there a second time; delete one of them"
        )
    value = document.value
    if isinstance(value, dict) and "bundle" in value:
        return incoming_from_bundle(value)
    if isinstance(value, dict) and looks_like_zenml(value):
        return incoming_from_zenml(value, session.workspace, session.registry(), snapshot)
    raise OperationError(
        f"{name} is neither a bundle of `stacktui stack export`, which has `bundle:`, nor a stack that ZenML exported, "
        "which has `components:` with a flavor in each category"
    )


def _content(file: Path) -> bytes:
    from stacktui.workspace.reading import Unreadable, read_bytes
    from stacktui.workspace.yaml_reader import MAX_BYTES

    if file == STDIN:
        if sys.stdin.isatty():
            raise OperationError("- reads what another command writes, and nothing does; name a file")
        # One byte more than what is read tells that there is too much.
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        return read_bytes(str(from_home(file)))[0]
    except Unreadable as error:
        raise OperationError(f"{file}: {error}") from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise OperationError(f"cannot read {file}: {reason}") from None
