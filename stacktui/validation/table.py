"""All rules in the order in which they are asked. A new rule is a function in `rules/` and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stacktui.model.diagnostic import Diagnostic
from stacktui.validation.rules import (
    compatibility,
    config,
    flavors,
    inheritance,
    references,
    required,
    secret_places,
    secret_values,
    workspace,
)
from stacktui.validation.subject import ComponentSubject, StackSubject, WorkspaceSubject

ComponentRule = Callable[[ComponentSubject], Iterable[Diagnostic]]
StackRule = Callable[[StackSubject], Iterable[Diagnostic]]
WorkspaceRule = Callable[[WorkspaceSubject], Iterable[Diagnostic]]

COMPONENT_RULES: tuple[ComponentRule, ...] = (
    flavors.known,
    secret_places.in_config,
    secret_places.in_labels,
    config.fields,
)
"""Their answers depend on the component's file and its flavor alone, and are kept until one of them changes."""

COMPONENT_RULES_ON_HOST: tuple[ComponentRule, ...] = (flavors.loads, flavors.packages)
"""Their answers depend on what is installed, and on `--offline`."""

STACK_RULES: tuple[StackRule, ...] = (
    inheritance.parents,
    inheritance.removed_required,
    required.missing,
    required.too_many,
    required.named_twice,
    references.unknown_components,
    references.step_settings,
    compatibility.demands,
    compatibility.remote_steps,
    secret_places.in_stack,
    secret_values.no_manager,
    secret_values.missing,
)

FIT_RULES: tuple[StackRule, ...] = (
    compatibility.demands,
    compatibility.remote_steps,
    secret_values.no_manager,
    secret_values.missing,
)
"""Those of the stack's rules that say whether one more component fits beside the others."""

WORKSPACE_RULES: tuple[WorkspaceRule, ...] = (
    workspace.default_stack,
    flavors.unreadable,
    flavors.team_flavors,
    workspace.unused,
)
