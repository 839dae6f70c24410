"""Running an operation by its name, as a face does."""

from __future__ import annotations

from typing import Any

from stacktui.operations.session import Session, run_operation
from stacktui.operations.table import operations_of


def do(session: Session, name: str, /, **arguments: Any) -> Any:
    """The operation's document; of one that streams, the list of what it gave."""
    operation = operations_of(name.partition(" ")[0])[name]
    result = run_operation(session, operation, **arguments)
    return list(result) if operation.streams else result
