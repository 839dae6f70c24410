"""Flavors: what an implementation declares about itself, and how they are found without importing them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.categories.installed import entry_points, is_installed
from stacktui.model.category import Category

if TYPE_CHECKING:
    # Late at run time: a list of runs starts with this module and asks neither for packages nor for syntax trees.
    import ast
    from importlib import metadata

    from stacktui.categories.base import StackComponent

ENTRY_POINT_GROUP = "stacktui.flavors"


class FlavorId(NamedTuple):
    """What names a flavor."""

    category: Category
    name: str

    def __str__(self) -> str:
        return f"{self.category}/{self.name}"


@dataclass(frozen=True)
class Demand:
    """Something that a flavor needs of the rest of its stack, checked by the rules without building anything."""

    category: Category
    """The category that must be filled."""
    reachable: bool = False
    """Its flavor must not keep its data on this host only."""
    flavors: frozenset[str] = frozenset()
    """If not empty: only these flavors will do."""
    reason: str = ""
    """Why, as a finding says it: "its steps run on other hosts"."""


@dataclass(frozen=True)
class FlavorFacts:
    """What a flavor declares. It stands as `facts` on the class, which imports no client library."""

    category: Category
    name: str
    summary: str
    """One line for the list of flavors."""
    provider: str = "local"
    """Whose tool it is: the folder in `flavors/`, or the package or file that brought it."""
    remote: bool = False
    """Whether its work or data leave this host."""
    packages: tuple[str, ...] = ()
    """Distributions that must be installed, as requirement strings."""
    install: str = ""
    """The line that installs them."""
    capabilities: frozenset[str] = frozenset()
    """Names from the category's `CAPABILITIES` that are real here; anything else raises `Unsupported`."""
    demands: tuple[Demand, ...] = ()


@dataclass(frozen=True)
class FlavorSource:
    """Where a flavor was found; importing it is left to `load`."""

    id: FlavorId
    provider: str
    target: str
    """`package.module:Class`, or for a file `:Class`."""
    file: Path | None = None
    """The workspace file that holds it."""
    summary: str = ""
    packages: tuple[str, ...] = ()
    install: str = ""

    def load(self) -> type[StackComponent]:
        """The class. Raises `FlavorBroken` with the reason and, where known, the line that installs what is missing."""
        try:
            module = (
                _import_file(self.file)
                if self.file
                else importlib.import_module(self.target.partition(":")[0])
            )
            found: type[StackComponent] = getattr(module, self.target.partition(":")[2])
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            hint = (
                f"; install it with: {self.install}"
                if self.install and isinstance(error, ImportError)
                else ""
            )
            raise FlavorBroken(self, f"{type(error).__name__}: {error}{hint}") from error
        return found

    def missing_packages(self) -> tuple[str, ...]:
        """Those of `packages` that are not installed or have another version than asked for."""
        return tuple(requirement for requirement in self.packages if not is_installed(requirement))


class FlavorBroken(Exception):
    """A flavor's module could not be imported or does not hold what it says."""

    def __init__(self, source: FlavorSource, reason: str) -> None:
        super().__init__(f"flavor {source.id} from {source.provider} does not load: {reason}")
        self.source = source
        self.reason = reason


@dataclass
class FlavorRegistry:
    """All flavors that this process could use: built in, installed, and in the workspace's `flavors/`.

    Finding them imports none of them. A later source of the same id wins: the workspace over packages over ours.
    """

    sources: Mapping[FlavorId, FlavorSource]
    problems: tuple[tuple[Path | str, str], ...] = ()
    """Files and entry points that could not be read, with the reason."""
    _loaded: dict[FlavorId, type[StackComponent] | FlavorBroken] = field(default_factory=dict)
    _loading: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @classmethod
    def discover(cls, built_in: Iterable[FlavorSource], folder: Path | None = None) -> FlavorRegistry:
        """Read the built-in manifest, the entry points of installed packages, and the files of `folder` as text."""
        found = {source.id: source for source in built_in}
        problems: list[tuple[Path | str, str]] = []
        for source in _from_entry_points(problems):
            found[source.id] = source
        if folder is not None and folder.is_dir():
            for source in _from_folder(folder, problems):
                found[source.id] = source
        return cls(found, tuple(problems))

    def of(self, category: Category) -> list[FlavorSource]:
        """The flavors of a category, by name."""
        return sorted(
            (s for s in self.sources.values() if s.id.category is category), key=lambda s: s.id.name
        )

    def get(self, category: Category, name: str) -> FlavorSource | None:
        return self.sources.get(FlavorId(category, name))

    def load(self, category: Category, name: str) -> type[StackComponent]:
        """The flavor's class, imported once. Raises KeyError if there is none, `FlavorBroken` if it does not load."""
        key = FlavorId(category, name)
        with self._loading:
            if key not in self._loaded:
                source = self.sources[key]
                try:
                    self._loaded[key] = _checked(source, source.load())
                except FlavorBroken as error:
                    self._loaded[key] = error
        found = self._loaded[key]
        if isinstance(found, FlavorBroken):
            raise found
        return found


