"""A step's fingerprint: its code with all of the project's own code that it can reach, read from the sources.

Nothing is imported. Resolution widens and never narrows: what cannot be followed adds a whole module, with all that
it imports. Used by the plan and the runner; `cache_key` is made with it.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from stacktui.model.base import Noun
from stacktui.pipelines.cache import CacheKey, cache_key
from stacktui.pipelines.effects import STACKTUI_DECORATORS, Effects
from stacktui.pipelines.packages import PackageVersions
from stacktui.pipelines.scopes import Chain, Uses, chain_of, uses_of
from stacktui.pipelines.sources import Module, Sources, Target, digest_of, raw_digest

__all__ = ["CacheKey", "CodeIndex", "StepFingerprint", "cache_key"]

_MODULE_NAMES = frozenset(
    {
        "__name__",
        "__file__",
        "__doc__",
        "__package__",
        "__spec__",
        "__loader__",
        "__path__",
        "__builtins__",
        "__debug__",
    }
)
_BUILTINS = frozenset(dir(builtins))
_REACHES_MODULE = frozenset({"globals", "eval", "exec", "vars", "locals", "compile"})
"""Builtins through which code may use any name of its module."""
_REACHES_PROJECT = frozenset({"__import__"})
_IMPORTERS = frozenset({"importlib", "pkgutil", "runpy", "imp"})
"""Modules through which code may import by a name that only the run knows."""
_HARMLESS_IMPORTERS = ("importlib.metadata", "importlib.resources")


class StepFingerprint(Noun):
    """The digest of a step's code and of what it reaches."""

    digest: str
    parts: dict[str, str]
    """Part → digest or version: `fn features.normalise`, `const features.LIMIT`, `module registry`, `package numpy`,
    `python`. Which part differs says why a step is not cached."""


class _Thing:
    """Something that code reaches: a top-level name of a module, a whole module, or the whole project."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str | None) -> None:
        self.module = module
        self.name = name

    def __hash__(self) -> int:
        return hash((self.module, self.name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Thing) and (self.module, self.name) == (other.module, other.name)


_PROJECT = _Thing("", None)


class _Reached:
    """What one thing leads to directly, and its own part of the fingerprint."""

    __slots__ = ("digest", "packages", "part", "things")

    def __init__(self, part: str, digest: str) -> None:
        self.part = part
        self.digest = digest
        self.things: set[_Thing] = set()
        self.packages: set[str] = set()
        """Top-level names of modules that are not the project's."""


