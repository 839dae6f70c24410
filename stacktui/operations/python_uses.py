"""Where the workspace's Python names a component or a stack. Found in the syntax trees; nothing is imported or changed.

Told beside a rename, which leaves Python as it is. What is computed at run time is not seen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from stacktui.model.category import Category
from stacktui.operations.documents import relative
from stacktui.operations.references import PythonUse

if TYPE_CHECKING:
    from stacktui.model.component import ComponentId
    from stacktui.workspace.workspace import Workspace

_LARGEST = 4 * 1024 * 1024
"""Bytes: a larger file was not written by hand."""
_LONGEST = 160
_SHOWN = 6


def python_note(uses: Sequence[PythonUse]) -> str:
    """What to know before a change of what Python names is accepted; empty where it does not."""
    if not uses:
        return ""
    lines = [f"  {use}" for use in uses[:_SHOWN]]
    if len(uses) > len(lines):
        lines.append(f"  and {len(uses) - len(lines)} more")
    place = "1 place" if len(uses) == 1 else f"{len(uses)} places"
    return "\n".join((f"Python names it in {place}, which this does not change:", *lines))


def uses_of_component(workspace: Workspace, wanted: ComponentId) -> tuple[PythonUse, ...]:
    """Lines that name a component where a step operator, an experiment tracker or an alerter is named. Blocks."""
    category = wanted.category
    if category is Category.ALERTER:
        return tuple(_uses(workspace, wanted.name, (), ("alerter_named",), ()))
    if category not in (Category.STEP_OPERATOR, Category.EXPERIMENT_TRACKER):
        # No function takes the name of another category's component; only an option of the command line does.
        options = ("--store",) if category is Category.METADATA_STORE else ()
        return tuple(_uses(workspace, wanted.name, (), (), options))
    return tuple(_uses(workspace, wanted.name, (category.value,), (), ()))


def uses_of_stack(workspace: Workspace, wanted: str) -> tuple[PythonUse, ...]:
    """Lines that name a stack: `.run(stack=…)`, `--stack`, `STACKTUI_STACK`. Blocks."""
    return tuple(_uses(workspace, wanted, ("stack", "STACKTUI_STACK"), (), ("--stack",)))


def _uses(
    workspace: Workspace,
    name: str,
    keys: tuple[str, ...],
    calls: tuple[str, ...],
    options: tuple[str, ...],
) -> Iterator[PythonUse]:
    from stacktui.workspace.sources import source_files

    marks = [word.encode() for word in (*keys, *calls, *options)]
    if not marks:
        return
    quoted = re.compile(rf"""['"]{re.escape(name)}['"]""".encode())
    for file in source_files(workspace, ".py"):
        try:
            if file.stat().st_size > _LARGEST:
                continue
            raw = file.read_bytes()
        except OSError:
            continue
        # Most files are not parsed: that takes a thousand times as long.
        if name.encode() not in raw or not any(mark in raw for mark in marks):
            continue
        try:
            tree = ast.parse(raw)
        except (SyntaxError, ValueError, RecursionError):
            # Who cannot be read may still mean it: every line with the name in quotes.
            found = [number for number, line in enumerate(raw.split(b"\n"), 1) if quoted.search(line)]
        else:
            found = sorted(_Finder(name, keys, calls, options).lines(tree))
        yield from _told(relative(file, workspace.root), raw, found)


def _told(file: str, raw: bytes, numbers: Iterable[int]) -> Iterator[PythonUse]:
    lines = raw.decode("utf-8", "replace").split("\n")
    for number in numbers:
        text = lines[number - 1].strip() if number <= len(lines) else ""
        yield PythonUse(file=file, line=number, text=text[:_LONGEST])


class _Finder:
    """Finds the lines of one file on which a name stands as what it names."""

    def __init__(
        self, name: str, keys: tuple[str, ...], calls: tuple[str, ...], options: tuple[str, ...]
    ) -> None:
        self.name = name
        self.keys = keys
        self.calls = calls
        self.options = options
        self.found: set[int] = set()
        self.variables: set[str] = set()
        """Names that stand where the object is named: who gives them its name is found too."""

    def lines(self, tree: ast.Module) -> set[int]:
        nodes = list(ast.walk(tree))
        for node in nodes:
            self._look(node)
        for node in nodes:
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(_called(target) in self.variables for target in targets):
                    self._take(node.value, follow=False)
        return self.found

    def _look(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg in self.keys:
                    self._take(keyword.value)
            if _called(node.func) in self.calls:
                for given in node.args:
                    self._take(given)
            self._after_option(node.args)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in self.keys:
                    self._take(value)
        elif isinstance(node, (ast.List, ast.Tuple)):
            self._after_option(node.elts)
        elif isinstance(node, ast.Assign):
            if any(self._is_key(target) for target in node.targets):
                self._take(node.value)
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            pairs = [
                *zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True),
                *zip(node.kwonlyargs, node.kw_defaults, strict=True),
            ]
            for argument, default in pairs:
                if argument.arg in self.keys and default is not None:
                    self._take(default)

    def _is_key(self, target: ast.expr) -> bool:
        """`environ["STACKTUI_STACK"] = …`"""
        return (
            isinstance(target, ast.Subscript)
            and isinstance(target.slice, ast.Constant)
            and target.slice.value in self.keys
        )

    def _after_option(self, items: list[ast.expr]) -> None:
        for item, following in pairwise(items):
            if isinstance(item, ast.Constant) and item.value in self.options:
                self._take(following)
        for item in items:
            if isinstance(item, ast.Constant) and item.value in {
                f"{each}={self.name}" for each in self.options
            }:
                self.found.add(item.lineno)

    def _take(self, value: ast.expr, *, follow: bool = True) -> None:
        """The value, or what a condition or a choice in it may give, is the name."""
        for node in _parts(value):
            if isinstance(node, ast.Constant) and node.value == self.name:
                self.found.add(node.lineno)
            elif follow and isinstance(node, (ast.Name, ast.Attribute)):
                self.variables.add(_called(node))


def _parts(value: ast.AST) -> Iterator[ast.AST]:
    """All of an expression but what only decides in it: of `a if b else c` not `b`."""
    yield value
    for part in ast.iter_child_nodes(value):
        if not isinstance(part, ast.Compare) and not (isinstance(value, ast.IfExp) and part is value.test):
            yield from _parts(part)


def _called(node: ast.expr) -> str:
    """The last part of a name: `stack` of `self.stack`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
