"""Keys: one way to declare a binding, and the keys that mean the same on every screen.

Screens and widgets write `BINDINGS = [bind("runs.stop", "x", "stop_run", "stop", writes=True), …]`. The id is
what a keymap file names; it is `<where>.<what>`, where `<where>` is a screen, a pane, a widget or `global`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from textual.binding import Binding
from textual.keys import _character_to_key, format_key

from stacktui.model.category import Category


class KeyFacts(NamedTuple):
    """What is known of a binding beside what Textual keeps."""

    id: str
    key: str
    action: str
    description: str
    writes: bool
    """Whether it changes anything: read-only mode greys it."""
    rank: int
    """Its place in the footer: lower ones stay when the line is short. 100 and more is only in `?`."""
    help: str


_FACTS: dict[str, KeyFacts] = {}
_BY_ACTION: dict[str, KeyFacts] = {}
_PRIORITY: set[str] = set()
_NO_KEY = "no-key-"


def bind(
    id: str,
    key: str,
    action: str,
    description: str,
    *,
    writes: bool = False,
    rank: int = 50,
    help: str = "",
    priority: bool = False,
) -> Binding:
    """A binding with an id, known to the footer, to `?` and to keymaps.

    `description` is what the footer says: one or two words. `help` is the sentence for `?`; empty repeats the
    description. `key` may list several, with a comma between. `rank` 100 and more keeps it out of the footer.
    """
    facts = KeyFacts(id, key, action, description, writes, rank, help or description)
    _FACTS[id] = facts
    # Of several bindings with one action, one that writes counts: a screen must not depend on which was imported last.
    if facts.writes or action not in _BY_ACTION or not _BY_ACTION[action].writes:
        _BY_ACTION[action] = facts
    if priority:
        _PRIORITY.add(id)
    return Binding(key, action, description, show=rank < 100, id=id, priority=priority, tooltip=help)


def facts_of(binding: Binding) -> KeyFacts:
    """What `bind` was told about a binding; made up for Textual's own."""
    if binding.id is not None and binding.id in _FACTS:
        return _FACTS[binding.id]
    return KeyFacts("", binding.key, binding.action, binding.description, False, 200, binding.description)


def facts_of_action(action: str) -> KeyFacts | None:
    """The facts of the binding that calls an action, as written: `stop_run` or `go('runs')`."""
    return _BY_ACTION.get(action)


def operation_bindings(kind: str, *, without: Iterable[str] = ()) -> list[Binding]:
    """Bindings for every operation of the table that applies to a kind of object and has a key.

    For a screen whose `subject()` is of that kind: `BINDINGS = [*operation_bindings("run"), …]`. The action runs
    the operation on the subject, asking for what is missing. `without` leaves out those that the screen does in
    a way of its own.
    """
    from stacktui.operations.table import all_operations

    left_out = set(without)
    return [
        bind(
            f"{kind}.{found.id}",
            found.key,
            f"operation('{found.name}')",
            found.verb or found.name,
            writes=found.writes,
            rank=_RANKS.get(found.verb, 40),
            help=found.summary,
        )
        for found in all_operations().values()
        if kind in found.on and found.key and found.name not in left_out
    ]


_RANKS = {"label": 43, "note": 43, "pin": 43, "delete": 44}
"""What is done less often stands behind the rest in the footer."""


GLOBAL: tuple[Binding, ...] = (
    bind("global.home", "h", "go('home')", "home", rank=64, help="Home: the active stack at a glance."),
    bind("global.stacks", "s", "go('stacks')", "stacks", rank=61, help="All stacks."),
    bind("global.runs", "r", "go('runs')", "runs", rank=62, help="The run history."),
    bind("global.problems", "p", "go('problems')", "problems", rank=63, help="All findings."),
    bind("global.new_run", "n", "go('newrun')", "new run", writes=True, rank=60, help="Start a run."),
    *(
        bind(
            f"global.{category}",
            category.facts.key,
            f"go('{category.value}')",
            category.facts.plural,
            rank=120 + (int(category.facts.key) or 10),
            help=f"The {category.facts.plural}: {category.facts.role}.",
        )
        for category in Category
    ),
    bind("global.flavors", "F", "go('flavors')", "flavors", rank=132, help="All flavors, and what is missing."),
    bind("global.settings", "comma", "go('settings')", "settings", rank=133, help="Settings and themes."),
    bind("global.undo", "u", "undo", "undo", writes=True, rank=134, help="Undo your last saved edit, after its diff."),
    bind("global.redo", "ctrl+r", "redo", "redo", writes=True, rank=134, help="Do again what you undid last."),
    bind("global.questions", "exclamation_mark", "questions", "questions", rank=135, help="Answer what waits."),
    bind("global.filter", "slash", "filter", "filter", rank=45, help="Filter what is listed."),
    bind("global.command", "colon", "command_line", "go, do", rank=91, help="Go anywhere, do anything by name."),
    bind("global.help", "question_mark", "keys_help", "keys", rank=92, help="Every key of where you are."),
    bind("global.workspaces", "W", "workspaces", "workspaces", rank=135, help="Go to another workspace."),
    bind("global.palette", "ctrl+p", "palette", "palette", rank=136, priority=True, help="Find any action or place."),
    bind("global.back", "escape", "back", "back", rank=93, help="Clear the filter, then go back."),
    bind("global.quit", "q", "quit_workbench", "quit", rank=94, help="Leave; runs go on."),
)  # fmt: skip


_SHOWN = {
    "slash": "/", "colon": ":", "question_mark": "?", "comma": ",", "exclamation_mark": "!", "escape": "esc",
    "enter": "enter", "space": "space", "equals_sign": "=", "left_square_bracket": "[",
    "right_square_bracket": "]", "full_stop": ".", "up": "↑", "down": "↓", "left": "←", "right": "→",
    "asterisk": "*", "plus": "+", "minus": "-", "pageup": "pgup", "pagedown": "pgdn", "backspace": "bksp",
}  # fmt: skip


def shown(key: str) -> str:
    """One key as people read it: `/`, `esc`, `ctrl+d`; empty for a binding that a keymap left without."""
    if key.startswith(_NO_KEY):
        return ""
    first = key.split(",", maxsplit=1)[0].strip()
    *modifiers, last = first.split("+")
    if last in _SHOWN:
        last = _SHOWN[last]
    elif len(last) > 1 and not last.startswith("f"):
        last = format_key(last)
    return "+".join((*modifiers, last)) if "shift" not in modifiers or len(last) != 1 else last


def known_ids() -> frozenset[str]:
    """The ids of all bindings of modules that are loaded (`registry.load_all` loads the screens)."""
    return frozenset(_FACTS)


def known_facts() -> Mapping[str, KeyFacts]:
    """The same with what is known of each."""
    return _FACTS


def ids_of_priority() -> frozenset[str]:
    """Bindings that come before what has the focus, a text field too."""
    return frozenset(_PRIORITY)


def for_textual(keys: Mapping[str, str]) -> dict[str, str]:
    """A keymap as Textual takes it: one with no key gets a name that no key has, because an empty one changes nothing."""
    return {name: key or f"{_NO_KEY}{name}" for name, key in keys.items()}


def single_keys(keys: str) -> set[str]:
    """Each key of a list in Textual's long spelling."""
    singles = (key.strip() for key in keys.split(",") if key.strip())
    return {_character_to_key(key) if len(key) == 1 else key for key in singles}
