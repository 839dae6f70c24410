"""What a form says about the focused field: its type, bounds and default, its description, and the keys that help.

Used by every form.
"""

from __future__ import annotations

from textual.content import Content

from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.form_fields import FieldSpec, Kind
from stacktui.tui.marks import glyphs

_HINTS = {
    Kind.LINES: "enter adds a line, ctrl+up and ctrl+down move it; enter on an empty last line goes on",
    Kind.PAIRS: "enter adds a line; on an empty last line it goes on",
    Kind.YAML: "enter adds a line; on an empty last line it goes on",
    Kind.MODEL: "enter opens it, D leaves it out",
    Kind.MODELS: "a add · enter open · c copy · D take out · J K move",
    Kind.MAPPING: "a add · enter open · R rename · c copy · D take out · J K move",
    Kind.NUMBER: "+ and - step it",
}


def about_field(spec: FieldSpec, locked: bool, secrets: tuple[str, ...]) -> Content:
    """The lines about a field. `locked`: it holds what cannot be typed; `secrets` are references that it may hold."""
    pieces: list[tuple[str, str] | str] = [(spec.label, "bold"), ("  ", ""), (glyphs(spec.about()), "$quiet")]
    text = clean(spec.description)
    if locked:
        text = Clean(
            "It holds characters that cannot be typed here, and keeps them; ctrl+e opens the file in your editor."
        )
    if text:
        pieces += ["\n", text]
    hint = glyphs(_HINTS.get(spec.kind, ""))
    if spec.secretable:
        example = secrets[0] if secrets else "{{name.key}}"
        pieces += ["\n", ("A secret stands here as a reference, ", "$quiet"), (clean(example), "$tone-accent"),
                   ("; ", "$quiet"), ("ctrl+l", "$tone-accent"), (" lists them.", "$quiet")]  # fmt: skip
    elif spec.path:
        pieces += ["\n", ("tab", "$tone-accent"), (" completes it, ", "$quiet"), ("ctrl+l", "$tone-accent"),
                   (" lists what is there.", "$quiet")]  # fmt: skip
    elif hint:
        pieces += ["\n", (hint, "$quiet")]
    return Content.assemble(*pieces)
