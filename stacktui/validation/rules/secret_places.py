"""Rules on where references to secrets stand in a file and how they are written. No secret is looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stacktui.model.category import Category
from stacktui.model.diagnostic import Diagnostic, Fix
from stacktui.model.secretref import references
from stacktui.runtime.config import check_config, field_names, may_hold_reference, spelled, unquoted
from stacktui.runtime.findings import KeyPath
from stacktui.validation.subject import ComponentSubject, StackSubject

_WHOLE = re.compile(r"\{\{\{\{|\{\{\s*[a-z0-9][a-z0-9_-]*\.[A-Za-z0-9_][A-Za-z0-9_.-]*\s*\}\}")
_NEARLY = re.compile(r"\{\{\s*([A-Za-z0-9_-]+)[.:/ ]\s*([A-Za-z0-9_.-]+?)\s*\}{1,2}(?!\})")


def in_config(subject: ComponentSubject) -> Iterator[Diagnostic]:
    """SEC001 in a field that takes none; SEC002 malformed; SEC003 not quoted; SEC007 a secrets manager's own."""
    for _, found in misplaced(subject):
        yield found


def in_labels(subject: ComponentSubject) -> Iterator[Diagnostic]:
    """SEC001: a reference in a component's description, labels or flavor."""
    component = subject.component
    for path, value in _texts(
        {"flavor": component.flavor, "description": component.description, "labels": component.labels}
    ):
        for reference in references(value):
            yield subject.finding(
                "SEC001",
                f"{spelled(path)} may not refer to a secret: {{{{{reference}}}}} would be shown as it is; "
                "secrets go into the config",
                path,
            )


def in_stack(subject: StackSubject) -> Iterator[Diagnostic]:
    """SEC001: a reference in a stack's file, where none may stand."""
    written = subject.written
    parts: dict[str, Any] = {
        "description": written.description,
        "labels": written.labels,
        "steps": {step: {"environment": s.environment} for step, s in written.steps.items() if s.environment},
    }
    for path, value in _texts(parts):
        for reference in references(value):
            yield subject.finding_in(
                subject.name,
                "SEC001",
                f"{spelled(path)} may not refer to a secret: {{{{{reference}}}}} stays as it is in a stack's file; "
                f"let the step name it: @step(secrets=['{reference}'])",
                path,
            )


def misplaced(subject: ComponentSubject) -> list[tuple[KeyPath, Diagnostic]]:
    """What is wrong about references in the config, with the path of each inside the config.

    Of a field that the flavor does not know, only that is said.
    """
    found = list(_misplaced(subject, (), subject.component.config))
    if not found or subject.flavor is None:
        return found
    faults = check_config(subject.flavor.Config, subject.component.config)
    unknown = [fault.path for fault in faults if fault.kind == "unknown"]
    return [(path, one) for path, one in found if not any(path[: len(other)] == other for other in unknown)]


def _misplaced(subject: ComponentSubject, path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Diagnostic]]:
    if (text := unquoted(value)) is not None:
        yield path, _not_quoted(subject, path, text)
    elif isinstance(value, str):
        if "{{" in value:
            yield from ((path, found) for found in _in_text(subject, path, value))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _misplaced(subject, (*path, key), item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _misplaced(subject, (*path, index), item)


def _in_text(subject: ComponentSubject, path: KeyPath, text: str) -> Iterator[Diagnostic]:
    found = references(text)
    model = subject.flavor.Config if subject.flavor is not None else None
    where = ("config", *path)
    if found and subject.component.category is Category.SECRETS_MANAGER:
        yield subject.finding(
            "SEC007",
            f"{spelled(path)} refers to {{{{{found[0]}}}}}, which only this secrets manager could give; "
            "write the value by the environment or a file",
            where,
        )
    elif model is None:
        return
    elif found and not may_hold_reference(model, path):
        takers = [name for name in field_names(model, ()) if may_hold_reference(model, (name,))]
        rest = f"fields that may: {', '.join(takers)}" if takers else "no field of this flavor may"
        yield subject.finding(
            "SEC001",
            f"{spelled(path)} may not refer to a secret ({rest}); write the value itself, "
            "or {{{{ for braces that stand for themselves",
            where,
        )
    elif may_hold_reference(model, path) and "{{" in _WHOLE.sub("", text):
        yield subject.finding(
            "SEC002",
            f"{spelled(path)} holds {{{{ without a reference behind it; write {{{{name.key}}}} "
            "(the name in lower case), or {{{{ for braces that stand for themselves",
            where,
            fix=_mended(subject, where, text),
        )


def _not_quoted(subject: ComponentSubject, path: KeyPath, text: str) -> Diagnostic:
    return subject.finding(
        "SEC003",
        f'{spelled(path)} is not quoted, so YAML reads braces instead of a reference; write "{text}"',
        ("config", *path),
        fix=subject.set_fix(f'write "{text}"', ("config", *path), text),
    )


def _mended(subject: ComponentSubject, where: KeyPath, text: str) -> Fix | None:
    """The edit, if what was meant is plain: a capital in the name, a wrong separator, a missing brace."""
    mended = _NEARLY.sub(lambda match: f"{{{{{match[1].lower()}.{match[2]}}}}}", text)
    if "{{" in _WHOLE.sub("", mended) or not references(mended):
        return None
    return subject.set_fix(f'write "{mended}"', where, mended)


def _texts(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        if "{{" in value:
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
