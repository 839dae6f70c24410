"""Drawing a pipeline: its function is called once, and each step that it calls becomes a node.

Used by `step.py` and `pipeline.py` only. Values do not exist while a graph is drawn; what stands for them says so
when somebody looks inside.
"""

from __future__ import annotations

import contextvars
import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacktui.model.execution import OutputSpec
from stacktui.model.stack import StepSettings
from stacktui.pipelines.errors import GraphBroken, TypesDoNotFit
from stacktui.pipelines.graph import HookName, NodeInput, StepNode, in_order
from stacktui.pipelines.hints import type_name
from stacktui.pipelines.types import NotPlain, annotation_of, fits, plain

if TYPE_CHECKING:
    from stacktui.pipelines.step import Step

_current: contextvars.ContextVar[GraphBuilder | None] = contextvars.ContextVar("stacktui_graph", default=None)


def current() -> GraphBuilder | None:
    """The graph that is being drawn, if one is."""
    return _current.get()


class StepOutput:
    """Stands for an output of a step while the graph is drawn. It may be passed to steps, and nothing else."""

    __slots__ = ("_annotation", "_output", "_step")

    def __init__(self, step: str, output: str, annotation: Any) -> None:
        self._step = step
        self._output = output
        self._annotation = annotation

    def _no_value(self, what: str) -> GraphBroken:
        return GraphBroken(
            f"{what} output `{self._output}` of step `{self._step}`: it has no value while the pipeline is drawn;"
            " do it inside a step"
        )

    def __bool__(self) -> bool:
        raise self._no_value("cannot decide by")

    def __len__(self) -> int:
        raise self._no_value("cannot count")

    def __iter__(self) -> Iterator[Any]:
        raise GraphBroken(
            f"step `{self._step}` has one output, `{self._output}`, and several are taken from it; annotate it to"
            " return tuple[A, B]"
        )

    def __getitem__(self, key: Any) -> Any:
        raise self._no_value(f"cannot take [{key!r}] of")

    def __format__(self, spec: str) -> str:
        raise self._no_value("cannot write")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StepOutput):
            return self is other
        raise self._no_value("cannot compare")

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> bool:
        raise self._no_value("cannot compare")

    __le__ = __gt__ = __ge__ = __lt__

    def __add__(self, other: Any) -> Any:
        raise self._no_value("cannot calculate with")

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __add__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._no_value(f"cannot use .{name} of")

    def __repr__(self) -> str:
        return f"<output {self._output} of step {self._step}>"


class StepOutputs(tuple[StepOutput, ...]):
    """The outputs of a step that has several: unpack them, or take one by name."""

    step: str

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            for item in self:
                if item._output == key:
                    return item
            raise GraphBroken(
                f"step `{self.step}` has no output `{key}`; it has {_listed(o._output for o in self)}"
            )
        return super().__getitem__(key)


class StepDone:
    """Stands for a step without outputs: it may be named in `after=[…]`."""

    __slots__ = ("step",)

    def __init__(self, step: str) -> None:
        self.step = step

    def __repr__(self) -> str:
        return f"<step {self.step}, which gives nothing>"


