"""Which names of its module a piece of code uses, by Python's rules of scope, from the syntax tree alone.

Used by the fingerprint. Where a rule depends on what happens at run time, a name counts as used.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from stacktui.pipelines.reflection import Chain, opened_by

# A chain is a name with the attributes that are taken from it: `("features", "normalise")`; alone: `("LIMIT",)`.
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


# While chains are collected, a mark before the first name says how it may be bound.
_GLOBAL = " "
"""Declared `global`: the module's, whatever a function around calls its own."""
_CLASS = "~"
"""Set in a class body around, or written inside a string: the module's if it has one of that name."""


class Uses(NamedTuple):
    """What a piece of code takes from outside."""

    chains: frozenset[Chain]
    """Names that must be the module's, a builtin, or of unknown origin."""
    perhaps: frozenset[Chain]
    """Names that count only where the module has them: a class's own, and those in strings."""
    imports: tuple[ast.Import | ast.ImportFrom, ...]
    """Imports inside functions: they happen when the code runs."""
    inner: frozenset[Chain]
    """Names that functions bind for themselves, those of their imports among them."""


class _Inside:
    """What is found in functions on the way."""

    def __init__(self) -> None:
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.chains: set[Chain] = set()


def uses_of(nodes: Iterable[ast.AST], *, skip: frozenset[int] = frozenset()) -> Uses:
    """The module-level names that `nodes` use. `skip`: ids of sub-trees that do not count."""
    chains: set[Chain] = set()
    inside = _Inside()
    for node in nodes:
        chains |= _free(node, inside, skip)
    surely = {
        (chain[0].removeprefix(_GLOBAL), *chain[1:]) for chain in chains if not chain[0].startswith(_CLASS)
    }
    perhaps = {(chain[0].removeprefix(_CLASS), *chain[1:]) for chain in chains if chain[0].startswith(_CLASS)}
    return Uses(frozenset(surely), frozenset(perhaps), tuple(inside.imports), frozenset(inside.chains))


def _free(node: ast.AST, inside: _Inside, skip: frozenset[int]) -> set[Chain]:
    if id(node) in skip:
        return set()
    if isinstance(node, ast.Name):
        return {(node.id,)} if not isinstance(node.ctx, ast.Store) else set()
    if isinstance(node, ast.Attribute):
        chain = chain_of(node)
        return _opened_on_the_way(node) | ({chain} if chain else _free(_root(node), inside, skip))
    if isinstance(node, ast.Constant):
        return opened_by(node)
    if isinstance(node, ast.ClassDef):
        return _in_class(node, inside, skip)
    if isinstance(node, _FUNCTIONS):
        found = _all([*node.decorator_list, *defaults_of(node.args)], inside, skip)
        for annotation in annotations_of(node):
            found |= _in_annotation(annotation, inside, skip)
        return found | _in_function(node.body, _parameters(node.args), inside, skip, node)
    if isinstance(node, ast.Lambda):
        found = _all(defaults_of(node.args), inside, skip)
        return found | _in_function([node.body], _parameters(node.args), inside, skip, node)
    if isinstance(node, _COMPREHENSIONS):
        return _in_comprehension(node, inside, skip)
    if isinstance(node, ast.AnnAssign):
        found = _all([node.target, *([node.value] if node.value else [])], inside, skip)
        return found | _in_annotation(node.annotation, inside, skip)
    if isinstance(node, ast.Global):
        return {(_GLOBAL + name,) for name in node.names}
    if isinstance(node, ast.Nonlocal):
        return set()
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        inside.imports.append(node)
        return set()
    return _all(ast.iter_child_nodes(node), inside, skip)


def _all(nodes: Iterable[ast.AST], inside: _Inside, skip: frozenset[int]) -> set[Chain]:
    found: set[Chain] = set()
    for node in nodes:
        found |= _free(node, inside, skip)
    return found


