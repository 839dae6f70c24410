"""A step's fingerprint: its code with all of the project's own code that it can reach, read from the sources.

Nothing is imported. Resolution widens and never narrows: what cannot be followed adds a whole module, with all that
it imports. Used by the plan and the runner; `cache_key` is made with it.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from stacktui.model.base import Noun
from stacktui.pipelines.cache import CacheKey, cache_key
from stacktui.pipelines.effects import STACKTUI_DECORATORS, Effects
from stacktui.pipelines.packages import PackageVersions
from stacktui.pipelines.reflection import ANYTHING, DOCS, TEXT, Chain, opens, watched
from stacktui.pipelines.scopes import Uses, chain_of, uses_of
from stacktui.pipelines.sources import Module, Sources, Target, digest_of, raw_digest

__all__ = ["CacheKey", "CodeIndex", "StepFingerprint", "cache_key"]

_MODULE_NAMES = frozenset(
    {
        "__name__",
        "__file__",
        "__package__",
        "__spec__",
        "__loader__",
        "__path__",
        "__debug__",
    }
)
_QUALIFIED = re.compile(r"[^\W\d]\w*(?:[.:]\w+)+")
_BUILTINS = frozenset(dir(builtins))
_REACHES_MODULE = frozenset({"globals", "eval", "exec", "vars", "locals", "compile"})
"""Builtins through which code may use any name of its module."""


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
_TEXT = _Thing("", "text")
"""The bytes of every file, for code that reads its own text."""
_DOCS = _Thing("", "docs")
_OPENED = {ANYTHING: _PROJECT, DOCS: _DOCS, TEXT: _TEXT}


class _Reached:
    """What one thing leads to directly, and its own part of the fingerprint."""

    __slots__ = ("bound", "digest", "loaded", "packages", "part", "things")

    def __init__(self, part: str, digest: str) -> None:
        self.part = part
        self.digest = digest
        self.things: set[_Thing] = set()
        self.loaded: set[str] = set()
        """Modules that it imports when it runs."""
        self.bound: set[str] = set()
        """What its imported names stand for: two that change places reach the same code."""
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
        self._done: dict[tuple[str, ...], StepFingerprint] = {}
        self._versions = PackageVersions()
        self._types: dict[str, str | None] = {}
        self._too_deep = False

    def fingerprint(self, module: str, function: str, beside: tuple[str, ...] = ()) -> StepFingerprint:
        """Of a function in a module of the snapshot. One that cannot be found counts with its whole module.

        `beside` names what else makes the result, as `module:object`: materializers. Those of the project count.
        """
        key = (module, function, *beside)
        if key not in self._done:
            self._done[key] = self._made(module, function, beside)
        return self._done[key]

    def type_fingerprint(self, type_name: str) -> str | None:
        """The digest of the project's classes that a type names, and of what they reach; None where it names none.

        `type_name` is a qualified name, one with others inside (`list[shapes.Circle]`), or `module:object`.
        An artifact's bytes need not change when the code of its class does.
        """
        if type_name not in self._types:
            found = [self._class(name.replace(":", ".")) for name in _QUALIFIED.findall(type_name)]
            self._types[type_name] = "+".join(filter(None, found)) or None
        return self._types[type_name]

    def _class(self, name: str) -> str | None:
        module, _, inside = name.rpartition(".")
        while module:
            if self._sources.find(module) is not None:
                return self.fingerprint(module, inside).digest
            module, _, inside = module.rpartition(".")
        return None

    def place(self, part: str) -> tuple[str, int] | None:
        """The file, relative to the code's folder, and the line of a part of a fingerprint; None if it has none."""
        kind, _, full = part.partition(" ")
        module, _, name = (full, "", "") if kind == "module" else full.rpartition(".")
        source = self._sources.find(module)
        if source is None:
            return None
        statements = source.definitions.get(name, ())
        file = source.path.relative_to(self.code).as_posix()
        return file, statements[-1].lineno if statements else 1

    @cached_property
    def project_digest(self) -> str:
        """A digest of all of the project's code."""
        return raw_digest(self.code)

    def _made(self, module: str, function: str, beside: tuple[str, ...]) -> StepFingerprint:
        parts, tops = self._parts(module, function)
        for name in beside:
            home, _, inside = name.partition(":")
            if self._sources.find(home) is not None:
                more, others = self._parts(home, inside)
                parts |= more
                tops |= others
        parts |= {f"package {name}": version for name, version in self._versions.of(tops).items()}
        parts["python"] = f"{platform.python_implementation()} {platform.python_version()}"
        ordered = dict(sorted(parts.items()))
        # Which of the parts is the step itself counts too: two steps may reach the same code.
        text = "\n".join(
            [f"{module}:{function}", *beside, *(f"{name}={value}" for name, value in ordered.items())]
        )
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
        return {"project": self.project_digest}, set()

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
            for module in {thing.module, *reached.loaded} - modules - {""}:
                modules.add(module)
                # Importing the module runs what stands at the top level of all that it imports.
                waiting.extend(_Thing(name, None) for name in self._effects.acting_on_import(module))
        return list(seen.values())

    def _reach(self, thing: _Thing) -> _Reached:
        if thing not in self._direct:
            if thing == _PROJECT:
                self._direct[thing] = _Reached("project", self._sources.whole_project())
            elif thing == _DOCS:
                self._direct[thing] = _Reached("docs", self._sources.whole_project(docs=True))
            elif thing == _TEXT:
                self._direct[thing] = _Reached("text", self.project_digest)
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
        for chain in source.whole_uses.chains:
            if chain in _OPENED:
                reached.things.add(_OPENED[chain])
            elif full := self._effects.full_name(source, chain):
                self._open(full.partition(".")[0], full.split(".")[1:], reached)
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
            self._foreign(target.module, (target.name,) if target.name else (), reached)

    def _packages_around(self, module: str, reached: _Reached) -> None:
        parent = module.rpartition(".")[0]
        while parent:
            if self._sources.find(parent) is not None:
                reached.things.add(_Thing(parent, None))
            parent = parent.rpartition(".")[0]

    def _foreign(self, module: str, names: Chain, reached: _Reached) -> None:
        """A module that is not the project's, of which `names` are taken."""
        self._open(module, names, reached)
        head = module.partition(".")[0]
        if head and head not in sys.stdlib_module_names and head != "stacktui":
            reached.packages.add(head)

    def _open(self, module: str, names: Sequence[str], reached: _Reached) -> None:
        opened = opens(module, names)
        if opened is not None:
            reached.things.add(_OPENED[opened])

    def _reach_name(self, source: Module, name: str) -> _Reached:
        statements = source.definitions.get(name, [])
        skip = frozenset(
            id(node) for statement in statements for node in self._own_decorators(source, statement)
        )
        kind = "const"
        if statements:
            last = statements[-1]
            kind = "class" if isinstance(last, ast.ClassDef) else "fn" if _is_function(last) else "const"
        reached = _Reached(f"{kind} {source.name}.{name}", digest_of(statements, skip=skip))
        for target in self._imported(source, name, reached):
            self._follow(target, (), reached, set())
        self._uses(source, uses_of(statements, skip=skip), reached)
        if reached.bound:
            text = "\n".join([reached.digest, *sorted(reached.bound)])
            reached.digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        # Packages that its module imports: importing one may change how another behaves.
        for target in source.executed:
            if self._sources.find(target.module) is None and not (
                target.name and self._sources.find(f"{target.module}.{target.name}")
            ):
                head = target.module.partition(".")[0]
                if head and head not in sys.stdlib_module_names and head != "stacktui":
                    reached.packages.add(head)
        return reached

    def _imported(self, source: Module, name: str, reached: _Reached) -> list[Target]:
        """What imports bind to a name of a module."""
        if name in source.rebound:
            # Which of its values a default or a constant saw depends on the order of the statements.
            reached.things.add(_Thing(source.name, None))
        targets = source.imports.get(name, [])
        if targets:
            reached.bound.add(f"{source.name}.{name} = {[tuple(target) for target in targets]}")
        return targets

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
                reached.loaded.update(self._effects.loaded(written))
                taken = {chain[1:] for chain in uses.inner if chain[0] == bound}
                if bound == "*" or not taken:
                    self._whole(written, reached)
                for rest in taken:
                    self._follow(target, rest, reached, set())

    def _resolve(self, source: Module, chain: Chain, reached: _Reached) -> None:
        """Add what a name of a module leads to."""
        if chain in _OPENED:
            reached.things |= {_OPENED[chain], _Thing(source.name, None)}
            return
        head = chain[0]
        found = False
        if head in source.definitions:
            reached.things.add(_Thing(source.name, head))
            found = True
        for target in self._imported(source, head, reached):
            self._follow(target, chain[1:], reached, set())
            found = True
        if head.startswith("__") and not head.endswith("__"):
            # In a class such a name means another one, which begins with the class's.
            found = False
        if found or head in _MODULE_NAMES:
            return
        if head in _REACHES_MODULE or head not in _BUILTINS:
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
            inner = f"{target.module}.{target.name}"
            if source is not None and source.has(target.name):
                self._enter(source, target.name, rest, reached, seen)
                if self._sources.find(inner) is not None and not source.loads(inner):
                    # Whoever imports the module of that name puts it in the name's place.
                    self._follow(Target(inner), rest, reached, seen)
                return
            if self._sources.find(inner) is not None or (
                source is not None and self._sources.is_folder(inner)
            ):
                self._follow(Target(inner), rest, reached, seen)
            elif source is not None:
                reached.things.add(_Thing(source.name, None))
            elif self._sources.is_folder(inner):
                self._follow(Target(inner), rest, reached, seen)
            else:
                self._foreign(target.module, (target.name, *rest), reached)
            return
        source = self._sources.find(target.module)
        if not rest:
            if source is not None:
                reached.things.add(_Thing(target.module, None))
            elif self._sources.is_folder(target.module):
                # A folder as a value: any module in it may be meant.
                reached.things.add(_PROJECT)
                self._foreign(target.module, (), reached)
            else:
                self._foreign(target.module, (), reached)
                if watched(target.module):
                    reached.things.add(_PROJECT)
            return
        inner = f"{target.module}.{rest[0]}"
        if source is not None and source.has(rest[0]):
            self._enter(source, rest[0], rest[1:], reached, seen)
            if self._sources.find(inner) is not None and not source.loads(inner):
                self._follow(Target(inner), rest[1:], reached, seen)
            return
        if self._sources.find(inner) is not None or self._sources.is_folder(inner):
            if source is not None:
                reached.loaded.add(source.name)
            self._follow(Target(inner), rest[1:], reached, seen)
        elif source is not None:
            reached.things.add(_Thing(target.module, None))
        else:
            self._foreign(target.module, rest, reached)

    def _enter(
        self, source: Module, name: str, rest: Chain, reached: _Reached, seen: set[tuple[Target, Chain]]
    ) -> None:
        if name in source.definitions:
            reached.things.add(_Thing(source.name, name))
        for target in self._imported(source, name, reached):
            self._follow(target, rest, reached, seen)


def _is_function(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