class GraphBuilder:
    """Collects the nodes of one pipeline."""

    def __init__(
        self,
        code: Path | None = None,
        workspace: Path | None = None,
        defaults: StepSettings | None = None,
        by_step: Mapping[str, StepSettings] | None = None,
    ) -> None:
        """`code` and `workspace` are the folders that files are shown relative to.

        `defaults` count where a step says nothing itself, `by_step` over what it says.
        """
        self._folders = [folder.resolve() for folder in (code, workspace) if folder is not None]
        self._defaults = defaults
        self._by_step = by_step or {}
        self._nodes: dict[str, StepNode] = {}
        self._numbers: dict[str, int] = {}
        """The next number to try for a name that is used again."""
        self._functions: dict[int, tuple[str, str, str, int]] = {}

    def nodes(self) -> tuple[StepNode, ...]:
        """All nodes, in order. Raises `GraphBroken`."""
        return in_order(list(self._nodes.values()))

    def add(self, step: Step[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Add a call of `step`; what it returns stands for its outputs."""
        name = self._free_name(step.name)
        arguments = dict(kwargs)
        shape = step.shape
        after = () if "after" in shape.signature.parameters else arguments.pop("after", ())
        try:
            bound = shape.signature.bind(*args, **arguments)
        except TypeError as error:
            raise GraphBroken(f"step `{name}`: {error}") from None
        inputs: list[NodeInput] = []
        for parameter in shape.signature.parameters.values():
            inputs.extend(self._inputs_of(name, step, parameter, bound.arguments))
        try:
            outputs = shape.outputs
        except ValueError as error:
            raise GraphBroken(f"step `{name}`: {error}") from None
        module, function, file, line = self._place(step)
        before = [item.step for item in inputs if item.step is not None]
        before.extend(self._named_after(name, after))
        options = step.options
        chosen = _materializers(name, options.materializer, [item.name for item in outputs])
        settings = step.settings.over(self._defaults) if self._defaults else step.settings
        if name in self._by_step:
            settings = self._by_step[name].over(settings)
        node = StepNode.model_construct(
            name=name,
            module=module,
            function=function,
            file=file,
            line=line,
            inputs=tuple(inputs),
            outputs=tuple(
                OutputSpec(
                    name=item.name, type=type_name(item.annotation), materializer=chosen.get(item.name)
                )
                for item in outputs
            ),
            after=tuple(dict.fromkeys(before)),
            settings=settings,
            secrets=options.secrets,
            cacheable=bool(outputs) and settings.cache is not False,
            cache_key=options.cache_key,
            cache_for_s=options.cache_for_s,
            depends_on=tuple(self._dependency(item) for item in options.depends_on),
            materializers=chosen,
            hooks=_hooks_where_decorated(name, step, module, function),
            doc=(inspect.getdoc(step.function) or "").partition("\n")[0],
        )
        self._nodes[name] = node
        if not outputs:
            return StepDone(name)
        given = [StepOutput(name, item.name, item.annotation) for item in outputs]
        if len(given) == 1:
            return given[0]
        result = StepOutputs(given)
        result.step = name
        return result

    def _free_name(self, name: str) -> str:
        from stacktui.pipelines.step import STEP_NAME

        if not STEP_NAME.fullmatch(name):
            raise GraphBroken(f'{name!r} cannot name a step; give it another name: .named("…")')
        if name not in self._nodes:
            return name
        number = self._numbers.get(name, 2)
        while f"{name}_{number}" in self._nodes:
            number += 1
        self._numbers[name] = number + 1
        return f"{name}_{number}"

    def _place(self, step: Step[Any]) -> tuple[str, str, str, int]:
        known = self._functions.get(id(step.function))
        if known is None:
            code = getattr(step.function, "__code__", None)
            file = self._relative(Path(code.co_filename)) if code else ""
            module, function = _importable(step)
            known = (module, function, file, code.co_firstlineno if code else 0)
            self._functions[id(step.function)] = known
        return known

    def _relative(self, path: Path) -> str:
        resolved = path.resolve()
        for folder in self._folders:
            if resolved.is_relative_to(folder):
                return resolved.relative_to(folder).as_posix()
        return path.as_posix()

    def _dependency(self, item: Any) -> str:
        if isinstance(item, Path):
            return f"path:{self._relative(item) if item.is_absolute() else item.as_posix()}"
        return f"env:{item.name}"

    def _named_after(self, name: str, after: Any) -> Iterator[str]:
        items = [after] if isinstance(after, (str, StepOutput, StepOutputs, StepDone)) else after
        for item in items:
            if isinstance(item, str):
                yield item
            elif isinstance(item, StepOutput):
                yield item._step
            elif isinstance(item, (StepOutputs, StepDone)):
                yield item.step
            else:
                raise GraphBroken(
                    f"step `{name}`: after takes what steps return, or their names, not {item!r}"
                )

    def _inputs_of(
        self, name: str, step: Step[Any], parameter: inspect.Parameter, arguments: Mapping[str, Any]
    ) -> Iterator[NodeInput]:
        hint = annotation_of(step.shape.hints, parameter.name)
        if parameter.name not in arguments:
            if parameter.default is not inspect.Parameter.empty:
                yield from self._default(parameter, hint)
            return
        value = arguments[parameter.name]
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            for key, item in value.items():
                yield self._input(name, key, item, hint)
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL or _holds_output(value):
            inner = element_hint(hint, step, parameter.name)
            for index, item in enumerate(value):
                yield self._input(name, f"{parameter.name}[{index}]", item, inner)
        else:
            yield self._input(name, parameter.name, value, hint)

    def _default(self, parameter: inspect.Parameter, hint: Any) -> Iterator[NodeInput]:
        # A default that cannot be kept as a constant stays the function's own business; its code counts anyway.
        try:
            yield NodeInput.model_construct(name=parameter.name, value=plain(parameter.default, hint))
        except NotPlain:
            return

    def _input(self, node: str, name: str, value: Any, hint: Any) -> NodeInput:
        from stacktui.pipelines.step import Artifact, Step

        if isinstance(value, StepOutput):
            if value._step not in self._nodes:
                raise GraphBroken(
                    f"step `{node}`: `{name}` is an output of another pipeline's step `{value._step}`"
                )
            if not fits(value._annotation, hint):
                raise TypesDoNotFit(
                    f"step `{node}` takes `{name}` as {type_name(hint)}, and `{value._output}` of step"
                    f" `{value._step}` is {type_name(value._annotation)}"
                )
            return NodeInput.model_construct(name=name, step=value._step, output=value._output)
        if isinstance(value, Artifact):
            return NodeInput.model_construct(name=name, artifact=dict(value.query))
        if isinstance(value, StepOutputs):
            raise GraphBroken(
                f"step `{node}`: `{name}` is given all outputs of step `{value.step}`; pass one of"
                f" {_listed(item._output for item in value)}"
            )
        if isinstance(value, StepDone):
            raise GraphBroken(
                f"step `{node}`: `{name}` is given step `{value.step}`, which returns nothing; use after=[…]"
            )
        if isinstance(value, Step):
            raise GraphBroken(f"step `{node}`: `{name}` is given the step `{value.name}` itself; call it")
        if isinstance(value, Mapping) and any(_is_output(item) for item in value.values()):
            raise GraphBroken(
                f"step `{node}`: `{name}` is a mapping with outputs in it; pass a list, or **them by name"
            )
        try:
            return NodeInput.model_construct(name=name, value=plain(value, hint))
        except NotPlain as error:
            raise TypesDoNotFit(f"step `{node}`: `{name}`: {error}") from None


@contextmanager
def drawing(builder: GraphBuilder) -> Iterator[GraphBuilder]:
    """While it lasts, calls of steps add nodes to `builder`."""
    token = _current.set(builder)
    try:
        yield builder
    finally:
        _current.reset(token)


def element_hint(hint: Any, step: Step[Any], name: str) -> Any:
    """The annotation of one element: of `*args` its own, of a `list[T]` the `T`."""
    parameter = step.shape.signature.parameters.get(name)
    if parameter is not None and parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return hint
    arguments = [item for item in typing.get_args(hint) if item is not Ellipsis]
    return arguments[0] if len(arguments) == 1 and typing.get_origin(hint) is not typing.Union else Any


def _is_output(value: Any) -> bool:
    from stacktui.pipelines.step import Artifact

    return isinstance(value, (StepOutput, StepOutputs, StepDone, Artifact))


def _holds_output(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and not isinstance(value, StepOutputs)
        and any(_is_output(item) for item in value)
    )


def _importable(step: Step[Any]) -> tuple[str, str]:
    """Module and name under which a worker finds the step. Raises `GraphBroken` if there is none."""
    function: Callable[..., Any] = step.function
    module = function.__module__
    home = sys.modules.get(module)
    found: Any = home
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is function or getattr(found, "function", None) is function:
        return module, function.__qualname__
    for name, value in vars(home).items() if home is not None else ():
        if value is function or getattr(value, "function", None) is function:
            return module, name
    raise GraphBroken(
        f"step `{step.name}` cannot be found in the module {module}: define it at the module's top level"
    )


def _hooks_where_decorated(name: str, step: Step[Any], module: str, function: str) -> tuple[HookName, ...]:
    """A worker finds the step by its name in its module: the hooks of that one are called, and no other's."""
    found: Any = sys.modules[module]
    for part in function.split("."):
        found = getattr(found, part)
    there = getattr(found, "options", None)
    for hook in ("on_success", "on_failure"):
        if getattr(step.options, hook) is not getattr(there, hook, None):
            raise GraphBroken(f"step `{name}`: {hook} is given where the step is decorated: @step({hook}=…)")
    return hooks_of(step.options)


def hooks_of(options: Any) -> tuple[HookName, ...]:
    """The hooks that a decorator names."""
    found: list[HookName] = []
    if options.on_success is not None:
        found.append("on_success")
    if options.on_failure is not None:
        found.append("on_failure")
    return tuple(found)


def _materializers(node: str, chosen: Any, outputs: list[str]) -> dict[str, str]:
    if chosen is None:
        return {}
    from stacktui.pipelines.materializers.custom import name_of

    try:
        if not isinstance(chosen, Mapping):
            return dict.fromkeys(outputs, name_of(chosen))
        named = {name: name_of(one) for name, one in chosen.items()}
    except TypeError as error:
        raise GraphBroken(f"step `{node}`: {error}") from None
    for name in named:
        if name not in outputs:
            raise GraphBroken(
                f"step `{node}` has no output `{name}` to materialize; it has {_listed(outputs)}"
            )
    return named


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
