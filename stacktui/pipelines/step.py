"""`@step` and what stands beside it in a pipeline file: `Artifact`, `Env`.

A decorated function stays a function: outside a pipeline that is being drawn, calling it runs it, so that people
can test it. While a pipeline is drawn, a call adds a node to the graph (`tracing.py`).
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, overload

from pydantic import ValidationError

from stacktui.model.secretref import SecretRef, references
from stacktui.model.stack import Resources, StepSettings, duration_seconds
from stacktui.pipelines import hints as _hints
from stacktui.pipelines import tracing
from stacktui.pipelines.types import annotation_of, from_plain

R = TypeVar("R")

STEP_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
_ELEMENT = re.compile(r"(.+)\[(\d+)\]")

Hook = Callable[..., Any]


@dataclass(frozen=True)
class Env:
    """An environment variable that a step's result depends on: `@step(depends_on=[Env("REGION")])`."""

    name: str


class Artifact:
    """An earlier run's output as a step's input: `Artifact("training/fit")`, `Artifact("training/load/train", tag="gold")`.

    It is looked up when a run starts. `version` is `"latest"` or a number; `id` names one artifact alone.
    """

    __slots__ = ("query",)

    def __init__(
        self,
        name: str | None = None,
        *,
        version: int | Literal["latest"] | None = None,
        tag: str | None = None,
        id: str | None = None,  # noqa: A002 - it is called that everywhere
    ) -> None:
        if id is not None:
            if name is not None or version is not None or tag is not None:
                raise ValueError("an artifact's id says it all: leave name, version and tag out")
            self.query: dict[str, Any] = {"id": id}
            return
        parts = (name or "").split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise ValueError(
                f"{name!r} does not name an artifact; write pipeline/step or pipeline/step/output"
            )
        if tag is not None and version is not None:
            raise ValueError("an artifact is named by its version or by a tag, not by both")
        if version is not None and version != "latest" and (not isinstance(version, int) or version < 1):
            raise ValueError(f"version {version!r} is neither a number from 1 nor 'latest'")
        self.query = dict(zip(("pipeline", "step", "name"), parts, strict=False))
        self.query |= {"tag": tag} if tag is not None else {"version": version or "latest"}

    def __repr__(self) -> str:
        return f"Artifact({', '.join(f'{key}={value!r}' for key, value in self.query.items())})"


class Shape:
    """What a step's function looks like; worked out once, and only when it is asked for."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        return _hints.type_hints(self.function)

    @functools.cached_property
    def outputs(self) -> tuple[_hints.Output, ...]:
        return _hints.outputs_of(self.function, self.hints)

    @functools.cached_property
    def simple(self) -> bool:
        """Whether all arguments may be given by name."""
        kinds = {item.kind for item in self.signature.parameters.values()}
        return kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


@dataclass(frozen=True)
class StepOptions:
    """What the decorator says beside `StepSettings`."""

    name: str | None = None
    cache_key: str | None = None
    cache_for_s: float | None = None
    depends_on: tuple[Path | Env, ...] = ()
    secrets: tuple[SecretRef, ...] = ()
    materializer: Any = None
    """A materializer's name, its class, or a mapping of either by output."""
    on_failure: Hook | None = None
    on_success: Hook | None = None


