"""The step settings of a stack that is being built: its own and its parents' merged, each with where it comes from.

Used by the stack builder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from stacktui.model.stack import Stack, StepSettings
from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from stacktui.pipelines.step_names import StepName


class Setting(NamedTuple):
    """One setting of a step."""

    key: str
    text: Clean
    """`retries 2`, `gpu 1`, `cache off`."""
    origin: Clean
    """The parent that says it; empty where the draft itself does."""


class StepLine(NamedTuple):
    """A step with its settings."""

    step: str
    settings: tuple[Setting, ...]
    own: bool
    """Whether the draft itself says anything of it."""
    origins: tuple[Clean, ...]
    """The parents that say something that counts."""
    used_by: tuple[Clean, ...]
    """Pipelines with a step of that name; None found may only mean that its name is made when it is drawn."""
    wrong: bool
    """A finding is about it."""


class StepOffer(NamedTuple):
    """A step of the workspace's pipelines that settings could be given to."""

    step: str
    pipelines: Clean
    summary: Clean


def step_lines(
    chain: Sequence[Stack], merged: dict[str, StepSettings], known: Sequence[StepName], wrong: frozenset[str]
) -> tuple[StepLine, ...]:
    """All steps that the stack or a parent says something of: first those that pipelines have, in their order."""
    order = list(dict.fromkeys(each.name for each in known))
    names = sorted(merged, key=lambda name: (order.index(name) if name in order else len(order), name))
    return tuple(_line(chain, step, merged[step], known, step in wrong) for step in names)


def offers(known: Sequence[StepName]) -> tuple[StepOffer, ...]:
    """The steps of all pipelines by name, each with the pipelines that have it."""
    by_name: dict[str, list[StepName]] = {}
    for each in known:
        by_name.setdefault(each.name, []).append(each)
    return tuple(
        StepOffer(
            name, clean(", ".join(dict.fromkeys(one.pipeline for one in found))), clean(found[0].summary)
        )
        for name, found in by_name.items()
    )


def _line(
    chain: Sequence[Stack], step: str, settings: StepSettings, known: Sequence[StepName], wrong: bool
) -> StepLine:
    found = []
    for path, text in setting_texts(settings):
        writer = next((stack for stack in chain if _says(stack.steps.get(step), path)), chain[0])
        found.append(Setting(".".join(path), text, Clean("") if writer is chain[0] else clean(writer.name)))
    origins = tuple(dict.fromkeys(each.origin for each in found if each.origin))
    used = tuple(dict.fromkeys(clean(each.pipeline) for each in known if each.name == step))
    return StepLine(step, tuple(found), step in chain[0].steps, origins, used, wrong)


def _says(settings: StepSettings | None, path: tuple[str, ...]) -> bool:
    value: object = settings
    for key in path:
        value = value.get(key) if isinstance(value, dict) else getattr(value, key, None)
    return value is not None


def setting_texts(settings: StepSettings) -> list[tuple[tuple[str, ...], Clean]]:
    """What is set, in words, by the path of its field: `retries 2`, `gpu 1`, `cache off`. Values of environment
    variables are not shown."""
    from stacktui.workspace.edits import duration_text, memory_text

    found: list[tuple[tuple[str, ...], Clean]] = []
    for key, value in settings:
        if value is None:
            continue
        if key == "resources":
            for name, amount in value:
                if amount is not None:
                    text = {"memory": memory_text, "time": duration_text}.get(name, _number)(amount)
                    found.append(((key, name), clean(f"{name} {text}")))
        elif key == "environment":
            found += [((key, name), clean(name)) for name in value]
        elif key in ("retry_delay", "timeout"):
            found.append(((key,), clean(f"{_title(key)} {duration_text(value)}")))
        elif isinstance(value, bool):
            found.append(((key,), clean(f"{_title(key)} {'on' if value else 'off'}")))
        else:
            text = value if isinstance(value, str) else _number(value)
            found.append(((key,), clean(f"{'on' if key == 'step_operator' else _title(key)} {text}")))
    return found


def _number(value: float) -> str:
    return f"{value:g}"


def _title(key: str) -> str:
    return key.replace("_", " ")
