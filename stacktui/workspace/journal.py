"""The journal: every saved edit with what each file held before and after. A folder in the state (`journal_name`).

    pending          the edit that is being written; empty when none is
    00000042.edit    an edit that was written
    00000043.back    one that was interrupted and taken back, because a file had become something else meanwhile

Written by `transaction` under the write lock; read by undo, by recovery and by the list of edits. A record is a line
of JSON, its own digest before it, then the bytes of the files. Bounded: the oldest records go.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.base import from_rfc3339, now, rfc3339
from stacktui.workspace.files import clear_staged, stage_file, sync_folder
from stacktui.workspace.who import Who

if TYPE_CHECKING:
    from stacktui.workspace.workspace import Workspace

KEPT_RECORDS = 1_000
KEPT_BYTES = 64 << 20
"""How much the journal holds before its oldest records go; the newest stays whatever its size."""

_FORMAT = b"stacktui-journal-1"
_NAME = re.compile(r"([0-9]{8,})\.(edit|back)")
_LONGEST_HEADER = 4 << 20


class JournalDamaged(Exception):
    """A record is not what was written. One line, with the file."""


class Version(NamedTuple):
    """What a file held at one time: where those bytes lie in the record, and their digest."""

    digest: str
    offset: int
    size: int


@dataclass(frozen=True)
class EditedFile:
    """One file of an edit."""

    path: str
    """Relative to the workspace's root, with forward slashes."""
    old: Version | None
    """None where there was no file."""
    new: Version | None
    """None where there is none any more."""
    mode: int | None = None
    """Its permissions."""
    staged: str = ""
    """The temporary file, relative as well, that was to take its place."""
    record: Path = field(default=Path(), repr=False)

    @property
    def before(self) -> bytes | None:
        """What it held. Raises `JournalDamaged`, also where the record was pruned meanwhile."""
        return self._bytes(self.old)

    @property
    def after(self) -> bytes | None:
        """What it held then. Raises as `before` does."""
        return self._bytes(self.new)

    def _bytes(self, version: Version | None) -> bytes | None:
        if version is None:
            return None
        try:
            with self.record.open("rb") as file:
                file.seek(version.offset)
                content = file.read(version.size)
        except OSError as error:
            raise _damaged(self.record, (error.strerror or str(error)).lower()) from None
        if digest_of(content) != version.digest:
            raise _damaged(self.record, f"it does not hold {self.path} as it was written")
        return content


@dataclass(frozen=True)
class EditRecord:
    """One saved edit."""

    id: str
    """A number, as text; later edits have larger ones."""
    title: str
    at: datetime
    who: Who
    files: tuple[EditedFile, ...]
    undoes: str = ""
    """The id of the edit that it took back; empty for one of its own."""
    redoes: str = ""
    taken_back: bool = False
    """Whether it was interrupted, and what was written of it put back."""


@dataclass(frozen=True)
class Intent:
    """An edit of which nothing but temporary files was written."""

    staged: tuple[str, ...]
    """Temporary files, relative to the workspace's root."""
    made: tuple[str, ...]
    """Folders that were made for them."""


