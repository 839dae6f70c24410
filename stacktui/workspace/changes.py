"""Changes to files: built first, shown as a diff, then applied with a check that nobody else wrote in between.

Used by every operation that writes YAML. A change of several files is checked and staged as a whole before
the first of them is replaced.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stacktui.categories.private import lock_file
from stacktui.workspace.files import clear_staged, stage_file, sync_folder
from stacktui.workspace.workspace import Workspace

_PATIENCE_S = 10.0
"""How long another writer, who needs milliseconds, is waited for."""


@dataclass(frozen=True)
class FileEdit:
    """One file before and after; None where it does not exist."""

    file: Path
    before: bytes | None
    after: bytes | None

    def __repr__(self) -> str:
        return f"FileEdit({str(self.file)!r})"


@dataclass(frozen=True)
class Change:
    """One saved edit, of one file or several."""

    title: str
    """What it does: "set config.path of artifact_store/local"."""
    edits: tuple[FileEdit, ...]
    undoes: str = ""
    """The id of the journal's record that it takes back; empty for an edit of its own."""
    redoes: str = ""
    """The id of the journal's record that it does again."""

    @property
    def empty(self) -> bool:
        """Whether it changes no byte."""
        return all(edit.before == edit.after for edit in self.edits)

    def diff(self, root: Path) -> str:
        """A unified diff with paths relative to `root`, as `git apply` takes it; empty if no byte changes."""
        return "".join(_diff(edit, root) for edit in self.edits if edit.before != edit.after)


class EditConflict(Exception):
    """A file is not what the change was made from. Nothing was written."""

    def __init__(self, edit: FileEdit, found: bytes | None) -> None:
        what = "was deleted" if found is None else "exists already" if edit.before is None else "was changed"
        super().__init__(
            f"{edit.file} {what} by someone else since it was read; nothing was written: look at both, then save again"
        )
        self.edit = edit
        self.found = found


class WriteRefused(Exception):
    """A file cannot be written, for a reason that the system or the workspace's bounds give. Nothing was changed."""


def apply_change(workspace: Workspace, change: Change) -> None:
    """Write a change. All checks come first; then each file is replaced in one moment, durably.

    Raises `EditConflict` if a file on disk is not its edit's `before`, `WriteRefused` if one cannot be written.
    """
    edits = [edit for edit in change.edits if edit.before != edit.after]
    targets = [_target(workspace.root, edit.file) for edit in edits]
    with _alone(workspace) as alone:
        if alone:
            for target in targets:
                clear_staged(target)
        staged: list[Path | None] = []
        made: list[Path] = []
        try:
            for edit, target in zip(edits, targets, strict=True):
                _check(edit, target)
            for edit, target in zip(edits, targets, strict=True):
                staged.append(_stage(workspace, edit, target, made))
            # Once more, as close to the renames as can be: an editor may have saved while we synchronised.
            for edit, target in zip(edits, targets, strict=True):
                _check(edit, target)
            _replace_all(edits, targets, staged)
        except BaseException:
            for file in staged:
                if file is not None:
                    file.unlink(missing_ok=True)
            for folder in reversed(made):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            raise


def _replace_all(edits: list[FileEdit], targets: list[Path], staged: list[Path | None]) -> None:
    done: list[tuple[FileEdit, Path]] = []
    for edit, target, file in zip(edits, targets, staged, strict=True):
        try:
            if file is None:
                target.unlink()
            elif edit.before is None:
                # A link fails where a rename would silently replace a file that appeared just now.
                _link(file, target)
            else:
                file.replace(target)
        except FileExistsError:
            _put_back(done)
            raise EditConflict(edit, _content(target)) from None
        except OSError as error:
            _put_back(done)
            raise _refused(edit.file, error) from None
        done.append((edit, target))
    for folder in {target.parent for target in targets}:
        sync_folder(folder)


def _link(file: Path, target: Path) -> None:
    try:
        target.hardlink_to(file)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links.
        if target.exists():
            raise FileExistsError(str(target)) from None
        file.replace(target)
    else:
        with contextlib.suppress(OSError):
            file.unlink()


def _put_back(done: list[tuple[FileEdit, Path]]) -> None:
    """Undo the renames of a change that failed half-way, as far as the system lets us."""
    for edit, target in reversed(done):
        with contextlib.suppress(OSError):
            if edit.before is None:
                target.unlink(missing_ok=True)
            else:
                stage_file(target, edit.before).replace(target)


def _stage(workspace: Workspace, edit: FileEdit, target: Path, made: list[Path]) -> Path | None:
    if edit.after is None:
        return None
    try:
        missing = [
            folder
            for folder in target.parents
            if folder.is_relative_to(workspace.root) and not folder.exists()
        ]
        for folder in reversed(missing):
            folder.mkdir(mode=0o770 if workspace.shared_group else 0o700)
            made.append(folder)
        mode = 0o660 if workspace.shared_group else 0o600
        if edit.before is not None:
            mode = stat.S_IMODE(target.stat().st_mode)
        return stage_file(target, edit.after, mode)
    except OSError as error:
        raise _refused(edit.file, error) from None


def _check(edit: FileEdit, target: Path) -> None:
    try:
        found = _content(target)
    except OSError as error:
        raise _refused(edit.file, error) from None
    if found != edit.before:
        raise EditConflict(edit, found)


def _content(target: Path) -> bytes | None:
    try:
        return target.read_bytes()
    except FileNotFoundError:
        return None


def _target(root: Path, file: Path) -> Path:
    """Where the bytes go: a link's target, which like the file itself must lie in the workspace."""
    try:
        target = file.resolve()
    except (OSError, RuntimeError):
        raise WriteRefused(f"{file} cannot be resolved; nothing was written") from None
    if not target.is_relative_to(root.resolve()):
        raise WriteRefused(f"{file} lies outside the workspace {root}; nothing was written")
    return target


def _refused(file: Path, error: OSError) -> WriteRefused:
    reason = (error.strerror or str(error)).lower()
    return WriteRefused(f"cannot write {file}: {reason}; nothing was changed")


@contextlib.contextmanager
def _alone(workspace: Workspace) -> Iterator[bool]:
    """One writer of this workspace's files at a time. Without a place for the lock, the checks alone must do: False."""
    try:
        descriptor = lock_file(workspace.state_dir("locks") / "write")
    except (OSError, LookupError):
        yield False
        return
    try:
        yield _wait_for(descriptor)
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int) -> bool:
    """Whether it is locked now; False on a file system without locks."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise WriteRefused(
                    "another stacktui is writing to this workspace and does not end; nothing was changed"
                ) from None
            time.sleep(0.01)
        except OSError:
            return False
        else:
            return True


def _diff(edit: FileEdit, root: Path) -> str:
    try:
        shown = edit.file.relative_to(root).as_posix()
    except ValueError:
        shown = str(edit.file)
    lines = difflib.unified_diff(
        _lines(edit.before),
        _lines(edit.after),
        "/dev/null" if edit.before is None else f"a/{shown}",
        "/dev/null" if edit.after is None else f"b/{shown}",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(content: bytes | None) -> list[str]:
    # Only \n ends a line of a diff: splitlines() would also split at form feeds and the like.
    text = (content or b"").decode("utf-8", "replace")
    return [line for line in text.split("\n")[:-1] for line in (line + "\n",)] + (
        [text.rsplit("\n", 1)[-1]] if text and not text.endswith("\n") else []
    )
