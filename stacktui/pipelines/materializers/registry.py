"""Which materializer keeps which value, and the two ways through them: `save` and `load`.

Libraries are told by the name of the value's type, so that NumPy, pandas or torch are only imported when a
value of theirs is there, which means that they are imported already.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import uuid7
from stacktui.pipelines.materializers import custom
from stacktui.pipelines.materializers.base import (
    Materializer,
    MaterializerError,
    Packed,
    Source,
    Unfit,
    type_name,
)

_HERE = "stacktui.pipelines.materializers"
_MODULES = {
    "json": "plain",
    "bytes": "raw",
    "file": "files",
    "folder": "files",
    "npy": "arrays",
    "parquet": "tables",
    "safetensors": "tensors",
    "pickle": "pickled",
}
_BY_PACKAGE = {
    "numpy": "npy",
    "pandas": "parquet",
    "pyarrow": "parquet",
    "polars": "parquet",
    "torch": "safetensors",
}
_PLAIN = frozenset({type(None), bool, int, float, str, list, dict, tuple, set, frozenset})
_loaded: dict[str, Materializer] = {}


def named(name: str) -> Materializer:
    """The materializer called `name`, ours or a team's `module:object`. Raises `MaterializerError`."""
    if ":" in name:
        # Not kept: a module that is loaded again brings another one.
        return custom.custom(name)
    found = _loaded.get(name)
    if found is None:
        found = _loaded[name] = _import(name)
    return found


def materializer_for(value: Any) -> str:
    """The name of the materializer that is asked first for `value`."""
    return next(_candidates(value))


def _candidates(value: Any) -> Iterator[str]:
    """The materializers that are asked for a value, one after the other until one can keep it."""
    kind = type(value)
    if (chosen := custom.chosen_for(value)) is not None:
        yield chosen
    if kind in _PLAIN:
        if kind is dict and _all_arrays(value):
            yield "safetensors"
        yield "json"
    elif kind in (bytes, bytearray):
        yield "bytes"
    elif isinstance(value, Path):
        yield "folder" if value.is_dir() else "file"
    elif (package := kind.__module__.partition(".")[0]) in _BY_PACKAGE:
        yield _BY_PACKAGE[package]
    else:
        if kind.__module__ != "builtins" and (installed := custom.installed_for(value)) is not None:
            yield installed
        # Dates, decimals, enums, dataclasses, models; it says itself what it cannot keep.
        yield "json"
    yield "pickle"


def save(
    value: Any,
    store: ArtifactStore,
    *,
    name: str,
    declared_type: str = "",
    materializer: str | None = None,
    scratch: Path | None = None,
) -> ArtifactRef:
    """Keep `value` in `store` and return the reference to it.

    `name` is the output's, for messages. A value that nothing else can keep is pickled, and its reference
    says so. With `materializer` only that one is asked. Raises `MaterializerError`.
    """
    folder = scratch or process_scratch()
    chosen, packed = _packed(value, name, (materializer,) if materializer else _candidates(value), folder)
    content = packed.content
    stored = store.put_bytes(content) if isinstance(content, bytes) else store.put_file(content)
    if isinstance(content, Path) and content.is_relative_to(folder):
        content.unlink(missing_ok=True)
    return ArtifactRef(
        id=uuid7(),
        uri=stored.path,
        digest=stored.digest,
        size=stored.size,
        type=type_name(value) if value is not None else declared_type or "NoneType",
        materializer=chosen,
        metadata=packed.facts,
    )


def load(ref: ArtifactRef, store: ArtifactStore, *, scratch: Path | None = None) -> Any:
    """The value of an artifact. Its digest is checked before anything is parsed or unpickled.

    Files and folders are private copies under `scratch`, or under a folder that goes with the process.
    Raises `DigestMismatch`, `NotFound` and `MaterializerError`.
    """
    return named(ref.materializer).unpack(Source(ref, store, scratch or process_scratch()))


def _packed(value: Any, name: str, candidates: Iterable[str], scratch: Path) -> tuple[str, Packed]:
    chosen, reason = "", ""
    for chosen in candidates:
        try:
            return chosen, named(chosen).pack(value, scratch)
        except Unfit as unfit:
            reason = str(unfit)
        except MaterializerError as error:
            if ":" not in chosen:
                raise
            raise MaterializerError(f"output {name!r}: {error}") from error.__cause__
    if chosen != "pickle":
        raise MaterializerError(
            f"output {name!r} ({type_name(value)}) does not fit the materializer {chosen!r}: {reason}"
        )
    raise MaterializerError(
        f"output {name!r} ({type_name(value)}) cannot be kept: {reason}; return plain values, arrays, "
        "frames, a Path, or name a materializer for it"
    )


def _import(name: str) -> Materializer:
    if name not in _MODULES:
        raise MaterializerError(
            f"there is no materializer {name!r}: use one of {', '.join(_MODULES)}, or your own as module:object"
        )
    module = importlib.import_module(f"{_HERE}.{_MODULES[name]}")
    made: Materializer = getattr(module, name.upper())
    return made


def _all_arrays(value: dict[Any, Any]) -> bool:
    if not value:
        return False
    kinds = {type(item) for item in value.values()}
    if len(kinds) != 1 or any(type(key) is not str for key in value):
        return False
    kind = kinds.pop()
    return (kind.__module__, kind.__qualname__) in {("numpy", "ndarray"), ("torch", "Tensor")}


_scratch: Path | None = None


def process_scratch() -> Path:
    """A folder of this process, which goes with it."""
    global _scratch  # noqa: PLW0603
    if _scratch is None:
        _scratch = Path(tempfile.mkdtemp(prefix=f"stacktui-{os.getpid()}-"))
        atexit.register(shutil.rmtree, _scratch, ignore_errors=True)
    return _scratch
