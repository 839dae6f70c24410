"""Drawing in a child process: parameters, errors with the user's own frames, time limits, and what is kept."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stacktui.pipelines import describe as describe_module
from stacktui.pipelines.describe import describe
from stacktui.pipelines.errors import (
    PipelineBroken,
    PipelineNotFound,
    TypesDoNotFit,
    WrongParameters,
)
from stacktui.pipelines.graph import PipelineDescription

TRAINING = '''from __future__ import annotations
from typing import TYPE_CHECKING
from stacktui import pipeline, step
from features import normalise
import lib.shapes

if TYPE_CHECKING:
    import pandas as pd

@step
def load(limit: int = 10) -> pd.DataFrame: ...

@step
def fit(train: pd.DataFrame, lr: float = 0.1) -> float: ...

@pipeline
def training(lr: float = 0.1, layers: list[int] = [1]):
    """Trains."""
    fit(load(), lr=lr)
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "pipelines/training.py", TRAINING)
    write(tmp_path, "pipelines/features.py", "def normalise(x):\n    return x\n")
    write(tmp_path, "lib/shapes.py", "")
    write(tmp_path, ".gitignore", ".stacktui/\n")
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def draw(root: Path, target: str = "pipelines/training.py:training", **options: Any) -> PipelineDescription:
    params = options.pop("params", {})
    return describe(SimpleNamespace(root=root, state=root / ".stacktui"), target, params, **options)


def test_a_pipeline_is_drawn_from_its_snapshot(root: Path) -> None:
    drawn = draw(root, params={"lr": "0.3", "layers": "[1, 2]"})
    assert drawn.name == "training"
    assert drawn.target == "pipelines/training.py:training"
    assert drawn.params == {"lr": 0.3, "layers": [1, 2]}
    assert drawn.roots == ("pipelines", "")
    assert [(node.name, node.module, node.function, node.file) for node in drawn.steps] == [
        ("load", "training", "load", "pipelines/training.py"),
        ("fit", "training", "fit", "pipelines/training.py"),
    ]
    assert drawn.steps[1].params == {"lr": 0.3}


def test_it_is_kept_by_code_and_parameters(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = describe_module._ask

    def counted(*args: Any) -> list[dict[str, Any]]:
        asked.append(args[0])
        return real(*args)

    monkeypatch.setattr(describe_module, "_ask", counted)
    first = draw(root)
    assert draw(root) == first
    assert len(asked) == 1
    draw(root, params={"lr": 0.5})
    assert len(asked) == 2
    write(root, "lib/shapes.py", "x = 1\n")
    draw(root)
    assert len(asked) == 3
    (root / ".stacktui/descriptions").rename(root / ".stacktui/gone")
    for kept in (root / ".stacktui/gone").iterdir():
        assert kept.stat().st_mode & 0o077 == 0


def test_a_damaged_answer_is_asked_for_again(root: Path) -> None:
    first = draw(root)
    for kept in (root / ".stacktui/descriptions").iterdir():
        kept.write_text("{")
    assert draw(root) == first


def test_the_name_may_be_left_out(root: Path) -> None:
    assert draw(root, "pipelines/training.py").target == "pipelines/training.py:training"
    assert draw(root, str(root / "pipelines/training.py")).name == "training"
    assert draw(root, "./pipelines/../pipelines/training.py:training").name == "training"


def test_a_live_edit_does_not_mix_in(root: Path) -> None:
    from stacktui.pipelines.snapshot import take_snapshot

    code = take_snapshot(SimpleNamespace(root=root, state=root / ".stacktui")).path
    write(root, "pipelines/features.py", "raise RuntimeError('live')\n")
    write(root, "pipelines/training.py", "raise RuntimeError('live')\n")
    assert draw(root, code=code).name == "training"
    with pytest.raises(PipelineBroken, match="live"):
        draw(root)


def test_a_pipeline_in_a_package_is_imported_as_part_of_it(root: Path) -> None:
    write(root, "flows/__init__.py", "")
    write(root, "flows/common.py", "RATE = 0.5\n")
    write(
        root,
        "flows/one.py",
        "from stacktui import pipeline, step\nfrom .common import RATE\n"
        "@step\ndef a(x: float = RATE) -> float: return x\n@pipeline\ndef flow():\n    a()\n",
    )
    node = draw(root, "flows/one.py").steps[0]
    assert (node.module, node.params) == ("flows.one", {"x": 0.5})


@pytest.mark.parametrize("name", ["json", "typing_extensions"])
def test_a_file_may_be_called_as_a_module_that_is_loaded(name: str, root: Path) -> None:
    write(
        root,
        f"pipelines/{name}.py",
        "from stacktui import pipeline, step\n@step\ndef a() -> int: return 1\n@pipeline\ndef flow():\n    a()\n",
    )
    assert draw(root, f"pipelines/{name}.py").steps[0].module == name


def test_what_user_code_prints_does_not_disturb(root: Path) -> None:
    noise = "import os, sys\nprint('x' * 100_000)\nos.write(1, b'raw')\nprint('e', file=sys.stderr)\ninput_ = sys.stdin.read()\n"
    first, rest = TRAINING.split("\n", 1)
    write(root, "pipelines/training.py", f"{first}\n{noise}{rest}")
    assert draw(root).name == "training"


def test_an_import_error_shows_the_users_own_frames(root: Path) -> None:
    write(
        root,
        "pipelines/features.py",
        "import json\n\ndef check(text):\n    return json.loads(text)\n\ncheck('{')\n",
    )
    with pytest.raises(PipelineBroken) as refusal:
        draw(root)
    error = refusal.value
    assert "\n" not in str(error)
    assert str(error).startswith("pipelines/training.py cannot be imported: json.decoder.JSONDecodeError:")
    assert str(error).endswith("at pipelines/features.py:4")
    files = [line for line in error.user_frames.splitlines() if line.startswith("  File")]
    assert files == [
        f'  File "{root}/pipelines/training.py", line 4, in <module>',
        f'  File "{root}/pipelines/features.py", line 6, in <module>',
        f'  File "{root}/pipelines/features.py", line 4, in check',
    ]
    assert "return json.loads(text)" in error.user_frames
    assert ".stacktui" not in error.user_frames


def test_a_syntax_error_names_its_line(root: Path) -> None:
    write(root, "pipelines/features.py", "x = 1\ndef f(:\n")
    with pytest.raises(PipelineBroken) as refusal:
        draw(root)
    assert f"{root}/pipelines/features.py, line 2" in str(refusal.value)
    assert f'File "{root}/pipelines/features.py", line 2' in refusal.value.user_frames


BROKEN: list[tuple[str, str, type[PipelineBroken], str]] = [
    (
        "an error while drawing",
        "    fit(load(), lr=1 / 0)",
        PipelineBroken,
        "cannot be drawn: ZeroDivisionError: division by zero at pipelines/training.py:",
    ),
    ("types", "    fit(fit(load()), lr='x')", TypesDoNotFit, "'x' is not float"),
    ("an exit", "    raise SystemExit(3)", PipelineBroken, "SystemExit: 3"),
    ("a death", "    import os; os.abort()", PipelineBroken, "ended with signal 6"),
    ("a run inside", "    training.run()", PipelineBroken, "__main__"),
]


@pytest.mark.parametrize(("what", "body", "kind", "said"), BROKEN, ids=[item[0] for item in BROKEN])
def test_what_cannot_be_drawn_is_said_in_one_line(
    what: str, body: str, kind: type[PipelineBroken], said: str, root: Path
) -> None:
    write(root, "pipelines/training.py", TRAINING.replace("    fit(load(), lr=lr)", body))
    with pytest.raises(PipelineBroken) as refusal:
        draw(root)
    assert type(refusal.value) is kind
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("pipelines/trainin.py:training", "did you mean pipelines/training.py"),
        ("pipelines/training.py:trainin", "did you mean `training`"),
        ("pipelines/training.py:load", "is not a pipeline"),
        ("pipelines/features.py", "has no pipeline"),
        ("../x.py:training", "not a file of the workspace"),
        ("/etc/passwd:x", "not a file of the workspace"),
        ("", "FILE.py:PIPELINE"),
        ("secret/x.py:flow", "git ignores it"),
    ],
)
def test_targets_that_do_not_exist(target: str, said: str, root: Path) -> None:
    write(root, ".gitignore", ".stacktui/\nsecret/\n")
    write(root, "secret/x.py", "")
    with pytest.raises(PipelineNotFound, match=said):
        draw(root, target)


def test_several_pipelines_want_a_name(root: Path) -> None:
    write(root, "pipelines/training.py", TRAINING + "\n@pipeline\ndef other():\n    load()\n")
    with pytest.raises(PipelineNotFound, match="several pipelines, `training`, `other`"):
        draw(root, "pipelines/training.py")
    assert draw(root, "pipelines/training.py:other").name == "other"


def test_wrong_parameters_are_refused(root: Path) -> None:
    for params, said in (
        ({"layer": 1}, "did you mean `layers`"),
        ({"lr": "fast"}, "'fast' is not float"),
        ({"lr": object()}, "JSON values"),
    ):
        with pytest.raises(WrongParameters, match=said):
            draw(root, params=params)


def test_a_pipeline_that_takes_too_long_is_ended(root: Path) -> None:
    marker = root / "started"
    body = (
        f"    import subprocess, sys, time, pathlib\n"
        f"    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"    pathlib.Path({str(marker)!r}).write_text(str(child.pid))\n    time.sleep(600)"
    )
    write(root, "pipelines/training.py", TRAINING.replace("    fit(load(), lr=lr)", body))
    with pytest.raises(PipelineBroken, match="took longer than 6 s"):
        draw(root, timeout_s=6)
    child = int(marker.read_text())
    assert not _alive(child)


def _alive(pid: int) -> bool:
    import time

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text():
                return False
        except (ProcessLookupError, FileNotFoundError):
            return False
        time.sleep(0.05)
    return True


def test_what_an_import_leaves_running_does_not_hold_the_answer(root: Path) -> None:
    marker = root / "started"
    fork = (
        "import os, pathlib, time\nchild = os.fork()\nif not child:\n    time.sleep(600)\n    os._exit(0)\n"
        f"pathlib.Path({str(marker)!r}).write_text(str(child))\n"
    )
    write(root, "pipelines/features.py", "def normalise(x):\n    return x\n" + fork)
    assert draw(root, timeout_s=100).name == "training"
    assert not _alive(int(marker.read_text()))


def test_the_snapshot_stays_as_it_is(root: Path) -> None:
    draw(root)
    (code,) = [item for item in (root / ".stacktui/code").iterdir() if len(item.name) == 64]
    assert not list(code.rglob("__pycache__"))
