"""NumPy arrays and scalars as `.npy`, never with pickle. Loaded late: NumPy is there when a value of it is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from stacktui.pipelines.materializers.base import Packed, Source, Unfit


class _Npy:
    name = "npy"

    def pack(self, value: Any, scratch: Path) -> Packed:
        scalar = isinstance(value, np.generic)
        # Subclasses (matrix, masked arrays) carry more than `.npy` holds.
        if not scalar and type(value) is not np.ndarray:
            raise Unfit(f"{type(value).__name__} is more than an array")
        array = np.asarray(value)
        if array.dtype.hasobject or array.dtype.metadata:
            raise Unfit(f"the type {array.dtype} needs pickle")
        buffer = io.BytesIO()
        try:
            np.save(buffer, array, allow_pickle=False)
        except (ValueError, TypeError) as error:
            raise Unfit(str(error)) from None
        facts: dict[str, Any] = {"dtype": str(array.dtype)}
        facts["scalar" if scalar else "shape"] = True if scalar else list(array.shape)
        return Packed(buffer.getvalue(), facts)

    def unpack(self, source: Source) -> Any:
        array = np.load(io.BytesIO(source.data()), allow_pickle=False)
        return array[()] if source.ref.metadata.get("scalar") else array


NPY = _Npy()
