"""Content-addressed snapshots of a workspace's code: what a run executes, whatever is edited meanwhile.

`<state>/code/<digest>/` holds the tracked and not-ignored files, read-only. Used when a run starts, for the plan
and for describing a pipeline.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import time
import uuid
from pathlib import Path
from typing import NamedTuple, Protocol

from stacktui.categories.private import belongs_to_group, create_file, make_folder
from stacktui.model.base import Noun
from stacktui.pipelines.errors import SnapshotFailed
from stacktui.pipelines.listing import GitState, git_state, list_files

SIZE_LIMIT = 256 * 1024 * 1024
"""Bytes that the files of a snapshot may have together: code, not data."""

_SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was hashed is hashed again next time: within a clock tick of the
file system a second change may leave times and size as they were."""
_INDEX_FORM = 1


class WorkspaceFolders(Protocol):
    """What a snapshot needs to know of a workspace."""

    @property
    def root(self) -> Path: ...

    @property
    def state(self) -> Path: ...


class CodeSnapshot(Noun):
    """The workspace's code as it was at one moment."""

    digest: str
    """Of all paths, modes and contents: 64 hexadecimal digits."""
    path: Path
    """The folder that holds it."""
    commit: str | None = None
    """The git commit that was checked out; None outside git and before the first commit."""
    dirty: bool | None = None
    """Whether the files differ from that commit; None outside git."""
    files: int = 0
    size: int = 0
    """Bytes of all files."""


class _File(NamedTuple):
    """One file of the snapshot that is being made."""

    path: str
    digest: str
    """Of the content, or of a link's target."""
    mode: str
    """`file`, `exec` or `link`."""
    size: int


_Stamp = tuple[int, int, int, int]


def take_snapshot(workspace: WorkspaceFolders, *, size_limit: int = SIZE_LIMIT) -> CodeSnapshot:
    """Copy the workspace's code, or find the copy that is there already. Unchanged files are not read again.

    Raises `SnapshotFailed` if the files are larger than `size_limit` together, cannot be read or keep changing.
    """
    root = workspace.root.resolve()
    home = workspace.state / "code"
    make_folder(workspace.state)
    make_folder(home)
    for _ in range(5):
        git = git_state(root)
        paths = list_files(root, skip=workspace.state.resolve(), git=git is not None)
        found = _hash_all(root, home, paths, size_limit)
        digest = _digest_of(found)
        target = home / digest
        if _renewed(target) or _copy(root, home, target, found):
            return _as_snapshot(digest, target, git, found)
    raise SnapshotFailed(
        "the workspace's files keep changing; wait until the program that writes them is done"
    )


def _renewed(target: Path) -> bool:
    """Whether the snapshot is there; its time says that somebody relies on it from now on (`retention`)."""
    try:
        os.utime(target)
    except FileNotFoundError:
        return False
    except PermissionError:
        return target.is_dir()
    return True


def _as_snapshot(digest: str, path: Path, git: GitState | None, found: list[_File]) -> CodeSnapshot:
    return CodeSnapshot(
        digest=digest,
        path=path,
        commit=git.commit if git else None,
        dirty=git.dirty if git else None,
        files=len(found),
        size=sum(item.size for item in found),
    )


def _digest_of(found: list[_File]) -> str:
    digest = hashlib.sha256()
    for item in found:
        digest.update(os.fsencode(item.path) + f"\0{item.mode}\0{item.digest}\n".encode("ascii"))
    return digest.hexdigest()


