"""Nested lists as tensors of the Open Inference Protocol, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.categories.errors import ComponentError
from stacktui.flavors.local.inference import nested, tensors_of, values_of

_shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
_values = {
    "INT64": st.integers(-(2**63), 2**63 - 1),
    "FP64": st.floats(allow_nan=False, allow_infinity=False),
    "BOOL": st.booleans(),
    "BYTES": st.text(max_size=5),
}


@settings(max_examples=150, deadline=None)
@given(_shapes, st.sampled_from(sorted(_values)), st.data())
def test_lists_come_back_as_they_were(shape: tuple[int, ...], datatype: str, data: st.DataObject) -> None:
    count = int(np.prod(shape, dtype=int))
    flat = data.draw(st.lists(_values[datatype], min_size=count, max_size=count))
    array = np.empty(count, dtype=object)
    array[:] = flat
    # A dimension of no length hides those after it: lists cannot tell [] of [0, 3] from [] of [0].
    value = array.reshape(shape).tolist()
    tensors = json.loads(json.dumps(tensors_of(value)))
    assert values_of(tensors) == value
    (tensor,) = tensors
    if flat:
        assert tensor["datatype"] == datatype
        assert tuple(tensor["shape"]) == shape


@settings(max_examples=100, deadline=None)
@given(_shapes)
def test_nests_as_numpy_does(shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
    assert nested(array.ravel().tolist(), shape) == array.tolist()
    assert nested(array.tolist(), shape) == array.tolist()


def test_arrays_and_frames_are_taken() -> None:
    pandas = pytest.importorskip("pandas")
    assert tensors_of(np.array([[1.5, 2.5]])) == tensors_of([[1.5, 2.5]])
    assert tensors_of(pandas.DataFrame({"a": [1], "b": ["x"]})) == tensors_of({"a": [1], "b": ["x"]})
    assert [tensor["datatype"] for tensor in tensors_of({"a": [1], "b": ["x"]})] == ["INT64", "BYTES"]


def test_what_is_no_number_travels_as_null() -> None:
    (tensor,) = tensors_of([1.0, float("nan"), float("inf"), None])
    assert tensor["data"] == [1.0, None, None, None]
    assert json.dumps(tensor, allow_nan=False)


@pytest.mark.parametrize(
    "inputs", [[[1], [1, 2]], [1, "x"], [object()], {}, {"a": 1}, {"a": [1], "b": []}, ["x", None]]
)
def test_inputs_that_cannot_travel_are_refused(inputs: Any) -> None:
    with pytest.raises(ComponentError) as caught:
        tensors_of(inputs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [[-1], [True], ["2"], [3], [10**9, 10**9, 0]])
def test_a_shape_that_cannot_be_is_refused(shape: list[Any]) -> None:
    with pytest.raises(ValueError, match="shape"):
        nested([] if 0 in shape else [1, 2], shape)
