"""The user's own files, in `~/.config/stacktui`: edits of them are built as changes too, shown as diffs and applied here.

Used for settings, keymaps and themes. They are no part of a workspace: no journal, and git does not know them.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stacktui.workspace.changes import Change, EditConflict, FileEdit, WriteRefused
from stacktui.workspace.files import replace_file
from stacktui.workspace.settings import user_config_dir
from stacktui.workspace.yaml_editor import rewrite
from stacktui.workspace.yaml_reader import read_yaml


def is_own(change: Change) -> bool:
    """Whether a change is of the user's own files and of no others."""
    folder = user_config_dir()
    return bool(change.edits) and all(edit.file.is_relative_to(folder) for edit in change.edits)


def content_of(file: Path) -> bytes | None:
    """A file's bytes; None where there is none. Raises OSError."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def edit_keys(file: Path, title: str, changed: Mapping[str, Any], starter: bytes = b"") -> Change:
    """A change of the top keys of one of these files; `REMOVED` takes a key out. Comments and the rest stay.

    `starter` is what a new file begins with. Raises `YamlProblem` or `EditImpossible` for a file that is broken, OSError.
    """
    before = content_of(file)
    raw = starter if before is None else before
    data = read_yaml(raw).value
    wanted = dict(data) if isinstance(data, dict) else {}
    for key, value in changed.items():
        if value is REMOVED:
            wanted.pop(key, None)
        else:
            wanted[key] = value
    after = rewrite(raw if data else _without_empty(raw), wanted)
    return Change(title, (FileEdit(file, before, after if wanted else _without_empty(after)),))


def _without_empty(raw: bytes) -> bytes:
    """A file without the `{}` that stands for no keys: what comes later is written on lines of its own."""
    text = raw.rstrip()
    return text.removesuffix(b"{}") if text.endswith(b"{}") else raw


def apply_own(change: Change) -> None:
    """Write a change of the user's own files, each in one moment. A link stays one: what it leads to is written.

    Raises `EditConflict` if a file is not what the change was made from, `WriteRefused` if one cannot be written.
    """
    edits = [edit for edit in change.edits if edit.before != edit.after]
    for edit in edits:
        if (found := content_of(edit.file)) != edit.before:
            raise EditConflict(edit, found)
    for edit in edits:
        try:
            target = edit.file.resolve()
            if edit.after is None:
                target.unlink(missing_ok=True)
                continue
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = None if edit.before is None else stat.S_IMODE(target.stat().st_mode)
            replace_file(target, edit.after, mode)
        except (OSError, RuntimeError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise WriteRefused(f"cannot write {edit.file}: {reason}") from None


def write_starter(file: Path, content: bytes) -> None:
    """Make one of these files, or a workspace's keymap, where there is none, for an editor to begin with. Raises OSError."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(file, content)


class _Removed:
    def __repr__(self) -> str:
        return "REMOVED"


REMOVED: Any = _Removed()
"""Instead of a value: the key is taken out."""
