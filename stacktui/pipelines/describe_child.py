"""`python -m stacktui.pipelines.describe_child`: imports one pipeline file from a code snapshot and draws it.

A request comes as JSON on stdin, an answer for each set of parameters goes as JSON to what was stdout. What user code
prints goes to stderr.
Started by `describe`.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from pathlib import Path
from typing import Any

from stacktui.pipelines.errors import PipelineBroken, PipelineNotFound
from stacktui.pipelines.frames import last_user_place, one_line, user_frames
from stacktui.pipelines.importing import import_roots, import_user_module, module_name, prepare
from stacktui.pipelines.pipeline import Pipeline


def main() -> None:
    """Read the request, write the answer."""
    request = json.loads(sys.stdin.buffer.read())
    answers = os.dup(1)
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115 - user code that reads it gets an end of file
    several = _answers(request)
    with os.fdopen(answers, "wb") as stream:
        stream.write(json.dumps(several).encode("ascii") + b"\n")
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads and exit handlers of user code must not hold up the answer's end.
    os._exit(0)


def _answers(request: dict[str, Any]) -> list[dict[str, Any]]:
    code, workspace, file = Path(request["code"]), Path(request["workspace"]), request["file"]
    roots = import_roots(code, file, workspace)
    prepare(code, roots, workspace)
    several = request["several"]
    try:
        module = import_user_module(module_name(code, file), code, roots)
        pipeline = _pipeline_in(vars(module), module.__name__, file, request["function"])
        target = f"{file}:{_name_of(vars(module), pipeline)}"
    except BaseException as error:
        return [_why(error, f"{file} cannot be imported", code, workspace)] * len(several)
    found = []
    for params in several:
        try:
            description = pipeline.draw(params, target=target, code=code, workspace=workspace, roots=roots)
            found.append({"description": description.model_dump()})
        except BaseException as error:
            found.append(_why(error, f"pipeline `{pipeline.name}` cannot be drawn", code, workspace))
    return found


def _why(error: BaseException, doing: str, code: Path, workspace: Path) -> dict[str, Any]:
    if isinstance(error, PipelineBroken):
        return _error(type(error).__name__, str(error), user_frames(error, code, workspace))
    place = last_user_place(error, code, workspace)
    where = f" at {place}" if place and not isinstance(error, SyntaxError) else ""
    return _error(
        "PipelineBroken",
        f"{doing}: {one_line(error, code, workspace)}{where}",
        user_frames(error, code, workspace),
    )


def _error(kind: str, message: str, frames: str) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message, "frames": frames}}


def _pipeline_in(names: dict[str, Any], module: str, file: str, wanted: str) -> Pipeline[Any]:
    found = {name: value for name, value in names.items() if isinstance(value, Pipeline)}
    if wanted:
        if wanted in found:
            return found[wanted]
        named = [value for value in found.values() if value.name == wanted]
        if named:
            return named[0]
        if wanted in names:
            raise PipelineNotFound(f"{file}: `{wanted}` is not a pipeline; decorate it with @pipeline")
        close = difflib.get_close_matches(wanted, found, 1)
        hint = f"did you mean `{close[0]}`?" if close else f"it has {_listed(found)}"
        raise PipelineNotFound(f"{file} has no pipeline `{wanted}`; {hint}")
    own = {name: value for name, value in found.items() if value.function.__module__ == module}
    if len(own) == 1:
        return next(iter(own.values()))
    if not own:
        raise PipelineNotFound(f"{file} has no pipeline; decorate a function with @pipeline")
    raise PipelineNotFound(f"{file} has several pipelines, {_listed(own)}; write {file}:NAME")


def _name_of(names: dict[str, Any], pipeline: Pipeline[Any]) -> str:
    return next(name for name, value in names.items() if value is pipeline)


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


if __name__ == "__main__":
    main()
