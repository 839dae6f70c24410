"""The workspace's pipelines, found by reading the sources: no user code runs, and a broken file hides no other.

Used by the list from which a run is started, by completion and by the problems screen.
"""

from __future__ import annotations

import ast
import difflib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from stacktui.model.base import Noun
from stacktui.model.codes import CODES
from stacktui.model.diagnostic import Diagnostic
from stacktui.pipelines.errors import PipelineNotFound
from stacktui.pipelines.scopes import chain_of

_SKIPPED = frozenset({"__pycache__", "node_modules"})
_LARGEST = 4 * 1024 * 1024
"""Bytes: a larger file was not written by hand."""


class PipelineSettings(Protocol):
    """What is needed of `stacktui.yaml`."""

    @property
    def pipelines(self) -> tuple[str, ...]: ...


class ParameterSource(Noun):
    """A parameter of a pipeline as it is written."""

    name: str
    annotation: str = ""
    """Its text; empty where there is none."""
    default_text: str | None = None
    """Its text; None where a value must be given."""


class PipelineSource(Noun):
    """A pipeline as its source says."""

    target: str
    """`pipelines/training.py:training`."""
    name: str
    file: str
    """Relative to the workspace's root."""
    line: int
    """Of its `def`."""
    summary: str = ""
    """The first line of its docstring."""
    parameters: tuple[ParameterSource, ...] = ()


class Discovery(Noun):
    """All that was found."""

    pipelines: tuple[PipelineSource, ...] = ()
    """By file and line."""
    problems: tuple[Diagnostic, ...] = ()


_Stamp = tuple[int, int, int]
_seen: dict[tuple[str, str], tuple[_Stamp, Discovery]] = {}
"""What each file gave, by root and path: a file that did not change is not parsed again."""


def find_pipelines(root: Path, settings: PipelineSettings) -> Discovery:
    """Every function decorated with `@pipeline` in the files and folders that the workspace names."""
    pipelines: list[PipelineSource] = []
    problems: list[Diagnostic] = []
    done: set[Path] = set()
    for place in settings.pipelines:
        start = root / place
        if not start.resolve().is_relative_to(root.resolve()):
            problems.append(
                _finding("PIP003", f"pipelines are looked for in {place}, outside the workspace", root)
            )
        elif not start.exists():
            # The default folder may simply not be there yet.
            if place != "pipelines":
                message = f"there is no {place}; correct `pipelines` in stacktui.yaml, or make it"
                problems.append(_finding("PIP003", message, root / "stacktui.yaml"))
        else:
            for file in _python_files(start):
                if file not in done:
                    done.add(file)
                    found = _of_file(root, file)
                    pipelines.extend(found.pipelines)
                    problems.extend(found.problems)
    pipelines.sort(key=lambda item: (item.file, item.line))
    return Discovery(pipelines=tuple(pipelines), problems=tuple(problems))


def resolve_target(root: Path, settings: PipelineSettings, text: str, *, folder: Path | None = None) -> str:
    """A target as people write it, whole: `training`, `pipelines/training.py` or `pipelines/training.py:training`.

    A file is looked for in `folder`, where people stand, and then in the root. It and a function pass unchecked:
    importing will tell. Raises `PipelineNotFound` for an unknown or ambiguous name.
    """
    if ":" in text or text.endswith(".py"):
        file, colon, function = text.partition(":")
        here = (folder or root) / file
        return f"{here.absolute()}{colon}{function}" if folder is not None and here.is_file() else text
    found = find_pipelines(root, settings).pipelines
    named = [item for item in found if item.name == text] or [
        item for item in found if item.target.rpartition(":")[2] == text
    ]
    if len(named) == 1:
        return named[0].target
    if named:
        raise PipelineNotFound(
            f"several pipelines are called {text}: write one of {', '.join(item.target for item in named)}"
        )
    close = difflib.get_close_matches(text, [item.name for item in found], 1)
    hint = f"did you mean {close[0]}?" if close else "write FILE.py:PIPELINE"
    raise PipelineNotFound(f"there is no pipeline {text}; {hint}")


def _python_files(start: Path) -> Iterator[Path]:
    if start.is_file():
        yield start
        return
    for folder, folders, files in os.walk(start):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        for name in sorted(files):
            if name.endswith(".py") and not name.startswith("."):
                yield Path(folder, name)


