"""`@pipeline`: a function whose steps make a graph. Used in pipeline files; read by `describe_child`."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from stacktui.model.stack import StepSettings
from stacktui.pipelines.errors import GraphBroken, PipelineBroken, WrongParameters
from stacktui.pipelines.graph import PipelineDescription
from stacktui.pipelines.hints import type_hints
from stacktui.pipelines.tracing import GraphBuilder, drawing, hooks_of
from stacktui.pipelines.types import NotPlain, annotation_of, checked, from_text, is_plain, plain

if TYPE_CHECKING:
    from stacktui.model.run import Run

R = TypeVar("R")


@dataclass(frozen=True)
class PipelineOptions:
    """What the decorator or `with_options` says."""

    name: str | None = None
    stack: str | None = None
    """The stack to run on; the active one by default."""
    run_name: str | None = None
    cache: bool | None = None
    """Whether earlier results may stand in for its steps, where a step says nothing itself."""
    labels: Mapping[str, str] | None = None
    steps: Mapping[str, StepSettings] | None = None
    """Settings of single runs, by step: over the stack's."""
    on_failure: Callable[..., Any] | None = None
    on_success: Callable[..., Any] | None = None


class Pipeline(Generic[R]):
    """A function that is a pipeline. Calling it calls the function: its steps run, or join the graph being drawn."""

    __name__: str

    def __init__(self, function: Callable[..., R], options: PipelineOptions) -> None:
        self.function = function
        self.options = options
        functools.update_wrapper(self, function)

    @property
    def name(self) -> str:
        return self.options.name or self.function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        return self.function(*args, **kwargs)

    def with_options(self, **options: Any) -> Pipeline[R]:
        """The same pipeline with other options: those that `pipeline` takes, without `name`."""
        if "name" in options:
            raise TypeError("a pipeline's name is given where it is decorated: @pipeline(name=…)")
        return Pipeline(self.function, _options(options, self.options))

    def draw(
        self,
        params: Mapping[str, Any],
        *,
        target: str = "",
        code: Path | None = None,
        workspace: Path | None = None,
        roots: tuple[str, ...] = ("",),
    ) -> PipelineDescription:
        """The graph with given parameters; strings are read as on the command line.

        Raises `WrongParameters`, `TypesDoNotFit` and `GraphBroken`; what the function itself raises passes through.
        """
        values = self._arguments(params)
        defaults = StepSettings(cache=self.options.cache) if self.options.cache is not None else None
        builder = GraphBuilder(code, workspace, defaults, self.options.steps)
        with drawing(builder):
            self.function(**values)
        nodes = builder.nodes()
        if not nodes:
            raise GraphBroken(
                f"pipeline `{self.name}` calls no step; call functions that are decorated with @step"
            )
        hints = type_hints(self.function)
        return PipelineDescription(
            name=self.name,
            target=target,
            params={name: _shown(value, annotation_of(hints, name)) for name, value in values.items()},
            steps=nodes,
            roots=roots,
            hooks=hooks_of(self.options),
            doc=(inspect.getdoc(self.function) or "").partition("\n")[0],
        )

    def _arguments(self, params: Mapping[str, Any]) -> dict[str, Any]:
        signature = inspect.signature(self.function)
        hints = type_hints(self.function)
        values: dict[str, Any] = {}
        for parameter in signature.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise GraphBroken(
                    f"pipeline `{self.name}`: parameters are given by name; `{parameter}` cannot be"
                )
        for name in params:
            if name not in signature.parameters:
                close = difflib.get_close_matches(name, signature.parameters, 1)
                known = ", ".join(f"`{item}`" for item in signature.parameters) or "none"
                hint = f"did you mean `{close[0]}`?" if close else f"it has {known}"
                raise WrongParameters(f"pipeline `{self.name}` has no parameter `{name}`; {hint}")
        for name, parameter in signature.parameters.items():
            hint = annotation_of(hints, name)
            if name in params:
                value = params[name]
                try:
                    values[name] = (
                        from_text(value, hint, parameter.default)
                        if isinstance(value, str)
                        else checked(value, hint)
                    )
                except NotPlain as error:
                    raise WrongParameters(f"parameter `{name}` of pipeline `{self.name}`: {error}") from None
            elif parameter.default is parameter.empty:
                raise WrongParameters(f"pipeline `{self.name}` needs `{name}`: give it as -p {name}=…")
            else:
                values[name] = parameter.default
        return values

    def run(
        self,
        *,
        stack: str | None = None,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        wait: bool = True,
        **more: Any,
    ) -> Run:
        """Run the pipeline through a stack, as `stacktui run` does: detached, from a snapshot of the code.

        Args:
            stack: The stack's name; the active one by default.
            name: The run's name.
            params: Parameters by name, for those that are called like one of these arguments.
            wait: Whether to return only when the run has ended.
            **more: Parameters by name.

        Returns:
            The run as it then is.

        Raises:
            PipelineBroken: The pipeline or the stack cannot be run; one line says why.
        """
        from stacktui.pipelines.importing import importing_user_code

        if importing_user_code():
            raise PipelineBroken(
                f'{self.name}.run() is called while its file is imported; put it under `if __name__ == "__main__":`'
            )
        from stacktui.pipelines.running import run_pipeline

        return run_pipeline(
            self.function,
            stack=stack or self.options.stack,
            name=name or self.options.run_name,
            params={**(params or {}), **more},
            labels=dict(self.options.labels or {}),
            steps=dict(self.options.steps or {}),
            cache=self.options.cache is not False,
            wait=wait,
        )

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


def _shown(value: Any, hint: Any) -> Any:
    try:
        return plain(value, hint)
    except NotPlain:
        return value if is_plain(value) else repr(value)


@overload
def pipeline(function: Callable[..., R], /) -> Pipeline[R]: ...


@overload
def pipeline(
    *,
    name: str | None = ...,
    stack: str | None = ...,
    run_name: str | None = ...,
    cache: bool | None = ...,
    labels: Mapping[str, str] | None = ...,
    steps: Mapping[str, StepSettings | Mapping[str, Any]] | None = ...,
    on_failure: Callable[..., Any] | None = ...,
    on_success: Callable[..., Any] | None = ...,
) -> Callable[[Callable[..., R]], Pipeline[R]]: ...


def pipeline(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a pipeline, with or without options.

    Args:
        name: Its name; the function's by default.
        stack: The stack that `run` takes; the active one by default.
        run_name: The name that `run` gives to runs.
        cache: Whether earlier results may stand in for its steps, where a step says nothing itself.
        labels: Labels of its runs.
        steps: Settings by step, over the stack's.
        on_failure: Called at the end of a run that failed; with the error, if it takes an argument.
        on_success: Called at the end of a run that succeeded.
    """
    if function is None:
        return lambda decorated: Pipeline(decorated, _options(options, PipelineOptions()))
    return Pipeline(function, _options(options, PipelineOptions()))


def _options(options: Mapping[str, Any], base: PipelineOptions) -> PipelineOptions:
    known = PipelineOptions.__dataclass_fields__
    for key in options:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(known)}"
            raise TypeError(f"a pipeline has no option `{key}`; {hint}")
    changes = dict(options)
    if changes.get("steps") is not None:
        changes["steps"] = {
            name: StepSettings.model_validate(item) for name, item in changes["steps"].items()
        }
    return replace(base, **changes)
