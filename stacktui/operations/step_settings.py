"""`step.key=value`: settings of single steps on the command line, above those of the run file.

Used by `run` and `plan`, and by what writes stacks for each single value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from stacktui.model.stack import Resources, StepSettings
from stacktui.operations.errors import OperationError, nearest
from stacktui.operations.values import parsed, with_value

if TYPE_CHECKING:
    from stacktui.pipelines.graph import PipelineDescription

NO_SETTINGS: Mapping[str, StepSettings] = MappingProxyType({})


def step_settings(given: Iterable[str], option: str) -> dict[str, StepSettings]:
    """`("fit.retries=2", "fit.resources.gpu=1")` by step. Raises `OperationError` in words.

    Whether the pipeline has such a step is seen when it is drawn.
    """
    raw: dict[str, dict[str, Any]] = {}
    for item in given:
        place, equals, value = item.partition("=")
        step, *path = place.strip().split(".")
        if not equals or not step or not path or not all(path):
            raise OperationError(f"{option} {item!r} is not of the form step.key=value, as fit.retries=2")
        raw[step] = with_value(raw.get(step, {}), tuple(path), setting_value(path, value, item, option))
    return {step: _validated(step, settings, option) for step, settings in raw.items()}


def setting_value(path: list[str], text: str, item: str, option: str) -> Any:
    """What was typed for a setting of a step at a path of keys. Raises `OperationError` for a key that there is not."""
    _check_key(item, path, option)
    # Variables of the environment are text, whatever they look like.
    return text if path[0] == "environment" else parsed(text)


def over(upper: Mapping[str, StepSettings], lower: Mapping[str, StepSettings]) -> dict[str, StepSettings]:
    """Settings by step, those of `upper` before those of `lower`."""
    return {
        step: upper[step].over(lower[step])
        if step in upper and step in lower
        else (upper.get(step) or lower[step])
        for step in dict.fromkeys((*lower, *upper))
    }


def known_steps(description: PipelineDescription, settings: Mapping[str, StepSettings]) -> None:
    """Raises `OperationError` where there are settings of a step that the pipeline does not have."""
    names = [node.name for node in description.steps]
    for step in settings:
        if step not in names:
            near = nearest(step, names) or f"; it has {', '.join(names)}"
            raise OperationError(f"pipeline {description.name!r} has no step {step!r}{near}")


def _check_key(item: str, path: list[str], option: str) -> None:
    known: Iterable[str] = StepSettings.model_fields
    key = path[0]
    if key in ("resources", "environment") and len(path) == 2:
        if key == "environment":
            return
        key, known = path[1], Resources.model_fields
    elif len(path) > 1:
        key = ".".join(path)
    elif key in ("resources", "environment"):
        inner = "gpu=1" if key == "resources" else "NAME=value"
        raise OperationError(f"{option} {item!r}: say which of the {key}, as {key}.{inner}")
    if key not in known:
        near = nearest(key, known) or f"; there are {', '.join(known)}"
        raise OperationError(f"{option} {item!r}: a step has no setting {key!r}{near}")


def _validated(step: str, settings: dict[str, Any], option: str) -> StepSettings:
    try:
        return StepSettings.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        raise OperationError(f"{option} {step}.{where}: {said}") from None
