"""Two versions of a stack, field by field: what the dialog in which one chooses is given, and what it makes of them.

Used when a stack's file was changed under the builder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stacktui.model.category import Category
from stacktui.model.stack import Stack
from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.merging import FieldConflict, Side, conflicts, merged


def stack_conflicts(base: Stack, mine: Stack, theirs: Stack) -> tuple[FieldConflict, ...]:
    """Each thing that the two versions say otherwise: a slot, a label, one setting of a step."""
    from stacktui.workspace.edits import stack_data

    found = conflicts(stack_data(base), stack_data(mine), stack_data(theirs))
    return tuple(one._replace(label=_label(one.path)) for one in found)


def merged_stack(found: Sequence[FieldConflict], theirs: Stack, choices: Mapping[str, Side]) -> Stack:
    """Their version with what was chosen of mine. Raises `ValueError` where the two do not go together."""
    from stacktui.workspace.edits import stack_data

    return Stack.model_validate({"name": theirs.name, **merged(found, stack_data(theirs), choices)})


def _label(path: Sequence[str]) -> Clean:
    """A field in words: `step operator`, `label team`, `step fit: resources gpu`."""
    head, *rest = path
    if head == "components" and rest and rest[0] in set(Category):
        return Clean(Category(rest[0]).facts.title)
    if head == "labels" and rest:
        return clean(f"label {rest[0]}")
    if head == "steps" and rest:
        inner = " ".join(rest[1:]).replace("_", " ")
        return clean(f"step {rest[0]}: {inner}" if inner else f"step {rest[0]}")
    return clean(head)
