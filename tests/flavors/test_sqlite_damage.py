"""A SQLite store that is damaged, foreign, in the way or out of reach: one line that says so, in every method."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import ArtifactQuery, RunQuery
from stacktui.flavors.sqlite import schema
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.run import RunStatus
from stacktui.testing.contracts.nouns import a_run
from tests.stores.generate import fill

PAGE = 4096


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store with everything in it, as one file."""
    path = tmp_path_factory.mktemp("whole") / "metadata.db"
    fill(path, 300, whole=100)
    return path.read_bytes()


@contextlib.contextmanager
def opened(folder: Path, path: Path | None = None) -> Iterator[SqliteMetadataStore]:
    around = Surroundings(name="local", workspace=folder, state=folder, user_data=folder)
    config = SqliteMetadataStoreConfig(path=str(path or folder / "metadata.db"), busy_timeout=0.1)
    with SqliteMetadataStore(config, around) as store:
        yield store


def newer(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")


def broken_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * 64)


def broken_pages(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: 3 * PAGE] + b"\xff" * (len(content) - 3 * PAGE))


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(2 * PAGE + 7)


def foreign(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BROKEN: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "newer": (newer, "newer version", "update stacktui"),
    "header": (broken_header, "damaged", "restore a backup"),
    "pages": (broken_pages, "damaged", "restore a backup"),
    "truncated": (truncated, "damaged", "restore a backup"),
    "foreign": (foreign, "another program", "set `path`"),
    "folder": (a_folder, "is a folder", "set `path`"),
}
"""What happened to the file, what is said of it, and what to do."""


@pytest.mark.parametrize("kind", BROKEN)
def test_is_said_in_one_line(tmp_path: Path, whole: bytes, kind: str) -> None:
    harm, said, advice = BROKEN[kind]
    path = tmp_path / "metadata.db"
    path.write_bytes(whole)
    harm(path)
    with opened(tmp_path) as store:
        for use in (
            lambda: store.runs(RunQuery()),
            lambda: store.create_run(a_run(), []),
            lambda: store.store_facts(check=True),
            lambda: store.backup(tmp_path / "copy.db"),
        ):
            with pytest.raises(ComponentError) as caught:
                use()
            text = str(caught.value)
            assert str(path) in text
            assert said in text, text
            assert advice in text, text
            assert "\n" not in text
        probed = store.probe()
        assert not probed.ok
        assert said in probed.message
    assert not (tmp_path / "copy.db").exists()


def test_a_wal_that_is_garbage_takes_nothing_along(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "metadata.db").write_bytes(whole)
    (tmp_path / "metadata.db-wal").write_bytes(random.Random(3).randbytes(50_000))
    with opened(tmp_path) as store:
        assert store.count_runs(RunQuery()) == 300
        store.create_run(a_run(), [])
        assert store.store_facts(check=True).integrity == "ok"


def test_a_backup_takes_the_place_of_a_broken_store(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "metadata.db"
    path.write_bytes(whole)
    with opened(tmp_path) as store:
        store.backup(tmp_path / "copy.db")
        broken_pages(path)
        with contextlib.suppress(ComponentError):
            store.runs(RunQuery())
        for file in tmp_path.glob("metadata.db*"):
            file.unlink()
        (tmp_path / "copy.db").rename(path)
        # The one that was open sees it: nothing has to be started anew.
        assert store.count_runs(RunQuery()) == 300
        store.create_run(a_run(), [])
        assert store.store_facts(check=True).integrity == "ok"


@pytest.mark.parametrize("seed", range(20))
def test_any_damage_is_said_in_words(tmp_path: Path, whole: bytes, seed: int) -> None:
    check_damage(tmp_path, whole, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 1_000))
def test_any_damage_is_said_in_words_at_length(tmp_path: Path, whole: bytes, seed: int) -> None:
    check_damage(tmp_path, whole, seed)


def check_damage(folder: Path, whole: bytes, seed: int) -> None:
    path = folder / "metadata.db"
    path.write_bytes(damaged(whole, random.Random(seed)))
    with opened(folder) as store:
        ids: list[str] = []
        with contextlib.suppress(ComponentError):
            ids += [run.id for run in store.runs(RunQuery(limit=5)).runs]
        said = []
        asked: list[Callable[[], Any]] = [partial(ask, store) for ask in QUESTIONS]
        for use in (*asked, *of_runs(store, ids)):
            try:
                use()
            except ComponentError as error:
                said.append(str(error))
    assert not [text for text in said if "\n" in text]
    assert not [text for text in said if str(path) not in text and "there is no" not in text]


QUESTIONS: tuple[Callable[[SqliteMetadataStore], Any], ...] = (
    lambda store: store.runs(RunQuery(limit=500)),
    lambda store: store.runs(RunQuery(search="glacier", status=(RunStatus.FAILED, RunStatus.LOST))),
    lambda store: store.runs(RunQuery(label="team", stack="prod")),
    lambda store: store.count_runs(RunQuery(pinned=True)),
    lambda store: store.artifacts(ArtifactQuery(limit=500)),
    lambda store: list(store.contents()),
    lambda store: store.events(0),
    lambda store: store.pipelines(),
    lambda store: store.store_facts(check=True),
    lambda store: store.inbox(),
    lambda store: store.cached("none"),
    lambda store: store.probe(),
    lambda store: store.create_run(a_run(labels={"a": "b"}), []),
)


def of_runs(store: SqliteMetadataStore, ids: list[str]) -> Iterator[Callable[[], Any]]:
    for run_id in ids:
        yield partial(store.run, run_id)
        yield partial(store.steps, run_id)
        yield partial(store.attempts, run_id)
        yield partial(store.metrics, run_id)
        yield partial(store.last_metrics, run_id)
        yield partial(store.update_run, run_id, note="x", labels={"a": "b"})
        yield partial(store.delete_run, run_id)
    yield store.compact


def damaged(whole: bytes, source: random.Random) -> bytes:
    """The file with bytes changed, pages filled with noise or zeros, or its end cut off."""
    content = bytearray(whole)
    how = source.choice(("bytes", "noise", "zeros", "cut"))
    if how == "cut":
        return bytes(content[: source.randrange(100, len(content))])
    if how == "bytes":
        for _ in range(source.randrange(1, 400)):
            content[source.randrange(100, len(content))] = source.randrange(256)
        return bytes(content)
    for _ in range(source.randrange(1, 8)):
        begin = source.randrange(1, len(content) // PAGE) * PAGE
        content[begin : begin + PAGE] = source.randbytes(PAGE) if how == "noise" else bytes(PAGE)
    return bytes(content)
