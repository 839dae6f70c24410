"""Other people's text is text: nothing of it reaches the terminal as a command, and nothing of it is parsed as markup.

One workspace holds hostile text wherever a stranger can write: files, flavors, pipelines, runs, logs, errors, artifacts,
messages. The real program shows all of it, and every byte that comes out is looked at.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import closing
from pathlib import Path

import pytest

from stacktui.categories.base import Surroundings
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.alert import InboxItem, Level
from stacktui.model.base import now, uuid7
from tests.terminal.conftest import at_home, command, run_command
from tests.terminal.pseudo import Terminal
from tests.terminal.sequences import taken_apart

EVIL = (
    "evil\x1b]0;PWNED\x07\x1b]52;c;UFdORUQ=\x07\x1b]8;;http://evil\x1b\\\x1b[2J\x1b[31m\x1bP1$rq\x1b\\\x1bc"
    "\x9b31m\x9d0;PWNED\x9c\u202etxet\u2066\u200b\x00\x08\x7f[@click=app.quit]mark[/][bold]up[/a/b][red"
)
QUOTED = json.dumps(EVIL)
"""In the ASCII spelling that YAML and Python read too."""

PIPELINE = f'''"""A pipeline that says bad things."""

import logging
import os

from stacktui import context, pipeline, step

EVIL = {QUOTED}


@step(cache=False)
def talk(word: str) -> dict[str, str]:
    print("said", EVIL)
    logging.warning("logged %s", EVIL)
    os.write(1, ("written " + EVIL + "\\n").encode())
    context().experiment_tracker.log_metric("evil metric", 1.0)
    return {{"key " + EVIL: EVIL}}


@step
def fail(said: dict[str, str]) -> int:
    raise ValueError("raised " + EVIL)


@pipeline
def hostile(word: str = EVIL) -> None:
    {json.dumps("Says " + EVIL)}
    fail(talk(word))
'''


@pytest.fixture
def hostile(root: Path) -> Path:
    """The workspace with hostile text in everything."""
    described = f"description: {QUOTED}\nlabels: {{{QUOTED}: {QUOTED}}}\n"
    (root / "components/artifact_store/evil.yaml").write_text(f"flavor: local\n{described}")
    (root / "components/orchestrator/evil.yaml").write_text(f"flavor: {QUOTED}\n{described}")
    (root / "components/alerter/evil.yaml").write_text(f"flavor: local\nconfig: {{{QUOTED}: {QUOTED}}}\n")
    (root / "components/feature_store/evil.yaml").write_text(
        f"flavor: local\n{described}config: [{QUOTED}]\n"
    )
    # A name that a file system allows, and we do not.
    (root / "components/alerter" / "evil\x1b]0;PWNED\x07\u202e.yaml").write_text("flavor: local\n")
    (root / "components/alerter/broken.yaml").write_bytes(b"flavor: \x1b]0;PWNED\x07 evil\n")
    (root / "stacks/evil.yaml").write_text(
        f"extends: default\n{described}steps: {{{QUOTED}: {{retries: 1}}}}\n"
    )
    (root / "stacks/odd.yaml").write_text(f"extends: {QUOTED}\n")
    (root / "flavors").mkdir()
    (root / "flavors/evil.py").write_text(f"raise ImportError({QUOTED})\n")
    (root / "themes").mkdir()
    (root / "themes/evil.yaml").write_text(f"name: evil\nprimary: {QUOTED}\n")
    (root / "pipelines/hostile.py").write_text(PIPELINE)
    for name in ("one", "two"):
        done = run_command(root, "run", "pipelines/hostile.py:hostile", "--name", f"{name} evil[bold]")
        assert done.returncode == 1, done.stderr
    around = Surroundings("local", root, root / ".stacktui", root / ".stacktui")
    with closing(SqliteMetadataStore(SqliteMetadataStoreConfig(), around)) as store:
        asked = InboxItem(
            id=uuid7(), kind="question", alerter="inbox", level=Level.ERROR, text=f"question {EVIL}",
            choices=(f"yes {EVIL}", "no"), created_at=now(),
        )  # fmt: skip
        store.post(asked)
    return root


def not_ours(terminal: Terminal) -> list[str]:
    """What of the program's output is neither text nor a sequence that the workbench has use for."""
    found = list(taken_apart(bytes(terminal.output)).strangers)
    return found + [word for word in ("]52;", "]0;", "]8;") if f"\x1b{word}".encode() in terminal.output]


