"""The real program in a pseudo-terminal: it opens, goes everywhere, and leaves the terminal as it was."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.model.category import Category
from tests.terminal.conftest import at_home, command, run_command
from tests.terminal.pseudo import Terminal
from tests.terminal.sequences import colours, taken_apart

PLACES = [
    *((category.facts.key, category.facts.plural) for category in Category),
    ("s", "stacks"), ("r", "runs"), ("p", "problems"), ("F", "flavors"), (",", "settings"), ("h", "home"),
]  # fmt: skip


def leaves(terminal: Terminal) -> None:
    """`q`: exit code 0, and the terminal is as it was found."""
    terminal.press("q")
    assert terminal.wait_exit() == 0
    output = bytes(terminal.output)
    assert output.rindex(b"\x1b[?1049h") < output.rindex(b"\x1b[?1049l"), "the alternate screen was not left"
    for mode, what in ((b"?25", "the cursor is hidden"), (b"?7", "lines do not wrap")):
        hidden, shown = output.rfind(b"\x1b[" + mode + b"l"), output.rfind(b"\x1b[" + mode + b"h")
        assert hidden < shown or hidden == -1, what
    for mode, what in (
        (b"?1000", "mouse"),
        (b"?1003", "mouse moves"),
        (b"?2004", "paste"),
        (b"?1004", "focus"),
    ):
        on, off = output.rfind(b"\x1b[" + mode + b"h"), output.rfind(b"\x1b[" + mode + b"l")
        assert on <= off, f"{what} reports are still on"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 36)])
def test_goes_to_every_place_by_its_key(root: Path, columns: int, rows: int) -> None:
    with Terminal(command(root), columns=columns, rows=rows) as terminal:
        at_home(terminal)
        for category in Category:
            assert category.facts.title in terminal.text
        for key, name in PLACES:
            terminal.press(key)
            terminal.wait_for(re.compile(rf"vision › {name}\b"))
            terminal.settle(0.1)
            assert terminal.process.poll() is None
        assert not taken_apart(bytes(terminal.output)).strangers
        leaves(terminal)


def test_names_filter_keys_and_back(root: Path) -> None:
    (root / "components/artifact_store/archive.yaml").write_text("flavor: local\ndescription: what is old\n")
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        terminal.press(":", "runs", "enter")
        terminal.wait_for(re.compile(r"› runs\b"))
        terminal.press(":", "artifact_store archive", "enter")
        terminal.wait_for("about archive")
        terminal.press("/", "arch", "enter")
        terminal.wait_until(
            lambda: "▌    archive" in terminal.text and "●  local" not in terminal.text, "filtered"
        )
        terminal.press("esc")
        terminal.wait_for("●  local")
        assert "artifact stores" in terminal.text
        terminal.press("?")
        terminal.wait_for("Leave; runs go on.")
        terminal.press("esc")
        terminal.wait_gone("Leave; runs go on.")
        terminal.press("ctrl+p", "problems")
        terminal.wait_for(re.compile("problems.*", re.DOTALL))
        terminal.press("enter")
        terminal.wait_for("› problems")
        terminal.press("esc")
        terminal.wait_for("› home")
        leaves(terminal)


def test_keys_that_arrive_at_once_have_their_effect_in_order(root: Path) -> None:
    (root / "components/artifact_store/archive.yaml").write_text("flavor: local\ndescription: what is old\n")
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        for burst, sees in (
            (b":artifact_store archive\r", "about archive"),
            (b"h:runs\r", "› runs"),
            (b":stacks\r2", "› artifact stores"),
            (b"/arch", " /arch"),
            (b"\rh:pro\x7f\x7f\x7fproblems\r", "› problems"),
            (b"?Leave", "1 of "),
            (b"\x1b", "› problems"),
            (b"\x10flavors", "flavors"),
        ):
            terminal.send(burst)
            terminal.wait_for(sees)
            terminal.settle()
            assert terminal.process.poll() is None
        assert not (root / ".stacktui/crashes").exists()


def test_follows_the_size_of_its_terminal(root: Path) -> None:
    with Terminal(command(root), columns=80, rows=24) as terminal:
        at_home(terminal)
        terminal.resize(120, 36)
        terminal.wait_until(
            lambda: (
                terminal.text.split("\n")[1].rstrip().endswith("╮")
                and len(terminal.text.split("\n")[1]) == 120
            ),
            "120 columns",
        )
        terminal.wait_until(lambda: "? keys" in terminal.text.split("\n")[35], "the keys in the last line")
        terminal.resize(60, 16)
        terminal.wait_until(
            lambda: "? keys" in terminal.text.split("\n")[15], "the keys in the new last line"
        )
        terminal.resize(80, 24)
        terminal.wait_until(
            lambda: "? keys" in terminal.text.split("\n")[23], "the keys in the last line again"
        )
        terminal.wait_for("experiment tracker")
        leaves(terminal)


def test_no_color_is_no_colour(root: Path) -> None:
    with Terminal(command(root), environment={"NO_COLOR": "1"}) as terminal:
        at_home(terminal)
        for key, name in (("2", "artifact stores"), ("r", "runs"), ("p", "problems")):
            terminal.press(key)
            terminal.wait_for(f"› {name}")
            terminal.settle(0.1)
        assert not colours(bytes(terminal.output))
        leaves(terminal)


def test_readonly_refuses_what_writes(root: Path) -> None:
    before = {file: file.read_bytes() for file in root.rglob("*.yaml") if ".stacktui" not in file.parts}
    with Terminal(command(root, "--readonly")) as terminal:
        at_home(terminal)
        assert "READ-ONLY" in terminal.text
        terminal.press(":", "component delete artifact_store local", "enter")
        terminal.wait_for(re.compile(r"✗.*read-only"))
        terminal.press("2")
        terminal.wait_for("› artifact stores")
        terminal.settle()
        for key in ("D", "a", "e", "n"):
            terminal.press(key)
            terminal.settle(0.1)
            assert "› artifact stores" in terminal.text
        leaves(terminal)
    assert {
        file: file.read_bytes() for file in root.rglob("*.yaml") if ".stacktui" not in file.parts
    } == before


def test_a_terminal_that_can_do_nothing_gets_one_line(root: Path) -> None:
    with Terminal(command(root), environment={"TERM": "dumb"}) as terminal:
        assert terminal.wait_exit() == 2
        said = terminal.output.decode()
    assert said.count("\n") == 1
    assert "\x1b" not in said
    assert "stacktui --help" in said


def test_no_terminal_gets_one_line(root: Path) -> None:
    done = subprocess.run(
        command(root), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "stacktui --help" in done.stderr


def test_no_workspace_says_what_to_do(tmp_path: Path) -> None:
    with Terminal(command(tmp_path)) as terminal:
        assert terminal.wait_exit() == 2
        assert b"stacktui init" in terminal.output
        assert b"\x1b[?1049h" not in terminal.output


def test_importing_the_package_loads_no_face(home: Path) -> None:
    names = "import stacktui, sys; print([n for n in ('textual', 'click', 'pandas', 'duckdb') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_command_in_a_terminal_is_read_like_any(root: Path) -> None:
    assert "default" in run_command(root, "stack", "list").stdout
    with Terminal(command(root, "stack", "list"), columns=80, rows=24) as terminal:
        assert terminal.wait_exit() == 0
        assert "default" in terminal.text
        assert not taken_apart(bytes(terminal.output)).strangers


def test_without_colours_a_dialog_hides_no_more_than_it_covers(root: Path) -> None:
    with Terminal(command(root), environment={"NO_COLOR": "1"}) as terminal:
        at_home(terminal)
        terminal.press("s")
        terminal.wait_for("› stacks")
        terminal.settle()
        terminal.press("c")
        terminal.wait_for("esc back")
        terminal.settle()
        assert "› stacks" in terminal.text
