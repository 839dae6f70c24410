"""The SQLite store's file: who may read it, which journal it has, and what is said when it cannot be used."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError, NotFound, StoreBusy, StoreVersion
from stacktui.categories.metadata_store import RunQuery
from stacktui.flavors.sqlite import connection as connection_module
from stacktui.flavors.sqlite import filesystem, schema
from stacktui.flavors.sqlite.filesystem import is_local, local_by_mount, local_by_mountinfo
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.testing.contracts.nouns import a_run, a_step


@pytest.fixture
def store(stacktui_surroundings: Surroundings) -> Iterator[SqliteMetadataStore]:
    with SqliteMetadataStore(SqliteMetadataStoreConfig(busy_timeout=0.2), stacktui_surroundings) as made:
        yield made


def again(store: SqliteMetadataStore, **config: object) -> SqliteMetadataStore:
    """The same file with another configuration."""
    given = {**store.config.model_dump(), **config}
    return SqliteMetadataStore(SqliteMetadataStoreConfig.model_validate(given), store.around)


def raw(store: SqliteMetadataStore) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(store.path, isolation_level=None, timeout=5))


def one_line(error: pytest.ExceptionInfo[ComponentError], store: SqliteMetadataStore) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert str(store.path) in text
    return text


def test_is_private_whatever_the_umask(stacktui_surroundings: Surroundings) -> None:
    before = os.umask(0)
    try:
        with SqliteMetadataStore(
            SqliteMetadataStoreConfig(path="a/b/runs.db"), stacktui_surroundings
        ) as store:
            run = a_run()
            store.create_run(run, [])
            files = sorted(store.path.parent.iterdir())
            assert [file.name for file in files] == ["runs.db", "runs.db-shm", "runs.db-wal"]
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
            for folder in (store.path.parent, store.path.parent.parent):
                assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            store.backup(store.path.with_name("copy.db"))
            assert stat.S_IMODE(store.path.with_name("copy.db").stat().st_mode) == 0o600
            with store.hold(run.id):
                hold = stacktui_surroundings.state / "runs" / run.id / "hold"
                assert stat.S_IMODE(hold.stat().st_mode) == 0o600
                assert stat.S_IMODE(hold.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_only_a_new_run_makes_the_file(store: SqliteMetadataStore) -> None:
    run = a_run()
    assert store.runs(RunQuery()).runs == ()
    assert store.probe().ok
    assert store.store_facts().size == 0
    for write in (
        lambda: store.update_run(run.id, error="x"),
        lambda: store.record_step(a_step(run)),
        lambda: store.request(run.id, "stop"),
        lambda: store.answer("none", "yes", "dev"),
        lambda: store.hold(run.id).__enter__(),
    ):
        with pytest.raises(NotFound):
            write()
    with pytest.raises(ComponentError):
        store.backup(store.path.with_name("copy.db"))
    assert not store.path.exists()
    store.create_run(run, [])
    assert store.path.exists()


def test_a_new_file_is_used_when_the_old_one_is_gone(store: SqliteMetadataStore) -> None:
    old, new = a_run(), a_run()
    store.create_run(old, [])
    reader = again(store)
    assert reader.last_event() == 1
    for file in store.path.parent.glob("metadata.db*"):
        file.unlink()
    assert reader.runs(RunQuery()).runs == ()
    with pytest.raises(NotFound):
        store.record_step(a_step(old))
    store.create_run(new, [])
    assert [run.id for run in reader.runs(RunQuery()).runs] == [new.id]
    reader.close()


def test_a_file_that_is_being_made_reads_as_empty(store: SqliteMetadataStore) -> None:
    store.path.touch(0o600)
    assert store.last_event() == 0
    assert store.probe().ok
    store.create_run(a_run(), [])
    assert store.last_event() == 1


def test_refuses_a_newer_version(store: SqliteMetadataStore) -> None:
    store.create_run(a_run(), [])
    store.close()
    with raw(store) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(StoreVersion) as caught:
        store.last_event()
    assert "newer" in one_line(caught, store)
    with pytest.raises(StoreVersion):
        store.create_run(a_run(), [])
    assert not store.probe().ok


def test_refuses_another_programs_database(store: SqliteMetadataStore) -> None:
    with raw(store) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    for use in (store.last_event, lambda: store.create_run(a_run(), [])):
        with pytest.raises(ComponentError) as caught:
            use()
        assert "another program" in one_line(caught, store)
    with raw(store) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 100, b"short"])
def test_says_that_it_is_damaged(store: SqliteMetadataStore, content: bytes) -> None:
    store.path.write_bytes(content)
    with pytest.raises(ComponentError) as caught:
        store.runs(RunQuery())
    assert "damaged" in one_line(caught, store)
    probed = store.probe()
    assert not probed.ok
    assert "damaged" in probed.message


def test_finds_damage_inside(store: SqliteMetadataStore) -> None:
    for _ in range(50):
        store.create_run(a_run(params={"text": "x" * 500}), [])
    store.compact()
    store.close()
    data = bytearray(store.path.read_bytes())
    for page in range(4096 * 4, len(data), 4096):
        data[page : page + 200] = b"\xff" * 200
    store.path.write_bytes(data)

    def read_everything() -> None:
        for run in store.runs(RunQuery(limit=100)).runs:
            store.run(run.id)
        found = store.store_facts(check=True).integrity
        assert found == "ok", found

    with pytest.raises((ComponentError, AssertionError)):
        read_everything()


def test_says_that_the_disk_is_full(store: SqliteMetadataStore) -> None:
    run = a_run()
    store.create_run(run, [])
    connection = store._db.writer()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    def fill() -> None:
        for index in range(200):
            store.record_step(a_step(run, f"step-{index}", params={"text": "x" * 3000}))

    with pytest.raises(ComponentError) as caught:
        fill()
    assert "full" in one_line(caught, store)
    # What was committed before is whole, and room makes it work again.
    connection.execute("PRAGMA max_page_count = 1000000")
    assert store.store_facts(check=True).integrity == "ok"
    store.record_step(a_step(run, "after"))


def test_reads_where_it_may_not_write(store: SqliteMetadataStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run()
    store.create_run(run, [])
    store.close()
    # Root may write everywhere, whatever the mode: what the system would tell others is told here.
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    store.path.chmod(0o400)
    store.path.parent.chmod(0o500)
    try:
        assert store.runs(RunQuery()).runs == (run,)
        assert store.probe().ok
        with pytest.raises(ComponentError) as caught:
            store.create_run(a_run(), [])
        assert "permissions" in one_line(caught, store)
    finally:
        store.path.parent.chmod(0o700)
        store.path.chmod(0o600)
    monkeypatch.undo()
    store.create_run(a_run(), [])
    assert store.count_runs(RunQuery()) == 2


def test_says_that_a_folder_is_in_the_way(stacktui_surroundings: Surroundings) -> None:
    (stacktui_surroundings.workspace / "taken").write_text("a file")
    config = SqliteMetadataStoreConfig(path="taken/runs.db")
    with SqliteMetadataStore(config, stacktui_surroundings) as store:
        assert not store.probe().ok
        with pytest.raises(ComponentError) as caught:
            store.create_run(a_run(), [])
        one_line(caught, store)


def test_gives_up_after_the_busy_timeout(store: SqliteMetadataStore) -> None:
    run = a_run()
    store.create_run(run, [])
    with raw(store) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy) as caught:
            store.record_step(a_step(run))
        assert "busy_timeout" in one_line(caught, store)
        # Readers do not wait for writers.
        assert store.run(run.id) == run
        other.execute("ROLLBACK")
    store.record_step(a_step(run))


def test_a_transaction_that_fails_leaves_nothing(store: SqliteMetadataStore) -> None:
    run = a_run()
    store.create_run(run, [])
    step = a_step(run).model_copy(update={"status": "wrong", "attempt": 0})
    with pytest.raises((ComponentError, AttributeError)):
        store.record_steps([a_step(run, "good"), step])
    assert store.steps(run.id) == ()
    assert store.last_event() == 1


def test_the_database_checks_statuses(store: SqliteMetadataStore) -> None:
    store.create_run(a_run(), [])
    with raw(store) as connection:
        for wrong in (
            "UPDATE runs SET status = 'done'",
            "INSERT INTO steps (run_id, name, position, status) VALUES ('r', 's', 0, 'done')",
            "INSERT INTO inbox (id, kind, alerter, level, text, created_at) VALUES ('1', 'shout', 'a', 'info', '', '')",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                connection.execute(wrong)


def test_commits_are_as_durable_as_promised(store: SqliteMetadataStore) -> None:
    run = a_run(status="running", finished_at=None)
    store.create_run(run, [])
    connection = store._db.writer()
    said: list[str] = []
    connection.set_trace_callback(said.append)
    store.record_step(a_step(run))
    assert not any("synchronous" in statement for statement in said)
    assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
    said.clear()
    store.update_run(run.id, status="succeeded")
    relevant = [statement for statement in said if statement.startswith(("PRAGMA sync", "BEGIN", "COMMIT"))]
    assert relevant == [
        "PRAGMA synchronous = FULL", "BEGIN IMMEDIATE", "COMMIT", "PRAGMA synchronous = NORMAL",
    ]  # fmt: skip


def test_the_journal_fits_the_file_system(store: SqliteMetadataStore) -> None:
    assert is_local(store.around.state), "tests run on a local disk"
    store.create_run(a_run(), [])
    assert store.store_facts().journal == "wal"
    elsewhere = again(store, filesystem="network", path="other/runs.db")
    elsewhere.create_run(a_run(), [])
    assert elsewhere.store_facts().journal == "delete"
    assert elsewhere._db.writer().execute("PRAGMA synchronous").fetchone() == (2,)
    elsewhere.close()
    # Moved to a local disk, it gets a WAL.
    moved = again(store, path="other/runs.db")
    moved.create_run(a_run(), [])
    assert moved.store_facts().journal == "wal"
    moved.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table of mounts")
@pytest.mark.parametrize("kind", ["nfs4", "fuse.nobody-knows-it", "lustre"])
def test_a_file_system_that_is_not_known_to_be_local_gets_no_wal(
    store: SqliteMetadataStore, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = store.path.parent / f"on-{kind}"
    folder.mkdir()

    def with_it(text: str, asked: Path) -> bool:
        return local_by_mountinfo(f"{text}99 1 0:99 / {folder.resolve()} rw - {kind} there rw\n", asked)

    monkeypatch.setattr(filesystem, "local_by_mountinfo", with_it)
    is_local.cache_clear()
    try:
        with again(store, path=str(folder / "runs.db")) as remote:
            run = a_run(status="running", finished_at=None)
            remote.create_run(run, [])
            with remote.hold(run.id):
                remote.record_step(a_step(run))
                assert remote.run(run.id).status == "running"
            assert remote.store_facts(check=True).journal == "delete"
            assert remote._db.writer().execute("PRAGMA synchronous").fetchone() == (2,)
            assert sorted(file.name for file in folder.iterdir()) == ["runs.db"]
        store.create_run(a_run(), [])
        assert store.store_facts().journal == "wal"
    finally:
        is_local.cache_clear()


def test_a_wal_on_a_network_is_converted_or_refused(store: SqliteMetadataStore) -> None:
    run = a_run()
    store.create_run(run, [])
    network = again(store, filesystem="network")
    with pytest.raises(StoreBusy) as caught:
        network.last_event()
    assert "stacktui store compact" in one_line(caught, store)
    store.close()
    assert network.run(run.id) == run
    assert network.store_facts().journal == "delete"
    beside = again(store, filesystem="network")
    beside.create_run(a_run(), [])
    assert network.count_runs(RunQuery()) == 2
    beside.close()
    network.close()


def test_refuses_an_old_sqlite(store: SqliteMetadataStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(ComponentError, match=r"3\.35"):
        store.last_event()


def test_a_fork_opens_its_own_connection(store: SqliteMetadataStore) -> None:
    run = a_run()
    store.create_run(run, [])
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            store.record_step(a_step(run, "child"))
            status = 0
        os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    store.record_step(a_step(run, "parent"))
    assert {step.name for step in store.steps(run.id)} == {"child", "parent"}
    assert store.store_facts(check=True).integrity == "ok"


def test_reading_loads_nothing_heavy(store: SqliteMetadataStore) -> None:
    store.create_run(a_run(), [])
    code = (
        "import sys; from pathlib import Path; from stacktui.categories.base import Surroundings\n"
        "from stacktui.categories.metadata_store import RunQuery\n"
        "from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig\n"
        "state = Path(sys.argv[1])\n"
        "around = Surroundings('local', state.parent, state, state)\n"
        "store = SqliteMetadataStore(SqliteMetadataStoreConfig(), around)\n"
        "assert len(store.runs(RunQuery(search='otter')).runs) == 1\n"
        "store.update_run(store.runs(RunQuery()).runs[0].id, error='x')\n"
        "print([name for name in ('sqlite_utils', 'click', 'textual', 'pandas') if name in sys.modules])\n"
    )
    root = Path(connection_module.__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.path.parent)],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_knows_local_file_systems_on_linux() -> None:
    text = (
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "30 22 0:50 / /home rw - nfs4 server:/home rw,vers=4.2\n"
        "31 30 8:2 / /home/with\\040space rw shared:9 - xfs /dev/sdb1 rw\n"
        "32 22 0:60 / /mnt/odd rw - fuse.sshfs host: rw\n"
        "33 22 0:61 / /mnt/twice rw - ext4 /dev/sdc1 rw\n"
        "34 33 0:62 / /mnt/twice rw - lustre scratch rw\n"
        "garbage\n"
    )
    answers = {
        path: local_by_mountinfo(text, Path(path))
        for path in ("/var", "/home/me", "/home/with space/x", "/mnt/odd/y", "/mnt/twice", "/homestead")
    }
    assert answers == {
        "/var": True, "/home/me": False, "/home/with space/x": True, "/mnt/odd/y": False, "/mnt/twice": False,
        "/homestead": True,
    }  # fmt: skip
    assert not local_by_mountinfo("", Path("/var"))


def test_knows_local_file_systems_on_macos() -> None:
    text = (
        "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
        "/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)\n"
        "//me@server/share on /Volumes/team share (smbfs, nodev, nosuid, mounted by me)\n"
        "map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)\n"
    )
    assert local_by_mount(text, Path("/System/Volumes/Data/Users/me"))
    assert not local_by_mount(text, Path("/Volumes/team share/project"))
    assert not local_by_mount(text, Path("/System/Volumes/Data/home/me"))