def _in_class(node: ast.ClassDef, inside: _Inside, skip: frozenset[int]) -> set[Chain]:
    outside: list[ast.AST] = [*node.decorator_list, *node.bases, *(item.value for item in node.keywords)]
    found = _all(outside, inside, skip)
    own: set[str] = set()
    for statement in node.body:
        _bindings(statement, own, set())
    for parameter in getattr(node, "type_params", ()):
        own.add(parameter.name)
    for chain in _all(node.body, inside, skip):
        found.add((_CLASS + chain[0], *chain[1:]) if chain[0] in own else chain)
    return found


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _opened_on_the_way(node: ast.expr) -> set[Chain]:
    found: set[Chain] = set()
    while isinstance(node, ast.Attribute):
        found |= opened_by(node)
        node = node.value
    return found


def chain_of(node: ast.AST) -> Chain | None:
    """`a.b.c` as a chain; None for anything that does not start with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return (node.id, *reversed(parts))


def _in_function(
    body: Sequence[ast.AST],
    parameters: set[str],
    inside: _Inside,
    skip: frozenset[int],
    owner: ast.AST,
) -> set[Chain]:
    local, declared = set(parameters), set[str]()
    for statement in body:
        _bindings(statement, local, declared)
    for parameter in getattr(owner, "type_params", ()):
        local.add(parameter.name)
    local -= declared
    # A name that a class body sets itself is looked up past this function: in the class, then in the module.
    found = _all(body, inside, skip)
    own = {chain for chain in found if chain[0] in local}
    inside.chains |= own
    return found - own


def _in_comprehension(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
    inside: _Inside,
    skip: frozenset[int],
) -> set[Chain]:
    # The first iterable is read outside, where the comprehension's own names do not exist yet.
    found = _free(node.generators[0].iter, inside, skip)
    local: set[str] = set()
    inner: list[ast.AST] = []
    for index, generator in enumerate(node.generators):
        _targets(generator.target, local)
        inner.append(generator.target)
        inner.extend(generator.ifs)
        if index:
            inner.append(generator.iter)
    inner.extend([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
    return found | {chain for chain in _all(inner, inside, skip) if chain[0] not in local}


def _bindings(node: ast.AST, local: set[str], declared: set[str]) -> None:
    """Names that a function's body makes local; not those of functions, classes and comprehensions inside."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        local.add(node.name)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Global):
        declared.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        # They belong to a function around this one, which takes them away itself.
        declared.update(node.names)
    elif isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            local.add(node.id)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        local.update((item.asname or item.name.partition(".")[0]) for item in node.names)
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        local.add(node.name)
    elif isinstance(node, ast.MatchMapping) and node.rest:
        local.add(node.rest)
    if isinstance(node, _COMPREHENSIONS):
        # Only `:=` inside a comprehension binds in the function.
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                _targets(inner.target, local)
        return
    for child in ast.iter_child_nodes(node):
        _bindings(child, local, declared)


def _targets(node: ast.AST, local: set[str]) -> None:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            local.add(inner.id)


def _parameters(arguments: ast.arguments) -> set[str]:
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    return {item.arg for item in every if item is not None}


def defaults_of(arguments: ast.arguments) -> list[ast.expr]:
    """The default values of a function's parameters."""
    return [*arguments.defaults, *(item for item in arguments.kw_defaults if item is not None)]


def annotations_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """The annotations of a function's parameters and of what it returns."""
    arguments = node.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    for item in every:
        if item is not None and item.annotation is not None:
            yield item.annotation
    if node.returns is not None:
        yield node.returns


def _in_annotation(node: ast.expr, inside: _Inside, skip: frozenset[int]) -> set[Chain]:
    """Names in an annotation; those in its strings count where the module has them (a string may be a `Literal`)."""
    found = _free(node, inside, skip)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            try:
                said = ast.parse(inner.value, mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            found |= {(_CLASS + chain[0], *chain[1:]) for chain in _free(said, inside, skip)}
    return found
