"""Names of steps, found by reading the sources of the pipelines that use them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from stacktui.pipelines.step_names import find_step_names


class _Settings(NamedTuple):
    pipelines: tuple[str, ...] = ("pipelines",)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pipelines").mkdir()
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def names(root: Path) -> list[tuple[str, str]]:
    return [(step.pipeline, step.name) for step in find_step_names(root, _Settings())]


def test_steps_are_named_as_the_pipeline_calls_them(root: Path) -> None:
    write(
        root,
        "pipelines/training.py",
        """
from stacktui import pipeline, step

@step
def load():
    '''Reads the digits.

    More.'''

@step(retries=2, name="fit-model")
def fit(train): ...

@step
def unused(): ...

@pipeline
def training(lr: float = 0.1):
    model = fit(scale(load()), lr)
    other = scale(load())
    scale.named("scale_test")(other)
    print(model)

@step
def scale(frame): ...
""",
    )
    assert names(root) == [
        ("training", name)
        for name in ("load", "scale", "fit-model", "load_2", "scale_2", "scale_test")
    ]  # fmt: skip
    assert find_step_names(root, _Settings())[0].summary == "Reads the digits."


def test_steps_of_other_modules_of_the_workspace_are_found(root: Path) -> None:
    write(root, "steps/__init__.py", "from .work import fit as fit\n")
    write(root, "steps/work.py", "import stacktui\n@stacktui.step()\ndef fit(x): ...\n")
    write(root, "pipelines/near.py", "from stacktui import step\n@step\ndef near_by(): ...\n")
    write(
        root,
        "pipelines/far.py",
        """
import steps.work
import steps as s
from stacktui import pipeline
from steps import work, fit
from steps.work import fit as other
from near import near_by
from os.path import join

@pipeline
def far():
    join("a", "b")
    near_by()
    fit(other(s.fit(work.fit(steps.work.fit(1)))))
""",
    )
    assert names(root) == [("far", name) for name in ("near_by", "fit", "fit_2", "fit_3", "fit_4", "fit_5")]


def test_a_file_that_changes_is_read_again_and_a_broken_one_hides_no_other(root: Path) -> None:
    text = "from stacktui import pipeline, step\n@step\ndef a(): ...\n@pipeline\ndef one():\n    a()\n"
    write(root, "pipelines/one.py", text)
    write(root, "pipelines/two.py", text.replace("one", "two"))
    assert names(root) == [("one", "a"), ("two", "a")]
    write(root, "pipelines/one.py", text.replace("a()", "longer()"))
    write(root, "pipelines/two.py", text + "def (\n")
    assert names(root) == [("one", "longer")]


def test_imports_in_a_circle_and_outside_the_workspace_find_nothing(root: Path) -> None:
    write(root, "a.py", "from b import fit\n")
    write(root, "b.py", "from a import fit\n")
    write(
        root,
        "pipelines/odd.py",
        "from stacktui import pipeline\nfrom a import fit\nfrom ..... import x\n@pipeline\ndef odd():\n    fit(x.y())\n",
    )
    assert names(root) == []
