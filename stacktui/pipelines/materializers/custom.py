"""A team's own materializers: `@materializer(Type)` in the workspace's code, or an entry point of an installed package.

    @materializer(Image)
    class ImageAsPng:
        def pack(self, value, scratch):
            return value.png()                      # bytes, or a file under `scratch`

        def unpack(self, source):
            return Image.from_png(source.data())    # or `source.file("image.png")`

One that is decorated counts for its types and their subclasses wherever its module is imported; it goes before
stacktui's own. An entry point of the group `stacktui.materializers` is named by the type's qualified name and leads
to the object: `"acme.images.Image" = "acme.images:ImageAsPng"`; it counts for types that stacktui has nothing for.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from stacktui.categories.installed import entry_points
from stacktui.pipelines.materializers.base import (
    MaterializerError,
    Packed,
    Source,
    Unfit,
    object_called,
    type_name,
)

M = TypeVar("M")

ENTRY_POINTS = "stacktui.materializers"

_registered: dict[type, str] = {}
_objects: dict[str, Any] = {}


def materializer(*types: type) -> Callable[[M], M]:
    """Make a class, or an object, the materializer of values of these types and their subclasses.

    It has `pack(value, scratch)`, which returns bytes, a file under `scratch`, or a `Packed`, and `unpack(source)`.
    Raises `TypeError`, in words, for something else.
    """
    wrong = [each for each in types if not isinstance(each, type)]
    if not types or wrong:
        raise TypeError(
            f"@materializer takes the types that it keeps, not {wrong[0] if wrong else 'nothing'!r}"
        )

    def register(made: M) -> M:
        _check_shape(made)
        name = name_of(made)
        _objects[name] = made() if isinstance(made, type) else made
        for each in types:
            _registered[each] = name
        return made

    return register


def name_of(chosen: Any) -> str:
    """What is recorded of a materializer: its name, or `module:object` of a class or an object. Raises `TypeError`."""
    if isinstance(chosen, str):
        return chosen
    _check_shape(chosen)
    kind = chosen if isinstance(chosen, type) else type(chosen)
    return f"{kind.__module__}:{kind.__qualname__}"


def chosen_for(value: Any) -> str | None:
    """The decorated materializer for a value; None where there is none."""
    if not _registered:
        return None
    return next((_registered[kind] for kind in type(value).__mro__ if kind in _registered), None)


def installed_for(value: Any) -> str | None:
    """The materializer that an installed package declares for a value; None where there is none."""
    declared = _entry_points()
    if not declared:
        return None
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(value).__mro__)
    return next((declared[name] for name in names if name in declared), None)


@functools.cache
def _entry_points() -> dict[str, str]:
    return {found.name: found.value for found in entry_points(ENTRY_POINTS)}


class Custom:
    """One of them, with what goes wrong in it said in words that name it."""

    def __init__(self, name: str, made: Any) -> None:
        self.name = name
        self._made = made

    def pack(self, value: Any, scratch: Path) -> Packed:
        try:
            packed = self._made.pack(value, scratch)
        except (Unfit, MaterializerError):
            raise
        except Exception as error:
            raise MaterializerError(f"{self._said} fails on a {type_name(value)}: {_words(error)}") from error
        content: Any = packed.content if isinstance(packed, Packed) else packed
        facts = packed.facts if isinstance(packed, Packed) else {}
        if isinstance(content, (bytearray, memoryview)):
            content = bytes(content)
        if not isinstance(content, (bytes, Path)):
            raise MaterializerError(
                f"{self._said} gives a {type_name(content)}: pack returns bytes or a Path"
            )
        if isinstance(content, Path) and not content.is_file():
            raise MaterializerError(f"{self._said} names a file that it did not write: {content}")
        return Packed(content, dict(facts))

    def unpack(self, source: Source) -> Any:
        try:
            return self._made.unpack(source)
        except MaterializerError:
            raise
        except Exception as error:
            if type(error).__module__.startswith("stacktui.categories"):
                # The store's own words: content that is gone, or is not what it was.
                raise
            raise MaterializerError(
                f"{self._said} cannot read artifact {source.ref.id} ({source.ref.type}): {_words(error)}"
            ) from error

    @property
    def _said(self) -> str:
        return f"the materializer {self.name!r}"


def custom(name: str) -> Custom:
    """The materializer `module:object`. Raises `MaterializerError`."""
    made = _objects.get(name)
    if made is None:
        made = _imported(name)
    return Custom(name, made)


def _imported(name: str) -> Any:
    try:
        found = object_called(name)
        _check_shape(found)
        return found() if isinstance(found, type) else found
    except Exception as error:
        raise MaterializerError(f"the materializer {name!r} does not load: {_words(error)}") from error


def _check_shape(made: Any) -> None:
    for method in ("pack", "unpack"):
        if not callable(getattr(made, method, None)):
            named = made.__qualname__ if inspect.isclass(made) or inspect.isroutine(made) else repr(made)
            raise TypeError(f"{named} is no materializer: it has no method `{method}`")


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