class Step(Generic[R]):
    """A function that is a step. Calling it runs it, or adds it to the pipeline that is being drawn."""

    __name__: str

    def __init__(
        self,
        function: Callable[..., R],
        settings: StepSettings,
        options: StepOptions,
        shape: Shape | None = None,
    ) -> None:
        self.function = function
        self.settings = settings
        self.options = options
        self.shape = shape or Shape(function)
        functools.update_wrapper(self, function)

    @property
    def name(self) -> str:
        """Its name in a pipeline, before doubles are numbered."""
        return self.options.name or self.function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """Run the function; while a pipeline is drawn, add a node, which takes `after=[…]` too."""
        builder = tracing.current()
        if builder is None:
            return self.function(*args, **kwargs)
        result: Any = builder.add(self, args, kwargs)
        return result  # type: ignore[no-any-return]

    def named(self, name: str) -> Step[R]:
        """The same step under another name in the pipeline."""
        return self.with_options(name=name)

    def with_options(self, **options: Any) -> Step[R]:
        """The same step with other options: those that `step` takes, and `name`."""
        return _made(self.function, options, self)

    def call(self, arguments: Mapping[str, Any]) -> R:
        """Run the function with arguments by the names of its node's inputs: `frames[0]`, `frames[1]` make a list."""
        if self.shape.simple and not any(name.endswith("]") for name in arguments):
            return self.function(**arguments)
        values: dict[str, Any] = {}
        for name, value in arguments.items():
            match = _ELEMENT.fullmatch(name)
            if match is None:
                values[name] = value
            else:
                values.setdefault(match[1], {})[int(match[2])] = value
                continue
        positional: list[Any] = []
        named: dict[str, Any] = {}
        parameters = self.shape.signature.parameters
        elements = {match[1] for name in arguments if (match := _ELEMENT.fullmatch(name))}
        for name in elements:
            items: Any = [values[name][index] for index in sorted(values[name])]
            values[name] = tuple(items) if _wants_tuple(self.shape.hints.get(name)) else items
        for name, parameter in parameters.items():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                positional.extend(values.pop(name, ()))
            elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY and name in values:
                positional.append(values.pop(name))
            elif parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and name in values:
                if any(other.kind is inspect.Parameter.VAR_POSITIONAL for other in parameters.values()):
                    positional.append(values.pop(name))
                else:
                    named[name] = values.pop(name)
        return self.function(*positional, **named, **values)

    def constant(self, name: str, value: Any) -> Any:
        """A constant argument from its JSON form, as the parameter's annotation says.

        Raises pydantic's `ValidationError`.
        """
        match = _ELEMENT.fullmatch(name)
        if match is not None:
            return from_plain(
                value, tracing.element_hint(annotation_of(self.shape.hints, match[1]), self, match[1])
            )
        return from_plain(value, annotation_of(self.shape.hints, name))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        # As a function in a class would be: a step that is a method is refused when the graph is drawn.
        return self if instance is None else functools.partial(self.__call__, instance)

    def __repr__(self) -> str:
        return f"<step {self.name}>"


def _wants_tuple(hint: Any) -> bool:
    import typing

    return hint is tuple or typing.get_origin(hint) is tuple


@overload
def step(function: Callable[..., R], /) -> Step[R]: ...


@overload
def step(
    *,
    name: str | None = ...,
    retries: int | None = ...,
    retry_delay: str | float | None = ...,
    retry_backoff: float | None = ...,
    retry_jitter: float | None = ...,
    timeout: str | float | None = ...,
    step_operator: str | None = ...,
    experiment_tracker: str | None = ...,
    resources: Resources | Mapping[str, Any] | None = ...,
    cache: bool | None = ...,
    cache_key: str | None = ...,
    cache_for: str | float | None = ...,
    depends_on: Iterable[Path | str | Env] = ...,
    secrets: Iterable[str | SecretRef] = ...,
    environment: Mapping[str, str] | None = ...,
    materializer: str | type | Mapping[str, str | type] | None = ...,
    on_failure: Hook | None = ...,
    on_success: Hook | None = ...,
) -> Callable[[Callable[..., R]], Step[R]]: ...