WALK: list[tuple[str, str, str]] = [
    # keys, what says that the screen is there, hostile text that it shows
    ("h", r"› home", r"evil"),
    ("1", r"› orchestrators", r"evil"),
    ("2", r"› artifact stores", r"evil"),
    ("j", r"about evil", r"evil␛\]0;PWNED"),
    ("8", r"› feature stores", r"evil"),
    ("9", r"› experiment trackers", r"evil"),
    ("0", r"› alerters", r"question evil␛\]0;PWNED"),
    ("s", r"› stacks", r"evil␛\]0;PWNED"),
    ("p", r"› problems", r"evil␛\]0;PWNED"),
    ("F", r"› flavors", r"evil"),
    (",", r"› settings", r"ember"),
    ("r", r"› runs", r"one evil\[bold\]"),
]


def test_no_control_byte_of_anybody_else_comes_out(hostile: Path) -> None:
    with Terminal(command(hostile), columns=200, rows=50) as terminal:
        at_home(terminal)
        for keys, there, shown in WALK:
            terminal.press(keys)
            terminal.wait_for(re.compile(there))
            terminal.wait_for(re.compile(shown))
            terminal.settle(0.1)
            assert not not_ours(terminal), f"on the screen {there}"
        # Each component and what is about it, each finding.
        for place in ("1", "0", "s", "p"):
            terminal.press(place)
            terminal.settle(0.1)
            for _ in range(3):
                terminal.press("j")
                terminal.settle(0.1)
            assert not not_ours(terminal), f"on the rows of {place}"
        _open_a_run(terminal)
        terminal.press("!")
        terminal.wait_for(re.compile(r"yes evil␛"))
        terminal.settle(0.1)
        terminal.press("esc")
        _popups(terminal)
        assert not not_ours(terminal)
        assert terminal.process.poll() is None
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert not not_ours(terminal)


def _open_a_run(terminal: Terminal) -> None:
    terminal.press("r")
    terminal.wait_for("two evil[bold]")
    terminal.press("space", "space")
    terminal.press("enter")
    terminal.wait_for(re.compile(r"› (one|two) evil\[bold\]"))
    terminal.wait_for(re.compile(r"raised evil␛\]0;PWNED"))
    terminal.press("k")
    for said in ("said", "logged", "written"):
        terminal.wait_for(re.compile(rf"{said} evil␛\]0;PWNED"))
    terminal.settle(0.1)
    assert not not_ours(terminal), "on the screen of a run"
    terminal.press("esc")
    terminal.wait_for(re.compile(r"› runs\b"))
    terminal.settle(0.1)
    terminal.press("=")
    terminal.wait_for("compare")
    terminal.settle(0.15)
    assert not not_ours(terminal), "on the comparison"
    terminal.press("esc")
    terminal.wait_for(re.compile(r"› runs\b"))


def _popups(terminal: Terminal) -> None:
    terminal.press("n")
    terminal.wait_for(re.compile(r"hostile"))
    terminal.settle(0.15)
    terminal.press("esc")
    terminal.settle(0.1)
    for key in ("?", "ctrl+p", ":"):
        terminal.press(key)
        terminal.settle(0.15)
        if key == ":":
            terminal.press("component show ")
            terminal.settle(0.15)
        terminal.press("esc")
        terminal.settle(0.15)


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("component", "list"),
    ("component", "show", "artifact_store", "evil"),
    ("stack", "list"),
    ("stack", "show", "evil"),
    ("stack", "validate", "--all"),
    ("flavor", "list"),
    ("runs", "list"),
    ("runs", "show", "LAST"),
    ("runs", "logs", "LAST"),
    ("artifact", "list"),
    ("alert", "list"),
    ("doctor",),
)


def test_no_command_lets_it_out_to_a_terminal(hostile: Path) -> None:
    last = json.loads(run_command(hostile, "runs", "list", "--json").stdout)["runs"][0]["id"]
    silent = set()
    for words in COMMANDS:
        with Terminal(command(hostile, *(last if word == "LAST" else word for word in words))) as terminal:
            terminal.wait_exit()
            assert not not_ours(terminal), words
            if b"evil" not in terminal.output:
                silent.add(" ".join(words[:2]))
    assert silent <= {"flavor list", "artifact list", "doctor"}


def test_json_is_ascii(hostile: Path) -> None:
    for words in (("component", "list"), ("stack", "validate", "--all"), ("runs", "list")):
        done = run_command(hostile, *words, "--json")
        assert "evil" in done.stdout
        assert re.fullmatch(r"[\n\x20-\x7e]*", done.stdout)


def test_a_workspace_with_a_hostile_name(hostile: Path) -> None:
    renamed = hostile.with_name("evil\x1b]0;PWNED\x07[@click=app.quit]w[bold]")
    os.rename(hostile, renamed)  # noqa: PTH104 - the name is the point
    with Terminal(command(renamed)) as terminal:
        at_home(terminal)
        assert "evil␛]0;PWNED" in terminal.text
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert not not_ours(terminal)
