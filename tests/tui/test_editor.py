"""The editor is opened at the place, whichever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.tui.editor import editor_command
from tests.tui.terminal import Terminal
from tests.tui.workbench import stack, workspace

FILE = Path("/w/stacks/prod.yaml")


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
