"""What is said about a run before it starts: run files, parameters, and whether the stack allows it.

Used by `run` and `plan`, and by the workbench's form of a new run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from stacktui.model.diagnostic import Severity
from stacktui.model.runconfig import RunConfig
from stacktui.model.stack import StepSettings
from stacktui.operations.changes import FindingsForbid
from stacktui.operations.documents import DiagnosticPart
from stacktui.operations.errors import OperationError, UserCodeError
from stacktui.operations.values import first_line

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.model.stack import ResolvedStack
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import WorkspaceSnapshot


def read_run_config(file: Path) -> RunConfig:
    """A run file. Raises `OperationError` with the place, also for unknown keys."""
    from stacktui.workspace.yaml_reader import YamlProblem, position, read_yaml

    try:
        raw = file.read_bytes()
        value = read_yaml(raw).value
    except OSError as error:
        raise OperationError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except YamlProblem as problem:
        raise OperationError(f"{file}:{problem.line or 1}: {problem.message}") from None
    if not isinstance(value, Mapping):
        if value is None:
            return RunConfig()
        raise OperationError(f"{file} must hold a mapping such as `params: …`")
    try:
        return RunConfig.model_validate(value)
    except ValidationError as error:
        where = error.errors(include_url=False, include_input=False)[0]["loc"]
        place = position(raw, tuple(where))
        line = f":{place.line}" if place else ""
        hint = _unknown_key(error)
        raise OperationError(f"{file}{line}: {hint or first_line(error)}") from None


def _unknown_key(error: ValidationError) -> str:
    from stacktui.operations.errors import nearest

    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] != "extra_forbidden":
        return ""
    key = str(first["loc"][-1])
    known = StepSettings.model_fields if len(first["loc"]) > 1 else RunConfig.model_fields
    return f"there is no key {key!r}{nearest(key, known)}"


def allowed_stack(
    session: Session, snapshot: WorkspaceSnapshot, name: str | None, *, offline: bool = False
) -> ResolvedStack:
    """The stack to run through, if the rules find no error in it. Raises `FindingsForbid` with all findings."""
    from stacktui.validation.validate import validate_stack

    chosen = session.stack_name(name, snapshot)
    found = validate_stack(snapshot, session.registry(), chosen, offline=offline)
    refuse(session, chosen, found)
    return session.resolved(chosen, snapshot)


def refuse(session: Session, stack: str, found: tuple[Diagnostic, ...], *, probed: bool = False) -> None:
    """Raise `FindingsForbid` where one of the findings is an error. `probed` findings show only when asked for."""
    errors = [each for each in found if each.severity is Severity.ERROR]
    if errors:
        root = session.workspace.root
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise FindingsForbid(
            f"stack {stack!r} has {count}, and nothing was run; see: stacktui stack validate {stack}"
            + (" --probe" if probed else ""),
            tuple(DiagnosticPart.of(each, root) for each in errors),
        )


@contextmanager
def user_code() -> Iterator[None]:
    """What pipelines say about the user's code, as an operation says it: one line, and the user's own frames."""
    from stacktui.pipelines.errors import PipelineBroken

    try:
        yield
    except PipelineBroken as error:
        raise UserCodeError(str(error), error.user_frames) from error
