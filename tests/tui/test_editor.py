"""The editor is opened at the place, whichever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.tui.editor import editor_command
from tests.tui.terminal import Terminal
from tests.tui.workbench import component, stack, workspace

FILE = Path("/w/stacks/prod.yaml")

FLAVOR = """\
from typing import ClassVar

from stacktui.categories.alerter import Alerter
from stacktui.categories.flavor import FlavorFacts
from stacktui.model.category import Category


class Ours(Alerter):
    facts = FlavorFacts(category=Category.ALERTER, name="ours", summary="ours")
"""


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({"EDITOR": "vim"}, ["vim", "+call cursor(12,3)", str(FILE)]),
        (
            {"EDITOR": "/usr/bin/nvim -u NONE"},
            ["/usr/bin/nvim", "-u", "NONE", "+call cursor(12,3)", str(FILE)],
        ),
        ({"EDITOR": "code"}, ["code", "--wait", "--goto", f"{FILE}:12:3"]),
        ({"EDITOR": "code -w"}, ["code", "-w", "--goto", f"{FILE}:12:3"]),
        ({"EDITOR": "vim", "VISUAL": "hx"}, ["hx", f"{FILE}:12:3"]),
        ({"EDITOR": "nano"}, ["nano", "+12,3", str(FILE)]),
        ({"EDITOR": "emacsclient -t"}, ["emacsclient", "-t", "+12:3", str(FILE)]),
        ({"EDITOR": "ed"}, ["ed", "+12", str(FILE)]),
    ],
)
def test_at_line_and_column(environ: dict[str, str], command: list[str]) -> None:
    assert editor_command(FILE, 12, 3, environ) == command


def test_the_setting_stands_above_the_environment() -> None:
    environ = {"EDITOR": "vim", "VISUAL": "hx"}
    assert editor_command(FILE, 12, 3, environ, "nano -w") == ["nano", "-w", "+12,3", str(FILE)]
    assert editor_command(FILE, 12, 3, environ, "  ") == ["hx", f"{FILE}:12:3"]
    with pytest.raises(LookupError, match=r"the setting editor says .* a quote is not closed"):
        editor_command(FILE, 12, 3, environ, "vim 'x")


def test_without_a_place_only_the_file() -> None:
    assert editor_command(FILE, None, None, {"EDITOR": "vim"}) == ["vim", str(FILE)]


def test_the_editor_gets_the_terminal_and_what_it_saved_is_read(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    stack(root, "prod", "extends: default\ncomponents:\n  artifact_store: locl\n")
    editor = tmp_path / "fix.sh"
    editor.write_text('#!/bin/sh\necho "editing $2 at $1"\nsed -i s/locl/local/ "$2"\n')
    editor.chmod(0o700)
    with Terminal(root, env={"EDITOR": str(editor), "VISUAL": ""}) as terminal:
        terminal.sees("problems 1")
        terminal.press("p")
        terminal.sees("3:3")
        terminal.press("E")
        terminal.wait(lambda: b"at +3" in terminal.raw, "the editor")
        terminal.sees("No problems")
        assert "locl" not in (root / "stacks/prod.yaml").read_text()


def test_every_screen_with_an_object_opens_it_at_its_place(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    component(root, "artifact_store", "team", "local", "  pth: /data\n")
    (root / "flavors").mkdir()
    (root / "flavors" / "own.py").write_text(FLAVOR)
    log, editor = tmp_path / "log", tmp_path / "note.sh"
    editor.write_text(f'#!/bin/sh\necho "$1 $2" >> {log}\n')
    editor.chmod(0o700)

    def opens(place: str) -> None:
        taken = terminal.raw.count(b"\x1b[?1049h")
        terminal.press("E")
        terminal.wait(lambda: log.exists() and place in log.read_text().splitlines(), place)
        # What is typed before the workbench has the terminal back is the editor's.
        terminal.wait(lambda: terminal.raw.count(b"\x1b[?1049h") > taken, "the workbench to be back")

    with Terminal(root, env={"EDITOR": str(editor), "VISUAL": ""}) as terminal:
        terminal.sees("pth")
        opens(f"+1 {root}/components/orchestrator/local.yaml")
        terminal.press("p")
        terminal.sees("CFG001")
        terminal.press("j")
        terminal.sees("error CFG001")
        opens(f"+3 {root}/components/artifact_store/team.yaml")
        log.unlink()
        terminal.press("2")
        terminal.sees("artifact stores 2")
        terminal.press("j")
        terminal.sees("about team")
        opens(f"+3 {root}/components/artifact_store/team.yaml")
        terminal.press("F")
        terminal.sees("packages")
        terminal.press("/")
        terminal.press("ours")
        terminal.sees("vision › flavors")
        terminal.press("\r")
        terminal.sees("enter open")
        terminal.press("j")
        terminal.sees("E editor")
        opens(f"+8 {root}/flavors/own.py")
        terminal.press("q")
        terminal.wait(lambda: terminal.process.poll() is not None, "the end")
        assert terminal.process.returncode == 0
