"""Who did what, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import plural, stamp
from stacktui.operations.audit import AuditList
from stacktui.operations.moments import with_zone

_TONES = {"revealed": Tone.WARN, "deleted": Tone.WARN, "stopped": Tone.WARN}


def listing(document: AuditList, face: Face) -> None:
    """The entries as a table, newest first."""
    if document.entries:
        face.out.table(
            (
                Column(with_zone("when", (each.at for each in document.entries))),
                Column("who", least=10),
                Column("action"),
                Column("what", least=12),
                Column("from", least=8, drop=1),
                Column("more", least=12, drop=2),
            ),
            [
                (
                    stamp(each.at),
                    each.who,
                    Span(each.action, _TONES.get(each.action, Tone.PLAIN)),
                    each.subject,
                    Span(each.place, Tone.MUTED),
                    Span(each.text, Tone.MUTED),
                )
                for each in document.entries
            ],
        )
    else:
        face.err.line(
            "nobody did anything that matches; edits, runs and revealed secrets are noted from now on"
        )
    if document.next is not None:
        face.err.line(f"there is more: --after {document.next}")
    if document.damaged:
        lines = plural(document.damaged, "line is", "lines are")
        face.err.line(Span(f"{lines} damaged and left out", Tone.WARN))


VIEWS = {AuditList: listing}
