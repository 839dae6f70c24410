"""Rules on what a stack names: components that do not exist, and step settings that name what it does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.model.diagnostic import Diagnostic, Fix
from stacktui.runtime.findings import closest
from stacktui.validation.subject import StackSubject


def unknown_components(subject: StackSubject) -> Iterator[Diagnostic]:
    """NAM001: a stack names a component that does not exist."""
    known = subject.snapshot.components
    for category, slot in subject.stack.slots.items():
        for name in dict.fromkeys(slot.names):
            if ComponentId(category, name) in known:
                continue
            if (file := subject.snapshot.broken_components.get(ComponentId(category, name))) is not None:
                yield subject.finding(
                    "NAM001",
                    f"stack {slot.origin} names the {category.facts.title} {name}, whose file cannot be used; "
                    f"mend {file.relative_to(subject.snapshot.root)}",
                    category,
                    name,
                )
                continue
            hint, near = _meant(subject, category, name)
            yield subject.finding(
                "NAM001",
                f"stack {slot.origin} names the {category.facts.title} {name}, and there is no such component; {hint}",
                category,
                name,
                fix=subject.fix_name(category, name, near) if near else None,
            )


def step_settings(subject: StackSubject) -> Iterator[Diagnostic]:
    """STK008: a step's settings name a step operator or an experiment tracker that is not in the stack."""
    if subject.broken_chain:
        return
    for step, settings in subject.stack.steps.items():
        for category, name in (
            (Category.STEP_OPERATOR, settings.step_operator),
            (Category.EXPERIMENT_TRACKER, settings.experiment_tracker),
        ):
            if name is not None and name not in subject.stack.names(category):
                yield _not_in_stack(subject, step, category, name)


def _not_in_stack(subject: StackSubject, step: str, category: Category, name: str) -> Diagnostic:
    held = subject.stack.names(category)
    writer = next(
        stack.name
        for stack in subject.chain
        if step in stack.steps and getattr(stack.steps[step], category.value) == name
    )
    path = ("steps", step, category.value)
    near = closest(name, held)
    fix: Fix | None = None
    if near:
        hint = f"did you mean {near}?"
        fix = subject.fix(writer, f"write {near} instead", path, near)
    elif ComponentId(category, name) in subject.snapshot.components:
        hint = f"add it to the stack's {category.facts.plural}"
        if subject.origin(category) == subject.name:
            fix = subject.fix(
                subject.name, f"add {name} to the stack", ("components", category.value), [*held, name]
            )
    else:
        hint = f"the stack holds: {', '.join(held)}" if held else f"the stack holds no {category.facts.title}"
    return subject.finding_in(
        writer,
        "STK008",
        f"step {step} asks for the {category.facts.title} {name}, which is not in stack {subject.name}; {hint}",
        path,
        fix=fix,
    )


def _meant(subject: StackSubject, category: Category, name: str) -> tuple[str, str | None]:
    held = subject.stack.names(category)
    others = [
        key.name for key in subject.snapshot.components if key.category is category and key.name not in held
    ]
    near = closest(name, others)
    if near:
        return f"did you mean {near}?", near
    elsewhere = [key.category for key in subject.snapshot.components if key.name == name]
    if elsewhere:
        kind = elsewhere[0].facts.title
        return f"{name} is {'an' if kind[0] in 'aeo' else 'a'} {kind}", None
    return f"add it with: stacktui component add {category} {name} --flavor FLAVOR", None
