"""Pickling that also says which classes and functions, other than installed ones, the pickle refers to by name.

A pickle holds their names and not their code. The names stand beside the artifact, so that a step that takes it runs
again when that code changes (`cache.input_digest`). Used by the pickle materializer; `classes` asks
the same of what it writes as JSON.
"""

from __future__ import annotations

import io
import pickle
import sys
from types import FunctionType
from typing import Any

LONGEST = 200
"""How many names are kept."""
_INSTALLED = ("site-packages", "dist-packages")


class _Recorder(pickle.Pickler):
    def __init__(self, out: io.BytesIO, protocol: int) -> None:
        super().__init__(out, protocol)
        self.seen: dict[Any, None] = {}

    def reducer_override(self, obj: Any) -> Any:
        # Not called for plain values of built-in types, which have no code of anybody's.
        self.seen[obj if isinstance(obj, (type, FunctionType)) else type(obj)] = None
        return NotImplemented


def dumps(value: Any, protocol: int) -> tuple[bytes, list[str]]:
    """The pickle of `value`, and the qualified names in it that are not an installed package's; sorted."""
    out = io.BytesIO()
    recorder = _Recorder(out, protocol)
    recorder.dump(value)
    names = sorted(
        f"{item.__module__}.{item.__qualname__}" for item in recorder.seen if is_project_code(item.__module__)
    )
    return out.getvalue(), names[:LONGEST]


def is_project_code(module: str | None) -> bool:
    """Whether a module is neither Python's own nor an installed package's."""
    if not module or module.partition(".")[0] in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and not any(part in file for part in _INSTALLED)
