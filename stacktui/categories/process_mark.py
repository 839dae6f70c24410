"""What names one process for good: a pid is used again, together with its start time and the boot it is not.

Used by flavors that keep processes or prove that one lives, so that a signal never reaches another process.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from pathlib import Path

from stacktui.model.base import Noun

_LINUX: bool = sys.platform == "linux"


class ProcessMark(Noun):
    """One process of one boot of this host."""

    pid: int
    started: str
    """Its start time, as the system tells it."""
    boot: str

    @property
    def alive(self) -> bool:
        """Whether it runs. One that has ended and was not collected by its parent does not."""
        return self.boot == boot_id() and _start_time(self.pid) == self.started

    @property
    def this_boot(self) -> bool:
        """Whether the host has not been started anew since."""
        return self.boot == boot_id()

    def signal(self, number: signal.Signals) -> bool:
        """Send it a signal; False if it does not run any more. Never reaches a process that got its pid later."""
        if _LINUX:
            try:
                descriptor = os.pidfd_open(self.pid)
            except OSError:
                return False
            try:
                # From here on the descriptor means one process: checked after it was opened, it is the right one.
                if not self.alive:
                    return False
                signal.pidfd_send_signal(descriptor, number)
            except ProcessLookupError:
                return False
            finally:
                os.close(descriptor)
            return True
        if not self.alive:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False


def mark_of(pid: int) -> ProcessMark | None:
    """The mark of a running process."""
    started = _start_time(pid)
    return None if started is None else ProcessMark(pid=pid, started=started, boot=boot_id())


@functools.cache
def boot_id() -> str:
    """What names the time since this host was started."""
    if _LINUX:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return _said_by("sysctl", "-n", "kern.bootsessionuuid")


def host_name() -> str:
    """This host's name, as `socket.gethostname` gives it, whose module takes longer to import than to ask here."""
    return os.uname().nodename


def user_name() -> str:
    """The user of this process; one whom the system has no name for is called by the number."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid())


def _start_time(pid: int) -> str | None:
    if _LINUX:
        try:
            text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except OSError:
            return None
        # The program's name stands in parentheses and may hold any character, so count from its end.
        state, *rest = text[text.rindex(")") + 2 :].split()
        return None if state in "ZX" else rest[18]
    state, _, started = _said_by("ps", "-o", "stat=,lstart=", "-p", str(pid)).partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def _said_by(*command: str) -> str:
    # Late: where this is Linux, nothing is asked of a program.
    import subprocess

    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.stdout.strip()
