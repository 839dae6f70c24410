"""Whether a folder lies on a disk of this host. SQLite's WAL needs that.

A file system that is not known to be local counts as network. Used by `connection`.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from pathlib import Path

_LOCAL = frozenset(
    {"apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfs", "jfs", "msdos", "nilfs2", "ntfs3",
     "overlay", "ramfs", "reiserfs", "rootfs", "tmpfs", "ufs", "vfat", "xfs", "zfs"}
)  # fmt: skip
_ESCAPED = re.compile(r"\\([0-7]{3})")


@lru_cache(maxsize=64)
def is_local(folder: Path) -> bool:
    """Whether `folder`, which exists, is on a file system that is known to be local. Asked once a process."""
    try:
        if sys.platform == "darwin":
            return local_by_mount(_mounted(), folder.resolve())
        return local_by_mountinfo(Path("/proc/self/mountinfo").read_text("utf-8"), folder.resolve())
    except (OSError, ValueError):
        return False


def _mounted() -> str:
    import subprocess

    try:
        done = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5, check=True)
    except subprocess.SubprocessError:
        return ""
    return done.stdout


def local_by_mountinfo(text: str, folder: Path) -> bool:
    """The answer from Linux's `/proc/self/mountinfo`: the deepest mount counts, of equal ones the last."""
    best, kind = -1, ""
    for line in text.splitlines():
        head, _, tail = line.partition(" - ")
        fields = head.split(" ")
        if len(fields) < 5 or not tail:
            continue
        point = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), tail.split(" ")[0]
    return kind in _LOCAL


def local_by_mount(text: str, folder: Path) -> bool:
    """The answer from macOS's `mount`, whose lines read `/dev/disk3s1 on / (apfs, local, journaled)`."""
    best, local = -1, False
    for match in re.finditer(r"^.+? on (/.*) \(([^()]*)\)$", text, re.MULTILINE):
        point = Path(match[1])
        if folder.is_relative_to(point) and len(point.parts) >= best:
            options = [option.strip() for option in match[2].split(",")]
            best, local = len(point.parts), options[0] in _LOCAL and "local" in options
    return local
