"""Three versions of an object, field by field: what it was, what is typed here, what stands on disk now.

Nothing here draws. Used by the component form and the stack builder, before `MergeDialog` asks which side counts.

    found = conflicts(base, mine, theirs)       # every field that differs between mine and theirs
    merged(found, theirs, {c.key: "mine" …})    # their data with the chosen fields of mine in it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.form_fields import ABSENT

Side = Literal["mine", "theirs"]
KeyPath = tuple[str, ...]
_DEPTH = 8
_NAME = "name"


class Called(str):
    """A step of a path: the item of a list that has this name."""

    __slots__ = ()


class FieldConflict(NamedTuple):
    """One field that differs between the two versions."""

    key: str
    """The path of its keys with dots between, as people read it and as the choice is called."""
    label: Clean
    mine: Any
    """`ABSENT` where a side does not have it."""
    theirs: Any
    base: Any
    """What both were made from."""
    path: KeyPath = ()
    """The keys; a key may hold dots. By default `key` is the only one."""
    masked: bool = False
    """Whether its values are not to be shown: a secret was written where a reference to it belongs."""

    @property
    def only(self) -> Side | None:
        """The one side that changed it; None where both did."""
        from stacktui.workspace.yaml_tree import same

        if same(self.mine, self.base):
            return "theirs"
        return "mine" if same(self.theirs, self.base) else None


class Unreadable(NamedTuple):
    """What stands in a field and is no value: it is shown as it was typed, and is like nothing else."""

    text: str


def conflicts(
    base: Mapping[str, Any],
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    *,
    labels: Mapping[str, Clean] | None = None,
) -> tuple[FieldConflict, ...]:
    """Every field that differs between the two versions, in the order of mine. Mappings are gone into by key and lists
    of named items by name, so that two edits meet only where they touch the same. `labels` are by key."""
    found: list[FieldConflict] = []
    _differ(base, mine, theirs, (), found)
    return tuple(one._replace(label=(labels or {}).get(one.key, one.label)) for one in found)


def _differ(
    base: Mapping[Any, Any],
    mine: Mapping[Any, Any],
    theirs: Mapping[Any, Any],
    path: KeyPath,
    found: list[FieldConflict],
) -> None:
    for name in dict.fromkeys((*mine, *theirs)):
        was, here, there = (side.get(name, ABSENT) for side in (base, mine, theirs))
        _differ_at(was, here, there, (*path, str(name)), found, plain=isinstance(name, str))


def _differ_at(
    was: Any, here: Any, there: Any, path: KeyPath, found: list[FieldConflict], *, plain: bool = True
) -> None:
    from stacktui.workspace.yaml_tree import same

    if same(here, there):
        return
    if plain and len(path) < _DEPTH and isinstance(here, dict) and isinstance(there, dict):
        _differ(was if isinstance(was, dict) else {}, here, there, path, found)
        return
    if plain and len(path) < _DEPTH and (names := _names_in_common(was, here, there)) is not None:
        old, ours, others = ({item[_NAME]: item for item in side} for side in (was, here, there))
        for name in names:
            inside = (*path, Called(name))
            _differ_at(old.get(name, ABSENT), ours.get(name, ABSENT), others.get(name, ABSENT), inside, found)
        return
    key = ".".join(path)
    found.append(FieldConflict(key, clean(key), here, there, was, path))


def _names_in_common(was: Any, here: Any, there: Any) -> list[str] | None:
    """The names of the items of three lists, if each has its own and both sides keep them in one order; else None."""
    orders = []
    for side in (was, here, there):
        if not isinstance(side, (list, tuple)) or not all(isinstance(item, dict) for item in side):
            return None
        names = [item.get(_NAME) for item in side]
        if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            return None
        orders.append(names)
    both = set(orders[1]) & set(orders[2])
    common, own = ([name for name in orders[1] if (name in both) is kept] for kept in (True, False))
    # What only mine has comes to the end of theirs: that has to be where it stands in mine.
    if common != [name for name in orders[2] if name in both] or orders[1] != [*common, *own]:
        return None
    return list(dict.fromkeys((*orders[1], *orders[2])))


def merged(
    found: Sequence[FieldConflict], theirs: Mapping[str, Any], choices: Mapping[str, Side]
) -> dict[str, Any]:
    """Their version with what was chosen of mine in it. A field that nothing was chosen for keeps the side that alone
    changed it, and theirs where both did."""
    result = dict(theirs)
    for one in found:
        if choices.get(one.key, one.only) == "mine":
            result = _with(result, one.path or (one.key,), one.mine)
    return result


def _with(data: Any, path: KeyPath, value: Any) -> Any:
    step, rest = path[0], path[1:]
    if isinstance(step, Called):
        return _with_item(list(data) if isinstance(data, (list, tuple)) else [], step, rest, value)
    copy = dict(data) if isinstance(data, Mapping) else {}
    new = _with(copy.get(step), rest, value) if rest else value
    if new is ABSENT:
        copy.pop(step, None)
    else:
        copy[step] = new
    return copy


def _with_item(items: list[Any], name: str, rest: KeyPath, value: Any) -> list[Any]:
    place = next((n for n, item in enumerate(items) if item.get(_NAME) == name), None)
    new = _with(items[place] if place is not None else {}, rest, value) if rest else value
    if place is None:
        return items if new is ABSENT else [*items, new]
    return [*items[:place], *([] if new is ABSENT else [new]), *items[place + 1 :]]
