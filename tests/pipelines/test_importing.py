"""User code is imported from the snapshot, by the same rules everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.flavors.local.worker_process import importable
from stacktui.pipelines.importing import import_roots, module_name
from stacktui.pipelines.pickle_names import dumps

PROBE = """
import sys
from pathlib import Path
from stacktui.pipelines.importing import import_roots, import_user_module, prepare
code, workspace, file, module = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
roots = import_roots(code, file, workspace)
prepare(code, roots, workspace)
print(roots, import_user_module(module, code, roots).WHERE, [p for p in sys.path if p.startswith(str(workspace))])
"""


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A snapshot and a workspace with the same modules, each of which says where it is."""
    code, workspace = tmp_path / "code", tmp_path / "ws"
    for folder in (code, workspace):
        for name in (
            "pipelines/flow.py",
            "pipelines/json.py",
            "lib/__init__.py",
            "lib/deep.py",
            "src/package/__init__.py",
        ):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"WHERE = {folder.name + '/' + name!r}\n")
    return code, workspace


def probe(places: tuple[Path, Path], module: str, **environment: str) -> str:
    code, workspace = places
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROBE, str(code), str(workspace), "pipelines/flow.py", module],
        env=importable({**os.environ, **environment}),
        cwd=workspace,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_modules_come_from_the_snapshot(places: tuple[Path, Path]) -> None:
    assert probe(places, "flow") == "('pipelines', '') code/pipelines/flow.py []"
    assert "code/lib/deep.py" in probe(places, "lib.deep")
    assert "code/pipelines/json.py" in probe(places, "json")


def test_folders_of_the_workspace_on_the_path_are_taken_from_the_snapshot(places: tuple[Path, Path]) -> None:
    live = str(places[1] / "src")
    assert (
        probe(places, "package", PYTHONPATH=live)
        == "('pipelines', '', 'src') code/src/package/__init__.py []"
    )


def test_names_of_modules(tmp_path: Path) -> None:
    for name in ("a/__init__.py", "a/b/__init__.py", "c/d/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert module_name(tmp_path, "flow.py") == "flow"
    assert module_name(tmp_path, "pipelines/flow.py") == "flow"
    assert module_name(tmp_path, "a/flow.py") == "a.flow"
    assert module_name(tmp_path, "a/b/flow.py") == "a.b.flow"
    assert module_name(tmp_path, "c/d/flow.py") == "d.flow"
    assert import_roots(tmp_path, "c/d/flow.py", tmp_path / "elsewhere") == ("c/d", "c", "")
    assert import_roots(tmp_path, "a/b/flow.py", tmp_path / "elsewhere") == ("a/b", "")
    assert import_roots(tmp_path, "flow.py", tmp_path / "elsewhere") == ("",)


class Inner:
    pass


def helper() -> None: ...


def test_a_pickle_names_the_code_that_it_refers_to() -> None:
    import pickle
    from decimal import Decimal

    import numpy as np

    value = {"a": [Inner(), Decimal(1)], "b": helper, "c": Inner, "d": np.zeros(3)}
    data, names = dumps(value, 5)
    assert names == [f"{__name__}.Inner", f"{__name__}.helper"]
    assert pickle.loads(data)["b"] is helper
    assert dumps([1, "x", {2.0: None}], 5)[1] == []
