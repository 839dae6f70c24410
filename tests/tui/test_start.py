"""How the workbench starts and how it ends, by itself and by force."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tui.terminal import Terminal
from tests.tui.workbench import workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace(tmp_path / "vision")


_FORBIDDEN = ("pandas", "numpy", "duckdb", "sqlite_utils", "pyarrow", "sklearn", "fsspec", "cryptography", "ruamel",
              "click", "tree_sitter", "requests", "httpx")  # fmt: skip


def test_the_first_screen_loads_nothing_heavy(root: Path) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from stacktui.operations.session import Session\n"
        "from stacktui.tui.start import Prefetch\n"
        "session = Session(pathlib.Path(sys.argv[1]))\n"
        "prefetch = Prefetch(session)\n"
        "from stacktui.tui.app import WorkbenchApp\n"
        "async def main():\n"
        "    app = WorkbenchApp(session, prefetch)\n"
        "    async with app.run_test() as pilot:\n"
        "        while not app.screen.snapshot: await pilot.pause()\n"
        "        print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "textual" in loaded
    assert not loaded & set(_FORBIDDEN)


def test_what_loads_the_first_content_knows_no_textual(root: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from stacktui.operations.session import Session\n"
        "from stacktui.tui.start import Prefetch\n"
        "found = Prefetch(Session(pathlib.Path(sys.argv[1]))).take(30)\n"
        "assert found is not None and found.home.slots\n"
        "print('textual' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_first_frame_has_its_content(root: Path) -> None:
    with Terminal(root) as terminal:
        terminal.sees("experiment tracker")
        terminal.press("q")
        terminal.wait(lambda: terminal.process.poll() is not None, "the end")
        assert terminal.process.returncode == 0
        assert b"\x1b[?1049l" in terminal.raw, "the terminal was not restored"


def test_a_still_screen_sends_nothing(root: Path) -> None:
    with Terminal(root) as terminal:
        terminal.sees("None: every rule passes.")
        # Twice: the first second may still bring what was on its way.
        terminal.wait(lambda: terminal.quiet(1.0) == 0, "silence")
        assert terminal.quiet(2.0) == 0


def test_no_color_sends_no_colour_and_the_cursor_is_still_seen(root: Path) -> None:
    with Terminal(root, env={"NO_COLOR": "1"}) as terminal:
        terminal.sees("None: every rule passes.")
        terminal.press("?")
        terminal.sees("keys home")
        assert "▌" in terminal.text()
        sent = re.findall(rb"\x1b\[([0-9;]*)m", bytes(terminal.raw))
        colours = {
            code
            for codes in sent
            for code in codes.split(b";")
            if 30 <= int(code or 0) <= 49 or int(code or 0) >= 90
        }
        # 39 and 49 are the terminal's own.
        assert colours <= {b"39", b"49"}


def test_no_terminal_is_an_error_that_names_the_commands(root: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from stacktui.tui.terminal import require_terminal, NoTerminal\n"
        "try:\n    require_terminal()\nexcept NoTerminal as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "stacktui --help" in done.stdout
    with Terminal(root, env={"TERM": "dumb"}, program=program) as terminal:
        terminal.wait(lambda: terminal.process.poll() is not None, "the end")
        assert b"stacktui --help" in terminal.raw


@pytest.mark.parametrize("ignored", [False, True], ids=["SIGHUP", "SIGHUP ignored"])
def test_a_terminal_that_is_gone_ends_the_workbench(root: Path, ignored: bool) -> None:
    with Terminal(root, ignore_hangup=ignored) as terminal:
        terminal.sees("experiment tracker")
        terminal.quiet(0.3)
        terminal.hang_up()
        end = time.monotonic() + 20
        while terminal.process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        assert terminal.process.poll() is not None, "it goes on without a terminal"


_CRASHING = (
    "import sys, pathlib\n"
    "from stacktui.operations.session import Session\n"
    "from stacktui.tui.app import WorkbenchApp\n"
    "from stacktui.tui.start import run_workbench\n"
    "def broken(self):\n"
    "    password = 'hunter2-in-a-local'\n"
    "    raise RuntimeError('hunter2-in-the-message')\n"
    "from stacktui.tui.screens.base import WorkbenchScreen\n"
    "WorkbenchScreen.action_keys_help = broken\n"
    "with Session(pathlib.Path(sys.argv[1])) as session:\n"
    "    sys.exit(run_workbench(session))\n"
)


def test_a_crash_restores_the_terminal_and_reports_without_values(root: Path) -> None:
    with Terminal(root, program=_CRASHING) as terminal:
        terminal.sees("experiment tracker")
        terminal.press("?")
        terminal.wait(lambda: terminal.process.poll() is not None, "the end")
        while terminal.read(0.2):
            pass
        assert terminal.process.returncode == 1
        raw = terminal.raw.decode()
    assert raw.rindex("\x1b[?1049l") < raw.index("the workbench failed")
    reports = list((root / ".stacktui/crashes").iterdir())
    assert len(reports) == 1
    assert str(reports[0].name) in raw.replace("\r\n", "")
    assert stat.S_IMODE(reports[0].stat().st_mode) == 0o600
    text = reports[0].read_text()
    assert "RuntimeError" in text
    assert "in broken" in text
    assert "hunter2" not in text
    assert "hunter2" not in raw


async def test_an_error_in_a_load_keeps_the_screen_and_says_why(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.sees("experiment tracker")
        home = bench.screen

        def broken(session: object) -> object:
            raise OSError("the disk is gone")

        home.load = broken
        home.reload_now()
        await bench.sees("✗ the disk is gone", "experiment tracker")
