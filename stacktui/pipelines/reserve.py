"""Room on the disk that a run keeps for its last words: on a full disk even "the disk is full" cannot be written.

Used by the runner. It is a file of nothing beside `run.json`, and goes when the run ends.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from stacktui.categories.private import create_file

_SIZE = 256 * 1024
"""Bytes: enough for the last states of some hundred steps in the metadata store."""


class Reserve:
    """Keeps room for as long as it is open. Where there is none left to keep, there is no reserve."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the run's."""
        self._file = folder / "reserve"
        with contextlib.suppress(OSError):
            # One that a runner left that was killed is used again.
            self._file.unlink(missing_ok=True)
            descriptor = create_file(self._file)
            try:
                self._fill(descriptor)
            finally:
                os.close(descriptor)

    @staticmethod
    def _fill(descriptor: int) -> None:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, _SIZE)
        else:
            # A file with holes would keep no room.
            os.write(descriptor, bytes(_SIZE))

    def release(self) -> None:
        """Give the room back; once is enough."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
