"""A broken store as people meet it: the command line says it in one line and exits with 2, the workbench goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.cli.main import main
from stacktui.model.run import RunStatus
from stacktui.operations.session import Session
from stacktui.testing.contracts.nouns import a_run
from stacktui.tui.snapshots.home import load_home
from stacktui.tui.snapshots.summary import load_summary
from stacktui.workspace.scaffold import init_workspace
from tests.bench.data import open_store
from tests.flavors.test_sqlite_damage import BROKEN

COMMANDS = (
    ("runs", "list"), ("runs", "list", "--json"), ("runs", "show", "0193"), ("runs", "stop", "0193"),
    ("artifact", "list"), ("alert", "list"), ("store", "facts"), ("store", "facts", "--check"),
    ("store", "backup", "copy.db"), ("store", "compact"),
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with some runs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user-config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-data"))
    folder = tmp_path / "team"
    init_workspace(folder)
    with open_store(folder) as store:
        for _ in range(40):
            store.create_run(a_run(params={"text": "x" * 500}), [])
        store.compact()
    return folder


@pytest.mark.parametrize("kind", BROKEN)
def test_commands_say_it_in_one_line(root: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    harm, said, advice = BROKEN[kind]
    harm(root / ".stacktui" / "metadata.db")
    for words in COMMANDS:
        capsys.readouterr()
        assert main(["-C", str(root), *words]) == 2, words
        captured = capsys.readouterr()
        assert captured.out == ""
        # A long line is wrapped for a terminal; here is none.
        assert captured.err.count("\n") == 1, (words, captured.err)
        assert "Traceback" not in captured.err
        for part in (said, advice, "metadata.db"):
            assert part in captured.err, (words, captured.err)
    capsys.readouterr()
    assert main(["-C", str(root), "doctor"]) == 1
    assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("kind", BROKEN)
def test_the_workbench_shows_it_and_goes_on(root: Path, kind: str) -> None:
    path = root / ".stacktui" / "metadata.db"
    harm, said, _ = BROKEN[kind]
    whole = path.read_bytes()
    with Session(root, patience_s=2.0) as session:
        shown = load_home(session, None)
        assert shown.store_problem == ""
        assert shown.last
        harm(path)
        # What was open was the file of before; what is opened now is broken.
        session.store().close()
        shown = load_home(session, None)
        assert said in shown.store_problem
        assert "\n" not in shown.store_problem
        assert shown.slots
        assert shown.last == ()
        assert load_summary(session).running == 0
        # As soon as it is whole again, it is read again, by the same session.
        if path.is_dir():
            path.rmdir()
        for beside in path.parent.glob("metadata.db?*"):
            beside.unlink()
        path.write_bytes(whole)
        session.store().close()
        shown = load_home(session, None)
        assert shown.store_problem == ""
        assert shown.last


def test_a_screen_does_not_wait_as_a_runner_does(root: Path) -> None:
    with open_store(root) as other, Session(root, patience_s=0.05) as session:
        run = a_run(status=RunStatus.RUNNING, finished_at=None)
        other.create_run(run, [])
        connection = other._db.writer()
        connection.execute("BEGIN IMMEDIATE")
        try:
            with pytest.raises(Exception, match=r"locked by another process for 0.05 s; try again$"):
                session.store().update_run(run.id, note="x")
            # Reading does not wait at all.
            assert load_home(session, None).store_problem == ""
        finally:
            connection.execute("ROLLBACK")
        session.store().update_run(run.id, note="x")


def test_a_read_only_file_system(root: Path) -> None:
    state = root / ".stacktui"
    # In a namespace of its own, where root may mount; the test's own process sees nothing of it.
    commands = f"""
        mount --bind {state} {state} && mount -o remount,bind,ro {state} {state} || exit 77
        cd {root}
        {sys.executable} -m stacktui runs list --json
        {sys.executable} -m stacktui runs note {{run}} better
    """
    with open_store(root) as store:
        run = a_run(status=RunStatus.RUNNING, finished_at=None)
        store.create_run(run, [])
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", commands.format(run=run.id)], capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode in (1, 77, 127) and not done.stdout:
        pytest.skip("no file system can be mounted here")
    listed = json.loads(done.stdout)["runs"]
    assert len(listed) == 41
    assert listed[0]["status"] == "lost"
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "metadata.db cannot be opened or written" in line


@pytest.mark.parametrize("words", [("runs", "list"), ("runs", "show", "RUN"), ("store", "facts", "--check")])
def test_a_readonly_session_leaves_the_files_alone(
    root: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(root) as store:
        run = a_run(status=RunStatus.RUNNING, finished_at=None)
        store.create_run(run, [])

    def files() -> dict[str, tuple[bytes, int]]:
        found = (root / ".stacktui").glob("metadata.db*")
        return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in found}

    before = files()
    assert list(before) == ["metadata.db"]
    assert main(["-C", str(root), "--readonly", *(run.id if word == "RUN" else word for word in words)]) == 0
    assert "store" in words or "lost" in capsys.readouterr().out
    assert files() == before