class NewFile(NamedTuple):
    """One file of a record that is to be written."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int | None
    staged: str


class Journal:
    """The journal in one folder, which need not be there. Writing takes the write lock; reading is thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pending = folder / "pending"
        self._lock = threading.Lock()
        self._known: dict[str, EditRecord | None] = {}

    # What is under way.

    def unfinished(self) -> EditRecord | Intent | None:
        """What a writer has not ended, which it may be about to. Raises `JournalDamaged`."""
        try:
            if self.pending.stat().st_size == 0:
                return None
            header, content = _read(self.pending)
        except OSError:
            return None
        except JournalDamaged:
            with contextlib.suppress(OSError):
                if self.pending.stat().st_size == 0:
                    return None  # it was ended just now
            raise
        try:
            if "staged" in header:
                return Intent(tuple(map(str, header["staged"])), tuple(map(str, header["made"])))
            return _record(header, self.pending, content)
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(self.pending, f"it lacks {error}") from None

    def begin(self, intent: Intent) -> None:
        """Note what will be staged, so that it can be cleared away if the writer dies. Raises OSError."""
        clear_staged(self.pending)
        self._put(_encoded({"staged": intent.staged, "made": intent.made}, ()), durable=False)

    def commit(
        self, title: str, who: Who, files: Sequence[NewFile], undoes: str = "", redoes: str = ""
    ) -> EditRecord:
        """Write the record, durably. From now on the edit is finished by whoever comes next. Raises OSError."""
        entries: list[dict[str, Any]] = []
        blobs: list[bytes] = []
        for file in files:
            entry: dict[str, Any] = {"path": file.path, "mode": file.mode, "staged": file.staged}
            for name, content in (("old", file.before), ("new", file.after)):
                entry[name] = None if content is None else [digest_of(content), len(content)]
                blobs.append(content or b"")
            entries.append(entry)
        header = {
            "id": str(self._newest() + 1), "title": title, "at": rfc3339(now()),
            "user": who.user, "host": who.host, "origin": who.origin,
            "undoes": undoes, "redoes": redoes, "files": entries,
        }  # fmt: skip
        raw = _encoded(header, blobs)
        self._put(raw, durable=True)
        return _record(header, self.pending, len(raw) - sum(map(len, blobs)))

    def close(self, record: EditRecord, *, taken_back: bool = False) -> None:
        """Put the record away: its files hold what they are to hold. Raises OSError."""
        kept = self.folder / f"{int(record.id):08d}.{'back' if taken_back else 'edit'}"
        try:
            os.link(self.pending, kept)  # `pending` is never absent: readers see each change of it
        except FileExistsError:
            pass
        except OSError:
            # A file system without hard links.
            self.pending.replace(kept)
        self.clear()
        self._prune()

    def clear(self) -> None:
        """Nothing is under way. Raises OSError."""
        try:
            self._put(b"", durable=True)
        except OSError:
            # A full disk has no room for an empty file either.
            self.pending.unlink(missing_ok=True)
            sync_folder(self.folder)

    def set_aside(self) -> None:
        """Keep what cannot be read out of the way, for people to look at. Raises OSError."""
        number = 1
        while (aside := self.folder / f"damaged-{number}").exists():
            number += 1
        self.pending.replace(aside)
        sync_folder(self.folder)

    def _put(self, content: bytes, *, durable: bool) -> None:
        staged = stage_file(self.pending, content, durable=durable and bool(content))
        try:
            staged.replace(self.pending)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(self.folder)

    # What was written.

    def records(self, limit: int | None = None) -> list[EditRecord]:
        """The newest first. What is damaged is left out: `damaged` names it."""
        return list(islice(self.newest_first(), limit))

    def newest_first(self) -> Iterator[EditRecord]:
        """As `records`, each read when it is come to."""
        for name in self._names():
            record = self._read_kept(name)
            if record is not None:
                yield record

    def record(self, id_: str) -> EditRecord | None:
        """One edit by its number; None where there is none that can be read."""
        if not id_.isdecimal():
            return None
        for suffix in ("edit", "back"):
            found = self._read_kept(f"{int(id_):08d}.{suffix}", forget=True)
            if found is not None:
                return found
        return None

    def damaged(self) -> list[str]:
        """The names of files in the journal that are not what was written."""
        bad = [name for name in self._names() if self._read_kept(name) is None]
        with contextlib.suppress(OSError):
            bad.extend(sorted(path.name for path in self.folder.glob("damaged-*")))
        return bad

    def _names(self) -> list[str]:
        try:
            names = [name for name in os.listdir(self.folder) if _NAME.fullmatch(name)]  # noqa: PTH208
        except OSError:
            return []
        names.sort(key=lambda name: int(name.partition(".")[0]), reverse=True)
        with self._lock:
            for gone in self._known.keys() - set(names):
                del self._known[gone]
        return names

    def _newest(self) -> int:
        return max((int(name.partition(".")[0]) for name in self._names()), default=0)

    def _read_kept(self, name: str, *, forget: bool = False) -> EditRecord | None:
        # A record does not change once it is put away.
        with self._lock:
            if name in self._known and not forget:
                return self._known[name]
        file = self.folder / name
        try:
            header, offset = _read(file)
            record: EditRecord | None = _record(header, file, offset)
        except OSError:
            return None
        except (JournalDamaged, KeyError, TypeError, ValueError):
            record = None
        with self._lock:
            self._known[name] = record
        return record

    def _prune(self) -> None:
        total = 0
        for place, name in enumerate(self._names()):
            with contextlib.suppress(OSError):
                total += (self.folder / name).stat().st_size
                if place and (place >= KEPT_RECORDS or total > KEPT_BYTES):
                    (self.folder / name).unlink(missing_ok=True)


def records(workspace: Workspace, limit: int | None = None) -> list[EditRecord]:
    """The saved edits of a workspace, the newest first; those of everybody who shares its state."""
    return workspace.journal.records(limit)


def digest_of(content: bytes) -> str:
    """What tells one content from another."""
    return hashlib.sha256(content).hexdigest()


def _encoded(header: dict[str, Any], blobs: Sequence[bytes]) -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((_FORMAT, b" ", digest_of(text).encode(), b" %d\n" % len(text), text, b"\n", *blobs))


def _read(file: Path) -> tuple[dict[str, Any], int]:
    """A record's header, and where the bytes of its files begin. Raises OSError, `JournalDamaged`."""
    with file.open("rb") as opened:
        first = opened.readline(200).split()
        if len(first) != 3 or first[0] != _FORMAT or not first[2].isdigit():
            raise _damaged(file, "it does not begin as one")
        size = int(first[2])
        if size > _LONGEST_HEADER:
            raise _damaged(file, "its head is too long")
        text = opened.read(size)
        if digest_of(text).encode() != first[1]:
            raise _damaged(file, "its head is not what was written")
        header = json.loads(text)
        return header, opened.tell() + 1


def _record(header: dict[str, Any], file: Path, offset: int) -> EditRecord:
    return EditRecord(
        id=str(int(header["id"])),
        title=str(header["title"]),
        at=from_rfc3339(header["at"]),
        who=Who(str(header["user"]), str(header["host"]), str(header["origin"])),
        files=tuple(_files(header["files"], file, offset)),
        undoes=str(header["undoes"]),
        redoes=str(header["redoes"]),
        taken_back=file.suffix == ".back",
    )


def _files(entries: list[dict[str, Any]], file: Path, offset: int) -> Iterator[EditedFile]:
    for entry in entries:
        old = _version(entry["old"], offset)
        offset += old.size if old else 0
        new = _version(entry["new"], offset)
        offset += new.size if new else 0
        yield EditedFile(str(entry["path"]), old, new, entry["mode"], str(entry["staged"]), file)


def _version(found: list[Any] | None, offset: int) -> Version | None:
    return None if found is None else Version(str(found[0]), offset, int(found[1]))


def _damaged(file: Path, why: str) -> JournalDamaged:
    return JournalDamaged(f"the journal's {file} cannot be read: {why}")
