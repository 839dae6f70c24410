"""How much of one kind is removed, and how large a folder is. Used by all of retention and its operation."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Waste:
    """Things of one kind that go."""

    count: int = 0
    size: int = 0
    """Bytes that the disk gets back."""

    def plus(self, count: int, size: int) -> Waste:
        """With more of them."""
        return Waste(self.count + count, self.size + size)


def size_of(path: Path) -> int:
    """Bytes of the files in a folder, or of a file, that stand nowhere else: links to the same file are not counted."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                facts = os.lstat(os.path.join(folder, name))  # noqa: PTH118 - text: there may be very many
                if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1:
                    total += facts.st_size
    if not total and path.is_file():
        return path.stat().st_size
    return total
