"""Settings, for people."""

from __future__ import annotations

import json

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.views.documents import findings
from stacktui.operations.setting import SettingList

_SCOPES = {"yours": "Yours", "workspace": "The workspace's", "session": "This session"}


def listing(document: SettingList, face: Face) -> None:
    """A table for each scope: what is in force, and who says so."""
    out = face.out
    for scope, title in _SCOPES.items():
        rows = [row for row in document.settings if row.scope == scope]
        if not rows:
            continue
        if scope != "yours":
            out.line("")
        out.heading(title)
        out.table(
            (Column("setting"), Column("in force", least=10), Column("said by", least=10), Column("what it is", least=20, drop=1)),
            [
                (
                    row.name,
                    _shown(row.value),
                    Span(row.where or row.source, Tone.MUTED if row.source == "default" else Tone.PLAIN),
                    Span(row.help, Tone.MUTED),
                )
                for row in rows
            ],
        )  # fmt: skip
    findings(document.diagnostics, face.err)


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


VIEWS = {SettingList: listing}
