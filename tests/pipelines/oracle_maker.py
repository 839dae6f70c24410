"""Makes the projects of the oracle: modules of random pieces that use each other in random ways. Used by `oracle`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from tests.pipelines.oracle_project import Knob, Project

MODULES = ("config", "helpers", "lib.alpha", "lib.beta", "lib.sub.gamma")


class Exported(NamedTuple):
    """Something of a module that others may use."""

    module: str
    name: str
    call: str
    """An expression that makes a number of the number `x`; `{}` stands for the thing itself."""


def make_project(seed: int, *, plain: bool) -> Project:
    """The project of a seed."""
    return _Maker(random.Random(seed), plain).made()


class _Maker:
    def __init__(self, draw: random.Random, plain: bool) -> None:
        self.draw = draw
        self.plain = plain
        self.knobs: list[Knob] = []
        self.exported: list[Exported] = []
        self.count = 0
        self.module = ""
        self.imports: list[str] = []
        self.lines: list[str] = []

    def knob(self, kind: str, *texts: str) -> str:
        self.knobs.append(Knob(kind, texts))
        return f"⟦{len(self.knobs) - 1}⟧"

    def number(self, kind: str) -> str:
        return self.knob(kind, *(str(item) for item in self.draw.sample(range(2, 40), 3)))

    def name(self, start: str = "n") -> str:
        self.count += 1
        return f"{start}{self.count}"

    def made(self) -> Project:
        files = {"lib/__init__.py": "", "lib/sub/__init__.py": ""}
        for module in MODULES:
            files[module.replace(".", "/") + ".py"] = self._module(module)
        files["lib/__init__.py"] = self._front()
        files["pipelines/main.py"] = self._main()
        files["data/limits.txt"] = self.number("data") + "\n"
        version = self.knob("package version", "1.0", "1.1", "2.0")
        files["site/toolkit.py"] = f"def twist(x):\n    return x * 3 + round(10 * {version})\n"
        files["site/VERSION"] = version
        return Project(files, tuple(self.knobs), self.plain)

    # Modules.

    def _module(self, module: str) -> str:
        self.module, self.imports, self.lines = module, ["import functools"], []
        if module == "lib.alpha":
            self.imports.append("import toolkit")
            self._export(self._function("def {}(x):\n    return toolkit.twist(x)"), "{}(x)")
        plain: list[Callable[[], None]] = [
            self._constant, self._helper, self._helper, self._default, self._lambda, self._class, self._subclass,
            self._dataclass, self._enum, self._partial, self._closure, self._table, self._guarded,
            self._nested, self._caught,
        ]  # fmt: skip
        nasty: list[Callable[[], None]] = [
            self._decorated, self._registered, self._mutated, self._rebound, self._patched, self._documented, self._subclasses,
            self._by_name, self._conditional, self._star, self._swapped, self._plugged, self._keyworded,
        ]  # fmt: skip
        pieces = [self.draw.choice(plain) for _ in range(4)]
        if not self.plain:
            pieces += [self.draw.choice(nasty) for _ in range(2)]
            self.draw.shuffle(pieces)
        for piece in pieces:
            piece()
            if self.draw.random() < 0.4:
                self._unrelated()
        self._unrelated()
        return "\n".join([*dict.fromkeys(self.imports), "", *self.lines]) + "\n"

    def _unrelated(self) -> None:
        self.lines.append(self.knob("unrelated comment", "# One remark.", "# Another remark.", ""))
        unused = self.name("unused")
        self.lines.append(f"def {unused}(x):\n    return x + {self.number('unrelated function')}\n")
        more = self.name("more")
        added = f"def {more}(y, z=3):\n    return [y for _ in range(z)]\n"
        self.lines.append(self.knob("unrelated function", "", added))

    def _export(self, name: str, call: str) -> None:
        self.exported.append(Exported(self.module, name, call))

    def _function(self, text: str) -> str:
        name = self.name()
        self.lines.append(text.replace("{}", name) + "\n")
        return name

    def use(self) -> tuple[str, str]:
        """Statements for a function's body, and an expression of `x`, that use something made before."""
        if not self.exported or self.draw.random() < 0.15:
            return "", f"(x + {self.number('helper')})"
        thing = self.draw.choice(self.exported[-12:])
        if thing.module == self.module:
            return "", thing.call.format(thing.name)
        return self._across(thing)

    def _across(self, thing: Exported) -> tuple[str, str]:
        package, _, last = thing.module.rpartition(".")
        alias = self.name("m")
        styles = ["from", "module", "inside", "inside module", "either"]
        if package:
            styles += ["whole path", "submodule"]
            if self.module.startswith(package + "."):
                styles.append("relative")
        if not self.plain:
            styles += ["getattr", "import_module", "sys.modules"]
        style = self.draw.choice(styles)
        if style == "from":
            self.imports.append(f"from {thing.module} import {thing.name} as {alias}")
            return "", thing.call.format(alias)
        if style == "inside":
            return f"    from {thing.module} import {thing.name}\n", thing.call.format(thing.name)
        if style == "inside module":
            return f"    import {thing.module} as {alias}\n", thing.call.format(f"{alias}.{thing.name}")
        if style == "either":
            self.imports.append(
                self.knob(
                    "import style",
                    f"from {thing.module} import {thing.name} as {alias}",
                    f"import {thing.module} as {alias}_m\n{alias} = {alias}_m.{thing.name}",
                )
            )
            return "", thing.call.format(alias)
        if style == "whole path":
            self.imports.append(f"import {thing.module}")
            return "", thing.call.format(f"{thing.module}.{thing.name}")
        if style == "submodule":
            self.imports.append(f"from {package} import {last} as {alias}")
            return "", thing.call.format(f"{alias}.{thing.name}")
        if style == "relative":
            dots = "." * (self.module.count(".") - package.count("."))
            self.imports.append(f"from {dots}{last} import {thing.name} as {alias}")
            return "", thing.call.format(alias)
        self.imports.append(f"import {thing.module} as {alias}")
        if style == "getattr":
            return "", thing.call.format(f"getattr({alias}, '{thing.name}')")
        if style == "import_module":
            self.imports.append("import importlib")
            return "", thing.call.format(f"importlib.import_module('{thing.module}').{thing.name}")
        if style == "sys.modules":
            self.imports.append("import sys")
            return "", thing.call.format(f"sys.modules['{thing.module}'].{thing.name}")
        return "", thing.call.format(f"{alias}.{thing.name}")

    def body(self, kind: str = "helper") -> str:
        """A function's body that returns a number made of `x`."""
        before, used = self.use()
        return f"{before}    return ({used} * {self.number(kind)} + x) % 9973"

    # What stands in modules, and can be followed by reading.

    def _constant(self) -> None:
        name = self.name("C")
        self.lines.append(f"{name} = {self.number('constant')}\n")
        self._export(name, "({} + x)")

    def _helper(self) -> None:
        self._export(self._function(f"def {{}}(x):\n{self.body()}"), "{}(x)")

    def _default(self) -> None:
        value = self.number("default argument")
        constants = [
            item.name for item in self.exported if item.module == self.module and item.name[0] == "C"
        ]
        if constants and self.draw.random() < 0.5:
            value = self.draw.choice(constants)
        self._export(self._function(f"def {{}}(x, by={value}):\n    x = x + by\n{self.body()}"), "{}(x)")

    def _lambda(self) -> None:
        name = self.name()
        before, used = self.use()
        if before:
            return self._helper()
        self.lines.append(f"{name} = lambda x: {used} + {self.number('helper')}\n")
        return self._export(name, "{}(x)")

    def _class(self) -> None:
        name = self.name("K")
        self.lines.append(
            f"class {name}:\n    size = {self.number('class')}\n\n    @property\n    def wide(self):\n"
            f"        return self.size * {self.number('property')}\n\n    def made(self, x):\n"
            + _deeper(self.body("class")).replace("+ x)", "+ self.wide + x)")
            + "\n"
        )
        self._export(name, "{}().made(x)")

    def _subclass(self) -> None:
        bases = [item for item in self.exported if item.name[0] == "K"]
        if not bases:
            return self._class()
        base, name = self.draw.choice(bases), self.name("K")
        written = base.name
        if base.module != self.module:
            self.imports.append(f"from {base.module} import {base.name}")
        override = f"    def made(self, x):\n        return super().made(x) + {self.number('class')}\n"
        inside = self.knob("method override", override, "    pass\n")
        self.lines.append(f"class {name}({written}):\n{inside}")
        return self._export(name, "{}().made(x)")

    def _dataclass(self) -> None:
        self.imports.append("import dataclasses")
        name = self.name("D")
        self.lines.append(
            f"@dataclasses.dataclass\nclass {name}:\n    a: int = {self.number('class')}\n"
            f"    b: list = dataclasses.field(default_factory=lambda: [{self.number('class')}])\n"
        )
        self._export(name, "({0}().a + {0}().b[0] + x)")

    def _enum(self) -> None:
        self.imports.append("import enum")
        name = self.name("E")
        self.lines.append(
            f"class {name}(enum.IntEnum):\n    ONE = {self.number('class')}\n    TWO = ONE + 1\n"
        )
        self._export(name, "({}.TWO.value + x)")

    def _decorated(self) -> None:
        wrapper = self.name("deco")
        self.lines.append(
            f"def {wrapper}(by):\n    def outer(f):\n        @functools.wraps(f)\n        def inner(x):\n"
            f"            return f(x) + by + {self.number('decorator')}\n        return inner\n    return outer\n"
        )
        text = f"@{wrapper}({self.number('decorator')})\ndef {{}}(x):\n{self.body()}"
        self._export(self._function(text), "{}(x)")

    def _partial(self) -> None:
        inner = self._function(f"def {{}}(x, by):\n    x = x + by\n{self.body()}")
        name = self.name()
        self.lines.append(f"{name} = functools.partial({inner}, by={self.number('constant')})\n")
        self._export(name, "{}(x)")

    def _closure(self) -> None:
        maker = self._function(
            f"def {{}}(n):\n    def inner(x):\n        return x + n + {self.number('helper')}\n    return inner"
        )
        self._export(maker, f"{{}}({self.number('helper')})(x)")

    def _table(self) -> None:
        one, other = (self._function(f"def {{}}(x):\n{self.body()}") for _ in range(2))
        name = self.name("T")
        first = self.knob("constant", f"'a': {one}, 'b': {other}", f"'a': {other}, 'b': {one}")
        self.lines.append(f"{name} = {{{first}}}\n")
        self._export(name, "{}['a'](x)")

    def _guarded(self) -> None:
        name = self.name("G")
        self.lines.append(
            f"try:\n    from absent_package import value as {name}\nexcept ImportError:\n"
            f"    {name} = {self.number('constant')}\n"
        )
        self._export(name, "({} + x)")

    def _nested(self) -> None:
        before, used = self.use()
        text = f"def {{}}(x):\n{before}    class Local:\n        size = {self.number('helper')}\n        def m(self, x): return {used} + self.size\n    return Local().m(x)"
        self._export(self._function(text), "{}(x)")

    def _caught(self) -> None:
        before, used = self.use()
        text = f"def {{}}(x):\n{before}    try:\n        return [{used} for x in [x]][0] + {self.number('helper')}\n    except KeyError:\n        return 0"
        self._export(self._function(text), "{}(x)")

    # What cannot.

    def _registered(self) -> None:
        table = self.name("R")
        inner = self._function(f"def {{}}(x):\n{self.body()}")
        self.lines.append(
            f"{table} = {{}}\ndef into_{table}(key):\n    def take(f):\n        {table}[key] = f\n        return f\n"
            f"    return take\n@into_{table}('a')\ndef by_{table}(x):\n    return x + {self.number('decorator')}\n"
            + self.knob("module-level statement", "", f"{table}['a'] = {inner}")
            + "\n"
        )
        self._export(table, "{}['a'](x)")

    def _mutated(self) -> None:
        name = self.name("L")
        added = self.number("module-level statement")
        self.lines.append(
            f"{name} = [{self.number('constant')}]\n"
            + self.knob(
                "module-level statement",
                f"{name}.append({added})",
                f"{name}_b = {name}\n{name}_b += [{added}]",
                "",
            )
            + "\n"
        )
        self._export(name, "(sum({}) + x)")

    def _rebound(self) -> None:
        name, function = self.name("C"), self.name()
        default = f"def {function}(x, by={name}):\n    return x + by * {name}\n"
        one, other = self.draw.sample(range(2, 40), 2)
        order = self.knob(
            "order", f"{default}{name} = {one}\n", f"{name} = {one}\n{default}", f"{name} += 1\n{default}"
        )
        self.lines.append(f"{name} = {other}\n{order}")
        self._export(function, "{}(x)")

    def _patched(self) -> None:
        constants = [item for item in self.exported if item.name[0] == "C" and item.module != self.module]
        if not constants:
            return self._mutated()
        target, alias = self.draw.choice(constants), self.name("m")
        self.imports.append(f"import {target.module} as {alias}")
        statement = f"{alias}.{target.name} = {self.number('module-level statement')}"
        self.lines.append(
            self.knob("module-level statement", "", statement, f"setattr({alias}, '{target.name}', 77)")
        )
        # Only who imports this module sees it.
        return self._helper()

    def _documented(self) -> None:
        said = self.knob("docstring", "'one'", "'a longer one'", "'x'")
        inner = self._function(f"def {{}}(x):\n    {said}\n    return x")
        self._export(inner, "(len({}.__doc__) + x)")

    def _subclasses(self) -> None:
        base = self.name("B")
        self.lines.append(
            f"class {base}:\n    v = 1\n\nclass {base}_one({base}):\n    v = {self.number('class')}\n"
            + self.knob("class", "", f"class {base}_two({base}):\n    v = 9\n")
        )
        self._export(base, "(sum(c.v for c in {}.__subclasses__()) + x)")

    def _by_name(self) -> None:
        inner = self._function(f"def {{}}(x):\n{self.body()}")
        how = self.draw.choice(
            [f"globals()['{inner}'](x)", f"eval('{inner}(x)')", f"vars(sys.modules[__name__])['{inner}'](x)"]
        )
        self.imports.append("import sys")
        self._export(self._function(f"def {{}}(x):\n    return {how}"), "{}(x)")

    def _conditional(self) -> None:
        flag, name = self.name("F"), self.name()
        self.lines.append(
            f"{flag} = {self.knob('constant', 'True', 'False')}\nif {flag}:\n"
            f"    def {name}(x): return x + {self.number('helper')}\nelse:\n"
            f"    def {name}(x): return x * {self.number('helper')}\n"
        )
        self._export(name, "{}(x)")

    def _star(self) -> None:
        others = [item for item in self.exported if item.module != self.module]
        if not others:
            return self._mutated()
        thing = self.draw.choice(others)
        self.imports.append(f"from {thing.module} import *")
        text = f"def {{}}(x):\n    return {thing.call.format(thing.name)} + {self.number('helper')}"
        return self._export(self._function(text), "{}(x)")

    def _swapped(self) -> None:
        others = [item for item in self.exported if item.module != self.module and item.call == "{}(x)"]
        pairs = [(a, b) for a in others for b in others if a.module == b.module and a.name < b.name]
        if not pairs:
            return self._mutated()
        one, other = self.draw.choice(pairs)
        p, q = self.name("p"), self.name("q")
        self.imports.append(
            self.knob(
                "alias",
                f"from {one.module} import {one.name} as {p}, {other.name} as {q}",
                f"from {one.module} import {other.name} as {p}, {one.name} as {q}",
            )
        )
        return self._export(self._function(f"def {{}}(x):\n    return {p}(x) - 2 * {q}(x)"), "{}(x)")

    def _plugged(self) -> None:
        meta = self.name("Meta")
        self.lines.append(
            f"class {meta}(type):\n    def __new__(m, name, bases, names):\n"
            f"        names['extra'] = {self.number('class')}\n        return super().__new__(m, name, bases, names)\n"
            f"class {meta}_user(metaclass={meta}):\n    pass\n"
        )
        self._export(f"{meta}_user", "({}.extra + x)")

    def _keyworded(self) -> None:
        base = self.name("Base")
        self.lines.append(
            f"class {base}:\n    found = []\n    def __init_subclass__(cls, **k):\n        {base}.found.append(cls.v)\n"
            f"class {base}_one({base}):\n    v = {self.number('class')}\n"
            + self.knob("class", "", f"class {base}_two({base}):\n    v = 5\n")
        )
        self._export(base, "(sum({}.found) + x)")

    # The package's front, and the pipeline.

    def _front(self) -> str:
        inside = [item for item in self.exported if item.module.startswith("lib.")]
        one, other = self.draw.sample(inside, 2)
        text = self.knob(
            "re-export",
            f"from .{one.module[4:]} import {one.name} as front",
            f"from .{one.module[4:]} import {one.name} as front\n# The same.",
        )
        calls = [item for item in inside if item.call == "{}(x)" and item.module == other.module]
        self.module = "lib"
        if len(calls) >= 2 and not self.plain:
            a, b = self.draw.sample(calls, 2)
            text += "\n" + self.knob(
                "re-export",
                f"from .{a.module[4:]} import {a.name} as left, {b.name} as right",
                f"from .{a.module[4:]} import {b.name} as left, {a.name} as right",
            )
            self._export("left", "{}(x)")
            self._export("right", "(3 * {}(x))")
        self._export("front", one.call)
        return text + "\n"

    def _main(self) -> str:
        self.module, self.imports, self.lines = "main", [], []
        used = [self._step_use() for _ in range(5)]
        wide = self.number("default argument")
        model = (
            f"class Model:\n    bias = {self.number('class')}\n\n    def __init__(self, w):\n        self.w = w\n\n"
            f"    def predict(self, x):\n        return (self.w * x + self.bias) % 9973\n"
        )
        kind = self.knob("type", "list", "tuple")
        self._unrelated()
        return "\n".join(
            [
                "import os",
                "from pathlib import Path",
                "from stacktui import pipeline, step",
                *dict.fromkeys(self.imports),
                "",
                *self.lines,
                model,
                f"@step\ndef load(seed: int, wide: int = {wide}) -> int:\n    x = seed + wide\n{used[0]}",
                f"@step\ndef rows(x: int, n: int = 2) -> {kind}:\n{used[1].replace('return', 'y =')}\n    return {kind}(y + i for i in range(n))",
                f"@step\ndef fit(rows, rate: int) -> Model:\n    x = sum(rows) * rate + isinstance(rows, tuple)\n{used[2].replace('return', 'y =')}\n    return Model(y)",
                f"@step\ndef score(model: Model, x: int) -> int:\n    x = model.predict(x)\n{used[3]}",
                "@step(depends_on=[Path('data/limits.txt')])\ndef limits(x: int) -> int:\n"
                "    x = x + int((Path(os.environ['ORACLE_ROOT']) / 'data/limits.txt').read_text())\n"
                + used[4],
                "@step\ndef total(*parts: int) -> int:\n    return sum(parts) % 9973",
                "@pipeline\ndef main(seed: int = 1, rate: int = 2):\n    a = load(seed)\n    r = rows(a, n="
                + self.number("parameter")
                + ")\n    m = fit(r, rate=rate)\n    total(score(m, a), score(m, x="
                + self.number("parameter")
                + "), limits(a))",
                "",
            ]
        )

    def _step_use(self) -> str:
        # Near the end, so that much stands behind each.
        thing = self.draw.choice(self.exported[-8:])
        before, used = self._across(thing)
        return f"{before}    return ({used}) % 9973"


def _deeper(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n"))
