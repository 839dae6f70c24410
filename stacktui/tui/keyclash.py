"""Whether the keys of a keymap can be in force together: used where a keymap is loaded or a key is chosen.

Textual takes any key without a word. A key is taken if another binding that may be active at the same time has it: one
of the same screen or dialog, of a widget that stands in it, of a pane in a screen. What may stand in what is read off
the modules: a widget whose class a screen's module imports may be there.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input

from stacktui.tui.keys import ids_of_priority, known_facts, shown, single_keys
from stacktui.workspace.keymaps import SIGNS, KeymapEntry

_ROOMS = ("screens", "panes", "dialogs", "widgets")
_RESERVED = {"ctrl+q": "leaves the workbench everywhere", "ctrl+c": "copies the selected text everywhere"}
_BY_REGISTRY = {"stacktui.tui.screens.category": ("stacktui.tui.panes.base", "Pane")}
"""Modules whose widgets are found by name only: which classes, with all that derive from them."""
_IN_TEXT = ("popup", "chooser", "command", "filter", "search", "form", "model_form")
"""Places whose keys are pressed while a text is typed."""


class Clash(NamedTuple):
    """An entry of a keymap that cannot be used, and why."""

    id: str
    reason: str


def load_bindings() -> None:
    """Import everything that has bindings, so that all ids are known. Takes a moment the first time: for a thread."""
    for room in _ROOMS:
        package = import_module(f"stacktui.tui.{room}")
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            try:
                import_module(module.name)
            except ImportError:
                # Opening what is in it says why; its keys are simply not known.
                continue
    _neighbours.cache_clear()


def check_keys(entries: Mapping[str, KeymapEntry]) -> tuple[dict[str, str], tuple[Clash, ...]]:
    """The part of a keymap that can be used, as keys by id, and what cannot be.

    Of two entries that want one key the workspace's wins over the user's, then the earlier line. What loses keeps the
    key that ships. Ids that are not known are left out: who reads the file says so.
    """
    facts = known_facts()
    usable = {name: entry.keys for name, entry in entries.items() if name in facts}
    clashes: list[Clash] = []
    for name in list(usable):
        if reason := _unfit(name, single_keys(usable[name])):
            clashes.append(Clash(name, reason))
            del usable[name]
    # One that loses takes its own key back, which another may have taken meanwhile.
    while found := _first_clash(usable, entries):
        clashes.append(found)
        del usable[found.id]
    return usable, tuple(clashes)


def clash_of(name: str, key: str, entries: Mapping[str, KeymapEntry]) -> str:
    """Why a binding cannot have a key beside what a keymap says already; empty if it can."""
    if reason := _unfit(name, {key}):
        return reason
    usable, _ = check_keys({other: entry for other, entry in entries.items() if other != name})
    return _taken(name, {**usable, name: key})


def _first_clash(usable: Mapping[str, str], entries: Mapping[str, KeymapEntry]) -> Clash | None:
    places = {name: place for place, name in enumerate(entries)}
    for name in sorted(usable, key=lambda name: (not entries[name].own, -places[name])):
        if reason := _taken(name, usable):
            return Clash(name, reason)
    return None


def _taken(name: str, keys: Mapping[str, str]) -> str:
    facts = known_facts()
    mine, own = single_keys(keys[name]), single_keys(facts[name].key)
    for other in sorted(_neighbours().get(name, ()), key=lambda other: (other not in keys, other)):
        theirs, shipped = single_keys(keys.get(other, facts[other].key)), single_keys(facts[other].key)
        # What both have as it ships is meant so: a pane's key comes before its screen's.
        if both := (mine & theirs) - (own & shipped):
            return f"{shown(min(both))} is already the key of {other} ({facts[other].description})"
    return ""


def _unfit(name: str, keys: Collection[str]) -> str:
    for key in keys:
        if key in _RESERVED:
            return f"{key} {_RESERVED[key]}"
    if name in ids_of_priority() and (letters := [key for key in keys if _is_text(key)]):
        return f"{shown(letters[0])} could not be typed in any text any more"
    # The same where every key of it is text: nothing would be left to press.
    if name.partition(".")[0] in _IN_TEXT or name == "dialog.leave":
        shipped = single_keys(known_facts()[name].key)
        typed = [key for key in keys if (_is_text(key) or key in _edits_text()) and key not in shipped]
        if keys and len(typed) == len(keys):
            return f"{shown(typed[0])} is taken by the text field that it would work in"
    return ""


def _is_text(key: str) -> bool:
    return len(key) == 1 or key in SIGNS.values()


@cache
def _edits_text() -> frozenset[str]:
    return frozenset(
        key
        for binding in Input.BINDINGS
        for key in single_keys(getattr(binding, "key", ""))
        if key != "enter"
    )


@cache
def _neighbours() -> dict[str, frozenset[str]]:
    """For each id those that may be active at the same time."""
    found: dict[str, set[str]] = {}

    def together(ones: Iterable[str], others: Iterable[str]) -> None:
        for one in ones:
            for other in others:
                if one != other:
                    found.setdefault(one, set()).add(other)
                    found.setdefault(other, set()).add(one)

    for screen in _classes(Screen):
        together(_ids(screen), _ids(screen))
        for widget in _inside(screen):
            together(_ids(widget), _ids(widget))
            together(_ids(widget), _ids(screen))
            for inner in _inside(widget):
                together(_ids(inner), _ids(widget))
                together(_ids(inner), _ids(screen))
    return {name: frozenset(others) for name, others in found.items()}


def _ids(cls: type) -> frozenset[str]:
    return frozenset(
        binding.id
        for base in cls.__mro__
        for binding in base.__dict__.get("BINDINGS", ())
        if getattr(binding, "id", None)
    )


def _inside(cls: type) -> tuple[type, ...]:
    """Widgets with keys that may stand in a screen or a widget, at any depth."""
    seen: dict[type, None] = {}
    waiting = [cls]
    while waiting:
        for each in _named_by(waiting.pop()):
            if each not in seen and each is not cls and not _over_screens(each):
                seen[each] = None
                waiting.append(each)
    return tuple(each for each in seen if _ids(each))


def _named_by(cls: type) -> Iterator[type]:
    """Widgets of ours that the modules of a class name, and those that a registry names for them."""
    for base in cls.__mro__:
        module = sys.modules.get(base.__module__)
        if module is None or not base.__module__.startswith("stacktui.tui."):
            continue
        for value in list(vars(module).values()):
            if not (isinstance(value, type) and issubclass(value, DOMNode)) or issubclass(value, Screen):
                continue
            if value.__module__.startswith("stacktui.tui.") and not issubclass(cls, value):
                yield value
        if base.__module__ in _BY_REGISTRY:
            place, name = _BY_REGISTRY[base.__module__]
            yield from _subclasses(getattr(import_module(place), name))


def _over_screens(cls: type) -> bool:
    """Whether it opens over any screen: while it is there the screen's keys wait."""
    return any(name.partition(".")[0] in _IN_TEXT for name in _ids(cls))


def _classes(base: type) -> Iterator[type]:
    for cls in dict.fromkeys(_subclasses(base)):
        if cls.__module__.startswith("stacktui."):
            yield cls


def _subclasses(base: type[Any]) -> Iterator[type[Any]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _subclasses(cls)