def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a step, with or without options.

    Args:
        name: Its name in pipelines; the function's by default.
        retries: How often it is tried again after a failure.
        retry_delay: The wait before the first retry, as `"30s"` or in seconds.
        retry_backoff: What each further wait is multiplied by; at most a day.
        retry_jitter: The part of a wait that chance takes off or adds, as `0.1`.
        timeout: When an attempt is ended, as `"10m"` or in seconds: it gets an exception as by Ctrl+C, and is killed
            five seconds later.
        step_operator: The step operator that runs it; the orchestrator by default.
        experiment_tracker: The tracker that it logs to; the stack's first by default.
        resources: What it needs: `Resources(gpu=1, memory="16GiB")`.
        cache: False if an earlier result may never stand in for it.
        cache_key: A version that counts in place of its code: change it where the code changes what comes out.
        cache_for: How old an earlier result may be, as `"1d"` or in seconds.
        depends_on: Files, folders (relative to the workspace) and `Env("NAME")` that its result depends on.
        secrets: What it may read: `"name.key"`.
        environment: Environment variables for it.
        materializer: How its outputs are kept: a name (`"npy"`, `"module:Class"`), or the class of your own; one
            for all, or by output.
        on_failure: Called when it has failed for good, with the error if it takes an argument; also after a kill,
            a time-out or a limit of memory, then in another process.
        on_success: Called when it has succeeded.

    Raises:
        ValueError: An option's value is not what it should be.
        TypeError: An unknown option, or something that is not a plain function.
    """
    if function is None:
        return lambda decorated: _made(decorated, options, None)
    return _made(function, options, None)


_SETTINGS = frozenset(StepSettings.model_fields)
_OPTIONS = (
    "name",
    "cache_key",
    "cache_for",
    "depends_on",
    "secrets",
    "materializer",
    "on_failure",
    "on_success",
)


def _made(function: Callable[..., Any], options: Mapping[str, Any], base: Step[Any] | None) -> Step[Any]:
    if isinstance(function, Step):
        base, function = function, function.function
    if not callable(function) or not hasattr(function, "__name__"):
        raise TypeError(f"@step decorates a function; {function!r} is not one")
    called = function.__name__
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"step `{called}` is async; write it as a plain function, and run the loop inside")
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"step `{called}` is a generator; collect what it yields, and return that")
    unknown = [key for key in options if key not in _SETTINGS and key not in _OPTIONS]
    if unknown:
        import difflib

        close = difflib.get_close_matches(unknown[0], [*_SETTINGS, *_OPTIONS], 1)
        hint = f"; did you mean `{close[0]}`?" if close else ""
        raise TypeError(f"step `{called}`: @step has no option `{unknown[0]}`{hint}")
    try:
        settings = StepSettings.model_validate({key: options[key] for key in options if key in _SETTINGS})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"step `{called}`: {place}: {first['msg'].removeprefix('Value error, ')}") from None
    before = base.options if base else StepOptions()
    name = options.get("name", before.name)
    if name is not None and not STEP_NAME.fullmatch(name):
        raise ValueError(f"{name[:120]!r} cannot name a step; use up to 100 letters, digits, '_' and '-'")
    try:
        cache_for = duration_seconds(options["cache_for"]) if "cache_for" in options else before.cache_for_s
    except ValueError as error:
        raise ValueError(f"step `{called}`: cache_for: {error}") from None
    chosen = StepOptions(
        name=name,
        cache_key=options.get("cache_key", before.cache_key),
        cache_for_s=cache_for,
        depends_on=_dependencies(called, options["depends_on"])
        if "depends_on" in options
        else before.depends_on,
        secrets=_secrets(called, options["secrets"]) if "secrets" in options else before.secrets,
        materializer=options.get("materializer", before.materializer),
        on_failure=options.get("on_failure", before.on_failure),
        on_success=options.get("on_success", before.on_success),
    )
    return Step(
        function, settings.over(base.settings) if base else settings, chosen, base.shape if base else None
    )


def _dependencies(called: str, items: Iterable[Any]) -> tuple[Path | Env, ...]:
    found: list[Path | Env] = []
    for item in [items] if isinstance(items, (str, Path, Env)) else items:
        if isinstance(item, (Env, Path)):
            found.append(item)
        elif isinstance(item, str):
            found.append(Path(item))
        else:
            raise TypeError(f"step `{called}`: depends_on takes paths and Env(…), not {item!r}")
    return tuple(found)


def _secrets(called: str, items: Iterable[Any]) -> tuple[SecretRef, ...]:
    found: list[SecretRef] = []
    for item in [items] if isinstance(items, (str, SecretRef)) else items:
        if isinstance(item, SecretRef):
            found.append(item)
            continue
        text = str(item)
        named = references(text if text.startswith("{{") else "{{" + text + "}}")
        if len(named) != 1:
            raise ValueError(f"step `{called}`: {text!r} does not name a secret; write name.key")
        found.append(named[0])
    return tuple(dict.fromkeys(found))
