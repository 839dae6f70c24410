"""Which materializer keeps which value, and the two ways through them: `save` and `load`.

Libraries are told by the name of the value's type, so that NumPy, pandas or torch are only imported when a
value of theirs is there, which means that they are imported already.
"""

from __future__ import annotations

import atexit
import importlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import uuid7
from stacktui.pipelines.materializers.base import (
    Materializer,
    MaterializerError,
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
    found = _loaded.get(name)
    if found is None:
        found = _loaded[name] = _import(name)
    return found


def materializer_for(value: Any) -> str:
    """The name of the materializer that is asked first for `value`."""
    kind = type(value)
    if kind in _PLAIN:
        return "safetensors" if kind is dict and _all_arrays(value) else "json"
    if kind in (bytes, bytearray):
        return "bytes"
    if isinstance(value, Path):
        return "folder" if value.is_dir() else "file"
    package = kind.__module__.partition(".")[0]
    if package in _BY_PACKAGE:
        return _BY_PACKAGE[package]
    # Dates, decimals, pydantic models and the like; it says itself what it cannot keep.
    return "json"


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
    folder = scratch or _process_scratch()
    chosen = materializer or materializer_for(value)
    try:
        packed = named(chosen).pack(value, folder)
    except Unfit as reason:
        if materializer:
            raise MaterializerError(
                f"output {name!r} ({type_name(value)}) does not fit the materializer {chosen!r}: {reason}"
            ) from None
        chosen = "pickle"
        packed = _pickled(value, name, folder)
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
    return named(ref.materializer).unpack(Source(ref, store, scratch or _process_scratch()))


def _pickled(value: Any, name: str, scratch: Path) -> Any:
    try:
        return named("pickle").pack(value, scratch)
    except Unfit as reason:
        raise MaterializerError(
            f"output {name!r} ({type_name(value)}) cannot be kept: {reason}; return plain values, arrays, "
            "frames, a Path, or name a materializer for it"
        ) from None


def _import(name: str) -> Materializer:
    module_name, attribute = (
        (f"{_HERE}.{_MODULES[name]}", name.upper())
        if name in _MODULES
        else name.split(":", 1)
        if ":" in name
        else ("", "")
    )
    if not module_name:
        raise MaterializerError(
            f"there is no materializer {name!r}: use one of {', '.join(_MODULES)}, or your own as module:object"
        )
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise MaterializerError(f"the materializer {name!r} does not load: {error}") from error
    made: Materializer = found() if isinstance(found, type) else found
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


def _process_scratch() -> Path:
    global _scratch  # noqa: PLW0603
    if _scratch is None:
        _scratch = Path(tempfile.mkdtemp(prefix="stacktui-"))
        atexit.register(shutil.rmtree, _scratch, ignore_errors=True)
    return _scratch
