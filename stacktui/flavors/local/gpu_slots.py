"""GPUs that are given to one step at a time, across all runs, workspaces and users of this host.

A GPU is taken by a lock on a file that stands for it, in a folder where every user of the host may make one. The
process that runs the step inherits the lock: the GPU is free when that process, and whatever else it handed the lock
to, is gone, however it went. The files hold nothing and nothing in them is believed.

Used by the local orchestrator and the subprocess operator.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from stacktui.categories.held_lock import HeldLock
from stacktui.categories.private import make_folder
from stacktui.flavors.local.host_gpus import given_gpus, place_of
from stacktui.flavors.local.step_job import Job
from stacktui.model.base import now
from stacktui.model.execution import LogLine, Progress, StepSpec

FOLDER_VARIABLE = "STACKTUI_GPU_LOCKS"
"""Names another folder for the files: on a host whose /run/lock and /tmp are not everybody's."""
_FOLDERS = (Path("/run/lock"), Path("/tmp"))
_LOOK_EVERY_S = 0.5
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MODE = 0o444
_VISIBLE = "CUDA_VISIBLE_DEVICES"


class TakenGpus:
    """GPUs that one step has."""

    def __init__(self, names: tuple[str, ...], locks: Sequence[HeldLock]) -> None:
        self.names = names
        """As `CUDA_VISIBLE_DEVICES` names them."""
        self.locks = tuple(locks)

    def over(self, environment: Mapping[str, str]) -> dict[str, str]:
        """`environment` for a process that sees exactly these."""
        numbered = any(name.isdigit() for name in self.names)
        order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if numbered else {}
        return {**order, **environment, _VISIBLE: ",".join(self.names)}

    def of(self, spec: StepSpec) -> StepSpec:
        """The spec of the step that has them: they stand in it, and its own environment names no others."""
        if spec.resources.gpu is None:
            return spec
        rest = {name: value for name, value in spec.environment.items() if name != _VISIBLE}
        return spec.model_copy(update={"gpus": self.names, "environment": rest})

    def close(self) -> None:
        """Let go; a process that inherited the locks keeps them."""
        for lock in self.locks:
            lock.close()


class GpuSlots:
    """Takes GPUs for one component."""

    def __init__(
        self, configured: Sequence[str] | None, environment: Mapping[str, str], user_data: Path
    ) -> None:
        self._configured = configured
        self._environment = environment
        self._own = user_data / "gpu-locks"
        self._collected: dict[str, HeldLock] = {}
        """What was free of the GPUs that one step waits for: kept until there are enough."""
        self._collects: HeldLock | None = None
        self.free = 0
        """How many were free, or kept for who waits, at the last attempt."""
        self.trouble = ""
        """Why a GPU's file could not be locked, other than that somebody has it."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that may be given."""
        return given_gpus(self._configured, self._environment)

    @property
    def folder(self) -> Path:
        """Where the files are: shared by all users of the host where it has such a folder, else the user's own."""
        named = self._environment.get(FOLDER_VARIABLE) or os.environ.get(FOLDER_VARIABLE)
        if named:
            return Path(named)
        for folder in _FOLDERS:
            if _for_everybody(folder):
                return folder
        return self._own

    def take(self, count: int) -> TakenGpus | None:
        """Take GPUs for a step, all that it asks for or None.

        Of several that a step waits for, those that are free are kept for it, so that steps which ask for fewer do
        not always come before it: by one step of the host at a time, since two would wait for each other.
        """
        if count == 0:
            return TakenGpus((), ())
        found, self._collected = self._collected, {}
        self.trouble = ""
        try:
            folder = self.folder
            if folder == self._own:
                make_folder(folder)
            for name in self.names:
                if len(found) >= count:
                    break
                if name not in found and (lock := self._lock(folder, place_of(name))) is not None:
                    found[name] = lock
            self.free = len(found)
            if len(found) >= count:
                names = tuple(found)[:count]
                taken = TakenGpus(names, [found.pop(name) for name in names])
                self._stop_collecting()
                return taken
            if count > 1 and (self._collects is not None or self._may_collect(folder)):
                self._collected, found = found, {}
            return None
        finally:
            for lock in found.values():
                lock.close()

    def give_up(self) -> None:
        """Nobody waits any more: what was kept is free again."""
        for lock in self._collected.values():
            lock.close()
        self._collected = {}
        self._stop_collecting()

    def _may_collect(self, folder: Path) -> bool:
        self._collects = self._lock(folder, "collecting")
        return self._collects is not None

    def _stop_collecting(self) -> None:
        if self._collects is not None:
            self._collects.close()
            self._collects = None

    def _lock(self, folder: Path, name: str) -> HeldLock | None:
        path = folder / f"stacktui-gpu-{quote(name, safe='')[:200]}"
        for _ in range(3):
            try:
                descriptor = _opened(path)
            except OSError as error:
                self.trouble = f"{path} cannot be locked: {(error.strerror or str(error)).lower()}"
                return None
            lock = HeldLock(descriptor)
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or found.st_size:
                # A lock on somebody else's file would hold up whoever it belongs to.
                self.trouble = f"{path} is not an empty file: remove it"
            elif lock.take():
                if _is_at(found, path):
                    return lock
                # Somebody removed it meanwhile: a lock on it proves nothing.
                lock.close()
                continue
            lock.close()
            return None
        return None


