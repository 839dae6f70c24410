"""The secrets that steps name, found by reading the sources: `@step(secrets=["aws.key"])`, with file and line.

No user code runs. A name that is only made when the file is imported, in a loop for example, is not found; a plan and a
run find it. Used where secrets are listed with who uses them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from stacktui.model.secretref import SecretRef, references

_LARGEST = 4 << 20
_MOST_FILES = 10_000
_Stamp = tuple[int, int, int]


class NamedSecret(NamedTuple):
    """One place in Python that names a secret for a step."""

    reference: SecretRef
    file: Path
    line: int
    step: str
    """The decorated function; empty where it is given by a call such as `fit.with_options(secrets=…)`."""


_read: dict[Path, tuple[_Stamp, tuple[NamedSecret, ...]]] = {}


def secrets_named(files: Iterable[Path]) -> Iterator[NamedSecret]:
    """Every secret that the files' steps name, by file and line. A file that did not change is not parsed again."""
    for file in files:
        try:
            status = file.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            known = _read.get(file)
            if known is None or known[0] != stamp:
                found = tuple(_of_file(file)) if status.st_size <= _LARGEST else ()
                if len(_read) > _MOST_FILES:
                    _read.clear()
                _read[file] = known = (stamp, found)
        except (OSError, SyntaxError, ValueError, RecursionError):
            # A broken file is a finding of its own.
            continue
        yield from known[1]


def _of_file(file: Path) -> Iterator[NamedSecret]:
    raw = file.read_bytes()
    if b"secrets" not in raw:
        return
    tree = ast.parse(raw)
    constants = {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    owners = {
        id(decorator): node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for decorator in node.decorator_list
    }
    found = [
        NamedSecret(reference, file, line, owners.get(id(node), ""))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "secrets"
        for reference, line in _named(keyword.value, constants)
    ]
    yield from sorted(found, key=lambda one: one.line)


def _named(node: ast.expr, constants: dict[str, ast.expr], depth: int = 4) -> Iterator[tuple[SecretRef, int]]:
    if isinstance(node, ast.Name) and node.id in constants and depth:
        yield from _named(constants[node.id], constants, depth - 1)
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        for item in node.elts:
            yield from _named(item, constants, depth)
    elif isinstance(node, ast.Starred):
        yield from _named(node.value, constants, depth)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
        for reference in references(text if text.startswith("{{") else "{{" + text + "}}")[:1]:
            yield reference, node.lineno
    elif isinstance(node, ast.Call) and _is_reference(node.func):
        parts = [part.value for part in node.args if isinstance(part, ast.Constant)]
        if len(parts) == 2 and all(isinstance(part, str) for part in parts):
            yield SecretRef(str(parts[0]), str(parts[1])), node.lineno


def _is_reference(function: ast.expr) -> bool:
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    return name == "SecretRef"
