"""A served model: an artifact with `predict`, called with the Open Inference Protocol's tensors. Used by `serving`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stacktui.categories.base import Surroundings
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.flavors.local.inference import Tensor, nested
from stacktui.flavors.local.model_server import ServeSpec

_NUMPY_TYPES = {
    "BOOL": "bool",
    **{f"{kind}{bits}": f"{kind.lower()}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
    "BYTES": "object",
}
_DATATYPES = {numpy: ours for ours, numpy in _NUMPY_TYPES.items()}


class BadInput(Exception):
    """A request cannot be answered as it is. The message says what to change."""


def load_model(spec: ServeSpec, folder: Path) -> Model:
    """Load the version's artifact; its digest is checked before anything of it is unpickled.

    Raises `ComponentError` where the content is not what it was, and TypeError for what is no model.
    """
    from stacktui.pipelines.materializers import load

    sys.path[:0] = [path for path in spec.import_paths if path not in sys.path]
    os.chdir(spec.workspace)
    around = Surroundings("served", Path(spec.workspace), folder, folder)
    store = LocalArtifactStore(LocalArtifactStoreConfig(path=str(folder / "artifacts")), around)
    value = load(spec.artifact, store)
    if not callable(getattr(value, "predict", None)):
        raise TypeError(f"the artifact is a {type(value).__name__}, which has no method `predict`")
    return Model(value, spec.artifact.metadata)


class Model:
    """Calls `predict` with what it was fitted with: a frame where it knows its features by name, else an array."""

    def __init__(self, value: Any, metadata: Mapping[str, Any]) -> None:
        self._value = value
        names = metadata.get("feature_names")
        if names is None:
            names = getattr(value, "feature_names_in_", None)
        self._features = None if names is None else [str(name) for name in names]

    def inputs(self) -> list[dict[str, Any]]:
        """What it expects, as far as it is known."""
        if self._features is not None:
            return [{"name": name, "datatype": "FP64", "shape": [-1]} for name in self._features]
        count = getattr(self._value, "n_features_in_", None)
        return [{"name": "input", "datatype": "FP64", "shape": [-1, -1 if count is None else int(count)]}]

    def infer(self, tensors: Sequence[Any]) -> list[Tensor]:
        """The output tensors for input tensors. Raises `BadInput`, or what the model itself raises."""
        arrays = dict(_array(tensor) for tensor in tensors)
        if len(arrays) != len(tensors):
            raise BadInput("two inputs have the same name")
        return _outputs(self._value.predict(self._argument(arrays)))

    def _argument(self, arrays: dict[str, Any]) -> Any:
        import numpy as np

        (first, *others) = arrays.values()
        alone = not others and (self._features is None or list(arrays) != self._features)
        if self._features is None:
            return first if alone else np.column_stack(_columns(arrays))
        if alone and first.ndim == 2:
            if first.shape[1] != len(self._features):
                raise BadInput(
                    f"the model has {len(self._features)} features, the input has {first.shape[1]} columns"
                )
            columns = {name: first[:, index] for index, name in enumerate(self._features)}
        else:
            _columns(arrays)
            missing = [name for name in self._features if name not in arrays]
            unknown = [name for name in arrays if name not in self._features]
            if missing or unknown:
                raise BadInput(
                    f"the model's features are {', '.join(self._features)}: "
                    + (f"missing {', '.join(missing)}" if missing else f"unknown {', '.join(unknown)}")
                )
            columns = {name: arrays[name] for name in self._features}
        import pandas as pd

        return pd.DataFrame(columns)


def _columns(arrays: Mapping[str, Any]) -> list[Any]:
    lengths = {array.shape[0] if array.ndim else None for array in arrays.values()}
    if len(lengths) != 1 or None in lengths or any(array.ndim > 2 for array in arrays.values()):
        raise BadInput("several inputs are columns: each a list of the same length")
    return list(arrays.values())


def _array(tensor: Any) -> tuple[str, Any]:
    import numpy as np

    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise BadInput("an input has no `name`")
    name = tensor["name"]
    datatype = tensor.get("datatype")
    if datatype not in _NUMPY_TYPES:
        raise BadInput(f"input {name!r}: datatype {datatype!r} is none of {', '.join(_NUMPY_TYPES)}")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or "data" not in tensor:
        raise BadInput(f"input {name!r} has no `shape` or no `data`")
    try:
        rows = nested(tensor["data"], shape)
        if datatype.startswith("FP"):
            # A missing number is null on the wire; as an object array it becomes NaN.
            return name, np.array(rows, dtype="object").astype(_NUMPY_TYPES[datatype]).reshape(shape)
        return name, np.array(rows, dtype=_NUMPY_TYPES[datatype]).reshape(shape)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadInput(f"input {name!r} is not {datatype} of shape {shape}: {error}") from None


def _outputs(result: Any) -> list[Tensor]:
    if hasattr(result, "columns") and hasattr(result, "to_numpy"):
        return [_tensor(str(column), result[column].to_numpy()) for column in result.columns]
    if isinstance(result, Mapping):
        return [_tensor(str(name), values) for name, values in result.items()]
    if hasattr(result, "detach"):
        result = result.detach().cpu()
    return [_tensor("predict", result)]


def _tensor(name: str, values: Any) -> Tensor:
    import numpy as np

    array = np.asarray(values)
    datatype = _DATATYPES.get(array.dtype.name, "BYTES")
    flat = array.ravel().tolist()
    if datatype == "BYTES":
        flat = [item if item is None else str(item) for item in flat]
    elif datatype.startswith("FP"):
        # NaN and infinities are no JSON.
        flat = [item if item - item == 0 else None for item in flat]
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": flat}
