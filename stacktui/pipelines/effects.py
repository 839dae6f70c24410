"""Which modules do more than define things when they are imported.

Such a module may change what other code does without being named by it: it fills a registry, decorates, patches,
seeds. Used by the fingerprint, which then counts the module as a whole.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator

from stacktui.pipelines.reflection import Chain
from stacktui.pipelines.scopes import annotations_of, chain_of, defaults_of, uses_of
from stacktui.pipelines.sources import Module, Sources, Target, is_main_guard

STACKTUI_DECORATORS = frozenset(
    f"{home}.{name}" for name in ("step", "pipeline") for home in ("stacktui", f"stacktui.pipelines.{name}")
)
_HARMLESS_DECORATORS = STACKTUI_DECORATORS | {
    "abc.abstractmethod",
    "attrs.define",
    "attrs.frozen",
    "contextlib.asynccontextmanager",
    "contextlib.contextmanager",
    "dataclasses.dataclass",
    "enum.unique",
    "functools.cache",
    "functools.cached_property",
    "functools.lru_cache",
    "functools.total_ordering",
    "functools.wraps",
    "pydantic.computed_field",
    "pydantic.field_serializer",
    "pydantic.field_validator",
    "pydantic.model_serializer",
    "pydantic.model_validator",
    "typing.final",
    "typing.no_type_check",
    "typing.overload",
    "typing.runtime_checkable",
    "typing_extensions.override",
}
_BUILTIN_DECORATORS = frozenset({"classmethod", "property", "staticmethod"})
_OF_PROPERTY = frozenset({"setter", "getter", "deleter"})
_BUILTINS = frozenset(dir(builtins))
_ACTING_BUILTINS = frozenset(
    {"__import__", "compile", "delattr", "eval", "exec", "globals", "locals", "next", "setattr", "vars"}
)
_QUIET_HEADS = frozenset({"dataclasses", "enum", "functools", "operator", "pydantic", "stacktui", "typing"})
"""Modules whose calls keep what they are given and change nothing else."""
_CALLING = frozenset({"functools.reduce", "operator.call"})
_ACTING_VERBS = (
    "add", "apply", "configure", "del", "disable", "enable", "extend", "filterwarnings", "heap", "init", "insort",
    "install", "load_dotenv", "manual_seed", "monkey", "patch", "put", "register", "remove", "seed", "set", "shuffle",
    "simplefilter", "unregister", "update", "use",
)  # fmt: skip
"""How functions of other packages begin that change something beside what they return."""
_QUIET_BASES = sys.stdlib_module_names | {
    "attrs", "lightning", "numpy", "pandas", "pydantic", "pytorch_lightning", "sklearn", "stacktui", "torch",
    "typing_extensions",
}  # fmt: skip
"""Packages from whose classes one may derive without being entered anywhere."""
_STEP_METHODS = frozenset({"named", "with_options"})


class Effects:
    """Answers for the modules of one snapshot; each is looked at once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._acting: dict[str, bool] = {}
        self._imported: dict[str, frozenset[str]] = {}
        self._on_import: dict[str, tuple[str, ...]] = {}
        self._classes: dict[tuple[str, str], bool] = {}

    def acting_on_import(self, module: str) -> tuple[str, ...]:
        """The project's modules that act when `module` is imported: among itself and all that it imports."""
        if module not in self._on_import:
            seen = {module}
            waiting = [module]
            while waiting:
                for name in self._imports_of(waiting.pop()):
                    if name not in seen:
                        seen.add(name)
                        waiting.append(name)
            self._on_import[module] = tuple(sorted(name for name in seen if self._acts(name)))
        return self._on_import[module]

    def full_name(self, source: Module, chain: Chain) -> str:
        """What a name of a module is called where it comes from: `functools.wraps`; empty if that is not certain."""
        targets = source.imports.get(chain[0], [])
        if len(targets) != 1 or chain[0] in source.definitions:
            return ""
        target = targets[0]
        return ".".join([target.module, *([target.name] if target.name else []), *chain[1:]])

    def _imports_of(self, module: str) -> frozenset[str]:
        if module not in self._imported:
            source = self._sources.find(module)
            found: set[str] = set()
            for target in source.executed if source else ():
                found.update(self.loaded(target))
            parent = module.rpartition(".")[0]
            if parent and self._sources.find(parent) is not None:
                found.add(parent)
            self._imported[module] = frozenset(found)
        return self._imported[module]

    def loaded(self, target: Target) -> Iterator[str]:
        """The project's modules that an import may load."""
        names = [target.module]
        if target.name:
            names.append(f"{target.module}.{target.name}")
        for name in names:
            while name:
                if self._sources.find(name) is not None:
                    yield name
                name = name.rpartition(".")[0]  # noqa: PLW2901 - upward through the packages

    def _acts(self, module: str) -> bool:
        if module not in self._acting:
            source = self._sources.find(module)
            # Settled first, so that a circle of imports ends.
            self._acting[module] = False
            self._acting[module] = source is not None and (
                source.broken
                or bool(source.stars)
                or any(self._does(source, item) for item in source.tree.body)
            )
        return self._acting[module]

    def _does(self, source: Module, statement: ast.stmt, own: frozenset[str] = frozenset()) -> bool:
        """Whether a statement, run on import, may do more than bind names. `own`: names of a class body around."""
        if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Pass, ast.Raise)):
            return False
        if type(statement).__name__ == "TypeAlias":
            # `type X = …`, Python 3.12: evaluated when it is used.
            return False
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            evaluated = [*defaults_of(statement.args), *annotations_of(statement)]
            return self._any_decorates(source, statement.decorator_list, own) or not self._all_quiet(
                source, evaluated, own
            )
        if isinstance(statement, ast.ClassDef):
            return self._class_does(source, statement, own)
        if isinstance(statement, ast.Expr):
            return not isinstance(statement.value, ast.Constant)
        if isinstance(statement, ast.Assign):
            # What is called and given no name is called for what else it does: `_ = torch.manual_seed(0)`.
            unnamed = any(isinstance(item, ast.Name) and item.id == "_" for item in statement.targets)
            return (
                not all(_binds_names(item) for item in statement.targets)
                or not self._quiet(source, statement.value, own)
                or (unnamed and not isinstance(statement.value, ast.Constant))
            )
        if isinstance(statement, ast.AugAssign):
            return (
                not isinstance(statement.target, ast.Name)
                or not self._quiet(source, statement.value, own)
                or self._changes_in_place(source, statement.target.id, own)
            )
        if isinstance(statement, ast.AnnAssign):
            if not isinstance(statement.target, ast.Name) or not self._quiet(
                source, statement.annotation, own
            ):
                return True
            return statement.value is not None and not self._quiet(source, statement.value, own)
        if isinstance(statement, ast.If):
            if is_main_guard(statement):
                return False
            return not self._quiet(source, statement.test, own) or self._any_does(
                source, [*statement.body, *statement.orelse], own
            )
        if isinstance(statement, ast.Try):
            inside = [*statement.body, *statement.orelse, *statement.finalbody]
            inside.extend(item for handler in statement.handlers for item in handler.body)
            return self._any_does(source, inside, own)
        return True

    def _changes_in_place(self, source: Module, name: str, own: frozenset[str]) -> bool:
        """Whether `name += …` may change a list that has other names too."""
        if name == "__all__":
            return False
        if own or name in source.imports:
            return True
        return not all(
            isinstance(item, ast.AugAssign)
            or (isinstance(item, (ast.Assign, ast.AnnAssign)) and _is_unchangeable(item.value))
            for item in source.definitions.get(name, ())
        )

    def _any_does(self, source: Module, statements: Iterable[ast.stmt], own: frozenset[str]) -> bool:
        return any(self._does(source, item, own) for item in statements)

    def _any_decorates(self, source: Module, decorators: list[ast.expr], own: frozenset[str]) -> bool:
        for decorator in decorators:
            callee = decorator.func if isinstance(decorator, ast.Call) else decorator
            chain = chain_of(callee)
            if chain is None:
                return True
            name = self.full_name(source, chain)
            if name in _HARMLESS_DECORATORS:
                if name not in STACKTUI_DECORATORS and isinstance(decorator, ast.Call):
                    parts = [*decorator.args, *(item.value for item in decorator.keywords)]
                    if not self._all_quiet(source, parts, own):
                        return True
                continue
            alone = len(chain) == 1 and chain[0] in _BUILTIN_DECORATORS and not source.has(chain[0])
            of_property = len(chain) == 2 and chain[0] in own and chain[1] in _OF_PROPERTY
            if not alone and not of_property:
                return True
        return False

    def _class_does(self, source: Module, node: ast.ClassDef, own: frozenset[str]) -> bool:
        if node.keywords or self._any_decorates(source, node.decorator_list, own):
            return True
        if any(self._base_acts(source, base) for base in node.bases):
            return True
        names = {item.name for item in node.body if isinstance(item, (ast.FunctionDef, ast.ClassDef))}
        return self._any_does(source, node.body, own | names)

    def _base_acts(self, source: Module, base: ast.expr) -> bool:
        """Whether making a class from `base` may run code of the project."""
        if isinstance(base, ast.Subscript):
            return self._base_acts(source, base.value) or not self._quiet(source, base.slice, frozenset())
        chain = chain_of(base)
        if chain is None:
            return not self._quiet(source, base, frozenset())
        home = self._home(source, chain)
        if home is None:
            return True
        module, name = home
        if module is None:
            # Another package may enter what derives from its class into a list of its own, and call it later.
            head = name.partition(".")[0]
            return not (head in _QUIET_BASES or name in _BUILTINS)
        return self._class_makes(module, name)

    def _class_makes(self, module: Module, name: str) -> bool:
        key = (module.name, name)
        if key not in self._classes:
            self._classes[key] = False
            statements = module.definitions.get(name, [])
            plain = len(statements) == 1 and isinstance(statements[0], ast.ClassDef)
            if not plain:
                self._classes[key] = True
            else:
                node = statements[0]
                assert isinstance(node, ast.ClassDef)
                hooks = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
                self._classes[key] = (
                    bool(node.keywords)
                    or "__init_subclass__" in hooks
                    or any(self._base_acts(module, base) for base in node.bases)
                )
        return self._classes[key]

    def _home(self, source: Module, chain: Chain) -> tuple[Module | None, str] | None:
        """Where a name is defined: (module, name) in the project, (None, full name) elsewhere; None if unknown."""
        for _ in range(20):
            head = chain[0]
            if head in source.definitions:
                return (source, head) if len(chain) == 1 else None
            targets = source.imports.get(head, [])
            if not targets:
                return (None, head) if len(chain) == 1 and head in _BUILTINS else None
            if len(targets) > 1:
                return None
            parts = [targets[0].module, *([targets[0].name] if targets[0].name else []), *chain[1:]]
            found = self._longest(parts)
            if found is None:
                return None if self._sources.is_folder(parts[0]) else (None, ".".join(parts))
            source, rest = found
            if not rest:
                return None
            chain = tuple(rest)
        return None

    def _longest(self, parts: list[str]) -> tuple[Module, list[str]] | None:
        for count in range(len(parts), 0, -1):
            source = self._sources.find(".".join(parts[:count]))
            if source is not None:
                return source, parts[count:]
        return None

    def _all_quiet(self, source: Module, nodes: Iterable[ast.expr], own: frozenset[str]) -> bool:
        return all(self._quiet(source, node, own) for node in nodes)

    def _quiet(self, source: Module, node: ast.AST, own: frozenset[str]) -> bool:
        """Whether evaluating an expression only makes a value."""
        if isinstance(node, ast.Lambda):
            return True
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        if isinstance(node, ast.Call) and not self._quiet_call(source, node):
            return False
        if isinstance(node, (ast.Attribute, ast.BinOp, ast.Compare, ast.Subscript, ast.UnaryOp)) and any(
            self._makes_ours(source, child) for child in ast.iter_child_nodes(node)
        ):
            # A property or an operator of a class of the project runs its code.
            return False
        return all(self._quiet(source, child, own) for child in ast.iter_child_nodes(node))

    def _makes_ours(self, source: Module, node: ast.AST) -> bool:
        """Whether it is a call of something of the project, or of unknown origin."""
        if not isinstance(node, ast.Call):
            return False
        chain = chain_of(node.func)
        if chain is None:
            return not isinstance(node.func, ast.Attribute) or self._makes_ours(source, node.func.value)
        home = self._home(source, chain)
        return home is None or home[0] is not None

    def _quiet_call(self, source: Module, call: ast.Call) -> bool:
        chain = chain_of(call.func)
        if chain is None:
            # A method of a value that was just made: `re.compile(…).match`, `"a b".split()`.
            return (
                isinstance(call.func, ast.Attribute)
                and isinstance(call.func.value, (ast.Call, ast.Constant))
                and not call.func.attr.startswith(_ACTING_VERBS)
                and not self._makes_ours(source, call.func.value)
                and not self._hands_over(source, call)
            )
        if len(chain) == 1 and chain[0] in _BUILTINS and not source.has(chain[0]):
            made = chain[0] == "type" and len(call.args) > 1
            return chain[0] not in _ACTING_BUILTINS and not made and not self._hands_over(source, call)
        if len(chain) == 2 and chain[1] in _STEP_METHODS and self._is_step(source, chain[0]):
            return True
        home = self._home(source, chain)
        if home is None:
            return False
        module, name = home
        if module is not None:
            return self._plain_class(module, name)
        if name.partition(".")[0] in _QUIET_HEADS:
            return name not in _CALLING
        # Another library may keep what of the project it is given, and call it later.
        return not name.rpartition(".")[2].startswith(_ACTING_VERBS) and not self._hands_over(source, call)

    def _hands_over(self, source: Module, call: ast.Call) -> bool:
        """Whether a function or class of the project is among a call's arguments."""
        given = uses_of([*call.args, *(item.value for item in call.keywords)]).chains
        return any(self._callable_of_project(source, item) for item in given)

    def _callable_of_project(self, source: Module, chain: Chain) -> bool:
        home = self._home(source, chain)
        if home is None:
            return source.has(chain[0]) and chain[0] not in _MODULE_FACTS
        module, name = home
        if module is None:
            return False
        return any(
            isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            for item in module.definitions.get(name, ())
        )

    def _is_step(self, source: Module, name: str) -> bool:
        home = self._home(source, (name,))
        if home is None or home[0] is None:
            return False
        statements = home[0].definitions.get(home[1], [])
        return len(statements) == 1 and any(
            self.full_name(home[0], chain) in STACKTUI_DECORATORS
            for decorator in getattr(statements[0], "decorator_list", ())
            if (chain := chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator))
        )

    def _plain_class(self, module: Module, name: str) -> bool:
        """Whether making an instance runs none of the project's code."""
        statements = module.definitions.get(name, [])
        if len(statements) != 1 or not isinstance(statements[0], ast.ClassDef):
            return False
        node = statements[0]
        methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
        if methods & {"__init__", "__new__", "__post_init__", "model_post_init"} or node.keywords:
            return False
        if self._any_decorates(module, node.decorator_list, frozenset()):
            return False
        for base in node.bases:
            chain = chain_of(base)
            home = self._home(module, chain) if chain else None
            if home is None or (home[0] is not None and not self._plain_class(home[0], home[1])):
                return False
        return True


_MODULE_FACTS = frozenset({"__name__", "__file__", "__doc__"})


def _is_unchangeable(node: ast.AST | None) -> bool:
    """Whether a value is made of numbers, texts and the like alone, and has no other name."""
    if isinstance(node, (ast.Tuple, ast.BinOp, ast.UnaryOp, ast.JoinedStr, ast.FormattedValue)):
        return all(
            _is_unchangeable(child)
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, (ast.operator, ast.unaryop, ast.expr_context))
        )
    return isinstance(node, ast.Constant)


def _binds_names(node: ast.expr) -> bool:
    if isinstance(node, (ast.Tuple, ast.List)):
        return all(_binds_names(item) for item in node.elts)
    if isinstance(node, ast.Starred):
        return _binds_names(node.value)
    return isinstance(node, ast.Name)
