"""The skeleton of a team's own flavor, written from the category's base class: every method that it must have.

Used by `flavor new`. What is written loads at once, declares no capability, and refuses each call in words.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from stacktui.categories import BASES
from stacktui.categories.base import StackComponent
from stacktui.model.category import Category

_ALWAYS = {
    "FlavorConfig": "stacktui.categories.base",
    "ProbeResult": "stacktui.categories.base",
    "Unsupported": "stacktui.categories.errors",
    "FlavorFacts": "stacktui.categories.flavor",
    "Category": "stacktui.model.category",
    "Field": "pydantic",
    "ClassVar": "typing",
}


def class_name(category: Category, name: str) -> str:
    """`team-bucket` of the artifact stores as `TeamBucketArtifactStore`."""
    words = "".join(word.capitalize() for word in name.replace("-", "_").split("_"))
    if words[0].isdigit():
        words = f"Flavor{words}"
    return f"{words}{BASES[category].__name__}"


def flavor_skeleton(category: Category, name: str) -> str:
    """The flavor's module as text."""
    base = BASES[category]
    title = category.facts.title
    cls = class_name(category, name)
    methods = [*_abstract_methods(base)]
    needed = {base.__name__: base.__module__, **_ALWAYS}
    for function, _ in methods:
        needed.update(_names_of(function))
    body = "\n\n".join(_method(function, is_property) for function, is_property in methods)
    capabilities = ", ".join(sorted(getattr(base, "CAPABILITIES", ())))
    return f'''"""{title.capitalize()} flavor `{name}`: say here what it talks to, and who uses it."""

from __future__ import annotations

{_imports(needed)}


class {cls}Config(FlavorConfig):
    """What `config:` holds in a component of this flavor."""

    address: str = Field(default="", description="Where it is reached.")


class {cls}({base.__name__}):
    """Fill in the methods, and name each capability in `facts` once it is real.

    The capabilities of this category: {capabilities}.
    Import a client library inside the methods only, so that the flavor can be listed without it.
    """

    facts = FlavorFacts(
        category=Category.{category.name},
        name="{name}",
        summary="say in one line what it is",
        provider="flavors",
        remote=False,
        capabilities=frozenset(),
    )
    Config: ClassVar[type[FlavorConfig]] = {cls}Config
    config: {cls}Config

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        """Whether it can be reached and accepts the credentials; never a side effect, never longer than `timeout_s`."""
        return ProbeResult(ok=False, message="{name}: probe() is not written yet")

{body}
'''


def flavor_test(category: Category, name: str, file: str) -> str:
    """A test of the skeleton as text: the category's contract suite, run on the flavor."""
    base = BASES[category].__name__
    cls = class_name(category, name)
    return f'''"""The contract of {category.facts.plural}, checked on {file} for the capabilities that it declares.

Run it with: pytest flavors/tests. What fails is what is not written yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stacktui.categories.base import StackComponent, Surroundings
from stacktui.categories.flavor import FlavorRegistry
from stacktui.model.category import Category
from stacktui.testing.contracts.{category.value} import {base}Contract

FLAVORS = Path(__file__).resolve().parent.parent


class Test{cls}({base}Contract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> Iterator[StackComponent]:
        flavor = FlavorRegistry.discover((), FLAVORS).load(Category.{category.name}, "{name}")
        with flavor(flavor.Config(), stacktui_surroundings) as component:
            yield component
'''


def _abstract_methods(base: type[StackComponent]) -> Iterator[tuple[Callable[..., Any], bool]]:
    """The abstract methods in the order of the source, without `probe`; True for a property."""
    for cls in reversed(base.__mro__):
        for name, member in vars(cls).items():
            if name in base.__abstractmethods__ and name != "probe":
                if isinstance(member, property):
                    assert member.fget is not None
                    yield member.fget, True
                else:
                    yield member, False


def _method(function: Callable[..., Any], is_property: bool) -> str:
    signature = inspect.signature(function)
    parts = []
    starred = False
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
        text = stars + parameter.name
        if parameter.annotation is not inspect.Parameter.empty:
            text += f": {parameter.annotation}"
        if parameter.default is not inspect.Parameter.empty:
            equals = " = " if parameter.annotation is not inspect.Parameter.empty else "="
            text += f"{equals}{_default(parameter.default)}"
        parts.append(text)
    head = f"def {function.__name__}({', '.join(parts)}) -> {signature.return_annotation}:"
    if len(head) > 100:
        inner = "".join(f"    {part},\n" for part in parts)
        head = f"def {function.__name__}(\n{inner}) -> {signature.return_annotation}:"
    doc = inspect.cleandoc(function.__doc__ or "")
    lines = [
        *(["@property"] if is_property else []),
        head,
        textwrap.indent(f'"""{doc}"""' if "\n" not in doc else f'"""{doc}\n"""', "    "),
        f'    raise Unsupported(f"{{self.name}}: {function.__name__} is not written yet")',
    ]
    return textwrap.indent("\n".join(lines), "    ")


def _default(value: Any) -> str:
    """A default as source: an enum's member by its name."""
    import enum

    return f"{type(value).__name__}.{value.name}" if isinstance(value, enum.Enum) else repr(value)


def _names_of(function: Callable[..., Any]) -> dict[str, str]:
    """The names in a method's annotations and defaults, with the module that each is imported from."""
    module = sys.modules[function.__module__]
    imported: dict[str, str] = {}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported.update({alias.asname or alias.name: node.module for alias in node.names})
    signature = inspect.signature(function)
    texts = [str(signature.return_annotation)]
    for parameter in signature.parameters.values():
        texts.append(str(parameter.annotation))
        texts.append(_default(parameter.default))
    words = {node.id for text in texts for node in ast.walk(_expression(text)) if isinstance(node, ast.Name)}
    found = {word: imported[word] for word in words if word in imported}
    found |= {word: module.__name__ for word in words if word not in imported and word in vars(module)}
    return found


def _expression(text: str) -> ast.AST:
    try:
        return ast.parse(text, mode="eval")
    except SyntaxError:
        return ast.Module([], [])


def _imports(needed: dict[str, str]) -> str:
    """The import statements, the standard library's first."""
    groups: dict[int, dict[str, list[str]]] = {0: {}, 1: {}, 2: {}}
    for name, module in needed.items():
        top = module.partition(".")[0]
        place = 0 if top in sys.stdlib_module_names else 2 if top == "stacktui" else 1
        groups[place].setdefault(module, []).append(name)
    blocks = []
    for modules in groups.values():
        lines = [
            f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(modules.items())
        ]
        if lines:
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
