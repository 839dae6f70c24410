"""Writing one file so that a reader sees the old bytes or the new ones, never a part. Used by every writer of files."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path

from stacktui.categories.private import create_file

_STAGED = re.compile(r"[0-9a-f]{12}\.tmp")


def staged_name(target: Path) -> Path:
    """A new name for a temporary file beside `target`."""
    # The dot and the suffix keep it out of every listing.
    return target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")


def is_staged(name: str) -> bool:
    """Whether a file's name is one that `staged_name` makes."""
    return name.startswith(".") and _STAGED.fullmatch(name[-16:]) is not None


def stage_file(
    target: Path,
    content: bytes,
    mode: int | None = None,
    *,
    staged: Path | None = None,
    durable: bool = True,
) -> Path:
    """A synchronised temporary file beside `target`, with the content that it is to have. Raises OSError.

    Without a `mode` it is as private as its folder. `staged` is its name where that was chosen before.
    """
    staged = staged or staged_name(target)
    descriptor = create_file(staged)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            if mode is not None:
                os.fchmod(descriptor, mode)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return staged


def clear_staged(target: Path) -> None:
    """Remove what an earlier writer of `target` staged and could neither use nor remove. Call it while no other writes."""
    with contextlib.suppress(OSError):
        for name in os.listdir(target.parent):  # noqa: PTH208 - names are all that is needed
            if _STAGED.fullmatch(name.removeprefix(f".{target.name}.")) and name.startswith(
                f".{target.name}."
            ):
                (target.parent / name).unlink(missing_ok=True)


def replace_file(target: Path, content: bytes, mode: int | None = None) -> None:
    """Give `target` a new content, durably and in one moment. Raises OSError, with the old content in place."""
    staged = stage_file(target, content, mode)
    try:
        staged.replace(target)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make what was renamed or deleted in a folder durable, where the file system knows how to."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
