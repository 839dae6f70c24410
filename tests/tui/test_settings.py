"""The settings screen: each value with who says it, changed in place after its diff; and each setting does what it says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stacktui.operations import moments
from stacktui.tui.editor import editor_command
from stacktui.workspace.setting_sources import user_file
from stacktui.workspace.settings import load_settings
from tests.tui.stores import add_run
from tests.tui.terminal import Terminal
from tests.tui.workbench import Bench, workbench, workspace


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("NO_COLOR", "VISUAL", "EDITOR", "STACKTUI_ASCII", "STACKTUI_READONLY"):
        monkeypatch.delenv(name, raising=False)
    return workspace(tmp_path / "vision")


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A person in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def user_says(text: str) -> None:
    """Write the user's settings as an editor would."""
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(text)


async def on(bench: Bench, setting: str) -> None:
    """Go to the settings screen, and with the cursor to a setting."""
    await bench.press("comma")
    await bench.sees("in force")
    await bench.press("tab")
    await bench.wait_for(lambda: bench.screen.focused.id == "settings-list")
    await bench.wait_for(lambda: bench.screen.focused.move_to(setting), setting)
    await bench.settled()


def line_of(bench: Bench, name: str) -> str:
    """The line of the list that a setting stands on."""
    return next(line for line in bench.text().splitlines() if f" {name} " in line)


async def test_each_setting_says_where_its_value_comes_from(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "hx")
    user_says("# mine\nbell: false\n\ntimes: utc\n")
    (root / "stacktui.yaml").write_text("version: 1\ndefault_stack: default\ntheme: ember\nmax_runs: 3\n")
    async with workbench(root, readonly=True) as bench:
        await bench.press("comma")
        await bench.sees("in force")
        for name, *said in (
            ("theme", "ember", "stacktui.yaml:3"),
            ("mouse", "yes", "default"),
            ("bell", "no", "your settings.yaml:2"),
            ("times", "utc, now UTC", "your settings.yaml:4"),
            ("editor", "hx", "$VISUAL"),
            ("default_stack", "default", "stacktui.yaml:2"),
            ("max_runs", "3", "stacktui.yaml:4"),
            ("shared", "not set", "default"),
            ("readonly", "yes", "--readonly"),
        ):
            assert all(word in line_of(bench, name) for word in said), line_of(bench, name)


async def test_a_narrow_screen_says_it_too(root: Path) -> None:
    user_says("bell: false\n")
    async with workbench(root, size=(80, 24)) as bench:
        await bench.press("comma")
        await bench.sees("said by", "your settings.yaml:1", "stacktui.yaml:2")


async def test_a_choice_is_changed_in_place_after_its_diff(root: Path) -> None:
    user_says("# mine\nmouse: false  # in tmux\n")
    async with workbench(root) as bench:
        await on(bench, "yours.times")
        await bench.press("e")
        await bench.sees("local", "utc", "enter choose")
        await bench.press("j", "enter")
        await bench.sees("set your times", "+times: utc")
        assert load_settings().settings.times == "local"
        await bench.press("enter")
        await bench.sees("utc, now UTC", "your settings.yaml:3")
        assert user_file().read_text() == "# mine\nmouse: false  # in tmux\ntimes: utc\n"
        await bench.press("d")
        await bench.sees("-times: utc")
        await bench.press("enter")
        await bench.wait_for(lambda: "default" in line_of(bench, "times"), "the default")
        assert user_file().read_text() == "# mine\nmouse: false  # in tmux\n"


async def test_what_is_typed_is_checked_as_it_is_typed(root: Path) -> None:
    async with workbench(root) as bench:
        await on(bench, "yours.long_run")
        await bench.press("enter")
        await bench.sees("Seconds from which")
        await bench.press("ctrl+u")
        await bench.types("soon")
        await bench.sees("long_run must be a number")
        await bench.press("enter")
        await bench.sees("long_run must be a number")
        await bench.press("ctrl+u")
        await bench.types("90")
        await bench.press("enter")
        await bench.sees("+long_run: 90")
        await bench.press("escape")
        await bench.misses("+long_run")
        assert not user_file().exists()


