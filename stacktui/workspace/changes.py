"""Changes to files: built first, shown as a diff, then applied with a check that nobody else wrote in between.

Used by every operation that writes YAML. All files of a change are staged, then the journal gets its record, then
each file is replaced, then the record is put away: whenever the writer dies, they are all old or all new (`recovery`).
"""

from __future__ import annotations

import contextlib
import difflib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stacktui.workspace.files import clear_staged, stage_file, staged_name
from stacktui.workspace.journal import EditRecord, Intent, Journal, NewFile
from stacktui.workspace.recovery import settle
from stacktui.workspace.transaction import (
    Outside,
    Part,
    Taken,
    clear_away,
    content_of,
    go_back,
    go_forward,
    target_of,
)
from stacktui.workspace.who import whoami
from stacktui.workspace.workspace import Workspace
from stacktui.workspace.write_lock import NoLock, StillLocked, write_lock


@dataclass(frozen=True)
class FileEdit:
    """One file before and after; None where it does not exist."""

    file: Path
    before: bytes | None
    after: bytes | None
    mode: int | None = None
    """The permissions of a file that is made; None: those of a new file here."""

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
    deed: str = "edited"
    """What the audit list calls it, in one word."""

    @property
    def empty(self) -> bool:
        """Whether it changes no byte."""
        return all(edit.before == edit.after for edit in self.edits)

    def diff(self, root: Path) -> str:
        """A unified diff with paths relative to `root`, as `git apply` takes it; empty if no byte changes.

        A file that is only called otherwise is said in four lines, at the end.
        """
        edits = [edit for edit in self.edits if edit.before != edit.after]
        moved = _moved(edits)
        alone = [edit for edit in edits if not any(edit in pair for pair in moved)]
        return "".join(
            [*(_diff(edit, root) for edit in alone), *(_move(old, new, root) for old, new in moved)]
        )


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
    """Write a change: all of it or nothing, durably, with a record in the journal. All checks come first.

    An edit that an earlier writer could not end is ended first. Raises `EditConflict` if a file on disk is not its
    edit's `before`, `WriteRefused` if one cannot be written.
    """
    edits = [edit for edit in change.edits if edit.before != edit.after]
    # Last, because it says where the journal is.
    edits.sort(key=lambda edit: edit.file == workspace.file)
    try:
        targets = [target_of(workspace.root, edit.file) for edit in edits]
    except Outside as error:
        raise WriteRefused(str(error)) from None
    if not edits:
        return
    try:
        with write_lock(lambda: workspace.state_dir("locks")):
            _settle(workspace)
            for target in targets:
                clear_staged(target)
            _write(workspace, change, edits, targets, _journal(workspace))
    except StillLocked:
        raise WriteRefused(
            "another stacktui is writing to this workspace and does not end; nothing was changed"
        ) from None
    except NoLock as why:
        if len(edits) > 1:
            raise WriteRefused(
                f"several files are changed at once only with a journal, and {workspace.state} has no room for one: "
                f"{why}; let `state:` in stacktui.yaml or STACKTUI_STATE name a folder on a local disk; "
                "nothing was changed"
            ) from None
        # One file is replaced in one moment without a journal too; it cannot be undone.
        _write(workspace, change, edits, targets, None)


def _settle(workspace: Workspace) -> None:
    try:
        settle(workspace.root, workspace.journal)
    except OSError as error:
        raise WriteRefused(
            f"an edit that was interrupted cannot be ended: {_words(error)}; nothing was changed"
        ) from None


def _journal(workspace: Workspace) -> Journal:
    try:
        workspace.make_journal()
    except (OSError, LookupError) as error:
        raise WriteRefused(f"the journal cannot be written: {_words(error)}; nothing was changed") from None
    return workspace.journal


def _write(
    workspace: Workspace, change: Change, edits: list[FileEdit], targets: list[Path], journal: Journal | None
) -> None:
    for edit, target in zip(edits, targets, strict=True):
        _check(edit, target)
    parts = [_part(workspace, edit, target) for edit, target in zip(edits, targets, strict=True)]
    made = _missing(workspace.root, targets)
    record: EditRecord | None = None
    try:
        if journal is not None:
            journal.begin(_intent(workspace.root, parts, made))
        for edit, part in zip(edits, parts, strict=True):
            _stage(workspace, edit, part, made)
        # Once more, as close to the renames as can be: an editor may have saved while we synchronised.
        for edit, target in zip(edits, targets, strict=True):
            _check(edit, target)
        if journal is not None:
            record = journal.commit(
                change.title, whoami(), _files(workspace.root, edits, parts), change.undoes, change.redoes
            )
        go_forward(parts)
    except BaseException as error:
        _take_back(parts, made, journal, record is not None)
        if isinstance(error, Taken):
            at = parts.index(error.part)
            raise EditConflict(edits[at], content_of(targets[at])) from None
        if isinstance(error, OSError):
            raise WriteRefused(f"{_place_of(error, journal)}: {_words(error)}; nothing was changed") from None
        raise
    # Where a file was made it has two names now; and what could not be read back was staged again.
    clear_away(part.staged for part in parts if part.staged is not None)
    if journal is not None and record is not None:
        # It is written; whoever comes next puts the record away.
        with contextlib.suppress(OSError):
            journal.close(record)
        workspace.wrote()


