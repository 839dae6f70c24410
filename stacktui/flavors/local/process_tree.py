"""A worker's whole process tree: what it uses, and how it is ended. Used by the worker processes and the worker.

A worker leads its own session, so that a child that lost its parent still belongs to it. A process that is
meant to outlive the worker (a model server) says so by `STACKTUI_DETACHED` in its environment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

DETACHED = "STACKTUI_DETACHED"
"""An environment variable: its process and that process's children are never ended with the worker."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_ROUNDS = 20
_LINUX: bool = sys.platform == "linux"


class _Process(NamedTuple):
    parent: int
    session: int
    resident: int
    """Bytes."""


def end_tree(leader: int, *, spare_leader: bool = False) -> None:
    """Kill a session leader, its descendants and everything in its session, without asking them.

    Returns when none of them runs any more; who waits for the leader reaps it. `spare_leader` leaves it.
    """
    if not spare_leader:
        # Stopped first, so that it does not start new ones while its children are looked for.
        _send(leader, signal.SIGSTOP)
    for _ in range(_ROUNDS):
        found = members(leader) - {leader}
        if not found:
            break
        for pid in found:
            _send(pid, signal.SIGKILL)
    if not spare_leader:
        _send(leader, signal.SIGKILL)


def members(leader: int) -> set[int]:
    """The pids of a worker's tree: its session and its descendants, without zombies and detached processes."""
    table = _table()
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    found: set[int] = set()
    ahead = [leader, *(pid for pid, process in table.items() if process.session == leader)]
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
            found[int(name)] = _Process(int(fields[1]), int(fields[3]), int(fields[21]) * _PAGE)
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
                found[int(pid)] = _Process(int(parent), int(group), int(resident) * 1024)
    return found


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
