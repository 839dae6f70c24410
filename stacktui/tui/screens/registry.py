"""The screens by name: a dotted path each, imported on first use. `app.open_place` and `:` go by these names.

A screen that other rooms add is one line here. `root` screens are kept for the whole session and replace each
other; the others are made anew each time, on top of where you are, and `esc` goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.category import Category

if TYPE_CHECKING:
    from stacktui.tui.screens.base import WorkbenchScreen


class Place(NamedTuple):
    """A screen that can be opened by name."""

    target: str
    """`module:Class`, under `stacktui.tui.screens`."""
    title: str
    """As breadcrumbs and `:` show it."""
    root: bool = True
    params: Mapping[str, Any] = {}
    """Keyword arguments that the class is always made with."""
    argument: str = ""
    """The keyword argument that takes what follows the name on the `:` line: `:run 0193…`; empty for none.

    On a root screen it is passed to `WorkbenchScreen.focus_on(argument)` instead: `:artifact_store team-bucket`.
    """
    complete: str = ""
    """Which names complete the argument, as in `operations.table.Arg`."""
    writes: bool = False
    """Whether it is there only to change something: read-only mode greys it."""


PLACES: dict[str, Place] = {
    "home": Place("home:HomeScreen", "home"),
    "stacks": Place("stacks:StacksScreen", "stacks", complete="stack"),
    "runs": Place("runs:RunsScreen", "runs", complete="store"),
    "problems": Place("problems:ProblemsScreen", "problems"),
    "flavors": Place("flavors:FlavorsScreen", "flavors", complete="flavor"),
    "edits": Place("edits:EditsScreen", "edits", complete="edit"),
    "settings": Place("settings:SettingsScreen", "settings"),
    "keys": Place("keymap:KeysScreen", "keys"),
    "audit": Place("audit:AuditScreen", "audit", False),
    "newrun": Place("newrun:NewRunScreen", "new run", False, {}, "target", "pipeline", writes=True),
    "run": Place("run:RunScreen", "run", False, {}, "run_id", "run"),
    "retry": Place("retry:RetryScreen", "retry", False, {}, "run_id", "run", writes=True),
    "sweep": Place("sweep:SweepScreen", "sweep", False, {}, "group"),
    "compare": Place("compare:CompareScreen", "compare", False, {}, "run_ids"),
    "builder": Place("builder:BuilderScreen", "stack builder", False, {}, "stack", "stack", writes=True),
    **{
        category.value: Place(
            "category:CategoryScreen", category.facts.plural, True, {"category": category}, "", "component"
        )
        for category in Category
    },
}


def screen_class(name: str) -> type[WorkbenchScreen[Any]]:
    """The class of a place. Raises KeyError for an unknown name, ImportError where its module does not load."""
    module, _, attribute = PLACES[name].target.partition(":")
    found: type[WorkbenchScreen[Any]] = getattr(import_module(f"stacktui.tui.screens.{module}"), attribute)
    return found


def load_all() -> tuple[type[WorkbenchScreen[Any]], ...]:
    """Import every screen, so that all bindings are known: for checking a keymap and for tests.

    One that does not load is left out: opening it says why, and the others go on.
    """
    found: dict[type[WorkbenchScreen[Any]], None] = {}
    for name in PLACES:
        try:
            found[screen_class(name)] = None
        except ImportError:
            continue
    return tuple(found)