def _of_file(root: Path, file: Path) -> Discovery:
    try:
        status = file.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        key = (str(root), str(file))
        known = _seen.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        if status.st_size > _LARGEST:
            return Discovery(
                problems=(_finding("PIP002", f"{_shown(root, file)} is too large for a source", file),)
            )
        raw = file.read_bytes()
    except OSError as error:
        message = f"{_shown(root, file)} cannot be read: {error.strerror}"
        return Discovery(problems=(_finding("PIP002", message, file),))
    found = _read(root, file, raw)
    if len(_seen) > 10_000:
        _seen.clear()
    _seen[key] = (stamp, found)
    return found


def _read(root: Path, file: Path, raw: bytes) -> Discovery:
    if b"pipeline" not in raw:
        return Discovery()
    try:
        tree = ast.parse(raw)
    except SyntaxError as error:
        message = f"{_shown(root, file)} is not valid Python: {error.msg}"
        return Discovery(problems=(_finding("PIP001", message, file, error.lineno, error.offset),))
    except (ValueError, RecursionError) as error:
        return Discovery(
            problems=(_finding("PIP001", f"{_shown(root, file)} is not valid Python: {error}", file),)
        )
    direct, modules = _names_of_pipeline(tree)
    shown = _shown(root, file)
    pipelines: list[PipelineSource] = []
    problems: list[Diagnostic] = []
    for node in _top_level(tree.body):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            callee = decorator.func if isinstance(decorator, ast.Call) else decorator
            chain = chain_of(callee) or ()
            if not (len(chain) == 1 and chain[0] in direct) and ".".join(chain) not in modules:
                continue
            name = _chosen_name(decorator) or node.name
            if any(item.name == name for item in pipelines):
                problems.append(_finding("PIP006", f"{shown} has two pipelines `{name}`", file, node.lineno))
            pipelines.append(_source(node, name, shown))
            break
    return Discovery(pipelines=tuple(pipelines), problems=tuple(problems))


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.Try)):
            yield from _top_level([*statement.body, *statement.orelse])


def _names_of_pipeline(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Names that are `pipeline` itself, and dotted names that lead to it, by the file's imports."""
    direct: set[str] = set()
    dotted: set[str] = set()
    homes = ("stacktui", "stacktui.pipelines.pipeline")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for item in node.names:
                bound = item.asname or item.name
                if node.module in homes and item.name in ("pipeline", "*"):
                    direct.add("pipeline" if item.name == "*" else bound)
                elif f"{node.module}.{item.name}" in homes:
                    dotted.add(f"{bound}.pipeline")
        elif isinstance(node, ast.Import):
            for item in node.names:
                if item.name in homes:
                    dotted.add(f"{item.asname or item.name}.pipeline")
    # `p = stacktui.pipeline` at the top level is another name for it.
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            chain = chain_of(statement.value) or ()
            if ".".join(chain) in dotted or (len(chain) == 1 and chain[0] in direct):
                direct.update(item.id for item in statement.targets if isinstance(item, ast.Name))
    return direct, dotted


def _chosen_name(decorator: ast.expr) -> str | None:
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
        if (
            keyword.arg == "name"
            and isinstance(keyword.value, ast.Constant)
            and isinstance(keyword.value.value, str)
        ):
            return keyword.value.value
    return None


def _source(node: ast.FunctionDef, name: str, file: str) -> PipelineSource:
    arguments = node.args
    parameters: list[ParameterSource] = []
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults.extend(arguments.defaults)
    pairs = [
        *zip(positional, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for argument, default in pairs:
        parameters.append(
            ParameterSource(
                name=argument.arg,
                annotation=_annotation_text(argument.annotation),
                default_text=None if default is None else ast.unparse(default),
            )
        )
    summary = (ast.get_docstring(node) or "").strip().partition("\n")[0]
    return PipelineSource(
        target=f"{file}:{node.name}",
        name=name,
        file=file,
        line=node.lineno,
        summary=summary,
        parameters=tuple(parameters),
    )


def _annotation_text(node: ast.expr | None) -> str:
    if node is None:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)


def _shown(root: Path, file: Path) -> str:
    return file.relative_to(root).as_posix()


def _finding(
    code: str, message: str, file: Path, line: int | None = None, column: int | None = None
) -> Diagnostic:
    return Diagnostic(
        code=code, severity=CODES[code].severity, message=message, file=file, line=line, column=column or None
    )
