"""Lines for cron and systemd: that they say when, and that each argument arrives as it was given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacktui.operations.errors import ConfirmationNeeded, OperationError
from stacktui.operations.schedule import ScheduleDocument, Scheduler
from stacktui.operations.schedule_times import as_calendar, as_cron
from stacktui.operations.session import Session
from tests.operations.support import do

ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze here")
TELLS = """#!/bin/sh
exec "{python}" -c 'import json, os, sys; json.dump([sys.argv[1:], os.environ.get("XDG_DATA_HOME")], open("{file}", "w"))' "$@"
"""
ARGUMENTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("C", "Z")) | st.just(" "), max_size=12)  # fmt: skip


def written(session: Session, scheduler: Scheduler, at: str, **more: object) -> ScheduleDocument:
    document = do(session, "schedule", target="pipelines/hello.py:hello", print_=scheduler, at=at, **more)
    assert isinstance(document, ScheduleDocument)
    return document


@pytest.mark.parametrize(
    ("at", "cron", "calendar"),
    [
        ("3:30", "30 3 * * *", "*-*-* 03:30:00"),
        ("@daily", "0 0 * * *", "*-*-* 00:00:00"),
        ("*/20 8-18 * * mon-fri", "*/20 8-18 * * mon-fri", "Mon,Tue,Wed,Thu,Fri *-*-* 08..18:00/20:00"),
        ("5 4 1,15 * *", "5 4 1,15 * *", "*-*-01,15 04:05:00"),
        ("0 0 * jan-mar/2 *", "0 0 * jan-mar/2 *", "*-01..03/2-* 00:00:00"),
        ("0  12 * * 7", "0 12 * * 7", "Sun *-*-* 12:00:00"),
        ("10/25 * */10 * *", "10/25 * */10 * *", "*-*-01/10 *:10..59/25:00"),
    ],
)
def test_a_time_is_said_as_the_scheduler_says_it(at: str, cron: str, calendar: str) -> None:
    assert as_cron(at) == cron
    assert as_calendar(at) == calendar


def test_what_only_systemd_knows_is_left_to_it() -> None:
    assert as_calendar("Mon..Fri 03:30") == "Mon..Fri 03:30"
    with pytest.raises(OperationError, match="is not a time for cron"):
        as_cron("Mon..Fri 03:30")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("60 3 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day of the month"),
        ("0 0 * 13 *", "month"),
        ("0 0 * * someday", "day of the week"),
        ("0 20-8 * * *", "never come"),
        ("*/0 * * * *", "never come"),
        ("often", "not a time"),
        ("", "not a time"),
    ],
)
def test_a_time_that_is_none_is_one_line(at: str, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        as_cron(at)


def test_either_of_two_kinds_of_day_has_no_word_in_systemd() -> None:
    with pytest.raises(OperationError, match="two schedules"):
        as_calendar("0 0 1 * mon")


def cron_times(text: str, start: datetime, count: int) -> list[datetime]:
    """When cron would run, found minute by minute: an implementation as plain as can be."""
    days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    names = {name: number for number, name in enumerate(days)}
    names |= {name: number for number, name in enumerate(months, 1)}

    def allowed(field: str, least: int, most: int) -> set[int]:
        found: set[int] = set()
        for part in field.split(","):
            span, _, step = part.partition("/")
            low, _, high = span.partition("-")
            first = least if low == "*" else int(names.get(low, low))
            last = most if low == "*" or (step and not high) else int(names.get(high, high)) if high else first  # fmt: skip
            found |= set(range(first, last + 1, int(step or 1)))
        return found

    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    minute, hour, day, month, weekday = (
        allowed(field, *limit) for field, limit in zip(text.split(), limits, strict=True)
    )
    weekday = {number % 7 for number in weekday}
    found: list[datetime] = []
    at = start
    while len(found) < count:
        at += timedelta(minutes=1)
        if (at.minute in minute and at.hour in hour and at.day in day and at.month in month
                and (at.weekday() + 1) % 7 in weekday):  # fmt: skip
            found.append(at)
    return found


@needs_systemd
@pytest.mark.parametrize(
    "at", ["*/20 8-18 * * mon-fri", "5 4 1,15 * *", "10/25 */7 * * *", "0 6 * * 6,0", "30 1-23/4 */10 * *"]
)
def test_systemd_comes_when_cron_would(at: str) -> None:
    assert ANALYZE is not None
    start = datetime(2026, 1, 1)
    said = subprocess.run(
        [ANALYZE, "calendar", "--iterations=5", "--base-time=2026-01-01 00:00:00", as_calendar(at)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
    ).stdout
    found = [
        datetime.strptime(line.partition(": ")[2].strip()[4:23], "%Y-%m-%d %H:%M:%S")
        for line in said.splitlines()
        if line.strip().startswith(("Next elapse", "Iter. #", "Iteration #"))
    ]
    assert found == cron_times(at, start, 5)


@pytest.fixture
def tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The interpreter is a program that writes down its arguments, in a folder with an awkward name."""
    file = tmp_path / "told.json"
    program = tmp_path / "100% py $HOME" / "python"
    program.parent.mkdir()
    program.write_text(TELLS.format(python=sys.executable, file=file))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return file


