"""Keymaps as files: which keys do what, for a user (`~/.config/stacktui/keymap.yaml`) and a workspace (`keymap.yaml`).

A file maps an operation's or a movement's id to a key, several, or none:

    run.start: n
    home: [h, home]
    runs.group:

Used by the workbench, which knows the ids and passes them here: an unknown one is a finding, as is a key that
no terminal sends.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from stacktui.model.diagnostic import Diagnostic, Position
from stacktui.workspace.documents import did_you_mean, finding
from stacktui.workspace.listing import KEYMAP
from stacktui.workspace.reading import Unreadable, read_bytes
from stacktui.workspace.settings import user_config_dir
from stacktui.workspace.yaml_reader import YamlProblem, position, read_yaml

_NAMED = frozenset(
    (
        *(
            "up",
            "down",
            "left",
            "right",
            "home",
            "end",
            "pageup",
            "pagedown",
            "enter",
            "escape",
            "tab",
            "space",
        ),
        *("backspace", "delete", "insert", *(f"f{number}" for number in range(1, 25))),
    )
)
SIGNS = {
    " ": "space", "!": "exclamation_mark", '"': "quotation_mark", "#": "number_sign", "$": "dollar_sign",
    "%": "percent_sign", "&": "ampersand", "'": "apostrophe", "(": "left_parenthesis", ")": "right_parenthesis",
    "*": "asterisk", "+": "plus", ",": "comma", "-": "minus", ".": "full_stop", "/": "slash", ":": "colon",
    ";": "semicolon", "<": "less_than_sign", "=": "equals_sign", ">": "greater_than_sign", "?": "question_mark",
    "@": "at", "[": "left_square_bracket", "\\": "backslash", "]": "right_square_bracket",
    "^": "circumflex_accent", "_": "underscore", "`": "grave_accent", "{": "left_curly_bracket",
    "|": "vertical_line", "}": "right_curly_bracket", "~": "tilde",
}  # fmt: skip
"""Textual's names for signs: a file may use either."""
_SAME_BYTE = {"ctrl+h": "backspace", "ctrl+i": "tab", "ctrl+m": "enter", "ctrl+j": "enter in some terminals"}


STARTER = b"""# Keys of the workbench: an id, and the key or the keys that it gets instead of its own.
#
#   global.problems: f2
#   grid.down: [j, down, ctrl+n]
#   runs.group:                     # no key at all; `?` still runs it
#
# The place `keys` of the workbench (type `:keys`) lists every id with its key. A workspace's keymap.yaml is read
# after this one. What is wrong here is a finding, and the key that ships stays.
"""
"""What a new keymap begins with."""


class KeymapEntry(NamedTuple):
    """What a keymap says of one id."""

    keys: str
    """In Textual's spelling, several with commas between them; empty: no key at all."""
    file: Path
    line: int | None
    own: bool
    """Whether the user's own file says it; else the workspace's does."""


@dataclass(frozen=True)
class KeymapFile:
    """What the keymaps say, the workspace's over the user's."""

    entries: Mapping[str, KeymapEntry]
    problems: tuple[Diagnostic, ...]

    @property
    def keys(self) -> dict[str, str]:
        """Keys by id."""
        return {name: entry.keys for name, entry in self.entries.items()}


def keymap_file(root: Path | None = None) -> Path:
    """Where a workspace's keymap stands, or would; without one the user's own."""
    return (root or user_config_dir()) / KEYMAP


def load_keymap(
    root: Path | None, known_ids: Collection[str] | None = None, previous: KeymapFile | None = None
) -> KeymapFile:
    """The keys in force. Entries that are wrong are left out, with a finding each.

    Of a file that cannot be read at all stays in force what `previous` read from it. Ids are checked if `known_ids` is
    given.
    """
    entries: dict[str, KeymapEntry] = {}
    problems: list[Diagnostic] = []
    for folder in dict.fromkeys((user_config_dir(), root)):
        if folder is None:
            continue
        file = folder / KEYMAP
        found = _read(file, folder != root, known_ids, problems)
        if found is None:
            kept = previous.entries if previous else {}
            found = {name: entry for name, entry in kept.items() if entry.file == file}
        # The later file's place counts too: it is what a clash is told of.
        entries = {**{name: entry for name, entry in entries.items() if name not in found}, **found}
    return KeymapFile(entries, tuple(problems))