def _checked(source: FlavorSource, found: Any) -> type[StackComponent]:
    from stacktui.categories import BASES

    base = BASES[source.id.category]
    if not (isinstance(found, type) and issubclass(found, base)):
        raise FlavorBroken(source, f"{source.target} is not a subclass of {base.__name__}")
    facts = getattr(found, "facts", None)
    if not isinstance(facts, FlavorFacts) or (facts.category, facts.name) != source.id:
        raise FlavorBroken(source, f"{source.target} has no `facts` for {source.id}")
    if getattr(found, "__abstractmethods__", None):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise FlavorBroken(source, f"{source.target} does not implement {missing}")
    return found


def _from_entry_points(problems: list[tuple[Path | str, str]]) -> Iterator[FlavorSource]:
    for entry in entry_points(ENTRY_POINT_GROUP):
        category, _, name = entry.name.partition(".")
        owner = entry.dist.name if entry.dist else "an installed package"
        if category not in Category.__members__.values() or not name:
            problems.append((owner, f"entry point {entry.name!r} is not named <category>.<flavor>"))
            continue
        yield FlavorSource(
            FlavorId(Category(category), name), owner, entry.value, summary=_summary_of(entry.dist)
        )


def _summary_of(distribution: metadata.Distribution | None) -> str:
    return (distribution.metadata["Summary"] or "") if distribution else ""


def _from_folder(folder: Path, problems: list[tuple[Path | str, str]]) -> Iterator[FlavorSource]:
    import ast

    for file in sorted(folder.glob("*.py")):
        if file.name.startswith("_"):
            continue
        try:
            tree = ast.parse(file.read_text("utf-8"))
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            problems.append((file, f"{type(error).__name__}: {error}"))
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and (declared := _declared_facts(node)):
                yield FlavorSource(
                    declared.id,
                    f"flavors/{file.name}",
                    f":{node.name}",
                    file,
                    declared.summary,
                    declared.packages,
                    declared.install,
                )


class _Declared(NamedTuple):
    """What the text of a class says of its flavor."""

    id: FlavorId
    summary: str
    packages: tuple[str, ...]
    install: str


def _declared_facts(node: ast.ClassDef) -> _Declared | None:
    """The constants in `facts = FlavorFacts(category=Category.X, name="…", summary="…", install="…")`."""
    import ast

    for statement in node.body:
        targets = (
            statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        )
        value = getattr(statement, "value", None)
        if not any(isinstance(t, ast.Name) and t.id == "facts" for t in targets) or not isinstance(
            value, ast.Call
        ):
            continue
        words = {keyword.arg: keyword.value for keyword in value.keywords if keyword.arg}
        words.update(zip(("category", "name", "summary"), value.args, strict=False))
        category, name, summary = (words.get(word) for word in ("category", "name", "summary"))
        if not isinstance(category, ast.Attribute) or not isinstance(name, ast.Constant):
            return None
        if category.attr not in Category.__members__:
            return None
        install, packages = words.get("install"), words.get("packages")
        items = packages.elts if isinstance(packages, (ast.Tuple, ast.List)) else []
        return _Declared(
            FlavorId(Category[category.attr], str(name.value)),
            str(summary.value) if isinstance(summary, ast.Constant) else "",
            tuple(str(item.value) for item in items if isinstance(item, ast.Constant)),
            str(install.value) if isinstance(install, ast.Constant) else "",
        )
    return None


def _import_file(file: Path) -> Any:
    # The name holds the path, so that two workspaces in one process do not share a module.
    name = f"stacktui_flavors_{abs(hash(str(file))):x}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