@given(value=ARGUMENTS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cron_hands_over_each_argument_as_it_was_given(session: Session, tells: Path, value: str) -> None:
    document = written(session, Scheduler.CRON, "3:30", param=(f"name={value}",), label=(f"l={value}",))
    comment, line = document.files[0].text.splitlines()
    assert comment.startswith("# ")
    assert line.startswith("30 3 * * * ")
    # What cron does: the first percent sign that is not behind a backslash ends the command.
    command = line.removeprefix("30 3 * * * ")
    assert "%" not in command.replace("\\%", "")
    tells.unlink(missing_ok=True)
    subprocess.run(
        ["/bin/sh", "-c", command.replace("\\%", "%")], check=True, env={"PATH": "/usr/bin:/bin"}, cwd="/"
    )
    arguments, data_home = json.loads(tells.read_text())
    assert arguments == list(document.command[1:])
    assert f"name={value}" in arguments
    assert arguments[-2:] == ["--detach", "--json"]
    assert data_home == session.environ["XDG_DATA_HOME"]


def words_of(line: str) -> list[str]:
    """A command line as systemd splits it."""
    words: list[str] = []
    word, inside, quoted = "", False, False
    letters = iter(line)
    for letter in letters:
        if letter == "\\":
            word, inside = word + next(letters), True
        elif letter == '"':
            quoted, inside = not quoted, True
        elif letter == " " and not quoted:
            words += [word] if inside else []
            word, inside = "", False
        else:
            word, inside = word + letter, True
    return [each.replace("%%", "%").replace("$$", "$") for each in [*words, *([word] if inside else [])]]


@given(value=ARGUMENTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_systemd_hands_over_each_argument_as_it_was_given(session: Session, value: str) -> None:
    document = written(session, Scheduler.SYSTEMD, "daily", param=(f"name={value}",))
    (line,) = [each for each in document.files[0].text.splitlines() if each.startswith("ExecStart=")]
    assert words_of(line.removeprefix("ExecStart=")) == list(document.command)
    assert "--detach" not in document.command


@needs_systemd
def test_systemd_takes_the_files(session: Session, tmp_path: Path, tells: Path) -> None:
    assert ANALYZE is not None
    folder = tmp_path / "units"
    document = written(
        session,
        Scheduler.SYSTEMD,
        "Mon..Fri 03:30",
        param=("name=50% of \"all\" $x 'y' \\z",),
        output=folder,
    )
    assert [Path(file).name for file in document.written] == ["stacktui-hello-in-team.service", "stacktui-hello-in-team.timer"]  # fmt: skip
    checked = subprocess.run(
        [ANALYZE, "verify", "--man=no", "--recursive-errors=no", *document.written],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stderr == ""
    assert checked.returncode == 0


def test_nothing_secret_is_in_the_lines(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACKTUI_SECRET_AWS__KEY", "v3ry-s3cret")
    for scheduler in Scheduler:
        assert "v3ry-s3cret" not in written(session, scheduler, "@daily").model_dump_json()


def test_a_protected_stack_asks_for_its_name_when_the_lines_are_written(session: Session, root: Path) -> None:
    file = root / "stacks" / "default.yaml"
    file.write_text(file.read_text() + "protected: true\n")
    with pytest.raises(ConfirmationNeeded):
        written(session, Scheduler.CRON, "@daily")
    document = written(session, Scheduler.CRON, "@daily", confirm="default")
    assert document.command[-6:-4] == ("--confirm", "default")


def test_an_argument_of_several_lines_is_refused(session: Session) -> None:
    with pytest.raises(OperationError, match="give it in a file"):
        written(session, Scheduler.CRON, "@daily", param=("name=a\nb",))