def _take_back(parts: list[Part], made: list[Path], journal: Journal | None, committed: bool) -> None:
    """As it was before. Where even that fails, the record stays, and whoever comes next ends the edit."""
    try:
        if committed or journal is None:
            go_back(parts)
        clear_away([part.staged for part in parts if part.staged is not None], made)
        if journal is not None:
            journal.clear()
    except OSError as error:
        if not committed:
            return  # nothing was replaced, and the note of what was staged does no harm
        raise WriteRefused(
            f"the edit could be neither ended nor taken back: {_words(error)}; "
            "the next reader or writer of this workspace ends it, whole: look with: stacktui doctor"
        ) from None


def _part(workspace: Workspace, edit: FileEdit, target: Path) -> Part:
    mode = edit.mode if edit.mode is not None else 0o660 if workspace.shared_group else 0o600
    if edit.before is not None:
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(target.stat().st_mode)
    return Part(target, edit.before, edit.after, mode, None if edit.after is None else staged_name(target))


def _missing(root: Path, targets: Iterable[Path]) -> list[Path]:
    """Folders that are to be made, the innermost first."""
    inside = root.resolve()
    found = {
        folder: None
        for target in targets
        for folder in target.parents
        if folder.is_relative_to(inside) and not folder.exists()
    }
    return sorted(found, key=lambda folder: len(folder.parts), reverse=True)


def _stage(workspace: Workspace, edit: FileEdit, part: Part, made: list[Path]) -> None:
    if edit.after is None:
        return
    try:
        for folder in reversed(made):
            if part.target.is_relative_to(folder) and not folder.exists():
                folder.mkdir(mode=0o770 if workspace.shared_group else 0o700)
        stage_file(part.target, edit.after, part.mode, staged=part.staged)
    except OSError as error:
        raise _refused(edit.file, error) from None


def _intent(root: Path, parts: Iterable[Part], made: Iterable[Path]) -> Intent:
    inside = root.resolve()
    return Intent(
        tuple(part.staged.relative_to(inside).as_posix() for part in parts if part.staged is not None),
        tuple(folder.relative_to(inside).as_posix() for folder in made),
    )


def _files(root: Path, edits: Iterable[FileEdit], parts: Iterable[Part]) -> list[NewFile]:
    inside = root.resolve()
    return [
        NewFile(
            _relative(edit.file, root),
            edit.before,
            edit.after,
            part.mode,
            "" if part.staged is None else part.staged.relative_to(inside).as_posix(),
        )
        for edit, part in zip(edits, parts, strict=True)
    ]


def _relative(file: Path, root: Path) -> str:
    try:
        return Path(os.path.normpath(file)).relative_to(root).as_posix()
    except ValueError:
        return file.resolve().relative_to(root.resolve()).as_posix()


def _check(edit: FileEdit, target: Path) -> None:
    try:
        found = content_of(target)
    except OSError as error:
        raise _refused(edit.file, error) from None
    if found != edit.before:
        raise EditConflict(edit, found)


def _refused(file: Path, error: OSError) -> WriteRefused:
    return WriteRefused(f"cannot write {file}: {_words(error)}; nothing was changed")


def _place_of(error: OSError, journal: Journal | None) -> str:
    """What could not be written: a file of the workspace, or the journal."""
    named = error.filename2 or error.filename
    if not isinstance(named, str):
        return "the edit cannot be written"
    file = Path(named)
    if journal is not None and file.is_relative_to(journal.folder):
        return f"the journal {journal.folder} cannot be written"
    return f"cannot write {file}"


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _moved(edits: Iterable[FileEdit]) -> list[tuple[FileEdit, FileEdit]]:
    """Each file that goes with the one that comes with its content."""
    gone = {edit.before: edit for edit in edits if edit.after is None and edit.before}
    found = []
    for edit in edits:
        if edit.before is None and edit.after is not None and edit.after in gone:
            found.append((gone.pop(edit.after), edit))
    return found


def _move(old: FileEdit, new: FileEdit, root: Path) -> str:
    before, after = _shown(old.file, root), _shown(new.file, root)
    return (
        f"diff --git a/{before} b/{after}\nsimilarity index 100%\nrename from {before}\nrename to {after}\n"
    )


def _shown(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file).lstrip("/")


def _diff(edit: FileEdit, root: Path) -> str:
    shown = _shown(edit.file, root)
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
