"""What must stay true of the repository as a whole: documents that list code, what may be loaded, how long files are."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.model.codes import CODES
from stacktui.workspace.scaffold import init_workspace
from tests.conftest import end, left_running
from tests.stores.generate import fill

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "stacktui").rglob("*.py"))


def code_rows() -> list[str]:
    """The table of codes as CONTRIBUTING.md holds it."""
    return [f"| `{code}` | {facts.severity} | {facts.title} |" for code, facts in sorted(CODES.items())]


def test_contributing_lists_every_code() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    listed = text.partition("<!-- codes: begin -->")[2].partition("<!-- codes: end -->")[0]
    assert [line for line in listed.splitlines() if line.startswith("| `")] == code_rows()


def test_codes_in_the_source_are_in_the_table() -> None:
    used = set()
    for file in SOURCES:
        used |= set(
            re.findall(r'"((?:FIL|NAM|STK|CFG|FLV|SEC|CMP|PRB|PIP|KEY|THM|SET|RUL)\d{3})"', file.read_text())
        )
    assert used == set(CODES)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_module_says_what_it_is_and_stays_in_one_head(file: Path) -> None:
    text = file.read_text("utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module has a docstring"
    assert text.count("\n") <= 520, "about 400 lines is where to look for the second idea"


def loaded_by(statement: str) -> set[str]:
    """The top-level names of the modules that a fresh interpreter has after a statement."""
    program = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


HEAVY = {
    "textual",
    "rich",
    "pandas",
    "numpy",
    "duckdb",
    "sqlite_utils",
    "pyarrow",
    "sklearn",
    "cryptography",
    "ruamel",
    "watchfiles",
    "fsspec",
}


def test_importing_stacktui_loads_nothing_heavy() -> None:
    assert not loaded_by("import stacktui") & (HEAVY | {"pydantic", "yaml", "click"})


def test_a_pipeline_file_needs_nothing_heavy() -> None:
    assert not loaded_by("from stacktui import Artifact, Resources, context, pipeline, step") & HEAVY


def test_the_workbench_starts_without_integrations() -> None:
    heavy = {
        "pandas",
        "numpy",
        "duckdb",
        "sqlite_utils",
        "pyarrow",
        "sklearn",
        "cryptography",
        "ruamel",
        "fsspec",
    }
    assert not loaded_by("import stacktui.tui.app") & heavy


_LOADED_BY_A_COMMAND = """
import json, sys
before = set(sys.modules)
from stacktui.__main__ import main
code = main()
sys.stderr.write(json.dumps({"code": code, "files": {
    name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items() if name not in before
}}))
"""


@pytest.fixture(scope="module")
def small_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new workspace with three runs."""
    root = tmp_path_factory.mktemp("house") / "team"
    init_workspace(root)
    state = root / ".stacktui"
    state.mkdir(mode=0o700, exist_ok=True)
    fill(state / "metadata.db", 3)
    return root


NEEDED_BY_LISTS = {
    "click", "pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection", "yaml",
    "_yaml",
}  # fmt: skip
"""A whole process is to take 0.2 s: Python and these libraries take a half of that."""
NOT_NEEDED_BY_LISTS = {
    "asyncio", "concurrent.futures", "email.message", "http.client", "importlib.metadata", "logging", "multiprocessing",
    "shutil", "socket", "ssl", "subprocess", "tempfile", "unittest", "urllib.request", "xml", "zipfile",
}  # fmt: skip


@pytest.mark.parametrize(("words", "most"), [("runs list", 87), ("stack list", 39), ("component list", 39)])
def test_lists_load_little(small_workspace: Path, words: str, most: int) -> None:
    # Whoever needs more of ours than `most` files measures first (`python -m tests.bench --only runs-list`).
    command = [sys.executable, "-c", _LOADED_BY_A_COMMAND, "-C", str(small_workspace), *words.split()]
    # The first one may write down what the next need not compute.
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    told = json.loads(done.stderr)
    assert told["code"] == 0
    files = told["files"]
    ours = {name for name in files if name.partition(".")[0] == "stacktui"}
    assert len(ours) <= most, sorted(ours)
    assert not NOT_NEEDED_BY_LISTS & set(files)
    installed = {name.partition(".")[0] for name, file in files.items() if "site-packages" in file}
    assert installed <= NEEDED_BY_LISTS


def test_what_a_test_leaves_running_is_ended(tmp_path: Path) -> None:
    # A child as a runner's watcher is: it goes on when its parent is gone.
    program = "import os, time; os.fork(); os.write(1, b'%d\\n' % os.getpid()); time.sleep(600)"
    words = [sys.executable, "-c", program, str(tmp_path / "a run")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        pids = {int(process.stdout.readline()) for _ in range(2)}
        assert left_running(tmp_path).keys() == pids
        end(tmp_path)
    assert not left_running(tmp_path)
