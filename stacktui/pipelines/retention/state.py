"""What runs that are gone have left in the workspace's state: logs, run folders, code snapshots, temporary files.

Several metadata stores may share one state. A folder goes only where all of them were asked and none knows its run,
or where its own record says that it belongs to one of those that were asked.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from stacktui.categories.held_lock import HeldLock
from stacktui.categories.metadata_store import MetadataStore, RunQuery
from stacktui.categories.process_mark import mark_of
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.pipelines.retention.runs import all_runs
from stacktui.pipelines.retention.waste import size_of
from stacktui.pipelines.runfile import RunFile

SETTLED_S = 3600.0
"""What was touched more recently than this may be of a run that is just being started."""
_DRAWING_S = 30 * 24 * 3600.0
"""How long a pipeline's drawing is kept: it is made again in a second."""
_SNAPSHOT = re.compile(r"[0-9a-f]{64}")
_NAMED_SNAPSHOT = re.compile(rb"code/([0-9a-f]{64})")
_SCRATCH = re.compile(r"stacktui-(\d+)-.+")
"""Of a process that loaded or kept artifacts; workers have watchers for theirs."""


class Owners(NamedTuple):
    """Who can say whether a run is there."""

    stores: Sequence[MetadataStore]
    components: Collection[Component]
    """The components that these stores are."""
    workspace: Path
    complete: bool
    """Whether these are all the metadata stores that the workspace names."""


class Left(NamedTuple):
    """Folders and files that nobody needs, by kind."""

    runs: tuple[Path, ...] = ()
    logs: tuple[Path, ...] = ()
    snapshots: tuple[Path, ...] = ()
    objects: tuple[Path, ...] = ()
    """Files that no snapshot has any more."""
    drawings: tuple[Path, ...] = ()
    temporary: tuple[Path, ...] = ()
    foreign: int = 0
    """Run folders of metadata stores that the workspace no longer names: they stay."""


def left_behind(state: Path, owners: Owners, without: Collection[str] = ()) -> Left:
    """What nobody needs, as if the runs `without` were gone."""
    known, needed = set[str](), set(_served(state))
    for store in owners.stores:
        for run in all_runs(store, RunQuery()):
            if run.id not in without:
                known.add(run.id)
                if run.code is not None:
                    needed.add(run.code.digest)
    runs, foreign = _orphaned_runs(state, owners, without, known, needed)
    going = {path.name for path in runs} | set(without)
    logs = [
        path
        for path in _entries(state / "logs")
        if path.name in going
        or (
            owners.complete
            and path.name not in known
            and not (state / "runs" / path.name).exists()
            and _settled(path)
        )
    ]
    snapshots = [
        path
        for path in _entries(state / "code")
        if owners.complete and _SNAPSHOT.fullmatch(path.name) and path.name not in needed and _settled(path)
    ]
    return Left(
        tuple(runs),
        tuple(logs),
        tuple(snapshots),
        tuple(_unlinked(state / "code" / "objects", snapshots)),
        tuple(path for path in _entries(state / "descriptions") if _settled(path, _DRAWING_S)),
        tuple(_temporary(state)),
        foreign,
    )


def _orphaned_runs(
    state: Path, owners: Owners, without: Collection[str], known: Collection[str], needed: set[str]
) -> tuple[list[Path], int]:
    """Folders of runs that are gone, and how many are somebody else's; the snapshots of what stays are needed too."""
    orphaned, foreign = [], 0
    for folder in _entries(state / "runs"):
        if folder.name in without:
            orphaned.append(folder)
        elif folder.name not in known:
            file = _run_file(folder)
            ours = owners.complete if file is None else _is_ours(file, owners)
            if ours and _settled(folder) and not _held(folder):
                orphaned.append(folder)
                continue
            foreign += not ours
            if file is not None:
                needed.add(file.run.code_digest)
    return orphaned, foreign


def _run_file(folder: Path) -> RunFile | None:
    with contextlib.suppress(OSError, ValidationError):
        return RunFile.read(folder)
    return None


def _is_ours(file: RunFile, owners: Owners) -> bool:
    """Whether the run was recorded in a store that was asked, and is gone from there."""
    if Path(file.run.workspace).resolve() != owners.workspace.resolve():
        return False
    stores = file.run.components.get(Category.METADATA_STORE, ())
    return bool(stores) and all(
        any((each.flavor, each.config) == (known.flavor, known.config) for known in owners.components)
        for each in stores
    )


def _held(folder: Path) -> bool:
    """Whether a living process has the run, whatever the stores know of it."""
    try:
        lock = HeldLock(os.open(folder / "hold", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        return not lock.take()
    finally:
        lock.close()


def _served(state: Path) -> Iterator[str]:
    """Snapshots that a served model imports its code from."""
    for file in (state / "models").glob("*/v*/serve.json"):
        with contextlib.suppress(OSError):
            yield from (digest.decode() for digest in _NAMED_SNAPSHOT.findall(file.read_bytes()))


def _unlinked(objects: Path, snapshots: Sequence[Path]) -> Iterator[Path]:
    """Files that no snapshot shares but those that go: a link in each snapshot, and the one here."""
    going: dict[int, int] = {}
    for snapshot in snapshots:
        for folder, _, names in os.walk(snapshot):
            for name in names:
                with contextlib.suppress(OSError):
                    number = os.lstat(os.path.join(folder, name)).st_ino  # noqa: PTH118 - text: there may be very many
                    going[number] = going.get(number, 0) + 1
    for path in _entries(objects):
        with contextlib.suppress(OSError):
            facts = path.stat()
            settled = facts.st_ino in going or time.time() - facts.st_ctime > SETTLED_S
            if settled and facts.st_nlink - going.get(facts.st_ino, 0) <= 1 and not path.name.startswith("."):
                yield path


def _temporary(state: Path) -> Iterator[Path]:
    for path in _entries(state / "code"):
        if path.name.startswith((".making-", ".index-", ".gone-")) and _settled(path):
            yield path
    for path in _entries(state / "code" / "objects"):
        if path.name.startswith(".") and _settled(path):
            yield path
    for path in _entries(Path(tempfile.gettempdir())):
        found = _SCRATCH.fullmatch(path.name)
        if found is None or not _settled(path) or path.is_symlink():
            continue
        with contextlib.suppress(OSError):
            if path.stat().st_uid == os.getuid() and mark_of(int(found[1])) is None:
                yield path


def _settled(path: Path, seconds: float = SETTLED_S) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > seconds
    except OSError:
        return False


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def measured(paths: Sequence[Path]) -> int:
    """Bytes that they take."""
    return sum(map(size_of, paths))


def discard(paths: Sequence[Path], *, unless_touched: bool = False) -> tuple[list[Path], list[str]]:
    """Remove files and folders. Those that are gone, and what could not be removed, in words.

    With `unless_touched` one that somebody has begun to use since it was looked at stays.
    """
    gone, problems = [], []
    for path in paths:
        try:
            if _discarded(path, unless_touched):
                gone.append(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{path} could not be removed: {error.strerror or error}")
    return gone, problems


def _discarded(path: Path, unless_touched: bool) -> bool:
    if unless_touched:
        # Moved aside first: whoever wants it from now on finds that it is not there, and makes it.
        aside = path.with_name(f".gone-{path.name[:16]}-{os.urandom(4).hex()}")
        path.rename(aside)
        if not _settled(aside):
            with contextlib.suppress(OSError):
                aside.rename(path)
                return False
        path = aside
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return True