class CodeIndex:
    """The sources of one code snapshot. Fingerprints are kept, so that thousands of steps cost little."""

    def __init__(self, code: Path, roots: tuple[Path, ...]) -> None:
        """`code` is the snapshot's folder; `roots` are the folders that its modules are imported from, in order."""
        self.code = code
        self.roots = roots
        self._sources = Sources(code, roots)
        self._effects = Effects(self._sources)
        self._direct: dict[_Thing, _Reached] = {}
        self._done: dict[tuple[str, str], StepFingerprint] = {}
        self._versions = PackageVersions()
        self._too_deep = False

    def fingerprint(self, module: str, function: str) -> StepFingerprint:
        """Of a function in a module of the snapshot. One that cannot be found counts with its whole module."""
        key = (module, function)
        if key not in self._done:
            self._done[key] = self._made(module, function)
        return self._done[key]

    def type_fingerprint(self, type_name: str) -> str | None:
        """The digest of a class of the project and of what it reaches, by its qualified name; None for others.

        An artifact's bytes need not change when the code of its class does.
        """
        module, _, name = type_name.partition("[")[0].rpartition(".")
        while module:
            if self._sources.find(module) is not None:
                return self.fingerprint(module, name).digest
            module, _, name = module.rpartition(".")
        return None

    def _made(self, module: str, function: str) -> StepFingerprint:
        parts, tops = self._parts(module, function)
        parts |= {f"package {name}": version for name, version in self._versions.of(tops).items()}
        parts["python"] = f"{platform.python_implementation()} {platform.python_version()}"
        ordered = dict(sorted(parts.items()))
        # Which of the parts is the step itself counts too: two steps may reach the same code.
        text = "\n".join([f"{module}:{function}", *(f"{name}={value}" for name, value in ordered.items())])
        return StepFingerprint(digest=hashlib.sha256(text.encode("utf-8")).hexdigest(), parts=ordered)

    def _parts(self, module: str, function: str) -> tuple[dict[str, str], set[str]]:
        """Parts of the project's own code, and the top-level names of other modules."""
        if not self._too_deep:
            source = self._sources.find(module)
            head = function.partition(".")[0]
            known = source is not None and source.has(head)
            try:
                reached = self._closure(_Thing(module, head if known else None))
                return (
                    {item.part: item.digest for item in reached},
                    {name for item in reached for name in item.packages},
                )
            except RecursionError:
                # What was found so far may be half of it: from here on, everything counts.
                self._too_deep = True
        return {"project": raw_digest(self.code)}, set()

    def _closure(self, start: _Thing) -> list[_Reached]:
        seen: dict[_Thing, _Reached] = {}
        modules: set[str] = set()
        waiting = [start]
        while waiting:
            thing = waiting.pop()
            if thing in seen:
                continue
            reached = seen[thing] = self._reach(thing)
            waiting.extend(reached.things)
            if thing.module and thing.module not in modules:
                modules.add(thing.module)
                # Importing the module runs what stands at the top level of all that it imports.
                waiting.extend(_Thing(name, None) for name in self._effects.acting_on_import(thing.module))
        return list(seen.values())

    def _reach(self, thing: _Thing) -> _Reached:
        if thing not in self._direct:
            if thing == _PROJECT:
                self._direct[thing] = _Reached("project", self._sources.whole_project())
            else:
                source = self._sources.find(thing.module)
                if source is None:
                    self._direct[thing] = _Reached(f"module {thing.module}", "missing")
                elif thing.name is None:
                    self._direct[thing] = self._reach_module(source)
                else:
                    self._direct[thing] = self._reach_name(source, thing.name)
        return self._direct[thing]

    def _reach_module(self, source: Module) -> _Reached:
        reached = _Reached(f"module {source.name}", source.whole_digest)
        for target in source.every_import:
            self._whole(target, reached)
        uses = source.whole_uses
        if any(chain[0] in _REACHES_PROJECT for chain in uses.chains):
            reached.things.add(_PROJECT)
        return reached

    def _whole(self, target: Target, reached: _Reached) -> None:
        """All that an import may load, as whole modules."""
        self._packages_around(target.module, reached)
        found = self._sources.find(target.module)
        if found is not None:
            reached.things.add(_Thing(target.module, None))
        inner = f"{target.module}.{target.name}" if target.name else ""
        if inner and self._sources.find(inner) is not None:
            reached.things.add(_Thing(inner, None))
        elif found is None:
            self._foreign(target.module, reached)

    def _packages_around(self, module: str, reached: _Reached) -> None:
        parent = module.rpartition(".")[0]
        while parent:
            if self._sources.find(parent) is not None:
                reached.things.add(_Thing(parent, None))
            parent = parent.rpartition(".")[0]

    def _foreign(self, module: str, reached: _Reached) -> None:
        head = module.partition(".")[0]
        if head in _IMPORTERS and not module.startswith(_HARMLESS_IMPORTERS):
            reached.things.add(_PROJECT)
        if head and head not in sys.stdlib_module_names and head != "stacktui":
            reached.packages.add(head)

    def _reach_name(self, source: Module, name: str) -> _Reached:
        statements = source.definitions.get(name, [])
        skip = frozenset(
            id(node) for statement in statements for node in self._own_decorators(source, statement)
        )
        kind = "const"
        if statements:
            last = statements[-1]
            kind = "class" if isinstance(last, ast.ClassDef) else "fn" if _is_function(last) else "const"
        imports = [repr(tuple(target)) for target in source.imports.get(name, ())]
        digest = (
            digest_of(statements, skip=skip)
            if not imports
            else digest_of(statements, skip=skip) + ",".join(imports)
        )
        reached = _Reached(f"{kind} {source.name}.{name}", digest)
        for target in source.imports.get(name, ()):
            self._follow(target, (), reached, set())
        self._uses(source, uses_of(statements, skip=skip), reached)
        # Packages that its module imports: importing one may change how another behaves.
        for target in source.executed:
            if self._sources.find(target.module) is None and not (
                target.name and self._sources.find(f"{target.module}.{target.name}")
            ):
                head = target.module.partition(".")[0]
                if head and head not in sys.stdlib_module_names and head != "stacktui":
                    reached.packages.add(head)
        return reached

    def _own_decorators(self, source: Module, statement: ast.stmt) -> Iterator[ast.expr]:
        """stacktui's own decorators: their options say how a step runs, not what it computes."""
        if isinstance(statement, ast.FunctionDef):
            for decorator in statement.decorator_list:
                callee = decorator.func if isinstance(decorator, ast.Call) else decorator
                chain = chain_of(callee)
                if chain and self._effects.full_name(source, chain) in STACKTUI_DECORATORS:
                    yield decorator

    def _uses(self, source: Module, uses: Uses, reached: _Reached) -> None:
        for chain in uses.chains:
            self._resolve(source, chain, reached)
        for chain in uses.perhaps:
            if source.has(chain[0]):
                self._resolve(source, chain, reached)
        for statement in uses.imports:
            for bound, target, written in source.read_import(statement):
                # Inside a function an import is followed as a whole: how its name is used is not looked at.
                if written.name is None or bound == "*":
                    self._whole(written, reached)
                else:
                    self._packages_around(f"{target.module}.x", reached)
                    self._follow(target, (), reached, set())

    def _resolve(self, source: Module, chain: Chain, reached: _Reached) -> None:
        """Add what a name of a module leads to."""
        head = chain[0]
        found = False
        if head in source.definitions:
            reached.things.add(_Thing(source.name, head))
            found = True
        for target in source.imports.get(head, ()):
            self._follow(target, chain[1:], reached, set())
            found = True
        if found or head in _MODULE_NAMES:
            return
        if head in _REACHES_MODULE:
            reached.things.add(_Thing(source.name, None))
        elif head in _REACHES_PROJECT:
            reached.things |= {_PROJECT, _Thing(source.name, None)}
        elif head not in _BUILTINS:
            reached.things.add(_Thing(source.name, None))

    def _follow(
        self, target: Target, rest: Chain, reached: _Reached, seen: set[tuple[Target, Chain]]
    ) -> None:
        """Add what an import leads to, with the attributes that are taken from it."""
        if (target, rest) in seen:
            return
        seen.add((target, rest))
        if target.name is not None:
            source = self._sources.find(target.module)
            if source is not None and source.has(target.name):
                self._enter(source, target.name, rest, reached, seen)
                return
            inner = f"{target.module}.{target.name}"
            if self._sources.find(inner) is not None or (
                source is not None and self._sources.is_folder(inner)
            ):
                self._follow(Target(inner), rest, reached, seen)
            elif source is not None:
                reached.things.add(_Thing(source.name, None))
            elif self._sources.is_folder(inner):
                self._follow(Target(inner), rest, reached, seen)
            else:
                self._foreign(target.module, reached)
            return
        source = self._sources.find(target.module)
        if not rest:
            if source is not None:
                reached.things.add(_Thing(target.module, None))
            elif self._sources.is_folder(target.module):
                # A folder as a value: any module in it may be meant.
                reached.things.add(_PROJECT)
                self._foreign(target.module, reached)
            else:
                self._foreign(target.module, reached)
            return
        if source is not None and source.has(rest[0]):
            self._enter(source, rest[0], rest[1:], reached, seen)
            return
        inner = f"{target.module}.{rest[0]}"
        if self._sources.find(inner) is not None or self._sources.is_folder(inner):
            if source is not None:
                reached.things.add(_Thing(source.name, None))
            self._follow(Target(inner), rest[1:], reached, seen)
        elif source is not None:
            reached.things.add(_Thing(target.module, None))
        else:
            self._foreign(target.module, reached)

    def _enter(
        self, source: Module, name: str, rest: Chain, reached: _Reached, seen: set[tuple[Target, Chain]]
    ) -> None:
        if name in source.definitions:
            reached.things.add(_Thing(source.name, name))
        for target in source.imports.get(name, ()):
            self._follow(target, rest, reached, seen)


def _is_function(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
