"""The Open Inference Protocol's tensors from and to nested lists, without NumPy. Used by the model deployer.

The protocol is the HTTP/REST one, version 2: a tensor has `name`, `shape`, `datatype` and `data`, in row-major
order, flat or nested. A missing number travels as `null`: JSON has no NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from stacktui.categories.errors import ComponentError

Tensor = dict[str, Any]
_EMPTY_ROWS = 100_000


def tensors_of(inputs: Any) -> list[Tensor]:
    """Nested lists as one tensor, or a mapping of column → list as one tensor a column.

    Takes arrays and frames too, by their own `tolist` and `to_dict`. Raises `ComponentError` if rows differ in
    length or values cannot travel.
    """
    if hasattr(inputs, "to_dict") and hasattr(inputs, "columns"):
        inputs = inputs.to_dict("list")
    if isinstance(inputs, Mapping):
        columns = [_tensor(str(name), _plain(values)) for name, values in inputs.items()]
        if not columns:
            raise ComponentError("there are no inputs: give at least one column")
        lengths = {column["shape"][0] for column in columns if column["shape"]}
        if len(lengths) != 1 or not all(column["shape"] for column in columns):
            raise ComponentError("the columns are not lists of the same length")
        return columns
    return [_tensor("input", _plain(inputs))]


def values_of(outputs: Sequence[Mapping[str, Any]]) -> Any:
    """A response's tensors as nested lists: those of the only one, or of each by name."""
    values = {str(tensor["name"]): nested(tensor["data"], tensor["shape"]) for tensor in outputs}
    return next(iter(values.values())) if len(values) == 1 else values


def nested(data: Any, shape: Sequence[int]) -> Any:
    """Flat or nested data as lists nested by `shape`. Raises ValueError if the numbers do not match."""
    flat = list(_flat(data))
    if not all(isinstance(length, int) and not isinstance(length, bool) and length >= 0 for length in shape):
        raise ValueError(f"shape {list(shape)} is not a list of lengths")
    if len(flat) != prod(shape):
        raise ValueError(f"shape {list(shape)} has {prod(shape)} values, the data has {len(flat)}")
    if 0 in shape and prod(shape[: list(shape).index(0)]) > _EMPTY_ROWS:
        raise ValueError(f"shape {list(shape)} is too many empty rows")
    return _nest(flat, shape)


def _nest(flat: list[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return flat[0]
    if len(shape) == 1:
        return flat
    step = prod(shape[1:])
    return [_nest(flat[row * step : (row + 1) * step], shape[1:]) for row in range(shape[0])]


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _tensor(name: str, value: Any) -> Tensor:
    shape = _shape(value)
    flat = list(_flat(value))
    datatype = _datatype(flat)
    if datatype == "FP64":
        # NaN and infinities are no JSON.
        flat = [None if item is None or item - item != 0 else float(item) for item in flat]
    return {"name": name, "shape": shape, "datatype": datatype, "data": flat}


def _shape(value: Any) -> list[int]:
    if not isinstance(value, (list, tuple)):
        return []
    shapes = [_shape(item) for item in value]
    if any(shape != shapes[0] for shape in shapes):
        raise ComponentError("the inputs are not rectangular: rows differ in length")
    return [len(value), *(shapes[0] if shapes else [])]


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _datatype(flat: Sequence[Any]) -> str:
    kinds = {type(item) for item in flat if item is not None}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {str} and None not in flat:
        return "BYTES"
    if kinds == {int} and None not in flat:
        return "INT64"
    if kinds <= {int, float}:
        return "FP64"
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise ComponentError(f"inputs of type {names} cannot be sent: use numbers, texts or booleans, not mixed")
