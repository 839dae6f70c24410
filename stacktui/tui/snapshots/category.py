"""What a category's screen shows of its components: the list, and what is said about the chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.categories.base import ProbeResult
    from stacktui.model.category import Category
    from stacktui.model.component import Component
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.component import ComponentRow
    from stacktui.operations.session import Session


@dataclass(frozen=True)
class ProbeLine:
    """What the last probe of a component found."""

    ok: bool
    message: Clean
    latency_s: float


@dataclass(frozen=True)
class ComponentLine:
    """One component in the list."""

    name: str
    shown: Clean
    flavor: Clean
    description: Clean
    labels: Clean
    fields: tuple[tuple[str, Clean], ...]
    """Fields of its config, for the category's own columns."""
    in_stack: bool
    stale: bool
    ok: bool
    errors: int
    warnings: int
    file: Path
    component: Component | None
    """As it stands in its file; None where that cannot be read."""
    probe: ProbeLine | None
    held: int = 0
    """A hash of what its file held when it was read: the same under another name, it was renamed."""

    def field(self, key: str) -> Clean:
        """A field of its config; empty where its default is in force."""
        return dict(self.fields).get(key, Clean(""))


@dataclass(frozen=True)
class CategorySnapshot:
    """The components of a category, those of the active stack first."""

    lines: tuple[ComponentLine, ...]
    stack: Clean
    """The active stack; empty for none."""


def load_category(
    session: Session,
    category: Category,
    findings: tuple[Diagnostic, ...] | None,
    fields: tuple[str, ...],
) -> CategorySnapshot:
    """Read the list. Blocks: reads files."""
    from stacktui.model.component import ComponentId
    from stacktui.operations.component import listed_now

    snapshot = session.snapshot()
    counts = _counts(findings or ())
    lines = []
    for row in listed_now(session, category):
        entry = snapshot.components.get(ComponentId(category, row.name))
        kept = session.probes.kept(ComponentId(category, row.name))
        file = entry.file if entry is not None else snapshot.root / row.file
        errors, warnings = counts.get(f"{category.value}/{row.name}", counts.get(str(file), (0, 0)))
        line = _line(row, entry.value if entry else None, file, errors, warnings, fields, probe_line(kept))
        lines.append(replace(line, held=hash(entry.raw)) if entry else line)
    lines.sort(key=lambda line: (not line.in_stack, line.name))
    return CategorySnapshot(tuple(lines), clean(session.active(snapshot).name or ""))


def probe_line(result: ProbeResult | None) -> ProbeLine | None:
    """A probe's result as it is shown."""
    return None if result is None else ProbeLine(result.ok, clean(result.message), result.latency_s)


def _line(
    row: ComponentRow,
    component: Component | None,
    file: Path,
    errors: int,
    warnings: int,
    fields: tuple[str, ...],
    probe: ProbeLine | None,
) -> ComponentLine:
    config: Mapping[str, Any] = component.config if component is not None else {}
    return ComponentLine(
        name=row.name,
        shown=clean(row.name),
        flavor=clean(row.flavor or "unreadable"),
        description=clean(row.description),
        labels=clean(" ".join(f"{key}={value}" for key, value in row.labels.items())),
        fields=tuple((key, _value(config[key])) for key in fields if key in config),
        in_stack=row.in_active_stack,
        stale=row.stale,
        ok=row.ok,
        errors=errors or (0 if row.ok else 1),
        warnings=warnings,
        file=file,
        component=component,
        probe=probe,
    )


def _value(value: object) -> Clean:
    return Clean(str(len(value))) if isinstance(value, (list, tuple, dict)) else clean(value)


def _counts(findings: tuple[Diagnostic, ...]) -> dict[str, tuple[int, int]]:
    """Errors and warnings by subject, and by file where a finding has no subject."""
    found: dict[str, tuple[int, int]] = {}
    for finding in findings:
        key = finding.subject or str(finding.file)
        errors, warnings = found.get(key, (0, 0))
        found[key] = (
            errors + (finding.severity == "error"),
            warnings + (finding.severity == "warning"),
        )
    return found
