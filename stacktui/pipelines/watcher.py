"""A tiny process beside the runner that outlives it by a moment: whatever the run has left running ends then.

A worker ends itself when its runner is gone, but one that is stuck in C code cannot, nor can children that it lost.
Costs nothing while the run goes on: it waits for the end of a pipe. Used by the runner.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import uuid
from pathlib import Path

from stacktui.flavors.local.process_tree import MARK, end_marked
from stacktui.flavors.local.worker_start import SCRATCH


def watch_over_this_process() -> None:
    """Mark what this process starts from now on, and have it killed when this process is gone, however it went.

    To be called once, before there are threads.
    """
    mark = os.environ[MARK] = f"{uuid.uuid4().hex}."
    read, _ = os.pipe()
    if os.fork() != 0:
        # The other end, which nothing inherits, stays open for as long as this process lives.
        os.close(read)
        return
    status = 1
    with contextlib.suppress(BaseException):
        # A lock that the starter has handed to this process is not the watcher's.
        os.closerange(3, read)
        os.closerange(read + 1, os.sysconf("SC_OPEN_MAX"))
        os.setsid()
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.chdir("/")
        while os.read(read, 1):
            pass
        end_marked(mark)
        for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}{mark}*"):
            shutil.rmtree(left, ignore_errors=True)
        status = 0
    os._exit(status)
