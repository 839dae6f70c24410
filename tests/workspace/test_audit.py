"""The audit list as a file: private, bounded, several writers at once, and what damage does to it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.workspace import audit
from stacktui.workspace.audit import AuditTrail, audit_file, cannot_note, entries, note
from stacktui.workspace.scaffold import init_workspace
from stacktui.workspace.who import Who, whoami
from stacktui.workspace.workspace import Workspace

MIRA = Who("mira", "gpu1", "10.0.0.7")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    init_workspace(tmp_path / "team")
    return Workspace.open(tmp_path / "team")


def subjects(workspace: Workspace) -> list[str]:
    return [entry.subject for entry in AuditTrail(workspace)]


def test_what_was_noted_comes_back_newest_first(workspace: Workspace) -> None:
    assert list(entries(workspace)) == []
    for name in ("dev", "prod"):
        assert note(workspace, "edited", f"stack/{name}", MIRA, face="cli", text="set \x1b[2J é \udce4")
    newest, older = entries(workspace)
    assert (newest.subject, older.subject) == ("stack/prod", "stack/dev")
    assert newest.who == MIRA
    assert (newest.face, newest.action, newest.text) == ("cli", "edited", "set \x1b[2J é \udce4")
    assert newest.id != older.id
    assert newest.at >= older.at
    assert [entry.subject for entry in entries(workspace, 1)] == ["stack/prod"]
    # Whatever is in a text, the file has a line for each and nothing that a terminal would obey.
    raw = audit_file(workspace).read_bytes()
    assert raw.isascii()
    assert raw.count(b"\n") == 2
    assert b"\x1b" not in raw


def test_it_is_ones_own_from_the_first_moment(workspace: Workspace) -> None:
    before = os.umask(0)
    try:
        note(workspace, "ran", "run/1", MIRA)
    finally:
        os.umask(before)
    assert stat.S_IMODE(audit_file(workspace).stat().st_mode) == 0o600


def test_in_a_shared_state_the_group_writes_it_too(workspace: Workspace) -> None:
    state = workspace.state_dir()
    state.chmod(0o2770)
    note(workspace, "ran", "run/1", MIRA)
    assert stat.S_IMODE(audit_file(workspace).stat().st_mode) == 0o660


def test_several_processes_do_not_mix_their_lines(workspace: Workspace) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from stacktui.workspace.audit import note\n"
        "from stacktui.workspace.who import Who\n"
        "from stacktui.workspace.workspace import Workspace\n"
        "workspace = Workspace.open(Path(sys.argv[1]))\n"
        "for number in range(300):\n"
        "    note(workspace, 'ran', f'run/{sys.argv[2]}-{number}', Who('u', 'h'), text='x' * (number * 7 % 900))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(workspace.root), str(number)])
        for number in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    trail = AuditTrail(workspace)
    found = [entry.subject for entry in trail]
    assert trail.damaged == 0
    assert sorted(found) == sorted(f"run/{writer}-{number}" for writer in range(4) for number in range(300))


def test_it_does_not_grow_for_ever_and_forgets_the_oldest_first(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LARGEST_FILE", 2_000)
    for number in range(400):
        assert note(workspace, "ran", f"run/{number:03}", MIRA)
    files = sorted(workspace.state.glob("audit*.jsonl"))
    assert len(files) == audit.OLDER_FILES + 1
    assert sum(file.stat().st_size for file in files) < (audit.OLDER_FILES + 1) * 2_300
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    found = subjects(workspace)
    assert found == [f"run/{number:03}" for number in range(399, 399 - len(found), -1)]
    assert len(found) > 30


def test_a_reader_sees_each_entry_once_while_files_get_their_next_number(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LARGEST_FILE", 1_000)
    for number in range(20):
        note(workspace, "ran", f"run/{number:03}", MIRA)
    before = subjects(workspace)
    reading = iter(AuditTrail(workspace))
    seen = [next(reading).subject]
    for number in range(20, 26):
        note(workspace, "ran", f"run/{number:03}", MIRA)
    seen += [entry.subject for entry in reading]
    assert len(seen) == len(set(seen))
    # What was there when the reading began and has not been given up since.
    assert [subject for subject in before if subject in subjects(workspace)] == [
        subject for subject in seen if subject in subjects(workspace)
    ]


def test_damage_costs_the_damaged_line_alone(workspace: Workspace) -> None:
    for number in range(3):
        note(workspace, "ran", f"run/{number}", MIRA)
    file = audit_file(workspace)
    first, second, third = file.read_bytes().splitlines(keepends=True)
    wrong = json.dumps(json.loads(second) | {"at": "yesterday"}, separators=(",", ":")).encode()
    file.write_bytes(
        first
        + b"\x00\xff not json\n\n"
        + second[: len(second) // 2]
        # A full disk cut the line before this one: it has no end of its own.
        + third
        + wrong
        + b"\n[1,2]\n"
        + b"x" * 100_000
        + b"\n"
    )
    trail = AuditTrail(workspace)
    assert [entry.subject for entry in trail] == ["run/2", "run/0"]
    assert trail.damaged == 5


def test_where_nothing_can_be_noted_that_is_said_and_nothing_raises(workspace: Workspace) -> None:
    assert cannot_note(workspace) == ""
    workspace.state_dir()
    audit_file(workspace).mkdir()
    assert note(workspace, "ran", "run/1", MIRA) is False
    assert "is not a regular file" in cannot_note(workspace)
    audit_file(workspace).rmdir()
    # A link is not followed: it could lead to a file that somebody else reads.
    audit_file(workspace).symlink_to(workspace.root / "elsewhere")
    assert note(workspace, "ran", "run/1", MIRA) is False
    assert not (workspace.root / "elsewhere").exists()


def test_without_a_state_a_reader_makes_none(workspace: Workspace) -> None:
    import shutil

    shutil.rmtree(workspace.state, ignore_errors=True)
    assert note(workspace, "revealed", "secret/env/aws.key", MIRA, make_state=False) is False
    assert not workspace.state.exists()
    assert list(entries(workspace)) == []
    assert cannot_note(workspace) == ""


def test_an_ssh_session_says_from_where_it_comes() -> None:
    assert whoami({"SSH_CONNECTION": "10.0.0.7 51234 10.0.0.1 22"}).origin == "10.0.0.7"
    assert whoami({}).origin == ""
