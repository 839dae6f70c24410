"""Every clause of the cache key: what reaches further than its names say, and what stands beside the code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from stacktui.model.artifact import ArtifactRef
from stacktui.model.execution import OutputSpec
from stacktui.pipelines.cache import cache_key, depended_on, input_digest, step_fingerprint
from stacktui.pipelines.fingerprint import CodeIndex, StepFingerprint
from stacktui.pipelines.graph import NodeInput, StepNode
from stacktui.pipelines.packages import PackageVersions
from stacktui.pipelines.pickle_names import LONGEST
from tests.pipelines.test_fingerprint import of, write

LIB = {
    "lib.py": "ITEMS = [1]\nthing = 1\ndef wrap(f): return f\nclass Base:\n    def __init_subclass__(cls): pass\n",
}

SEEN = [
    ("a partial", "import functools\np = functools.partial(helper, 2)\ndef fit(x): return p()"),
    ("a constant lambda", "f = lambda: helper()\ndef fit(x): return f()"),
    ("a closure's maker", "def make():\n    return lambda: helper()\ndef fit(x): return make()()"),
    ("a dataclass's field", "import dataclasses as d\n@d.dataclass\nclass A:\n    y: int = d.field(default_factory=helper)\ndef fit(x): return A().y"),
    ("an enum's member", "import enum\nclass A(enum.Enum):\n    X = helper\ndef fit(x): return A.X"),
    ("a method of a base", "class A:\n    def m(self): return helper()\nclass B(A): pass\ndef fit(x): return B().m()"),
    ("a property", "class A:\n    @property\n    def p(self): return helper()\ndef fit(x): return A().p"),
    ("an operator", "class A:\n    def __add__(self, o): return helper()\ndef fit(x): return A() + 1"),
    ("a class's own name past a parameter", "def fit(helper):\n    class A:\n        helper = helper\n    return A.helper()"),
    ("a mangled name", "def _A__helper(): return helper()\nclass A:\n    def m(self): return __helper()\ndef fit(x): return A().m()"),
    ("a nested function's default", "def fit(x):\n    def inner(y=helper()): return y\n    return inner()"),
    ("a conditional expression", "f = helper if 1 else None\ndef fit(x): return f()"),
    ("a keyword argument", "def fit(x): return sorted(x, key=helper)"),
    ("a match's class", "class A: pass\nv = helper\ndef fit(x):\n    match x:\n        case A(): return v()"),
    ("getattr on a class", "class A:\n    run = staticmethod(helper)\ndef fit(x): return getattr(A, 'r' + 'un')()"),
    ("a doubled decorator", "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(*a): return helper()\n    return w\n@deco\ndef g(): pass\ndef fit(x): return g()"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "code"), SEEN, ids=[item[0] for item in SEEN])
def test_a_use_is_seen_through(what: str, code: str, tmp_path: Path) -> None:
    before = of(tmp_path, {"step.py": f"def helper():\n    return 1\n\n{code}\n"})
    after = of(tmp_path, {"step.py": f"def helper():\n    return 2\n\n{code}\n"})
    assert before.digest != after.digest


WIDENING = [
    ("loaded modules", "import sys\ndef fit(x): return sys.modules[x].thing", "project"),
    ("loaded modules by name", "from sys import modules as m\ndef fit(x): return m[x].thing", "project"),
    ("loaded modules, imported inside", "def fit(x):\n    import sys\n    return sys.modules[x]", "project"),
    ("loaded modules under another name", "def fit(x):\n    import sys as s\n    return s.modules[x]", "project"),
    ("sys as a value", "import sys\ndef fit(x): return getattr(sys, x)", "project"),
    ("a frame", "import inspect\ndef fit(x): return inspect.currentframe().f_globals[x]", "project"),
    ("a function's globals", "def g(): pass\ndef fit(x): return g.__globals__[x]", "project"),
    ("subclasses", "from lib import Base\ndef fit(x): return Base.__subclasses__()", "project"),
    ("subclasses in a string", "from lib import Base\ndef fit(x): return getattr(Base, '__subclasses__')()", "project"),
    ("entry points", "from importlib.metadata import entry_points\ndef fit(x): return entry_points()", "project"),
    ("a name in a string", "import pydoc\ndef fit(x): return pydoc.locate(x)", "project"),
    ("the builtins", "import builtins\ndef fit(x): return builtins.eval(x)", "project"),
    ("an importer in a module that counts whole", "from reach import *\ndef fit(x): return load(x)", "project"),
    ("its own text", "import inspect\ndef fit(x): return inspect.getsource(fit)", "text"),
    ("a docstring", "def g():\n    'says'\ndef fit(x): return g.__doc__", "docs"),
    ("the module's docstring", "def fit(x): return __doc__", "docs"),
    ("a name that is bound twice", "LIMIT = 1\ndef fit(x=LIMIT): return x + LIMIT\nLIMIT = 2", "module step"),
    ("a name that two imports bind", "from lib import thing\nfrom reach import thing\ndef fit(x): return thing", "module step"),
    ("a list that is added to", "from lib import ITEMS\nITEMS += [2]\ndef fit(x): return x", "module step"),
    ("an alias that is added to", "A = [1]\nB = A\nB += [2]\ndef fit(x): return A", "module step"),
    ("a call without a name", "import random\n_ = random.seed(1)\ndef fit(x): return x", "module step"),
    ("a call that sets", "import locale\nX = locale.setlocale(0, 'C')\ndef fit(x): return x", "module step"),
    ("a step of an iterator", "import itertools\nI = itertools.count()\nA = next(I)\ndef fit(x): return next(I)", "module step"),
    ("a method of a new object", "class R:\n    def put(self): return 1\nX = R().put()\ndef fit(x): return x", "module step"),
    ("an attribute of a new object", "class R:\n    @property\n    def p(self): return 1\nX = R().p\ndef fit(x): return x", "module step"),
    ("an operator of a new object", "class R:\n    def __add__(self, o): return 1\nX = R() + 1\ndef fit(x): return x", "module step"),
    ("a function that calls what it is given", "import functools\ndef g(a, b): return a\nX = functools.reduce(g, [1, 2])\ndef fit(x): return x", "module step"),
    ("a base class of another package", "import plugins\nclass A(plugins.Plugin): pass\ndef fit(x): return x", "module step"),
    ("a call in an annotation", "def g(): return int\nX: g() = 1\ndef fit(x): return x", "module step"),
    ("a call in a function's annotation", "def g(): return int\ndef h(x: g()): return x\ndef fit(x): return x", "module step"),
    ("a callback of a new object", "import threading\ndef g(): pass\nX = threading.Timer(1, print).start(g)\ndef fit(x): return x", "module step"),
    ("a module that takes a name's place", "import pkg.name\nfrom pkg import name\ndef fit(x): return name", "module pkg.name"),
]  # fmt: skip
REACH = {
    "reach.py": "import importlib\nthing = 2\ndef load(x): return importlib.import_module(x)\n",
    "pkg/__init__.py": "name = 1\n",
    "pkg/name.py": "VALUE = 1\n",
}


@pytest.mark.parametrize(("what", "code", "part"), WIDENING, ids=[item[0] for item in WIDENING])
def test_what_reaches_further_widens(what: str, code: str, part: str, tmp_path: Path) -> None:
    assert part in of(tmp_path, {"step.py": code + "\n", **LIB, **REACH}).parts


QUIET = [
    ("harmless uses of sys", "import sys\nV = sys.version_info\ndef fit(x): return print(x, file=sys.stderr)"),
    ("a module inside", "def fit(x):\n    import same.work as w\n    def inner():\n        return w.work()\n    return inner()"),
    ("a name inside", "def fit(x):\n    from same import work\n    return work()"),
    ("an imported sys inside", "def fit(x):\n    import sys\n    return sys.maxsize"),
    ("versions", "from importlib.metadata import version\ndef fit(x): return version('numpy')"),
    ("a constant that is added to", "LIMIT = 1\nLIMIT += 1\ndef fit(x): return x"),
    ("what is exported", "__all__ = ['fit']\n__all__ += ['y']\ndef fit(x): return x"),
    ("a network", "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x): return x\ndef fit(x): return x"),
    ("overloads", "from typing import overload\n@overload\ndef g(x: int) -> int: ...\n@overload\ndef g(x: str) -> str: ...\ndef g(x): return x\ndef fit(x): return g(x)"),
    ("an import that stands twice", "import json\nimport json\ndef fit(x): return json.dumps(x)"),
    ("submodules", "import xml.dom\nimport xml.sax\ndef fit(x): return xml.dom.Node"),
    ("an array", "import numpy as np\nX = np.array([1, 2]).reshape(2, 1)\ndef fit(x): return X"),
    ("a module and a function of one name", "from same import work\ndef fit(x): return work()"),
    ("an annotated field", "from typing import Annotated\nfrom pydantic import BaseModel, Field\nclass C(BaseModel):\n    x: Annotated[int, Field(gt=0)] = 1\ndef fit(x): return x"),
    ("a docstring that nobody reads", "def g():\n    'says'\n    return 1\ndef fit(x): return g()"),
]  # fmt: skip
SAME = {"same/__init__.py": "from .work import work\n", "same/work.py": "def work(): return 1\n"}


@pytest.mark.parametrize(("what", "code"), QUIET, ids=[item[0] for item in QUIET])
def test_what_is_plain_does_not_widen(what: str, code: str, tmp_path: Path) -> None:
    parts = of(tmp_path, {"step.py": code + "\n", **SAME}).parts
    assert [name for name in parts if name.startswith(("module", "project", "docs", "text"))] == []


@pytest.mark.parametrize(
    "head", ["import lib\n@lib.tool\ndef g():", "import lib\nclass g(lib.Signature):"], ids=["tool", "prompt"]
)
def test_a_docstring_that_another_package_may_read_counts(head: str, tmp_path: Path) -> None:
    code = "{head}\n    '{says}'\n    def m(): pass\ndef fit(x): return g\n"
    one = of(tmp_path, {"step.py": code.format(head=head, says="Summarise.")})
    other = of(tmp_path, {"step.py": code.format(head=head, says="Translate.")})
    assert one.digest != other.digest


def test_a_docstring_that_is_read_counts_and_a_comment_does_not(tmp_path: Path) -> None:
    def fingerprint(doc: str, comment: str) -> str:
        code = f"def g():\n    '{doc}'\n    # {comment}\ndef fit(x): return g.__doc__\n"
        return of(tmp_path, {"step.py": code}).digest

    assert fingerprint("one", "x") == fingerprint("one", "y") != fingerprint("two", "x")


def test_a_move_of_what_is_bound_twice_counts(tmp_path: Path) -> None:
    one = of(tmp_path, {"step.py": "L = 1\ndef fit(x=L): return x, L\nL = 2\n"})
    other = of(tmp_path, {"step.py": "L = 1\nL = 2\ndef fit(x=L): return x, L\n"})
    assert one.digest != other.digest


SWAPS = [
    ("names of one import", "from lib import {} as x, {} as y\ndef fit(v): return x(v), y\n", {}),
    ("imports", "from lib import {} as x\nfrom lib import {} as y\ndef fit(v): return x(v), y\n", {}),
    ("what a package passes on", "import front\ndef fit(v): return front.x(v), front.y\n", {"front.py": "from lib import {} as x, {} as y\n"}),
    ("constants' names", "x = a.{}\ny = a.{}\ndef fit(v): return x(v), y\n", {}),
    ("modules", "import {}_m as x\nimport {}_m as y\ndef fit(v): return x.V - y.V\n", {"wrap_m.py": "V = 1\n", "thing_m.py": "V = 2\n"}),
    ("what comes first", "from {}_m import V\nfrom {}_m import V\ndef fit(v): return V\n", {"wrap_m.py": "V = 1\n", "thing_m.py": "V = 2\n"}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "code", "more"), SWAPS, ids=[item[0] for item in SWAPS])
def test_two_imported_names_that_change_places_are_seen(
    what: str, code: str, more: Mapping[str, str], tmp_path: Path
) -> None:
    def fingerprint(one: str, other: str) -> str:
        files = {
            name: text.replace("{}", one, 1).replace("{}", other, 1)
            for name, text in {"step.py": "import lib as a\n" + code, **more}.items()
        }
        return of(tmp_path, {**LIB, **files}).digest

    assert fingerprint("wrap", "thing") != fingerprint("thing", "wrap")


def test_what_is_not_source_counts_with_its_bytes(tmp_path: Path) -> None:
    files: Mapping[str, str] = {"step.py": "import fast\ndef fit(x): return fast.run(x)\n"}
    from importlib.machinery import EXTENSION_SUFFIXES

    library = tmp_path / f"fast{EXTENSION_SUFFIXES[0]}"
    library.write_bytes(b"\0one")
    before = of(tmp_path, files)
    library.write_bytes(b"\0two")
    assert of(tmp_path, files).digest != before.digest


def test_files_of_what_is_edited_where_it_is_installed_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    about = {
        "METADATA": "Metadata-Version: 2.1\nName: house\nVersion: 1.0\n",
        "direct_url.json": '{"url": "file:///x", "dir_info": {"editable": true}}',
    }
    write(site, {"house.py": "X = 1\n", "loose.py": "X = 1\n"})
    write(site / "house-1.0.dist-info", about)
    monkeypatch.syspath_prepend(str(site))
    before = PackageVersions().of(["house", "loose", "numpy"])
    assert before["house"].startswith("1.0#")
    assert "#" not in before["numpy"]
    write(site, {"house.py": "X = 2\n", "loose.py": "X = 2\n"})
    after = PackageVersions().of(["house", "loose", "numpy"])
    assert [name for name in before if before[name] != after[name]] == ["house", "loose"]


# What stands beside the code.

CODE = StepFingerprint(digest="d", parts={})


def key(value: object = 1, environment: Mapping[str, str] | None = None, **fields: object) -> str:
    made = StepNode(
        name="fit", module="flow", function="fit", inputs=(NodeInput(name="x", value=value),), **fields
    )
    return cache_key(made, CODE, {}, environment=environment).key


def test_the_order_of_a_parameters_own_keys_counts() -> None:
    assert key({"a": 1, "b": 2}) != key({"b": 2, "a": 1})
    assert key([{"a": 1, "b": 2}]) != key([{"b": 2, "a": 1}])


def test_variables_that_the_settings_set_count() -> None:
    assert len({key(), key(environment={"A": "1"}), key(environment={"A": "2"})}) == 3
    assert key() == key(environment={})


def test_what_the_bytes_are_read_as_counts(tmp_path: Path) -> None:
    code = CodeIndex(write(tmp_path, {"flow.py": ""}), (tmp_path,))
    one = ArtifactRef(id="1", uri="u", digest="sha256:1", size=1, type="int", materializer="json")
    others = [one.model_copy(update={"materializer": "bytes"}), one.model_copy(update={"type": "str"})]
    assert len({input_digest(item, code) for item in (one, *others)}) == 3


def test_a_class_inside_a_type_counts(tmp_path: Path) -> None:
    of_rows = ArtifactRef(
        id="1", uri="u", digest="sha256:1", size=1, type="list[shapes.Row]", materializer="json"
    )

    def digest(code: str) -> str:
        return input_digest(of_rows, CodeIndex(write(tmp_path, {"shapes.py": code}), (tmp_path,)))

    assert digest("class Row:\n    x = 1\n") != digest("class Row:\n    x = 2\n")


def test_more_classes_than_are_kept_count_as_the_whole_project(tmp_path: Path) -> None:
    crowd = ArtifactRef(
        id="1", uri="u", digest="sha256:1", size=1, type="list", materializer="pickle",
        metadata={"classes": [f"away.C{number}" for number in range(LONGEST)]},
    )  # fmt: skip

    def digest(code: str) -> str:
        return input_digest(crowd, CodeIndex(write(tmp_path, {"shapes.py": code}), (tmp_path,)))

    assert digest("class Late:\n    x = 1\n") != digest("class Late:\n    x = 2\n")


def test_the_code_of_a_materializer_counts_where_it_writes_and_where_it_reads(tmp_path: Path) -> None:
    writes = StepNode(
        name="fit",
        module="flow",
        function="fit",
        outputs=(OutputSpec(name="output", type="flow.Model"),),
        materializers={"output": "kept:Ours"},
    )
    left = ArtifactRef(id="1", uri="u", digest="sha256:1", size=1, type="int", materializer="kept:Ours")

    def digests(code: str) -> tuple[str, str]:
        index = CodeIndex(write(tmp_path, {"flow.py": "def fit(): ...\n", "kept.py": code}), (tmp_path,))
        return step_fingerprint(writes, index).digest, input_digest(left, index)

    one, other = digests("class Ours:\n    x = 1\n"), digests("class Ours:\n    x = 2\n")
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_a_folder_counts_behind_its_links(tmp_path: Path) -> None:
    away = write(tmp_path / "away", {"deep/a.txt": "1"})
    data = write(tmp_path / "data", {"b.txt": "1"})
    (data / "linked").symlink_to(away)
    (data / "round").symlink_to(data)
    before = depended_on(("path:data",), tmp_path)
    write(away, {"deep/a.txt": "2"})
    changed = depended_on(("path:data",), tmp_path)
    assert changed != before
    (data / "empty").mkdir()
    assert depended_on(("path:data",), tmp_path) not in (before, changed)


def test_what_cannot_be_read_is_never_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").write_text("1")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert depended_on(("path:data",), tmp_path) != depended_on(("path:data",), tmp_path)