def normal_key(text: str) -> str | None:
    """A key in Textual's spelling (`ctrl+s`, `A`, `question_mark`); None if no terminal sends it reliably."""
    if len(text) == 1:
        return SIGNS.get(text) or (text if text.isprintable() else None)
    *modifiers, key = text.split("+")
    modifiers = [modifier.lower() for modifier in modifiers]
    key = key.lower() if len(key) > 1 else key
    if not modifiers:
        return key if key in _NAMED or key in SIGNS.values() else None
    if set(modifiers) - {"ctrl", "shift"} or len(set(modifiers)) < len(modifiers):
        return None
    if "ctrl" in modifiers and len(key) == 1 and key in string.ascii_uppercase:
        modifiers, key = [*modifiers, "shift"], key.lower()
    plain = "+".join([name for name in ("ctrl", "shift") if name in modifiers] + [key])
    letter = len(key) == 1 and key in string.ascii_lowercase
    if plain in _SAME_BYTE:
        return None
    if modifiers == ["shift"]:
        return key.upper() if letter else plain if key in _NAMED else None
    return plain if letter or key in _NAMED or key in ("at", "backslash", "underscore") else None


def _read(
    file: Path, own: bool, known_ids: Collection[str] | None, problems: list[Diagnostic]
) -> dict[str, KeymapEntry] | None:
    """The entries of one file, none if there is no file; None if it cannot be read."""
    try:
        raw, _ = read_bytes(str(file))
        document = read_yaml(raw)
        data = document.value
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        problems.append(finding("KEY001", f"the keymap cannot be read: {reason}", file))
        return None
    except Unreadable as error:
        problems.append(finding("KEY001", f"the keymap cannot be read: {error}", file))
        return None
    except YamlProblem as problem:
        at = Position(line=problem.line, column=problem.column or 1) if problem.line else None
        problems.append(finding("KEY001", problem.message, file, at))
        return None
    if data is None:
        return {}
    if not isinstance(data, dict):
        problems.append(finding("KEY001", "a keymap is a mapping of ids to keys", file, position(raw, ())))
        return None
    for twice in document.duplicates:
        message = f"{twice.path[-1]} stands here a second time; delete one"
        problems.append(finding("KEY001", message, file, Position(line=twice.line, column=twice.column)))
    found: dict[str, KeymapEntry] = {}
    for name, value in data.items():
        at = position(raw, (name,))
        if known_ids is not None and name not in known_ids:
            message = f"nothing is called {name!r}{_near(name, known_ids)}"
            problems.append(finding("KEY002", message, file, at))
            continue
        texts: Iterable[Any] = value if isinstance(value, list) else () if value is None else (value,)
        keys: list[str] = []
        for text in texts:
            spelled = str(text) if isinstance(text, (str, int)) and not isinstance(text, bool) else ""
            key = normal_key(spelled)
            if key is None:
                problems.append(finding("KEY003", f"{name}: {why_not(spelled)}", file, at))
            elif key not in keys:
                keys.append(key)
        if keys or not value:
            found[str(name)] = KeymapEntry(",".join(keys), file, at.line if at else None, own)
    return found


def _near(name: Any, known_ids: Collection[str]) -> str:
    near = did_you_mean(str(name), known_ids)
    return near if "did you mean" in near else "; the place `keys` lists what there is"


def why_not(text: str) -> str:
    """Why a text is no key that can be used, for people."""
    if text.lower() in _SAME_BYTE:
        return f"terminals send {text} as {_SAME_BYTE[text.lower()]}; choose another key"
    if text.lower().startswith("alt+"):
        return f"{text} does not arrive in every terminal; choose ctrl or a plain key"
    return f"{text!r} is not a key; write a letter, a sign, or a name such as ctrl+s, f5, pagedown"
