"""`E` on a real terminal: whatever the editor does, the workbench is back where it was, with what was saved."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.terminal.conftest import at_home, command
from tests.terminal.pseudo import Terminal


@pytest.fixture
def team(root: Path) -> Path:
    """Enough stacks that the list scrolls."""
    for number in range(60):
        name = f"stack-{number:02}"
        (root / "stacks" / f"{name}.yaml").write_text(f"extends: default\ndescription: number {number}\n")
    return root


def editor(folder: Path, script: str) -> Path:
    """An editor: a shell script that gets the line as `$1` and the file as `$2`, behind its own arguments."""
    file = folder / "my editor"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o700)
    return file


def opened(root: Path, said: str, **environment: str) -> Terminal:
    """The workbench on the stacks, the cursor far down the list."""
    terminal = Terminal(command(root), environment={"VISUAL": "", "EDITOR": said, **environment})
    at_home(terminal)
    terminal.press("s")
    terminal.wait_for("stack-10")
    terminal.press("G", "k", "k", "k", "k")
    terminal.wait_for(re.compile(r"▌ +stack-55"))
    terminal.settle()
    return terminal


def rows(terminal: Terminal) -> list[str]:
    """The names in the list, from the top, the cursor's marked."""
    found = re.findall(r"│(▌?) +(stack-\d\d) ", terminal.text)
    return [f"{mark}{name}" for mark, name in found]


def test_it_comes_back_to_the_same_place(team: Path, tmp_path: Path) -> None:
    """An editor with arguments and a space in its path; the cursor and what is scrolled away stay as they were."""
    script = editor(
        tmp_path, 'echo "argument $1 line $2"\nread answer\nsed -i "s/number 55/edited $answer/" "$3"'
    )
    with opened(team, f"'{script}' --wait") as terminal:
        before = rows(terminal)
        terminal.press("E")
        terminal.wait_for("argument --wait line +1")
        # What is typed now is the editor's.
        terminal.press("q", "enter")
        terminal.wait_for("edited q")
        terminal.wait_for("saved stacks/stack-55.yaml")
        assert rows(terminal) == before
        terminal.press("j")
        terminal.wait_for(re.compile(r"▌ +stack-56"))


def test_the_setting_stands_above_the_environment(team: Path, tmp_path: Path, home: Path) -> None:
    script = editor(tmp_path, 'sed -i "s/number 55/by the setting/" "$2"')
    settings = home / ".config" / "stacktui" / "settings.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"""editor: "'{script}'"\n""")
    with opened(team, "false") as terminal:
        terminal.press("E")
        terminal.wait_for("by the setting")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("no-such-editor -x", "there is no editor no-such-editor; set EDITOR"),
        ("vim 'x", "a quote is not closed"),
        ("/nowhere/vim", "there is no editor /nowhere/vim"),
    ],
)
def test_an_editor_that_cannot_be_started(team: Path, said: str, answer: str) -> None:
    with opened(team, said) as terminal:
        before = rows(terminal)
        terminal.press("E")
        terminal.wait_for(answer)
        # What is said above the keys takes the last row.
        assert rows(terminal) == before[:-1]
        terminal.press("k")
        terminal.wait_for(re.compile(r"▌ +stack-54"))


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("exit 3", "ended with 3; nothing was saved"),
        ("kill -9 $$", "was ended by signal 9; nothing was saved"),
        ('sed -i "s/number 55/and then/" "$2"; exit 1', "ended with 1; what it had saved was read"),
        ("exec no-such-command", "it did not find a command"),
    ],
)
def test_an_editor_that_ends_with_an_error(team: Path, tmp_path: Path, script: str, answer: str) -> None:
    with opened(team, f"'{editor(tmp_path, script)}'") as terminal:
        terminal.press("E")
        terminal.wait_for(answer)
        terminal.press("k")
        terminal.wait_for(re.compile(r"▌ +stack-54"))


def test_a_file_that_it_broke_is_said_and_found(team: Path, tmp_path: Path) -> None:
    script = editor(tmp_path, 'printf "extends: default\\ncomponents: [\\n" > "$2"')
    with opened(team, f"'{script}'") as terminal:
        terminal.press("E")
        terminal.wait_for(re.compile(r"stacks/stack-55\.yaml:\d+: "))
        terminal.wait_for(re.compile(r"▌ +stack-55.*broken"))
        terminal.press("p")
        terminal.wait_for("FIL002")
        # And again, at the line of the finding.
        editor(tmp_path, 'echo "at $1"; printf "extends: default\\ndescription: mended\\n" > "$2"')
        terminal.press("E")
        terminal.wait_until(lambda: re.search(rb"at \+[23]\r", terminal.output) is not None, "the line")
        terminal.wait_gone("FIL002")


def test_a_file_that_it_renamed_is_said(team: Path, tmp_path: Path) -> None:
    script = editor(tmp_path, 'mv "$2" "$(dirname "$2")/live.yaml"')
    with opened(team, f"'{script}'") as terminal:
        terminal.press("E")
        terminal.wait_for("stack-55 was renamed to live on disk.")
        terminal.wait_for(re.compile(r"▌ +live"))


def test_ctrl_c_in_the_editor_is_the_editors(team: Path, tmp_path: Path) -> None:
    script = editor(tmp_path, 'trap "echo caught; exit 0" INT\necho ready\nwhile :; do sleep 0.05; done')
    with opened(team, f"'{script}'") as terminal:
        terminal.press("E")
        terminal.wait_for("ready")
        terminal.press("ctrl+c")
        terminal.wait_until(lambda: b"caught" in terminal.output, "the editor")
        terminal.wait_for(re.compile(r"▌ +stack-55"))
        terminal.press("k")
        terminal.wait_for(re.compile(r"▌ +stack-54"))
        terminal.press("q")
        assert terminal.wait_exit() == 0