async def test_a_setting_of_the_workspace_keeps_the_files_comments(root: Path) -> None:
    (root / "stacktui.yaml").write_text("version: 1  # of files\n# who starts\ndefault_stack: default\n")
    async with workbench(root) as bench:
        await on(bench, "workspace.max_runs")
        await bench.press("e")
        await bench.types("2")
        await bench.press("enter")
        await bench.sees("set the workspace's max_runs", "+max_runs: 2")
        await bench.press("enter")
        await bench.sees("stacktui.yaml:4")
        assert (root / "stacktui.yaml").read_text() == (
            "version: 1  # of files\n# who starts\ndefault_stack: default\nmax_runs: 2\n"
        )
        assert not user_file().exists()


async def test_what_cannot_be_changed_says_why(root: Path) -> None:
    async with workbench(root) as bench:
        await on(bench, "workspace.version")
        await bench.press("e")
        await bench.sees("e change: stacktui workspace upgrade")
        await on_again(bench, "yours.mouse")
        await bench.press("d")
        await bench.sees("no file says it")


async def on_again(bench: Bench, setting: str) -> None:
    """Another setting of the same screen."""
    await bench.wait_for(lambda: bench.screen.focused.move_to(setting), setting)
    await bench.settled()


async def test_read_only_changes_nothing(root: Path) -> None:
    async with workbench(root, readonly=True) as bench:
        await on(bench, "yours.times")
        await bench.press("e")
        await bench.sees("e change: the workbench is read-only")


async def test_a_bad_settings_file_keeps_the_old_ones_and_says_why(root: Path) -> None:
    user_says("theme: ember\nbell: false\n")
    async with workbench(root) as bench:
        await bench.wait_for(lambda: bench.app.feed.findings is not None)
        assert bench.app.theme == "ember"
        user_says("theme: ember\nbell: loudly\n")
        await bench.wait_for(lambda: bench.app.looks.problems, "the finding")
        (problem,) = bench.app.looks.problems
        assert (problem.code, problem.line) == ("SET001", 2)
        assert (bench.app.theme, bench.app.looks.settings.bell) == ("ember", False)
        user_says("theme: embr\n")
        await bench.wait_for(
            lambda: [each.code for each in bench.app.looks.problems] == ["SET002"], "the finding"
        )
        assert "did you mean ember?" in bench.app.looks.problems[0].message
        await bench.press("p")
        await bench.sees("settings.yaml")


# Each does what it says.


def test_the_settings_editor_goes_before_the_environments() -> None:
    command = editor_command(Path("/w/a.yaml"), 3, 1, {"VISUAL": "vi"}, "code --wait")
    assert command == ["code", "--wait", "--goto", "/w/a.yaml:3:1"]


def test_the_editor_of_the_settings_is_the_one_that_opens(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    editor = tmp_path / "mine.sh"
    editor.write_text('#!/bin/sh\necho "this is mine: $*"\n')
    editor.chmod(0o700)
    settings = tmp_path / "config/stacktui/settings.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"mouse: false\neditor: {editor}\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "VISUAL": "false", "EDITOR": "false"}
    with Terminal(root, env=env) as terminal:
        terminal.sees("› home")
        terminal.press(",\t")
        terminal.sees("your settings.yaml:1")
        terminal.press("jjjjj")
        terminal.sees("The command for E")
        terminal.press("E")
        terminal.wait(
            lambda: f"this is mine: +2 {settings}".encode() in terminal.raw, "the editor at the line"
        )


@pytest.mark.parametrize("wanted", [True, False])
def test_the_mouse_is_left_to_the_terminal_where_it_is_not_wanted(tmp_path: Path, wanted: bool) -> None:
    root = workspace(tmp_path / "vision")
    settings = tmp_path / "config/stacktui/settings.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"mouse: {str(wanted).lower()}\n")
    with Terminal(root, env={"XDG_CONFIG_HOME": str(tmp_path / "config")}) as terminal:
        terminal.sees("› home")
        assert (b"\x1b[?1000h" in terminal.raw) is wanted


