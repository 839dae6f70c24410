"""The team's own rules: entry points of the group `stacktui.rules`, each a callable over a `StackSubject`. A package with

    from collections.abc import Iterator

    from stacktui.model.category import Category
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.validation.subject import StackSubject

    def vault_in_prod(subject: StackSubject) -> Iterator[Diagnostic]:
        if subject.stack.labels.get("tier") == "prod":
            for manager in subject.components.get(Category.SECRETS_MANAGER, ()):
                if manager.flavor != "vault":
                    yield subject.finding("TEAM001", "prod must use vault", manager.category, manager.name)

and these lines in its `pyproject.toml` is all that it takes, once it is installed beside stacktui:

    [project.entry-points."stacktui.rules"]
    vault-in-prod = "team_rules:vault_in_prod"

A finding stands where the stack names the component; its code is the team's own, and `severity=` makes it less than an
error. A rule that raises, or that gives something else than findings, is a finding itself; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from stacktui.categories.installed import entry_points
from stacktui.model.codes import CODES
from stacktui.model.diagnostic import Diagnostic
from stacktui.runtime.findings import one_line
from stacktui.runtime.flavors import installed_stamp
from stacktui.validation.subject import StackSubject

ENTRY_POINT_GROUP = "stacktui.rules"
TOLD_ONCE = "team rules that failed"
"""Among a subject's notes: a set, where the failures of a rule over several stacks are one finding."""

TeamRule = Callable[[StackSubject], Iterable[Diagnostic]]


class TeamRules(NamedTuple):
    """What the installed packages bring."""

    rules: tuple[tuple[str, TeamRule], ...]
    problems: tuple[Diagnostic, ...]
    """RUL002: entry points that cannot be loaded."""


def team_rules() -> TeamRules:
    """The rules of installed packages, loaded again only when a package is installed or removed."""
    return _loaded(installed_stamp())


@lru_cache(maxsize=1)
def _loaded(_: object) -> TeamRules:
    rules: list[tuple[str, TeamRule]] = []
    problems: list[Diagnostic] = []
    for entry in entry_points(ENTRY_POINT_GROUP):
        try:
            rules.append((entry.name, entry.load()))
        except Exception as error:
            owner = f" of {entry.dist.name}" if entry.dist else ""
            problems.append(
                _problem("RUL002", f"the rule {entry.name}{owner} cannot be loaded: {_said(error)}")
            )
    return TeamRules(tuple(rules), tuple(problems))


def team_findings(subject: StackSubject) -> Iterator[Diagnostic]:
    """What the team's rules find, and which of them failed."""
    for name, rule in team_rules().rules:
        try:
            found: list[object] = list(rule(subject) or ())
        except Exception as error:
            told: set[str] | None = subject.notes.get(TOLD_ONCE)
            if told is not None and name in told:
                continue
            if told is not None:
                told.add(name)
            yield _problem(
                "RUL001", f"the rule {name} failed on stack {subject.name}: {_said(error)}", subject.name
            )
            continue
        for item in found:
            if isinstance(item, Diagnostic):
                yield item
            else:
                yield _problem(
                    "RUL001",
                    f"the rule {name} gave a {type(item).__name__} for stack {subject.name}; it must give Diagnostics",
                    subject.name,
                )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(error)}"


def _problem(code: str, message: str, stack: str | None = None) -> Diagnostic:
    return Diagnostic(
        code=code,
        severity=CODES[code].severity,
        message=message,
        subject=f"stack/{stack}" if stack else None,
    )
