"""Pipelines are found by reading sources: nothing is imported, nothing is hidden by a broken file."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from stacktui.pipelines.discover import Discovery, ParameterSource, find_pipelines, resolve_target
from stacktui.pipelines.errors import PipelineNotFound


def discover(root: Path, *places: str) -> Discovery:
    return find_pipelines(root, SimpleNamespace(pipelines=places or ("pipelines",)))


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


TRAINING = '''"""All of it."""
from __future__ import annotations
import never_installed
from stacktui import pipeline, step

raise SystemExit("it must not be imported")

@step
def load(): ...

@pipeline
def training(data: str, lr: float = 0.1, *, layers: list[int] = [1, 2], kind: "Literal['a']" = 'a', free=None):
    """Trains a model.

    More words.
    """
    load()
'''


def test_a_pipeline_is_described_by_its_source(tmp_path: Path) -> None:
    write(tmp_path, "pipelines/training.py", TRAINING)
    found = discover(tmp_path)
    assert found.problems == ()
    (one,) = found.pipelines
    assert one.target == "pipelines/training.py:training"
    assert (one.name, one.file, one.line) == ("training", "pipelines/training.py", 12)
    assert one.summary == "Trains a model."
    assert one.parameters == (
        ParameterSource(name="data", annotation="str"),
        ParameterSource(name="lr", annotation="float", default_text="0.1"),
        ParameterSource(name="layers", annotation="list[int]", default_text="[1, 2]"),
        ParameterSource(name="kind", annotation="Literal['a']", default_text="'a'"),
        ParameterSource(name="free", annotation="", default_text="None"),
    )
    assert "never_installed" not in sys.modules


ALIASES = [
    "from stacktui import pipeline\n@pipeline\ndef p(): ...\n",
    "from stacktui import pipeline as flow\n@flow\ndef p(): ...\n",
    "from stacktui import pipeline\n@pipeline(name='other')\ndef p(): ...\n",
    "import stacktui\n@stacktui.pipeline\ndef p(): ...\n",
    "import stacktui as st\n@st.pipeline(cache=False)\ndef p(): ...\n",
    "from stacktui.pipelines.pipeline import pipeline\n@pipeline\ndef p(): ...\n",
    "import stacktui.pipelines.pipeline\n@stacktui.pipelines.pipeline.pipeline\ndef p(): ...\n",
    "from stacktui import *\n@pipeline\ndef p(): ...\n",
    "import stacktui\nflow = stacktui.pipeline\n@flow\ndef p(): ...\n",
    "from stacktui import pipeline\nif True:\n    @pipeline\n    def p(): ...\n",
    "from stacktui import pipeline\nimport functools\n@pipeline\n@functools.wraps(print)\ndef p(): ...\n",
]


@pytest.mark.parametrize("source", ALIASES)
def test_every_way_to_write_it_is_found(source: str, tmp_path: Path) -> None:
    write(tmp_path, "pipelines/x.py", source)
    (one,) = discover(tmp_path).pipelines
    assert one.target == "pipelines/x.py:p"
    assert one.name == ("other" if "other" in source else "p")


OTHERS = [
    "from kfp import pipeline\n@pipeline\ndef p(): ...\n",
    "def pipeline(f): return f\n@pipeline\ndef p(): ...\n",
    "from stacktui import pipeline, step\n@step\ndef p(): ...\n",
    "from .stacktui import pipeline\n@pipeline\ndef p(): ...\n",
    "import stacktui\n@stacktui.pipeline.other\ndef p(): ...\n",
    "# pipeline\n",
]


@pytest.mark.parametrize("source", OTHERS)
def test_what_is_called_alike_is_not_taken(source: str, tmp_path: Path) -> None:
    write(tmp_path, "pipelines/x.py", source)
    assert discover(tmp_path) == Discovery()


def test_a_broken_file_is_one_problem_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "pipelines/broken.py", "from stacktui import pipeline\n\n@pipeline\ndef p(:\n    pass\n")
    write(tmp_path, "pipelines/sound.py", ALIASES[0])
    found = discover(tmp_path)
    assert [item.target for item in found.pipelines] == ["pipelines/sound.py:p"]
    (problem,) = found.problems
    assert problem.code == "PIP001"
    assert problem.file == tmp_path / "pipelines/broken.py"
    assert (problem.line, problem.column) == (4, 7)
    assert "pipelines/broken.py is not valid Python" in problem.message


@pytest.mark.parametrize("raw", [b"\x00pipeline", b"# pipeline\n\xff\xfe", b"pipeline" + b"(" * 500])
def test_bytes_that_are_no_source_are_a_problem(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/x.py").write_bytes(raw)
    (problem,) = discover(tmp_path).problems
    assert problem.code == "PIP001"


def test_places_are_files_and_folders_in_any_depth(tmp_path: Path) -> None:
    write(tmp_path, "a/b/deep.py", ALIASES[0])
    write(tmp_path, "a/.hidden/x.py", ALIASES[0])
    write(tmp_path, "a/venv/pyvenv.cfg", "")
    write(tmp_path, "a/venv/lib/x.py", ALIASES[0])
    write(tmp_path, "single.py", ALIASES[0])
    found = discover(tmp_path, "a", "single.py", "a/b", "absent")
    assert [item.file for item in found.pipelines] == ["a/b/deep.py", "single.py"]
    (problem,) = found.problems
    assert problem.code == "PIP003"
    assert "absent" in problem.message


def test_the_default_folder_may_be_missing(tmp_path: Path) -> None:
    assert discover(tmp_path) == Discovery()


def test_no_place_leads_out_of_the_workspace(tmp_path: Path) -> None:
    write(tmp_path, "outside/x.py", ALIASES[0])
    (tmp_path / "ws").mkdir()
    found = discover(tmp_path / "ws", "../outside")
    assert found.pipelines == ()
    assert [item.code for item in found.problems] == ["PIP003"]


def test_an_edit_is_seen(tmp_path: Path) -> None:
    file = write(tmp_path, "pipelines/x.py", ALIASES[0])
    assert len(discover(tmp_path).pipelines) == 1
    file.write_text(ALIASES[0] + "\n@pipeline\ndef q(): ...\n")
    assert len(discover(tmp_path).pipelines) == 2
    file.unlink()
    assert discover(tmp_path) == Discovery()


def test_two_of_one_name_are_a_problem(tmp_path: Path) -> None:
    write(tmp_path, "pipelines/x.py", ALIASES[0] + "@pipeline\ndef p(): ...\n")
    assert [item.code for item in discover(tmp_path).problems] == ["PIP006"]


def test_targets_may_be_short(tmp_path: Path) -> None:
    write(tmp_path, "pipelines/one.py", ALIASES[2])
    write(tmp_path, "pipelines/two.py", ALIASES[0].replace("def p", "def twice"))
    write(tmp_path, "pipelines/three.py", ALIASES[0].replace("def p", "def twice"))
    known = SimpleNamespace(pipelines=("pipelines",))
    assert resolve_target(tmp_path, known, "other") == "pipelines/one.py:p"
    assert resolve_target(tmp_path, known, "p") == "pipelines/one.py:p"
    assert resolve_target(tmp_path, known, "x.py:whatever") == "x.py:whatever"
    assert resolve_target(tmp_path, known, "x.py") == "x.py"
    with pytest.raises(PipelineNotFound, match=r"three\.py:twice, pipelines/two\.py:twice"):
        resolve_target(tmp_path, known, "twice")
    with pytest.raises(PipelineNotFound, match="did you mean other"):
        resolve_target(tmp_path, known, "othr")
