"""Which face opens: words that name no command open the workbench, all others the command line."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.__main__ import Opening, wants_workbench


@pytest.mark.parametrize(
    ("words", "opening"),
    [
        ([], Opening()),
        (["-C", "x"], Opening(folder="x")),
        (["-Cx"], Opening(folder="x")),
        (["--stack", "prod", "--readonly"], Opening(stack="prod", readonly=True)),
        (["--stack=prod", "--store=old"], Opening(stack="prod", store="old")),
        (["stack", "list"], None),
        (["-C", "x", "stack", "list"], None),
        (["--help"], None),
        (["--version"], None),
        (["--json"], None),
        (["--stack"], None),
        (["--stak", "x"], None),
        (["--", "x"], None),
    ],
)
def test_what_opens(words: list[str], opening: Opening | None) -> None:
    assert wants_workbench(words) == opening


def test_pydantic_looks_for_no_plugins_and_keeps_what_else_its_module_has() -> None:
    program = (
        "import sys\n"
        "from stacktui.__main__ import _start_quickly\n"
        "_start_quickly()\n"
        "from stacktui.model.component import Component\n"
        "from pydantic import TypeAdapter\n"
        "assert TypeAdapter(int).validate_python('3') == 3\n"
        "assert 'importlib.metadata' not in sys.modules\n"
        "from pydantic.plugin._loader import PYDANTIC_ENTRY_POINT_GROUP\n"
        "from pydantic.plugin import _loader\n"
        "print(PYDANTIC_ENTRY_POINT_GROUP, 'importlib.metadata' in sys.modules)\n"
        "try:\n"
        "    _loader.no_such_name\n"
        "except AttributeError as error:\n"
        "    print('no_such_name' in str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "pydantic True\nTrue\n"


def test_a_library_that_counts_what_is_left_at_the_end_has_nothing_to_say(root: Path) -> None:
    (root / "values.csv").write_text("user,ts,a\n1,2024-01-01T00:00:00,10\n", "utf-8")
    (root / "components" / "feature_store" / "local.yaml").write_text(
        "flavor: local\nconfig:\n  views:\n"
        "    - {name: u, join_keys: [user], source: values.csv, timestamp: ts, features: [a]}\n",
        "utf-8",
    )
    words = [sys.executable, "-m", "stacktui", "-C", str(root), "feature", "online", "user=1", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert '"features"' in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "closed", "code", "says"),
    [
        ("stack list", ">&-", 0, ""),
        ("stack list", ">&- 2>&- <&-", 0, ""),
        ("stack use nowhere", ">&-", 2, "there is no stack 'nowhere'"),
        ("stack use nowhere", "2>&-", 2, ""),
        ("secret set aws key", "<&-", 2, "no value was given"),
        ("", "<&-", 2, "the workbench needs a terminal"),
        ("", ">&-", 2, "the workbench needs a terminal"),
    ],
)
def test_a_stream_that_the_caller_closed_is_no_failure(
    root: Path, words: str, closed: str, code: int, says: str
) -> None:
    command = f"exec {shlex.quote(sys.executable)} -m stacktui -C {shlex.quote(str(root))} {words} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_looked_for_are_none(root: Path) -> None:
    # Longer than a name may be: looking for it fails otherwise than with "no such file".
    environ = {**os.environ, "XDG_CONFIG_HOME": f"/{'x' * 300}"}
    words = ["-C", str(root), "component", "label", "alerter", "inbox", "--label", "a=b"]
    subprocess.run([sys.executable, "-m", "stacktui", *words], capture_output=True, check=True, env=environ)
    for words in (["audit", "list"], ["edits", "list"]):
        command = [sys.executable, "-m", "stacktui", "-C", str(root), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
        assert "label" in done.stdout
