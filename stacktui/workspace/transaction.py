"""Replacing several files as one: forward to what they are to hold, or back to what they held.

Used by `changes` for a new edit and by `recovery` for one that was interrupted. Both hold the write lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stacktui.workspace.files import is_staged, stage_file, sync_folder
from stacktui.workspace.journal import EditRecord, Intent


class Outside(Exception):
    """A file does not lie in the workspace, or it cannot be said where it lies."""


class Taken(Exception):
    """A file holds neither what it held before nor what it is to hold."""

    def __init__(self, part: Part) -> None:
        super().__init__(str(part.target))
        self.part = part


class Stands(Enum):
    """What a file holds, as an edit of it sees it."""

    OLD = "old"
    NEW = "new"
    ELSE = "neither"


@dataclass(frozen=True)
class Part:
    """One file of an edit."""

    target: Path
    before: bytes | None
    after: bytes | None
    mode: int | None
    staged: Path | None
    """A temporary file with `after`, if there is one."""

    def stands(self) -> Stands:
        """What is there now. Raises OSError."""
        found = content_of(self.target)
        return Stands.NEW if found == self.after else Stands.OLD if found == self.before else Stands.ELSE

    def go(self) -> None:
        """Put the new content in the place of the old. Raises FileExistsError where a file appeared, OSError."""
        staged = self.staged
        if self.after is not None and not self._is_staged():
            staged = stage_file(self.target, self.after, self.mode)
        _place(self.target, staged if self.after is not None else None, new=self.before is None)

    def go_back(self) -> None:
        """Put the old content in the place of the new. Raises OSError."""
        staged = None if self.before is None else stage_file(self.target, self.before, self.mode)
        _place(self.target, staged, new=self.after is None)

    def _is_staged(self) -> bool:
        if self.staged is None:
            return False
        try:
            return content_of(self.staged) == self.after
        except OSError:
            return False


def content_of(target: Path) -> bytes | None:
    """A file's bytes; None where there is no file. Raises OSError."""
    try:
        return target.read_bytes()
    except FileNotFoundError:
        return None


def target_of(root: Path, file: Path) -> Path:
    """Where the bytes of a file go: a link's target, which like the file itself must lie in the workspace.

    Raises `Outside`.
    """
    try:
        target = file.resolve()
    except (OSError, RuntimeError):
        raise Outside(f"{file} cannot be resolved; nothing was written") from None
    if not target.is_relative_to(root.resolve()):
        raise Outside(f"{file} lies outside the workspace {root}; nothing was written")
    return target


def parts_of(root: Path, record: EditRecord) -> list[Part]:
    """The files of a record, in the order in which they are replaced. Raises `Outside`, `JournalDamaged`."""
    found = []
    for file in record.files:
        target = target_of(root, root / file.path)
        staged = root / file.staged if file.staged else None
        if staged is not None and (staged.parent.resolve() != target.parent or not is_staged(staged.name)):
            staged = None
        found.append(Part(target, file.before, file.after, file.mode, staged))
    return found


def go_forward(parts: Sequence[Part]) -> None:
    """Bring every file that is not there yet to its new content, durably. Raises `Taken`, OSError."""
    for part in parts:
        stands = part.stands()
        if stands is Stands.ELSE:
            raise Taken(part)
        if stands is Stands.OLD:
            try:
                part.go()
            except FileExistsError:
                raise Taken(part) from None
    sync_folders(parts)


def go_back(parts: Sequence[Part]) -> None:
    """Bring every file that has its new content back to its old one, durably. Others are left alone. Raises OSError."""
    for part in reversed(parts):
        if part.before != part.after and part.stands() is Stands.NEW:
            part.go_back()
    sync_folders(parts)


def sync_folders(parts: Iterable[Part]) -> None:
    """Make what was renamed and deleted durable."""
    for folder in {part.target.parent for part in parts}:
        sync_folder(folder)


def clear_away(staged: Iterable[Path], made: Iterable[Path] = ()) -> None:
    """Remove temporary files, and folders that were made for them if nothing else is in them."""
    for file in staged:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
    for folder in made:
        with contextlib.suppress(OSError):
            folder.rmdir()


def clear_intent(root: Path, intent: Intent) -> None:
    """Remove what an edit staged that came to nothing."""
    inside = root.resolve()
    staged = [root / name for name in intent.staged]
    made = [root / name for name in intent.made]
    clear_away(
        [file for file in staged if is_staged(file.name) and file.parent.resolve().is_relative_to(inside)],
        [folder for folder in made if folder.resolve().is_relative_to(inside)],
    )


def _place(target: Path, staged: Path | None, *, new: bool) -> None:
    """Rename `staged` to `target`, or remove `target` where nothing is staged. A new file never replaces one."""
    if staged is None:
        target.unlink(missing_ok=True)
        return
    try:
        if not new:
            staged.replace(target)
            return
        _link(staged, target)
    except BaseException:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
        raise


def _link(staged: Path, target: Path) -> None:
    # A link fails where a rename would silently replace a file that appeared just now.
    try:
        target.hardlink_to(staged)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links.
        if target.exists():
            raise FileExistsError(17, "file exists", str(target)) from None
        staged.replace(target)
    else:
        with contextlib.suppress(OSError):
            staged.unlink()
