"""How private a new file or folder is: as private as the folder that it is made in. Used by all rooms that keep state.

The state belongs to one user: folders 0700, files 0600, from the moment they are made. A state folder that was made
for a group (`shared:` in stacktui.yaml: it has the set-group-id bit and the group may write) hands that on to what is
made below it: folders 2770, files 0660. What is secret stays 0600 there too.
"""

from __future__ import annotations

import contextlib
import os
import stat

FILE_MODE, SHARED_FILE_MODE = 0o600, 0o660
FOLDER_MODE, SHARED_FOLDER_MODE = 0o700, 0o2770
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)

Place = str | os.PathLike[str]


def belongs_to_group(folder: Place) -> bool:
    """Whether a folder was made for a group: what is made in it is the group's too."""
    mode = os.stat(folder).st_mode  # noqa: PTH116 - a Path would cost more than the look
    return bool(mode & stat.S_ISGID and mode & stat.S_IWGRP)


def make_folder(path: Place) -> None:
    """Make a folder and those above it that are missing, as private as the one above. One that exists is left as it is."""
    try:
        os.mkdir(path, FOLDER_MODE)  # noqa: PTH102 - os.mkdir is what takes a mode at creation
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folder(_above(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, FOLDER_MODE)  # noqa: PTH102
    if belongs_to_group(_above(path)):
        os.chmod(path, SHARED_FOLDER_MODE)  # noqa: PTH101 - it was private until here


def create_file(path: Place, *, secret: bool = False) -> int:
    """A descriptor of a new file to write. Raises FileExistsError where there is one, a symbolic link included."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | _NO_FOLLOW, FILE_MODE)
    return descriptor if secret else _handed_on(descriptor, path)


def append_file(path: Place) -> int:
    """A descriptor that appends to a file, which is made where there is none."""
    return _handed_on(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | _NO_FOLLOW, FILE_MODE), path
    )


def lock_file(path: Place) -> int:
    """A descriptor to read and write, for a lock; the file is made where there is none."""
    return _handed_on(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | _NO_FOLLOW, FILE_MODE), path)


def _handed_on(descriptor: int, path: Place) -> int:
    if belongs_to_group(_above(path)):
        # A file that somebody else of the group made has its mode already.
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, SHARED_FILE_MODE)
    return descriptor


def _above(path: Place) -> str:
    return os.path.dirname(os.path.abspath(os.fspath(path)))  # noqa: PTH100, PTH120 - text: this is on the way of each put
