"""How a step's values become artifacts and come back: `save`, `load` and `preview`.

Used by the worker (inputs, outputs), the step channel (logged files) and the operations that show artifacts.
"""

from __future__ import annotations

from stacktui.pipelines.materializers.base import MaterializerError
from stacktui.pipelines.materializers.preview import Preview, preview
from stacktui.pipelines.materializers.registry import load, materializer_for, save

__all__ = [
    "MaterializerError",
    "Preview",
    "load",
    "materializer_for",
    "preview",
    "save",
]
