"""Mappings of arrays, tensors and mappings of tensors as safetensors. Loaded late."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from stacktui.pipelines.materializers.base import Packed, Source, Unfit, type_name

_SINGLE = "tensor"


class _SafeTensors:
    name = "safetensors"

    def pack(self, value: Any, scratch: Path) -> Packed:
        single = type(value) is not dict
        tensors = {_SINGLE: value} if single else value
        kinds = {type_name(item) for item in tensors.values()}
        if kinds not in ({"numpy.ndarray"}, {"torch.Tensor"}) or any(type(key) is not str for key in tensors):
            raise Unfit("safetensors keeps tensors and mappings of arrays only")
        try:
            library = _library(kinds == {"torch.Tensor"})
        except ImportError:
            raise Unfit("safetensors is not installed") from None
        # One entry: the library writes several in an order that differs each time.
        notes = {"stacktui": json.dumps({"order": list(tensors), "single": single})}
        try:
            data = library.save({name: _plain(item) for name, item in tensors.items()}, metadata=notes)
        except Exception as error:
            raise Unfit(f"{type(error).__name__}: {error}") from None
        self._check(tensors, library.load(data))
        shapes = {name: list(item.shape) for name, item in list(tensors.items())[:50]}
        facts: dict[str, Any] = {"shape": shapes[_SINGLE]} if single else {"tensors": shapes}
        facts["library"] = kinds.pop().partition(".")[0]
        return Packed(data, facts)

    @staticmethod
    def _check(before: dict[str, Any], after: dict[str, Any]) -> None:
        # Byte order, structured types and the like are silently lost.
        for name, item in before.items():
            if item.dtype != after[name].dtype or item.shape != after[name].shape:
                raise Unfit(f"safetensors would change {name!r}")

    def unpack(self, source: Source) -> Any:
        data = source.data()
        notes = _notes(data)
        tensors = _library(source.ref.metadata.get("library") == "torch").load(data)
        if notes["single"]:
            return tensors[_SINGLE]
        return {name: tensors[name] for name in notes["order"]}


SAFETENSORS = _SafeTensors()


def _plain(item: Any) -> Any:
    if type_name(item) == "torch.Tensor":
        if item.requires_grad:
            raise Unfit("the tensor is part of a gradient's graph")
        return item.contiguous()
    import numpy

    if not item.dtype.isnative:
        raise Unfit("the array has another byte order")
    # `ascontiguousarray` would turn a scalar array into one with a dimension.
    return numpy.array(item, order="C")


def _library(torch: bool) -> Any:
    return importlib.import_module("safetensors.torch" if torch else "safetensors.numpy")


def _notes(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    found: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["stacktui"])
    return found
