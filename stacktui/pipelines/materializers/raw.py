"""Bytes as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stacktui.pipelines.materializers.base import Packed, Source, Unfit


class _Bytes:
    name = "bytes"

    def pack(self, value: Any, scratch: Path) -> Packed:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise Unfit("it is not bytes")
        return Packed(bytes(value), {})

    def unpack(self, source: Source) -> Any:
        data = source.data()
        return bytearray(data) if source.ref.type == "bytearray" else data


BYTES = _Bytes()
