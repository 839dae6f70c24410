"""What must stay true of the repository as a whole: documents that list code, what may be loaded, how long files are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.model.codes import CODES

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
