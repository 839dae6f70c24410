"""Rules on a component's configuration: its fields against the flavor's config model."""

from __future__ import annotations

from collections.abc import Iterator

from stacktui.model.diagnostic import Diagnostic, Fix
from stacktui.runtime.config import ConfigFault, check_config, value_at
from stacktui.validation.rules.secret_places import misplaced
from stacktui.validation.subject import ComponentSubject

_CODES = {"unknown": "CFG001", "missing": "CFG002", "value": "CFG003"}


def fields(subject: ComponentSubject) -> Iterator[Diagnostic]:
    """CFG001 an unknown field; CFG002 a missing one; CFG003 a value that does not fit."""
    if subject.flavor is None:
        return
    # What is wrong about a reference to a secret is said once, by the rules on secrets.
    said = {path for path, _ in misplaced(subject)}
    for fault in check_config(subject.flavor.Config, subject.component.config):
        if fault.path in said:
            continue
        path = ("config", *fault.path)
        yield subject.finding(_CODES[fault.kind], fault.message, path, fix=_fix(subject, fault))


def _fix(subject: ComponentSubject, fault: ConfigFault) -> Fix | None:
    path = ("config", *fault.path)
    if fault.kind == "value" and fault.meant:
        return subject.set_fix(f"write {fault.meant} instead", path, fault.meant)
    if fault.kind != "unknown":
        return None
    holder = value_at(subject.component.config, fault.path[:-1])
    if fault.meant and isinstance(holder, dict) and fault.meant not in holder:
        # A rename: the mapping that holds the key is written again with its keys in the same order.
        renamed = {fault.meant if key == fault.path[-1] else key: value for key, value in holder.items()}
        return subject.set_fix(f"write {fault.meant} instead", path[:-1], renamed)
    return subject.delete_fix(f"take {fault.path[-1]} out", path)
