"""Rules on flavors: known, importable, and with their packages installed."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from stacktui.categories.flavor import FlavorBroken, FlavorRegistry, FlavorSource
from stacktui.model.codes import CODES
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.runtime.findings import closest
from stacktui.validation.subject import ComponentSubject, WorkspaceSubject

_LINE = re.compile(r"line (\d+)")
_PACKAGES_KEPT_S = 3.0
_packages: dict[tuple[str, ...], tuple[float, tuple[str, ...]]] = {}


def known(subject: ComponentSubject) -> Iterator[Diagnostic]:
    """NAM002: a component names a flavor that does not exist."""
    if subject.source is not None:
        return
    component = subject.component
    names = [source.id.name for source in subject.registry.of(component.category)]
    near = closest(component.flavor, names)
    if near:
        hint = f"did you mean {near}?"
    elif names:
        hint = f"there are: {', '.join(names)}"
    else:
        hint = f"write one with: stacktui flavor new {component.category} {component.flavor}"
    broken = [str(where) for where, _ in subject.registry.problems]
    if broken and not near:
        hint += f" (and what could not be read: {', '.join(Path(where).name for where in broken)})"
    yield subject.finding(
        "NAM002",
        f"there is no {component.category.facts.title} flavor {component.flavor}; {hint}",
        ("flavor",),
        fix=subject.set_fix(f"write {near} instead", ("flavor",), near) if near else None,
    )


def loads(subject: ComponentSubject) -> Iterator[Diagnostic]:
    """FLV002: the flavor's module cannot be imported, or does not hold what it says."""
    if subject.source is None or subject.flavor is not None:
        return
    found = broken_flavor(subject.registry, subject.source, offline=subject.offline)
    if found is not None:
        yield (
            found
            if found.file is not None
            else subject.finding("FLV002", found.message, ("flavor",), severity=found.severity)
        )


def packages(subject: ComponentSubject) -> Iterator[Diagnostic]:
    """FLV001: the flavor's packages are not installed; offline that is a warning."""
    source, flavor = subject.source, subject.flavor
    # Of a flavor that does not load, the reason is said, with the same line that installs what it lacks.
    if source is None or flavor is None:
        return
    missing = missing_packages(source.packages or flavor.facts.packages)
    if not missing:
        return
    install = source.install or flavor.facts.install
    quoted = " ".join(f"'{requirement}'" for requirement in missing)
    yield subject.finding(
        "FLV001",
        f"the {source.id.category.facts.title} flavor {source.id.name} needs {', '.join(missing)}, "
        f"which {'is' if len(missing) == 1 else 'are'} not installed; install with: {install or 'pip install ' + quoted}",
        ("flavor",),
        severity=Severity.WARNING if subject.offline else None,
    )


def team_flavors(subject: WorkspaceSubject) -> Iterator[Diagnostic]:
    """FLV002 for each of the team's own flavors that does not load, used or not."""
    for source in subject.registry.sources.values():
        if source.target.startswith("stacktui.flavors."):
            continue
        found = broken_flavor(subject.registry, source, offline=subject.offline)
        if found is not None:
            yield found


def unreadable(subject: WorkspaceSubject) -> Iterator[Diagnostic]:
    """FLV003: a file in `flavors/`, or an entry point, that cannot be read."""
    for where, reason in subject.registry.problems:
        file = where if isinstance(where, Path) else None
        line = _LINE.search(reason) if file else None
        shown = file.relative_to(subject.root) if file and file.is_relative_to(subject.root) else where
        yield Diagnostic(
            code="FLV003",
            severity=CODES["FLV003"].severity,
            message=f"{shown} gives no flavors: {' '.join(reason.split())}",
            file=file,
            line=int(line[1]) if line else None,
        )


def broken_flavor(
    registry: FlavorRegistry, source: FlavorSource, *, offline: bool = False
) -> Diagnostic | None:
    """The one finding about a flavor that does not load, at its own file where it has one.

    Offline, where nothing was installed, a module that is not there is a warning.
    """
    try:
        registry.load(*source.id)
    except FlavorBroken as error:
        return Diagnostic(
            code="FLV002",
            severity=Severity.WARNING
            if offline and isinstance(error.__cause__, ImportError)
            else CODES["FLV002"].severity,
            message=" ".join(str(error).split()),
            file=source.file,
            line=_failing_line(error, source.file),
            subject=f"flavor/{source.id}",
        )
    except KeyError:
        return None
    return None


def missing_packages(requirements: tuple[str, ...]) -> tuple[str, ...]:
    """Those that are not installed, or in another version. Looked up again after three seconds: people install them."""
    if not requirements:
        return ()
    found = _packages.get(requirements)
    if found is None or time.monotonic() - found[0] > _PACKAGES_KEPT_S:
        from stacktui.categories.installed import is_installed

        found = (time.monotonic(), tuple(r for r in requirements if not is_installed(r)))
        _packages[requirements] = found
    return found[1]


def _failing_line(error: FlavorBroken, file: Path | None) -> int | None:
    cause = error.__cause__
    if cause is None or file is None:
        return None
    if isinstance(cause, SyntaxError) and cause.filename == str(file):
        return cause.lineno
    lines = [
        frame.lineno for frame in traceback.extract_tb(cause.__traceback__) if frame.filename == str(file)
    ]
    return lines[-1] if lines else None
