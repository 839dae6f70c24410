"""The beginning of an artifact, for people. Nothing is ever unpickled or imported for it.

Used by the artifact screens and `artifact preview`.
"""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any, Literal

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import Noun
from stacktui.pipelines.materializers.base import Source
from stacktui.pipelines.materializers.registry import process_scratch

_WHOLE = 64 << 20
_HEAD = 64 << 10


class Preview(Noun):
    """What can be shown of an artifact without running anything."""

    kind: Literal["table", "json", "text", "listing", "none"]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """The head of a table, as text."""
    text: str = ""
    truncated: bool = False
    note: str = ""
    """Why there is nothing to see, or how much there is in all."""


def preview(ref: ArtifactRef, store: ArtifactStore, limit: int = 20) -> Preview:
    """The first `limit` rows, lines or entries. Raises `NotFound` and `DigestMismatch`."""
    if ref.materializer == "pickle":
        return Preview(kind="none", note=f"a pickled {ref.type}: never opened to preview it")
    show = _VIEWS.get(ref.materializer)
    if show is None:
        return Preview(kind="none", note=f"kept by {ref.materializer}, which has no preview")
    if ref.size > _WHOLE and ref.materializer != "file":
        return Preview(kind="none", note=f"{ref.size:,} bytes: too much to preview")
    return show(ref, store, limit)


def _data(ref: ArtifactRef, store: ArtifactStore) -> bytes:
    return Source(ref, store, process_scratch()).data()


def _json(ref: ArtifactRef, store: ArtifactStore, limit: int) -> Preview:
    # Tags stay as they are written: resolving them could import the user's modules.
    text = json.dumps(json.loads(_data(ref, store)), indent=2, ensure_ascii=False)
    return _text(text, limit, "json")


def _text(text: str, limit: int, kind: Literal["json", "text"]) -> Preview:
    lines = text.split("\n")
    cut = [line[:2000] for line in lines[:limit]]
    return Preview(
        kind=kind,
        text="\n".join(cut),
        truncated=len(lines) > limit or any(len(line) > 2000 for line in lines[:limit]),
        note=f"{len(lines):,} lines" if len(lines) > limit else "",
    )


def _bytes(ref: ArtifactRef, store: ArtifactStore, limit: int) -> Preview:
    with store.open(ref.uri) as content:
        head = content.read(_HEAD)
    text = _decoded(head)
    if text is None:
        shown = [
            f"{at:08x}  {head[at : at + 16].hex(' ')}" for at in range(0, min(len(head), limit * 16), 16)
        ]
        return Preview(
            kind="text", text="\n".join(shown), truncated=ref.size > limit * 16, note=f"{ref.size:,} bytes"
        )
    found = _text(text, limit, "text")
    return found.model_copy(update={"truncated": True}) if ref.size > _HEAD else found


def _decoded(head: bytes) -> str | None:
    if b"\0" in head:
        return None
    # The cut may fall into the middle of a character.
    for short in range(4):
        try:
            return head[: len(head) - short].decode("utf-8")
        except UnicodeDecodeError:
            continue
    return None


def _npy(ref: ArtifactRef, store: ArtifactStore, limit: int) -> Preview:
    import numpy as np

    array = np.load(io.BytesIO(_data(ref, store)), allow_pickle=False)
    shape = "×".join(str(size) for size in array.shape) or "scalar"
    note = f"{array.dtype} {shape}"
    if array.ndim == 2 and array.dtype.names is None:
        head = array[:limit, :50]
        return Preview(
            kind="table",
            columns=tuple(str(place) for place in range(head.shape[1])),
            rows=tuple(tuple(str(item) for item in row) for row in head),
            truncated=head.shape != array.shape,
            note=note,
        )
    return Preview(
        kind="text",
        text=np.array2string(array, threshold=max(limit, 4), edgeitems=max(limit // 4, 1)),
        truncated=array.size > limit,
        note=note,
    )


def _parquet(ref: ArtifactRef, store: ArtifactStore, limit: int) -> Preview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(_data(ref, store)))
    batch = next(file.iter_batches(batch_size=max(limit, 1), use_threads=False), None)
    total = file.metadata.num_rows
    names = _labels(file.schema_arrow)
    columns = [batch.column(place).to_pylist() for place in range(len(names))] if batch is not None else []
    return Preview(
        kind="table",
        columns=names,
        rows=tuple(
            tuple("" if item is None else str(item) for item in row) for row in zip(*columns, strict=True)
        ),
        truncated=total > limit,
        note=f"{total:,} rows, {len(names)} columns",
    )


def _labels(schema: Any) -> tuple[str, ...]:
    """The columns' names; of those that were given others to be told apart, what they were."""
    names = tuple(schema.names)
    notes = json.loads((schema.metadata or {}).get(b"stacktui", b"{}"))
    if "labels" in notes:
        names = tuple(str(label) for label in notes["labels"]["of"]) + names[len(notes["labels"]["of"]) :]
    return names


def _tensors(ref: ArtifactRef, store: ArtifactStore, limit: int) -> Preview:
    data = _data(ref, store)
    header: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    header.pop("__metadata__", None)
    rows = [(name, facts["dtype"], "×".join(map(str, facts["shape"]))) for name, facts in header.items()]
    return Preview(
        kind="listing",
        columns=("tensor", "type", "shape"),
        rows=tuple(rows[:limit]),
        truncated=len(rows) > limit,
    )


def _folder(ref: ArtifactRef, store: ArtifactStore, limit: int) -> Preview:
    with tarfile.open(fileobj=io.BytesIO(_data(ref, store)), mode="r:") as archive:
        members = [(member.name, f"{member.size:,}") for member in archive if not member.isdir()]
    return Preview(
        kind="listing",
        columns=("file", "bytes"),
        rows=tuple(members[:limit]),
        truncated=len(members) > limit,
        note=f"{len(members):,} files",
    )


_VIEWS = {
    "json": _json,
    "bytes": _bytes,
    "file": _bytes,
    "folder": _folder,
    "npy": _npy,
    "parquet": _parquet,
    "safetensors": _tensors,
}
