"""The names of the steps that the workspace's pipelines use, found by reading the sources: no user code runs.

Used where settings are given to a step by its name: the stack builder and completion. A name that is only made when
the pipeline is drawn, in a loop for example, is not found; such a one can always be typed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from stacktui.pipelines.discover import PipelineSettings, find_pipelines
from stacktui.pipelines.scopes import chain_of

_HOMES = frozenset({"stacktui", "stacktui.pipelines.step"})
_LARGEST = 4 * 1024 * 1024
_MOST_FILES = 10_000

_Stamp = tuple[int, int, int]


class StepName(NamedTuple):
    """A step as one pipeline calls it."""

    name: str
    pipeline: str
    summary: str
    """The first line of its docstring; empty where it has none or where it is not found."""


class _Step(NamedTuple):
    name: str
    summary: str


class _Module(NamedTuple):
    """What one file says."""

    steps: dict[str, _Step]
    """The steps that it defines, by the name of their function."""
    imports: dict[str, tuple[str, str]]
    """Names that it imports: by the name here, the module and what of it (empty for the module itself)."""
    calls: dict[str, tuple[tuple[tuple[str, ...], str | None], ...]]
    """By function: what its body calls, in order, and the name that `.named("…")` gives."""


_read: dict[Path, tuple[_Stamp, _Module | None]] = {}


def find_step_names(root: Path, settings: PipelineSettings) -> tuple[StepName, ...]:
    """Each step of each pipeline by the name that settings are given under; by pipeline, in the order of the calls.

    Reads files, and parses only those that changed since.
    """
    found: list[StepName] = []
    for pipeline in find_pipelines(root, settings).pipelines:
        file = root / pipeline.file
        function = pipeline.target.rpartition(":")[2]
        module = _module(file)
        if module is not None:
            steps = _named(_steps_of(module, function, file, root))
            found += (StepName(step.name, pipeline.name, step.summary) for step in steps)
    return tuple(found)


def _steps_of(module: _Module, function: str, file: Path, root: Path) -> Iterator[_Step]:
    for chain, given in module.calls.get(function, ()):
        step = _resolved(module, chain, file, root)
        if step is not None:
            yield step._replace(name=given) if given else step


def _named(steps: Iterable[_Step]) -> Iterator[_Step]:
    """Doubles numbered, as a pipeline does when it is drawn."""
    taken: set[str] = set()
    for step in steps:
        name, number = step.name, 2
        while name in taken:
            name, number = f"{step.name}_{number}", number + 1
        taken.add(name)
        yield step._replace(name=name)


def _resolved(
    module: _Module, chain: tuple[str, ...], file: Path, root: Path, depth: int = 4
) -> _Step | None:
    """The step that a name in a file stands for, also through imports of the workspace's own modules."""
    head, *rest = chain
    if not rest and head in module.steps:
        return module.steps[head]
    if head not in module.imports or depth == 0:
        return None
    name, item = module.imports[head]
    wanted = (item, *rest) if item else tuple(rest)
    for length in range(len(wanted) - 1, -1, -1):
        # `from package import module`, then `module.step`, or `import package.module`, then all of it.
        found = _file_of(".".join((name, *wanted[:length])), file, root)
        other = _module(found) if found is not None else None
        if other is None or found is None:
            continue
        step = _resolved(other, wanted[length:], found, root, depth - 1)
        if step is not None:
            return step
    return None


def _file_of(module: str, file: Path, root: Path) -> Path | None:
    """A module's file in the workspace: as an import in `file` finds it, its own folder first."""
    dots = len(module) - len(module.lstrip("."))
    parts = [part for part in module.lstrip(".").split(".") if part]
    starts = [file.parents[dots - 1]] if 0 < dots <= len(file.parents) else [file.parent, root]
    for start in starts:
        place = start.joinpath(*parts)
        for candidate in (
            (place.with_suffix(".py"), place / "__init__.py") if parts else (place / "__init__.py",)
        ):
            if candidate.is_relative_to(root) and candidate.is_file():
                return candidate
    return None


def _module(file: Path) -> _Module | None:
    """What a file says; None for one that cannot be read as Python."""
    try:
        status = file.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = _read.get(file)
        if known is not None and known[0] == stamp:
            return known[1]
        tree = ast.parse(file.read_bytes()) if status.st_size <= _LARGEST else None
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    found = _of_tree(tree) if tree is not None else None
    if len(_read) > _MOST_FILES:
        _read.clear()
    _read[file] = (stamp, found)
    return found


def _of_tree(tree: ast.Module) -> _Module:
    imports: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            imports.update({item.asname or item.name: (base, item.name) for item in node.names})
        elif isinstance(node, ast.Import):
            for item in node.names:
                head = item.name.partition(".")[0]
                imports[item.asname or head] = (item.name if item.asname else head, "")
    steps: dict[str, _Step] = {}
    calls: dict[str, tuple[tuple[tuple[str, ...], str | None], ...]] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            callee = decorator.func if isinstance(decorator, ast.Call) else decorator
            if _is_step(chain_of(callee) or (), imports):
                summary = (ast.get_docstring(node) or "").strip().partition("\n")[0]
                steps[node.name] = _Step(_text(decorator, "name") or node.name, summary)
        calls[node.name] = tuple(_calls(node))
    return _Module(steps, imports, calls)


def _is_step(chain: tuple[str, ...], imports: dict[str, tuple[str, str]]) -> bool:
    if not chain or chain[0] not in imports:
        return False
    module, item = imports[chain[0]]
    whole = ".".join(part for part in (module, item, *chain[1:]) if part)
    home, _, last = whole.rpartition(".")
    return last == "step" and home in _HOMES


def _calls(function: ast.FunctionDef) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """What the body calls, innermost first, as it is run: `fit(load())` calls `load` before `fit`."""
    for statement in function.body:
        yield from _calls_in(statement)


def _calls_in(node: ast.AST) -> Iterator[tuple[tuple[str, ...], str | None]]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return
    for child in ast.iter_child_nodes(node):
        yield from _calls_in(child)
    if not isinstance(node, ast.Call):
        return
    callee, given = node.func, None
    if (
        isinstance(callee, ast.Call)
        and isinstance(callee.func, ast.Attribute)
        and callee.func.attr == "named"
    ):
        first = callee.args[0] if callee.args else None
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            return
        callee, given = callee.func.value, first.value
    chain = chain_of(callee)
    if chain is not None:
        yield chain, given


def _text(decorator: ast.expr, key: str) -> str | None:
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
        value = keyword.value
        if keyword.arg == key and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None