@pytest.mark.parametrize("wanted", [True, False])
def test_the_bell_rings_for_a_message_only_where_it_is_wanted(tmp_path: Path, wanted: bool) -> None:
    root = workspace(tmp_path / "vision")
    settings = tmp_path / "config/stacktui/settings.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"bell: {str(wanted).lower()}\n")
    with Terminal(root, env={"XDG_CONFIG_HOME": str(tmp_path / "config")}) as terminal:
        terminal.sees("every rule passes")
        terminal.press(":alert post hello-there\r")
        terminal.sees("from inbox")
        assert (b"\x1b]9;" in terminal.raw) is wanted
        # A bell also ends what is said to the terminal: the pointer's form, a notification.
        alone = re.sub(rb"\x1b\][^\x07]*\x07", b"", bytes(terminal.raw))
        assert (b"\x07" in alone) is wanted


async def test_symbols_change_while_the_workbench_runs(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.sees("▌ 1", "╭")
        await bench.settled()
        await bench.wait_for(lambda: bench.app.feed.findings is not None)
        user_says("symbols: ascii\n")
        await bench.sees("> 1")
        await bench.misses("▌", "╭", "›")
        user_says("symbols: unicode\n")
        await bench.sees("▌ 1", "╭")


async def test_the_environment_asks_for_ascii_over_the_file(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_says("symbols: unicode\n")
    monkeypatch.setenv("STACKTUI_ASCII", "1")
    async with workbench(root) as bench:
        await bench.sees("> 1")
        await bench.press("comma")
        await bench.sees("$STACKTUI_ASCII")


@pytest.mark.usefixtures("berlin")
def test_a_moment_is_written_in_the_zone_that_was_chosen() -> None:
    winter, summer = datetime(2026, 1, 5, 23, 30, 1, 250_000, UTC), datetime(2026, 7, 5, 23, 30, tzinfo=UTC)
    moments.use_times("local")
    assert moments.full_stamp(winter) == "2026-01-06 00:30:01 CET"
    assert moments.stamp_minutes(summer) == "2026-07-06 01:30 CEST"
    assert moments.day(winter) == "2026-01-06"
    assert moments.clock_in_zone(winter) == "00:30:01.250+01:00"
    assert moments.with_zone("started", [winter, None, summer]) == "started (CET/CEST)"
    moments.use_times("utc")
    assert moments.full_stamp(winter) == "2026-01-05 23:30:01 UTC"
    assert moments.day(winter) == "2026-01-05"
    assert moments.clock_in_zone(winter) == "23:30:01.250Z"
    assert moments.with_zone("started", [winter, summer]) == "started (UTC)"
    assert moments.with_zone("started", []) == "started"


def test_every_moment_that_people_are_shown_goes_one_way() -> None:
    package = Path(moments.__file__).parents[1]
    faces = [*(package / "tui").rglob("*.py"), *(package / "cli").rglob("*.py")]
    assert [file.name for file in faces if "astimezone(" in file.read_text()] == []


@pytest.mark.usefixtures("berlin")
async def test_a_run_is_shown_in_the_zone_that_was_chosen_at_once(root: Path) -> None:
    async with workbench(root) as bench:
        began = datetime(2026, 1, 5, 23, 30, 1, tzinfo=UTC)
        add_run(bench.session.store(), created_at=began, started_at=began, finished_at=began)
        await bench.wait_for(lambda: bench.app.feed.findings is not None)
        await bench.press("r")
        await bench.sees("digits")
        await bench.press("enter")
        await bench.wait_for(lambda: bench.screen.place == "run")
        await bench.settled()
        await bench.press("I")
        await bench.sees("2026-01-06 00:30:01 CET")
        await bench.press("escape")
        user_says("times: utc\n")
        await bench.wait_for(lambda: bench.app.looks.settings.times == "utc")
        await bench.settled()
        await bench.press("I")
        await bench.sees("2026-01-05 23:30:01 UTC")
