"""A worker's whole process tree: what it uses, and how it is ended. Used by the worker processes, the worker and the
runner's watcher.

A worker leads its own session, so that a child that lost its parent still belongs to it; one that has lost its parent
and made itself a session of its own is known by the mark that it inherited in its environment. A process that is
meant to outlive the worker (a model server) says so by `STACKTUI_DETACHED` in its environment.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

DETACHED = "STACKTUI_DETACHED"
"""An environment variable: its process and that process's children are never ended with the worker."""

MARK = "STACKTUI_PROCESS"
"""An environment variable: which worker of which runner a process belongs to, as `<runner>.<number>.`."""

_OWN = f"{uuid.uuid4().hex}."
_numbers = itertools.count(1)
_PAGE = os.sysconf("SC_PAGE_SIZE")
_ROUNDS = 20
_PATIENCE_S = 5.0
"""A process that the kernel does not let go of is left to it."""
_LINUX: bool = sys.platform == "linux"


class _Process(NamedTuple):
    parent: int
    group: int
    session: int
    resident: int
    """Bytes."""


def end_tree(leader: int, mark: str = "", *, spare_leader: bool = False) -> None:
    """Kill a session leader, its descendants, everything in its session and all that has its mark, without asking.

    Returns when none of them runs any more; who waits for the leader reaps it. `spare_leader` leaves it.
    """
    if not spare_leader:
        # Stopped first, so that it does not start new ones while its children are looked for.
        _send(leader, signal.SIGSTOP)
    _end(lambda: members(leader, mark) - {leader})
    if not spare_leader:
        _send(leader, signal.SIGKILL)


def new_mark() -> str:
    """The mark of another worker of this process; it begins with this process's own, where it has one."""
    return f"{os.environ.get(MARK) or _OWN}{next(_numbers)}."


def end_marked(mark: str) -> None:
    """Kill everything that has a mark or one that it begins, with its descendants, without asking."""
    _end(lambda: _grown(_table(), marked(mark)) - {os.getpid()})


def _end(find: Callable[[], set[int]]) -> None:
    """Stop all of them until none is found that runs, and only then kill them: those that fork cannot run away."""
    found: set[int] = set()
    for _ in range(_ROUNDS):
        new = find() - found
        if not new:
            break
        for pid in new:
            _send(pid, signal.SIGSTOP)
        found |= new
    else:
        # They come faster than they are counted: whole process groups, which the kernel signals at one blow.
        _kill_groups(found)
    deadline = time.monotonic() + _PATIENCE_S
    while found and time.monotonic() < deadline:
        for pid in found:
            _send(pid, signal.SIGKILL)
        # What was started in the last moment, and what has not ended yet.
        found = find()
        if found:
            time.sleep(0.001)


def _kill_groups(pids: set[int]) -> None:
    table = _table()
    groups = {table[pid].group for pid in pids if pid in table} - {os.getpgid(0)}
    for group in groups:
        if not any(_is_detached(pid) for pid, process in table.items() if process.group == group):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def members(leader: int, mark: str = "") -> set[int]:
    """The pids of a worker's tree: its session, its descendants and those with its mark; no zombies, and nothing
    that is detached."""
    table = _table()
    roots = [leader, *(pid for pid, process in table.items() if process.session == leader)]
    if mark:
        roots += marked(mark)
    return _grown(table, roots, leader)


def marked(mark: str) -> list[int]:
    """The processes whose environment has a mark, or one that it begins; this user's, as far as the system tells."""
    wanted = f"{MARK}={mark}".encode()
    if not _LINUX:
        return _marked_from_ps(wanted)
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - often, and only names are needed
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as environ:  # noqa: PTH123 - hundreds of them
                    if wanted in environ.read():
                        found.append(int(name))
            except OSError:
                continue
    return found


def _grown(table: dict[int, _Process], roots: Iterable[int], leader: int = 0) -> set[int]:
    """The processes and their descendants, without those that are detached."""
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    found: set[int] = set()
    ahead = list(roots)
    while ahead:
        pid = ahead.pop()
        if pid in found or pid not in table or (pid != leader and _is_detached(pid)):
            continue
        found.add(pid)
        ahead.extend(children.get(pid, ()))
    return found


def resident_bytes(leader: int) -> int:
    """The resident memory of a worker's tree. Pages that processes share count for each of them."""
    table = _table()
    return sum(table[pid].resident for pid in members(leader) if pid in table)


def _table() -> dict[int, _Process]:
    return _from_proc() if _LINUX else _from_ps()


def _from_proc() -> dict[int, _Process]:
    found: dict[int, _Process] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - often, and only names are needed
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123 - hundreds of them, ten times a second
                # The command's name, in parentheses, may hold spaces and parentheses itself.
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] not in (b"Z", b"X"):
            found[int(name)] = _Process(
                int(fields[1]), int(fields[2]), int(fields[3]), int(fields[21]) * _PAGE
            )
    return found


def _from_ps() -> dict[int, _Process]:
    found: dict[int, _Process] = {}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listing = subprocess.run(
            ["/bin/ps", "-A", "-o", "pid=,ppid=,pgid=,rss=,stat="],
            capture_output=True, text=True, timeout=5, check=False,
        ).stdout  # fmt: skip
        for line in listing.splitlines():
            pid, parent, group, resident, state = line.split(None, 4)
            if not state.startswith("Z"):
                # `ps` does not tell sessions there; the worker's process group stands in for its session.
                found[int(pid)] = _Process(int(parent), int(group), int(group), int(resident) * 1024)
    return found


def _marked_from_ps(wanted: bytes) -> list[int]:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        shown = subprocess.run(
            ["/bin/ps", "-A", "-E", "-o", "pid=,command="], capture_output=True, timeout=5, check=False
        ).stdout
        return [int(line.split(None, 1)[0]) for line in shown.splitlines() if wanted in line]
    return []


def _is_detached(pid: int) -> bool:
    mark = DETACHED.encode() + b"="
    if _LINUX:
        with contextlib.suppress(OSError):
            return any(
                entry.startswith(mark) for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            )
        return False
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        shown = subprocess.run(
            ["/bin/ps", "-E", "-o", "command=", "-p", str(pid)], capture_output=True, timeout=5, check=False
        ).stdout
        return mark in shown
    return False


def _send(pid: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, what)
