"""Pickle: the last resort, for estimators and everything that nothing else keeps. Never used to preview."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from stacktui.pipelines.materializers.base import MaterializerError, Packed, Source, Unfit
from stacktui.pipelines.pickle_names import dumps

# Fixed, so that a newer Python writes what an older one reads.
_PROTOCOL = 5


class _Pickle:
    name = "pickle"

    def pack(self, value: Any, scratch: Path) -> Packed:
        try:
            data, classes = dumps(value, _PROTOCOL)
        except Exception as error:
            raise Unfit(f"pickle says {type(error).__name__}: {error}") from None
        return Packed(data, {"classes": classes} if classes else {})

    def unpack(self, source: Source) -> Any:
        data = source.data()
        try:
            return pickle.loads(data)
        except Exception as error:
            raise MaterializerError(
                f"artifact {source.ref.id} ({source.ref.type}) cannot be unpickled here: "
                f"{type(error).__name__}: {error}"
            ) from error


PICKLE = _Pickle()