class GpuDesk:
    """Gives GPUs to the jobs of one component, says what each waits for, and looks again while one does."""

    def __init__(self, slots: GpuSlots, look_again: Callable[[], None]) -> None:
        """`look_again` calls `serve` for each job that waits, between `begin` and `end`; from the desk's thread too."""
        self.slots = slots
        self._look_again = look_again
        self._said: dict[Job, tuple[str, float]] = {}
        self._waiting = 0
        self._lock = threading.Lock()
        self._watched = False

    def begin(self) -> None:
        """A look at all jobs that wait begins."""
        self._waiting = 0

    def serve(self, job: Job) -> TakenGpus | None:
        """The GPUs that a job asks for; None where it waits. Nobody overtakes a job that asked before."""
        count = job.spec.resources.gpu or 0
        if count and self._waiting:
            self._wait(job, f"waits for {gpus_in_words(count)}: another step of this run is before it")
            return None
        taken = self.slots.take(count)
        if taken is None:
            words = f"waits for {gpus_in_words(count)}: {self.slots.free} of {len(self.slots.names)} free"
            self._wait(job, f"{words}; {self.slots.trouble}" if self.slots.trouble else words)
        elif job in self._said:
            _, since = self._said.pop(job)
            _say(job, f"has GPU {', '.join(taken.names)} after {time.monotonic() - since:.0f} s", "")
        return taken

    def end(self) -> None:
        """The look has ended: while somebody waits there will be another one."""
        if not self._waiting:
            self.slots.give_up()
            return
        with self._lock:
            if not self._watched:
                self._watched = True
                threading.Thread(target=self._watch, name="GPUs", daemon=True).start()

    def forget(self, job: Job) -> None:
        """A job does not wait any more."""
        self._said.pop(job, None)

    def _wait(self, job: Job, words: str) -> None:
        self._waiting += 1
        said, since = self._said.get(job, ("", time.monotonic()))
        self._said[job] = (words, since)
        if words != said:
            _say(job, words, words)

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK_EVERY_S * random.uniform(0.7, 1.3))
            self._look_again()
            with self._lock:
                if not self._waiting:
                    self._watched = False
                    return


def _say(job: Job, line: str, progress: str) -> None:
    at = now()
    job.sink(LogLine.model_construct(kind="log", at=at, stream="logging", text=line))
    job.sink(Progress.model_construct(kind="progress", at=at, done=0.0, total=None, text=progress))


def gpus_in_words(count: int) -> str:
    """`1 GPU`, `2 GPUs`."""
    return "1 GPU" if count == 1 else f"{count} GPUs"


def _for_everybody(folder: Path) -> bool:
    """Whether all users of the host may make files in a folder, and nobody may remove another's."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    wanted = stat.S_ISVTX | stat.S_IWOTH | stat.S_IXOTH
    return stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and found.st_mode & wanted == wanted


def _opened(path: Path) -> int:
    """A descriptor of the file, which is made where there is none, for everybody to read. Raises OSError."""
    for _ in range(3):
        with contextlib.suppress(FileNotFoundError):
            # Not with O_CREAT: in such folders Linux may refuse that for a file of somebody else.
            return os.open(path, _READ)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, _READ | os.O_CREAT | os.O_EXCL, _MODE)
            os.fchmod(descriptor, _MODE)
            return descriptor
    raise FileNotFoundError(errno.ENOENT, "it comes and goes", str(path))


def _is_at(found: os.stat_result, path: Path) -> bool:
    try:
        there = path.lstat()
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino)
