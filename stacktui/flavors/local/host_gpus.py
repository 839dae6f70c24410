"""Which GPUs this host has, without a library of their maker. Used by the GPU slots, and for the facts of a run.

Numbers are those of `nvidia-smi`, in the order of the PCI bus: a step that is given numbers is told
`CUDA_DEVICE_ORDER=PCI_BUS_ID` with them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc/driver/nvidia/gpus")
_DEV = Path("/dev")
_SAID = re.compile(r"GPU (\d+): (.+?) \(UUID: (GPU-[0-9a-f-]+)\)")
_TIME_LIMIT_S = 10.0


class Gpu(NamedTuple):
    """One GPU of this host."""

    number: str
    """As `nvidia-smi` counts it."""
    uuid: str
    """Empty where the driver does not tell it."""
    model: str
    place: str
    """What no other GPU of this host has, whoever asks: its PCI address, else its UUID, else its number."""


def host_gpus() -> tuple[Gpu, ...]:
    """The GPUs that the driver tells of, by number. Asks another program only where the system's files say nothing."""
    return _from_proc(_PROC) or _from_tool() or _from_dev(_DEV)


def gpus_at_a_glance() -> tuple[Gpu, ...]:
    """What the system's files say of GPUs, and no program is asked: costs a fraction of a millisecond."""
    return _from_proc(_PROC) or _from_dev(_DEV)


def given_gpus(configured: Sequence[str] | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The GPUs that may be given to steps: those of a config, else of `CUDA_VISIBLE_DEVICES`, else all of the host."""
    if configured is not None:
        return tuple(dict.fromkeys(configured))
    named = environment.get("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES"))
    if named is not None:
        return tuple(dict.fromkeys(part.strip() for part in named.split(",") if part.strip()))
    return tuple(gpu.number for gpu in host_gpus())


def place_of(name: str) -> str:
    """What names a GPU for everybody on this host, however it was named: by number, or by UUID or its beginning."""
    for gpu in host_gpus():
        if name == gpu.number or (len(name) > len("GPU-") and gpu.uuid.startswith(name)):
            return gpu.place
    return name


def _from_proc(folder: Path) -> tuple[Gpu, ...]:
    found = []
    with contextlib.suppress(OSError):
        for number, entry in enumerate(sorted(folder.iterdir(), key=lambda path: path.name)):
            facts: dict[str, str] = {}
            with contextlib.suppress(OSError):
                for line in (entry / "information").read_text("utf-8", "replace").splitlines():
                    key, _, value = line.partition(":")
                    facts[key.strip()] = value.strip()
            uuid = facts.get("GPU UUID", "")
            known = uuid.startswith("GPU-") and "?" not in uuid
            found.append(Gpu(str(number), uuid if known else "", facts.get("Model", ""), entry.name))
    return tuple(found)


@functools.cache
def _from_tool() -> tuple[Gpu, ...]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        said = subprocess.run(
            [tool, "-L"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(Gpu(number, uuid, model, uuid) for number, model, uuid in _SAID.findall(said))


def _from_dev(folder: Path) -> tuple[Gpu, ...]:
    names = [path.name.removeprefix("nvidia") for path in folder.glob("nvidia[0-9]*")]
    return tuple(
        Gpu(name, "", "", name) for name in sorted((name for name in names if name.isdigit()), key=int)
    )
