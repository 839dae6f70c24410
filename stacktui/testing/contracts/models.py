"""A model for the suites to deploy. A server has to be able to import it: it needs NumPy, and no pytest."""

from __future__ import annotations

import pickle
import time
from typing import Any

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import uuid7


class RowSum:
    """Predicts the sum of each row's values, times a factor."""

    def __init__(self, factor: float, seconds: float = 0.0) -> None:
        self.factor = factor
        self.seconds = seconds
        """How long a prediction takes."""

    def predict(self, rows: Any) -> Any:
        """One number a row."""
        import numpy as np

        time.sleep(self.seconds)
        return np.asarray(rows, dtype="float64").sum(axis=1) * self.factor


def kept(value: Any, store: ArtifactStore) -> ArtifactRef:
    """A value in the artifact store, as a step that returned it would have left it."""
    stored = store.put_bytes(pickle.dumps(value, protocol=5))
    kind = type(value)
    return ArtifactRef(
        id=uuid7(),
        uri=stored.path,
        digest=stored.digest,
        size=stored.size,
        type=f"{kind.__module__}.{kind.__qualname__}",
        materializer="pickle",
    )
