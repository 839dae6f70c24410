"""Names through which code reaches what it does not name: frames, loaded modules, subclasses, its own text.

Used by the fingerprint, which then counts the whole project.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

Chain = tuple[str, ...]

ANYTHING: Chain = ("__import__",)
"""Stands among a piece of code's names where it may reach any of the project's code."""
DOCS: Chain = ("__doc__",)
"""Stands there where it may read docstrings."""
TEXT: Chain = ("__text__",)
"""Stands there where it may read the text of code: comments, line numbers."""

_ANY_ATTRIBUTE = frozenset(
    {"__builtins__", "__globals__", "__subclasses__", "f_back", "f_builtins", "f_globals", "f_locals"}
)
_ANY_OF_MODULE = {
    "sys": frozenset({"modules", "_getframe", "_current_frames"}),
    "gc": frozenset({"get_objects", "get_referrers", "get_referents"}),
    "inspect": frozenset({"currentframe", "getmodule", "getouterframes", "stack", "trace"}),
    "importlib.metadata": frozenset({"distribution", "distributions", "entry_points", "EntryPoint"}),
    "builtins": frozenset({"__import__", "compile", "eval", "exec", "globals", "locals", "vars"}),
}
_DOCS_NAMES = frozenset({"__doc__", "getdoc"})
_TEXT_NAMES = frozenset(
    {
        "__code__",
        "co_firstlineno",
        "f_lineno",
        "getcomments",
        "getsource",
        "getsourcelines",
        "linecache",
        "tb_lineno",
    }
)
_IMPORTERS = frozenset({"hydra", "importlib", "imp", "pkgutil", "pydoc", "runpy", "zipimport"})
"""Modules through which code may import by a name that only the run knows."""
_HARMLESS_IMPORTERS = ("importlib.metadata", "importlib.resources")


def opened_by(node: ast.AST) -> set[Chain]:
    """`ANYTHING`, `DOCS` or `TEXT` where one attribute or string says so, whatever stands before it."""
    if isinstance(node, ast.Attribute):
        name = node.attr
        if isinstance(node.value, ast.Name) and name in _ANY_OF_MODULE.get(node.value.id, ()):
            return {ANYTHING}
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        # `getattr(base, "__subclasses__")`.
        name = node.value
        if not name.startswith("__"):
            return set()
    else:
        return set()
    if name in _ANY_ATTRIBUTE:
        return {ANYTHING}
    return {TEXT} if name in _TEXT_NAMES else {DOCS} if name in _DOCS_NAMES else set()


def opens(module: str, names: Sequence[str]) -> Chain | None:
    """`ANYTHING`, `DOCS` or `TEXT` if an attribute of a module that is not the project's does; `names` are taken from it."""
    head = module.partition(".")[0]
    full = [*module.split("."), *names]
    for count in range(1, len(full)):
        if full[count] in _ANY_OF_MODULE.get(".".join(full[:count]), ()):
            return ANYTHING
    if head in _IMPORTERS and not ".".join(full).startswith(_HARMLESS_IMPORTERS):
        return ANYTHING
    if any(name in _TEXT_NAMES for name in full):
        return TEXT
    return DOCS if any(name in _DOCS_NAMES for name in full) else None


def watched(module: str) -> bool:
    """Whether a module by another name of its own, or as a value, may be any of those."""
    return module in _ANY_OF_MODULE
