"""The metadata store itself: its size and health, a backup, compaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stacktui.operations.documents import Document, DoneDocument, Moment
from stacktui.operations.errors import OperationError
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session

_NAME = Arg("The metadata store; the active stack's by default.", complete="store")


class StoreDocument(Document):
    """What is known about the store."""

    name: str
    location: str
    size: int
    """Bytes on disk, with its journal."""
    counts: dict[str, int]
    integrity: str
    """`ok`, or what the check found; empty if it was not asked for."""
    store_version: str
    journal: str
    oldest_run: Moment | None
    newest_run: Moment | None
    search: bool
    """Whether full-text search is there."""

    @property
    def answer(self) -> bool:
        return self.integrity in ("", "ok")


@operation(
    "store facts",
    writes=False,
    on="metadata_store",
    examples=("stacktui store facts", "stacktui store facts --check"),
)
def facts(
    session: Session,
    name: Annotated[str | None, _NAME] = None,
    *,
    check: Annotated[bool, Opt("Check the integrity too, which reads everything.")] = False,
) -> StoreDocument:
    """Show the store's size, counts and health."""
    store = session.store(name)
    found = store.store_facts(check)
    return StoreDocument(
        name=store.name,
        location=found.location,
        size=found.size,
        counts=found.counts,
        integrity=found.integrity,
        store_version=found.version,
        journal=found.journal,
        oldest_run=found.oldest_run,
        newest_run=found.newest_run,
        search=found.search,
    )


@operation(
    "store backup", writes=True, on="metadata_store", examples=("stacktui store backup runs-backup.db",)
)
def backup(
    session: Session,
    target: Annotated[Path, Arg("The file to write, which must not exist.", complete="path")],
    name: Annotated[str | None, _NAME] = None,
) -> DoneDocument:
    """Write a consistent copy of the store, while runs go on."""
    store = session.store(name)
    file = (session.start / target).absolute()
    if file.exists():
        raise OperationError(f"{file} exists already; name a new file")
    store.backup(file)
    session.note("backed up", f"component/metadata_store/{store.name}", str(file))
    return DoneDocument(done=f"wrote {file}")


@operation("store compact", writes=True, on="metadata_store", examples=("stacktui store compact",))
def compact(session: Session, name: Annotated[str | None, _NAME] = None) -> DoneDocument:
    """Give unused space in the store back to the disk."""
    store = session.store(name)
    before = store.store_facts().size
    store.compact()
    after = store.store_facts().size
    session.note("compacted", f"component/metadata_store/{store.name}")
    return DoneDocument(done=f"compacted {store.name}: {before:,} bytes before, {after:,} now")
