"""Which edits change a step's fingerprint, and which do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from stacktui.pipelines.fingerprint import CodeIndex, StepFingerprint
from stacktui.pipelines.packages import PackageVersions
from tests.pipelines.fingerprint_cases import EDITS, PROJECT, Edit


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def index(folder: Path) -> CodeIndex:
    return CodeIndex(folder, (folder / "pipelines", folder))


def fingerprint(folder: Path, function: str = "fit", module: str = "training") -> StepFingerprint:
    return index(folder).fingerprint(module, function)


def of(folder: Path, files: Mapping[str, str], function: str = "fit") -> StepFingerprint:
    """The fingerprint of `function` in `step.py` of a small project."""
    return CodeIndex(write(folder, files), (folder,)).fingerprint("step", function)


@pytest.mark.parametrize("edit", EDITS, ids=[edit.what for edit in EDITS])
def test_an_edit_changes_the_fingerprint_or_not(edit: Edit, tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    before = fingerprint(tmp_path)
    file = tmp_path / edit.file
    text = file.read_text()
    assert edit.old in text
    file.write_text(text.replace(edit.old, edit.new, 1))
    after = fingerprint(tmp_path)
    assert (after.digest != before.digest) is edit.changes, sorted(
        name for name in {*before.parts, *after.parts} if before.parts.get(name) != after.parts.get(name)
    )


def test_parts_name_what_is_reached(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    parts = fingerprint(tmp_path).parts
    assert {name for name in parts if name != "python"} == {
        "const features.OFFSET",
        "const features.STEP",
        "const training.LIMIT",
        "class lib.shapes.Circle",
        "class lib.shapes.Shape",
        "fn features.helper",
        "fn features.normalise",
        "fn lib.deep.dig",
        "fn lib.shapes.area",
        "fn training.fit",
        "fn training.scale",
    }


def test_only_the_edited_part_differs(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    before = fingerprint(tmp_path).parts
    file = tmp_path / "pipelines/features.py"
    file.write_text(file.read_text().replace("STEP = 2", "STEP = 5"))
    after = fingerprint(tmp_path).parts
    assert [name for name in after if before.get(name) != after[name]] == ["const features.STEP"]


def test_moving_the_project_changes_nothing(tmp_path: Path) -> None:
    one = fingerprint(write(tmp_path / "a", PROJECT))
    other = fingerprint(write(tmp_path / "b", PROJECT))
    assert one == other


LOCAL_NAMES = [
    ("a parameter", "def fit(helper): return helper"),
    ("an assigned name", "def fit(x):\n    helper = x\n    return helper"),
    ("a loop's name", "def fit(x):\n    for helper in x: print(helper)"),
    ("a comprehension's name", "def fit(x): return [helper for helper in x]"),
    ("an exception's name", "def fit(x):\n    try: x()\n    except OSError as helper: print(helper)"),
    ("a nested function", "def fit(x):\n    def helper(): return 1\n    return helper()"),
    ("a closure", "def fit(helper):\n    def inner(): return helper\n    return inner()"),
    ("a walrus", "def fit(x): return [y for y in x if (helper := y)] and helper"),
    ("a match", "def fit(x):\n    match x:\n        case [helper]: return helper"),
    ("an import inside", "def fit(x):\n    import json as helper\n    return helper"),
    ("an attribute", "def fit(x): return x.helper"),
    ("a literal", "from typing import Literal\ndef fit(x: Literal['nothing', 'a b']): return x"),
    ("a keyword", "def fit(x): return dict(helper=x)"),
]


@pytest.mark.parametrize(("what", "code"), LOCAL_NAMES, ids=[item[0] for item in LOCAL_NAMES])
def test_a_local_name_is_not_the_modules(what: str, code: str, tmp_path: Path) -> None:
    parts = of(tmp_path, {"step.py": f"def helper():\n    return 1\n\n{code}\n"}).parts
    assert "fn step.helper" not in parts
    assert "module step" not in parts


USES = [
    ("the first iterable of a comprehension", "def fit(x): return [helper for helper in helper]"),
    ("a default", "def fit(x=helper): return x"),
    ("a decorator", "import functools\n@functools.wraps(helper)\ndef fit(x): return x"),
    ("an annotation", "def fit(x: helper): return x"),
    ("an annotation in quotes", "def fit(x: 'helper'): return x"),
    ("an annotation in a string inside", "def fit(x: list['helper']) -> 'list[helper]': return x"),
    ("a lambda", "def fit(x): return lambda: helper()"),
    ("a global", "def fit(x):\n    global helper\n    helper = 1"),
    (
        "a global inside a function with a local",
        "def fit(helper):\n    def inner():\n        global helper\n        return helper\n    return inner()",
    ),
    ("a class inside", "def fit(x):\n    class A:\n        y = helper()\n    return A"),
    ("a class's own name read before", "class A:\n    helper = helper\ndef fit(x): return A"),
    ("a method", "class A:\n    def m(self): return helper()\ndef fit(x): return A().m()"),
    ("an f-string", "def fit(x): return f'{helper()}'"),
    (
        "a conditional definition",
        "if True:\n    def middle(): return helper()\nelse:\n    middle = None\ndef fit(x): return middle()",
    ),
    ("a try", "try:\n    middle = helper\nexcept ImportError:\n    middle = None\ndef fit(x): return middle"),
    ("a dictionary of functions", "TABLE = {'a': helper}\ndef fit(x): return TABLE[x]()"),
    ("deletion", "def fit(x):\n    global helper\n    del helper"),
    ("an alias", "other = helper\ndef fit(x): return other()"),
    ("a tuple assignment", "a, b = helper, 1\ndef fit(x): return b"),
]


@pytest.mark.parametrize(("what", "code"), USES, ids=[item[0] for item in USES])
def test_a_use_is_seen(what: str, code: str, tmp_path: Path) -> None:
    before = of(tmp_path, {"step.py": f"def helper():\n    return 1\n\n{code}\n"})
    after = of(tmp_path, {"step.py": f"def helper():\n    return 2\n\n{code}\n"})
    assert before.digest != after.digest


WIDENING = [
    ("globals()", "def fit(x): return globals()[x]()", "module step"),
    ("eval", "def fit(x): return eval(x)", "module step"),
    ("an unknown name", "def fit(x): return unknown(x)", "module step"),
    ("a bare module", "import lib\ndef fit(x): return getattr(lib, x)", "module lib"),
    ("an unknown attribute of a module", "import lib\ndef fit(x): return lib.nothing", "module lib"),
    ("an unknown name of a module", "from lib import nothing\ndef fit(x): return nothing", "module lib"),
    ("a star import", "from lib import *\ndef fit(x): return thing", "module lib"),
    ("a module imported inside", "def fit(x):\n    import lib\n    return getattr(lib, x)", "module lib"),
    ("an import inside for what it does", "def fit(x):\n    import lib\n    return x", "module lib"),
    (
        "an acting module behind an import inside",
        "def fit(x):\n    from middle import acting",
        "module acting",
    ),
    ("importlib", "import importlib\ndef fit(x): return importlib.import_module(x)", "project"),
    ("__import__", "def fit(x): return __import__(x)", "project"),
    ("a metaclass", "class M(type): pass\nclass A(metaclass=M): pass\ndef fit(x): return A", "module step"),
    ("a decorator of the project", "from lib import wrap\n@wrap\ndef fit(x): return x", "module lib"),
    (
        "a decorator elsewhere in the module",
        "from lib import wrap\n@wrap\ndef g(x): return x\ndef fit(x): return x",
        "module step",
    ),
    ("a registering base", "from lib import Base\nclass A(Base): pass\ndef fit(x): return x", "module step"),
    (
        "a call of the project at module level",
        "from lib import wrap\nX = wrap(1)\ndef fit(x): return x",
        "module step",
    ),
    ("a mutation at module level", "import lib\nlib.thing = 3\ndef fit(x): return x", "module lib"),
    ("a loop at module level", "for i in range(3): pass\ndef fit(x): return x", "module step"),
    (
        "a callback given to a library",
        "import atexit\ndef g(): pass\nX = atexit.register(g)\ndef fit(x): return x",
        "module step",
    ),
    ("an acting module behind an import", "import middle\ndef fit(x): return x", "module acting"),
]
LIBRARY = {
    "lib.py": "thing = 1\ndef wrap(f): return f\nclass Base:\n    def __init_subclass__(cls): pass\n",
    "middle.py": "import acting\n",
    "acting.py": "print('loaded')\n",
}


@pytest.mark.parametrize(("what", "code", "part"), WIDENING, ids=[item[0] for item in WIDENING])
def test_what_cannot_be_followed_widens(what: str, code: str, part: str, tmp_path: Path) -> None:
    assert part in of(tmp_path, {"step.py": code + "\n", **LIBRARY}).parts


QUIET = [
    ("a regular expression", "import re\nX = re.compile('a')"),
    ("a logger", "import logging\nlogger = logging.getLogger(__name__)"),
    ("a path", "from pathlib import Path\nX = Path(__file__).parent / 'x'"),
    ("a type variable", "from typing import TypeVar\nT = TypeVar('T')"),
    (
        "a dataclass",
        "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: int = 0\n    y: list[int] = field(default_factory=list)\nA1 = A(x=1)",
    ),
    ("an enum", "import enum\nclass A(enum.Enum):\n    X = 1\n    Y = X"),
    (
        "a property",
        "class A:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, v): pass",
    ),
    ("a cached function", "import functools\n@functools.lru_cache(maxsize=None)\ndef g(x): return x"),
    ("a guarded import", "try:\n    import ujson as json\nexcept ImportError:\n    import json"),
    ("type checking", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lib import wrap"),
    (
        "another step under a second name",
        "from stacktui import step\n@step\ndef a(x): return x\nb = a.named('b')",
    ),
    ("a pydantic model", "from pydantic import BaseModel\nclass C(BaseModel):\n    x: int = 1"),
    ("text", "X = 'a b'.split()"),
    (
        "a validated model",
        "import pydantic as p\nclass C(p.BaseModel):\n    x: int = 1\n    @p.field_validator('x')\n    def v(cls, x): return x",
    ),
    ("the main guard", "if __name__ == '__main__':\n    print('x')"),
]


@pytest.mark.parametrize(("what", "code"), QUIET, ids=[item[0] for item in QUIET])
def test_plain_definitions_do_not_widen(what: str, code: str, tmp_path: Path) -> None:
    parts = of(tmp_path, {"step.py": f"{code}\ndef fit(x): return x\n", **LIBRARY}).parts
    assert [name for name in parts if name.startswith(("module", "project"))] == []


def test_packages_count_with_their_versions(tmp_path: Path) -> None:
    parts = of(
        tmp_path, {"step.py": "import numpy as np\nimport yaml\nimport os\ndef fit(x): return np.sum(x)\n"}
    ).parts
    assert {name for name in parts if name.startswith("package")} == {"package numpy", "package PyYAML"}
    assert parts["package numpy"] == PackageVersions().of(["numpy"])["numpy"]


def test_re_exports_are_followed(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "from .inner import work\nfrom . import tools\n",
        "pkg/inner.py": "def work(): return 1\ndef rest(): return 1\n",
        "pkg/tools.py": "def cut(): return 1\ndef rest(): return 1\n",
        "step.py": "import pkg\nimport pkg.tools as t\ndef fit(x): return pkg.work() + pkg.tools.cut() + t.cut()\n",
    }
    parts = of(tmp_path, files).parts
    assert {name for name in parts if name != "python"} == {
        "fn step.fit",
        "fn pkg.inner.work",
        "fn pkg.tools.cut",
    }


def test_circular_imports_end(tmp_path: Path) -> None:
    files = {
        "a.py": "import b\ndef f(): return b.g()\n",
        "b.py": "import a\ndef g(): return a.f()\n",
        "step.py": "from a import f\ndef fit(x): return f()\n",
    }
    assert {"fn a.f", "fn b.g"} <= set(of(tmp_path, files).parts)


def test_namespace_folders_are_followed(tmp_path: Path) -> None:
    files = {
        "space/deep/work.py": "def f(): return 1\n",
        "step.py": "import space.deep.work\nfrom space.deep import work\ndef fit(x): return space.deep.work.f() + work.f()\n",
    }
    assert {name for name in of(tmp_path, files).parts if name != "python"} == {
        "fn step.fit",
        "fn space.deep.work.f",
    }


def test_a_static_method_counts_with_its_class(tmp_path: Path) -> None:
    code = "class Steps:\n    @staticmethod\n    def fit(x): return {}\n"
    one = of(tmp_path, {"step.py": code.format(1)}, "Steps.fit")
    other = of(tmp_path, {"step.py": code.format(2)}, "Steps.fit")
    assert one.digest != other.digest


def test_a_function_that_is_not_found_counts_with_its_module(tmp_path: Path) -> None:
    assert "module step" in of(tmp_path, {"step.py": "x = 1\n"}).parts


def test_sources_too_deep_to_walk_count_as_a_whole(tmp_path: Path) -> None:
    deep = "X = " + " + ".join(["1"] * 900) + "\n"
    files = {"step.py": f"{deep}def fit(x): return X\ndef other(x): return 1\n", "lib.py": "a = 1\n"}
    before = of(tmp_path, files)
    code = CodeIndex(tmp_path, (tmp_path,))
    assert "project" in code.fingerprint("step", "fit").parts
    assert "project" in code.fingerprint("step", "other").parts
    assert of(tmp_path, {**files, "lib.py": "a = 2\n"}).digest != before.digest


def test_types_of_the_project_have_a_fingerprint(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    code = index(tmp_path)
    circle = code.type_fingerprint("lib.shapes.Circle")
    assert circle is not None
    assert code.type_fingerprint("pandas.core.frame.DataFrame") is None
    assert code.type_fingerprint("float") is None
    file = tmp_path / "lib/shapes.py"
    file.write_text(file.read_text().replace("self.r = r", "self.r = 2 * r"))
    assert index(tmp_path).type_fingerprint("lib.shapes.Circle") != circle


def test_an_upgrade_is_seen_by_the_next_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    write(
        site,
        {"tool.py": "", "tool-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n"},
    )
    monkeypatch.syspath_prepend(str(site))
    files = {"step.py": "import tool\ndef fit(x): return tool.y\n"}
    before = of(tmp_path / "code", files)
    assert before.parts["package tool"] == "1.0"
    (site / "tool-1.0.dist-info").rename(site / "tool-1.1.dist-info")
    write(site, {"tool-1.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: tool\nVersion: 1.1\n"})
    after = of(tmp_path / "code", files)
    assert after.parts["package tool"] == "1.1"
    assert after.digest != before.digest
