"""`@step(on_success=…, on_failure=…)`: called in the worker, inside the step's context, when the step is over.

A process that dies or is ended calls no hook. What a hook does wrong stands in the step's log and changes nothing.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any


def call_hook(hook: Callable[..., Any], error: BaseException | None) -> None:
    """Call a hook: with the error, if there is one and the hook takes an argument. Never raises."""
    name = getattr(hook, "__name__", repr(hook))
    try:
        takes = [
            parameter
            for parameter in inspect.signature(hook).parameters.values()
            if parameter.kind
            in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.VAR_POSITIONAL)
        ]
        if error is not None and takes:
            hook(error)
        else:
            hook()
    except BaseException:
        logging.getLogger("stacktui.hooks").exception("the hook %s failed", name)
