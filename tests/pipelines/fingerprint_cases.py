"""Small projects and edits of them, for the fingerprint's tests: what each edit must do to the step's fingerprint."""

from __future__ import annotations

from typing import NamedTuple

PROJECT = {
    "pipelines/training.py": '''"""Trains."""
from __future__ import annotations
from stacktui import pipeline, step
import features
from features import normalise
from lib import deep
from lib.shapes import Circle as Round

LIMIT = 10
UNRELATED = 1

def scale(x, by=2):
    return normalise(x) * by

@step(retries=1)
def fit(x, lr: float = 0.1):
    """Fits."""
    values = [item for item in scale(x) if item < LIMIT]  # a comment
    return deep.dig(values, Round(3)) + features.OFFSET

@step
def other(x):
    return x

@pipeline
def training():
    other(fit([1]))
''',
    "pipelines/features.py": """OFFSET = 3
STEP = 2

def normalise(x):
    return [helper(item) for item in x]

def helper(item):
    return item / STEP

def unused():
    return 1
""",
    "lib/__init__.py": "",
    "lib/deep.py": """from .shapes import area

def dig(values, shape):
    def inner():
        return area(shape)
    return sum(values) + inner()

def bury():
    return 0
""",
    "lib/shapes.py": """class Shape:
    sides = 0
    def name(self):
        return "shape"

class Circle(Shape):
    def __init__(self, r):
        self.r = r

class Square(Shape):
    sides = 4

def area(shape):
    return shape.r ** 2
""",
    "lib/unrelated.py": "VALUE = 1\n",
}


class Edit(NamedTuple):
    """One edit of the project."""

    what: str
    file: str
    old: str
    new: str
    changes: bool
    """Whether the fingerprint of `fit` must change."""


EDITS = [
    Edit("the body", "pipelines/training.py", "features.OFFSET", "features.OFFSET * 2", True),
    Edit("a default argument", "pipelines/training.py", "lr: float = 0.1", "lr: float = 0.2", True),
    Edit("a helper's default", "pipelines/training.py", "by=2", "by=3", True),
    Edit("a constant", "pipelines/training.py", "LIMIT = 10", "LIMIT = 11", True),
    Edit("a constant's type", "pipelines/training.py", "LIMIT = 10", "LIMIT = 10.0", True),
    Edit(
        "a helper in another module",
        "pipelines/features.py",
        "helper(item) for",
        "helper(item + 1) for",
        True,
    ),
    Edit("a helper's helper", "pipelines/features.py", "item / STEP", "item // STEP", True),
    Edit("a constant behind helpers", "pipelines/features.py", "STEP = 2", "STEP = 4", True),
    Edit("a constant by its module", "pipelines/features.py", "OFFSET = 3", "OFFSET = 4", True),
    Edit("a class", "lib/shapes.py", "self.r = r", "self.r = r + 1", True),
    Edit("a base class", "lib/shapes.py", 'return "shape"', 'return "Shape"', True),
    Edit("a function behind a relative import", "lib/shapes.py", "shape.r ** 2", "shape.r ** 3", True),
    Edit(
        "where a name comes from",
        "pipelines/training.py",
        "from features import normalise",
        "from features import unused as normalise",
        True,
    ),
    Edit("a redefinition", "pipelines/training.py", "UNRELATED = 1", "LIMIT = 12", True),
    Edit("an augmented constant", "pipelines/training.py", "UNRELATED = 1", "LIMIT += 1", True),
    Edit("a type annotation", "pipelines/training.py", "lr: float", "lr: int", True),
    Edit("a foreign decorator", "pipelines/training.py", "def scale(", "@features.unused\ndef scale(", True),
    Edit("code at module level", "lib/deep.py", "def bury", "print('side effect')\n\ndef bury", True),
    Edit(
        "code at module level of what is imported",
        "lib/shapes.py",
        "class Square",
        "Shape.sides = 9\n\nclass Square",
        True,
    ),
    Edit(
        "a star import",
        "pipelines/features.py",
        "OFFSET = 3",
        "from lib.unrelated import *\nOFFSET = 3",
        True,
    ),
    Edit("a package's own code", "lib/__init__.py", "", "import os\nos.environ['A'] = '1'\n", True),
    Edit("an unresolved name", "pipelines/features.py", "item / STEP", "item / STEP * UNKNOWN", True),
    Edit("a syntax error in what is reached", "pipelines/features.py", "STEP = 2", "STEP = = 2", True),
    # What does not count.
    Edit("a comment", "pipelines/training.py", "# a comment", "# another", False),
    Edit("a docstring", "pipelines/training.py", '"""Fits."""', '"""Fits well."""', False),
    Edit("the module's docstring", "pipelines/training.py", '"""Trains."""', '"""Trains all."""', False),
    Edit("formatting", "pipelines/training.py", "lr: float = 0.1", "lr:float=0.1,", False),
    Edit("quotes", "lib/shapes.py", 'return "shape"', "return 'shape'", False),
    Edit("an unrelated constant", "pipelines/training.py", "UNRELATED = 1", "UNRELATED = 2", False),
    Edit("an unrelated function", "pipelines/features.py", "return 1", "return 2", False),
    Edit("an unrelated function of a reached module", "lib/deep.py", "return 0", "return 1", False),
    Edit("an unrelated class", "lib/shapes.py", "sides = 4", "sides = 5", False),
    Edit("an unrelated module", "lib/unrelated.py", "VALUE = 1", "VALUE = 2", False),
    Edit("another step", "pipelines/training.py", "    return x\n", "    return x + 1\n", False),
    Edit("the pipeline", "pipelines/training.py", "other(fit([1]))", "other(fit([2]))", False),
    Edit(
        "how the step runs",
        "pipelines/training.py",
        "@step(retries=1)",
        "@step(retries=5, timeout='1m')",
        False,
    ),
    Edit(
        "a main guard",
        "pipelines/training.py",
        "@pipeline",
        "if __name__ == '__main__':\n    print(1)\n\n@pipeline",
        False,
    ),
    Edit(
        "a new unrelated function",
        "pipelines/features.py",
        "def unused",
        "def more():\n    return helper(1)\n\ndef unused",
        False,
    ),
    Edit(
        "an unrelated import of the standard library",
        "pipelines/features.py",
        "OFFSET = 3",
        "import json\nOFFSET = 3",
        False,
    ),
    Edit(
        "a new unrelated quiet constant",
        "pipelines/features.py",
        "STEP = 2",
        "import re\nNAME = re.compile('x')\nSTEP = 2",
        False,
    ),
    Edit(
        "an exempted decorator on what is not reached",
        "pipelines/features.py",
        "def unused",
        "import functools\n\n@functools.lru_cache\ndef unused",
        False,
    ),
]
