"""Rules on what the flavors of a stack need of each other. Decided from what flavors declare; nothing is built."""

from __future__ import annotations

from collections.abc import Iterator

from stacktui.categories.flavor import Demand, FlavorFacts
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.validation.subject import StackSubject

_RUNNERS = (Category.ORCHESTRATOR, Category.STEP_OPERATOR)
# What a step may use where it runs, beside the artifact store that it must.
_USED_BY_STEPS = (Category.FEATURE_STORE, Category.MODEL_DEPLOYER)


def demands(subject: StackSubject) -> Iterator[Diagnostic]:
    """CMP001 a category is not filled; CMP002 it cannot be reached from elsewhere; CMP003 it has the wrong flavor."""
    for component in subject.all_components():
        facts = subject.facts(component)
        for demand in facts.demands if facts is not None else ():
            yield from _check(subject, component, demand)


def remote_steps(subject: StackSubject) -> Iterator[Diagnostic]:
    """CMP002: steps run on other hosts, and what they use keeps its data on this one."""
    for runner in _remote_runners(subject):
        facts = subject.facts(runner)
        declared = {d.category for d in facts.demands if d.reachable} if facts is not None else set()
        for category in (Category.ARTIFACT_STORE, *_USED_BY_STEPS):
            if category in declared:
                continue
            must = category is Category.ARTIFACT_STORE
            for used in subject.components.get(category, ()):
                if _stays_here(subject.facts(used)):
                    yield _finding(
                        subject,
                        "CMP002",
                        f"{_named(runner)} runs steps on other hosts, and {_named(used)} keeps its data on this one; "
                        + ("choose" if must else "steps that use it there need")
                        + f" {_article(category)} that can be reached from there",
                        used,
                        runner,
                        severity=None if must else Severity.WARNING,
                    )


def _remote_runners(subject: StackSubject) -> Iterator[Component]:
    for category in _RUNNERS:
        for component in subject.components.get(category, ()):
            facts = subject.facts(component)
            if facts is not None and facts.remote:
                yield component


def _check(subject: StackSubject, component: Component, demand: Demand) -> Iterator[Diagnostic]:
    category = demand.category
    because = f": {demand.reason}" if demand.reason else ""
    if not subject.stack.names(category):
        # Of a required category another rule says that it is empty; of unknown parents nothing is said.
        if not category.required and not subject.broken_chain:
            yield subject.finding(
                "CMP001",
                f"{_named(component)} needs {_article(category)}{because}; "
                f"add one with: stacktui stack edit {subject.name} --set {category}=NAME",
                component.category,
                component.name,
            )
        return
    held = [
        (other, facts) for other in subject.components.get(category, ()) if (facts := subject.facts(other))
    ]
    # Where a stack may hold several, one that fits is enough.
    if held and demand.flavors and not any(other.flavor in demand.flavors for other, _ in held):
        wanted = " or ".join(sorted(demand.flavors))
        yield _finding(
            subject,
            "CMP003",
            f"{_named(component)} needs {_article(category)} of flavor {wanted}{because}; "
            f"{held[0][0].name} has the flavor {held[0][0].flavor}",
            held[0][0],
            component,
        )
    if held and demand.reachable and all(_stays_here(facts) for _, facts in held):
        yield _finding(
            subject,
            "CMP002",
            f"{_named(component)} needs {_article(category)} that can be reached from other hosts{because}; "
            f"{held[0][0].name} keeps its data on this one",
            held[0][0],
            component,
        )


def _finding(
    subject: StackSubject,
    code: str,
    message: str,
    first: Component,
    second: Component,
    *,
    severity: Severity | None = None,
) -> Diagnostic:
    """At the first of two components that this stack itself names; a parent's file is only the last resort."""
    own = [one for one in (first, second) if subject.origin(one.category) == subject.name]
    at = own[0] if own else first
    return subject.finding(code, message, at.category, at.name, severity=severity)


def _stays_here(facts: FlavorFacts | None) -> bool:
    return facts is not None and not facts.remote


def _named(component: Component) -> str:
    return f"{component.category.facts.title} {component.name}"


def _article(category: Category) -> str:
    title = category.facts.title
    return f"{'an' if title[0] in 'aeo' else 'a'} {title}"