def _hash_all(root: Path, home: Path, paths: list[str], size_limit: int) -> list[_File]:
    """Every path with its digest, sorted; from the index where times, size and inode are as they were."""
    known = _read_index(home, root)
    stats: list[tuple[str, os.stat_result]] = []
    total = 0
    for path in sorted(paths, key=os.fsencode):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            # A file that git tracks and that is deleted on disk is not part of the code.
            status = os.lstat(root / path)
            if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                stats.append((path, status))
                total += status.st_size
    if total > size_limit:
        raise SnapshotFailed(_too_large(stats, total, size_limit))
    found: list[_File] = []
    index: dict[str, tuple[_Stamp, str]] = {}
    changed = False
    for path, status in stats:
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        mode = "exec" if status.st_mode & stat.S_IXUSR else "file"
        entry = known.get(path)
        if stat.S_ISLNK(status.st_mode):
            target = _link_target(root, path)
            found.append(_File(path, hashlib.sha256(os.fsencode(target)).hexdigest(), "link", 0))
            continue
        if entry is not None and entry[0] == stamp:
            digest = entry[1]
        else:
            hashed_at = time.time_ns()
            try:
                digest = _digest_of_file(root / path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SnapshotFailed(
                    f"{path} cannot be read ({error.strerror}); make it readable, or ignore it in .gitignore"
                ) from error
            if max(status.st_mtime_ns, status.st_ctime_ns) > hashed_at - _SETTLED_NS:
                found.append(_File(path, digest, mode, status.st_size))
                changed = changed or entry is not None
                continue
            changed = True
        index[path] = (stamp, digest)
        found.append(_File(path, digest, mode, status.st_size))
    if changed or len(index) != len(known):
        _write_index(home, root, index)
    return found


def _too_large(stats: list[tuple[str, os.stat_result]], total: int, limit: int) -> str:
    largest = max(stats, key=lambda item: item[1].st_size)
    return (
        f"the workspace's files have {_megabytes(total)}, more than the {_megabytes(limit)} that a snapshot of code"
        f" may have; the largest is {largest[0]} ({_megabytes(largest[1].st_size)}): list data in .gitignore"
    )


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB" if size >= 100_000 else f"{size:,} bytes"


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _link_target(root: Path, path: str) -> str:
    """What a link in the snapshot says: inside the workspace as it is, else the absolute place that it leads to."""
    target = str((root / path).readlink())
    if os.path.isabs(target):  # noqa: PTH117 - the target is text, not a path here
        return target
    resolved = Path(os.path.normpath(root / Path(path).parent / target))
    return target if resolved.is_relative_to(root) else str(resolved)


def _copy(root: Path, home: Path, target: Path, found: list[_File]) -> bool:
    """Make `target` whole or not at all. False if a file changed since it was hashed."""
    objects = home / "objects"
    make_folder(objects)
    draft = home / f".making-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    make_folder(draft)
    made = {""}
    try:
        for item in found:
            parent = os.path.dirname(item.path)  # noqa: PTH120 - text: thousands of Path objects cost more than the copy
            if parent not in made:
                _private_folders(draft, parent, made)
            place = draft / item.path
            if item.mode == "link":
                place.symlink_to(_link_target(root, item.path))
            elif not _place_file(root / item.path, place, objects, item):
                return False
        try:
            draft.rename(target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            # Another process made the same snapshot meanwhile.
        return True
    finally:
        if draft.exists():
            shutil.rmtree(draft, ignore_errors=True)


def _place_file(source: Path, place: Path, objects: Path, item: _File) -> bool:
    # One object a content, linked into each snapshot that has it: an edit of one file costs one file.
    kept = objects / f"{item.digest}{'.x' if item.mode == 'exec' else ''}"
    if not kept.exists() and not _keep(source, kept, item):
        return False
    try:
        os.link(kept, place)
    except FileNotFoundError:
        # A clean-up took it for nobody's just now.
        return _keep(source, place, item)
    except OSError:
        # No hard links on this file system, or too many of this one.
        _write_new(place, kept.read_bytes(), 0o500 if item.mode == "exec" else 0o400)
    return True


def _keep(source: Path, kept: Path, item: _File) -> bool:
    try:
        data = source.read_bytes()
    except FileNotFoundError:
        return False
    if hashlib.sha256(data).hexdigest() != item.digest:
        return False
    draft = kept.with_name(f".{kept.name}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    _write_new(draft, data, 0o500 if item.mode == "exec" else 0o400)
    draft.rename(kept)
    return True


def _write_new(path: Path, data: bytes, mode: int) -> None:
    with os.fdopen(create_file(path), "wb") as stream:
        stream.write(data)
        # A group that shares the state may read what its other members' runs execute.
        os.fchmod(stream.fileno(), mode | mode >> 3 if belongs_to_group(path.parent) else mode)


def _private_folders(base: Path, inside: str, made: set[str]) -> None:
    so_far = ""
    for part in inside.split("/"):
        so_far = f"{so_far}/{part}" if so_far else part
        if so_far not in made:
            make_folder(base / so_far)
            made.add(so_far)


def _read_index(home: Path, root: Path) -> dict[str, tuple[_Stamp, str]]:
    try:
        document = json.loads((home / "index.json").read_bytes())
        if document["form"] != _INDEX_FORM or document["root"] != str(root):
            return {}
        return {
            path: ((int(a), int(b), int(c), int(d)), str(digest))
            for path, (a, b, c, d, digest) in document["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_index(home: Path, root: Path, index: dict[str, tuple[_Stamp, str]]) -> None:
    document = {
        "form": _INDEX_FORM,
        "root": str(root),
        "files": {path: [*stamp, digest] for path, (stamp, digest) in index.items()},
    }
    draft = home / f".index-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    _write_new(draft, json.dumps(document).encode("ascii"), 0o600)
    draft.rename(home / "index.json")
