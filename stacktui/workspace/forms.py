"""Small YAML files of one form: themes, keymaps, settings. Used by the modules of the same names.

A file that does not fit gives findings under its kind's code, and no value: whoever asked keeps the old one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stacktui.model.diagnostic import Diagnostic, Position
from stacktui.workspace.documents import explained, finding
from stacktui.workspace.reading import Unreadable, read_bytes
from stacktui.workspace.yaml_reader import YamlProblem, position, read_yaml

M = TypeVar("M", bound=BaseModel)


def read_form(
    file: Path, form: type[M], code: str, complete: Callable[[dict[Any, Any]], dict[Any, Any]] = dict
) -> tuple[M | None, tuple[Diagnostic, ...]]:
    """The form that a file holds, or None and the findings. `complete` may add what the file leaves out.

    Raises FileNotFoundError if there is no file.
    """
    try:
        raw, _ = read_bytes(str(file))
        document = read_yaml(raw)
    except FileNotFoundError:
        raise
    except OSError as error:
        return None, (
            finding(code, f"the file cannot be read: {(error.strerror or str(error)).lower()}", file),
        )
    except Unreadable as error:
        return None, (finding(code, str(error), file),)
    except YamlProblem as problem:
        at = Position(line=problem.line, column=problem.column or 1) if problem.line else None
        return None, (finding(code, problem.message, file, at),)
    data = {} if document.value is None else document.value
    if not isinstance(data, dict):
        return None, (finding(code, "the file must hold a mapping", file, position(raw, ())),)
    problems = [
        finding(
            code,
            f"{twice.path[-1]} stands here a second time; delete one",
            file,
            Position(line=twice.line, column=twice.column),
        )
        for twice in document.duplicates
    ]
    try:
        value: M | None = form.model_validate(complete(data))
    except ValidationError as error:
        value = None
        for item in error.errors(include_url=False):
            path, message, _ = explained(item, data, form)
            problems.append(finding(code, message, file, position(raw, path)))
    problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
    return value, tuple(problems)
