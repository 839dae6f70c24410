"""The journal of edits, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import moment, plural, stamp
from stacktui.operations.documents import Document
from stacktui.operations.edits import EditDocument, EditList, EditPart
from stacktui.operations.moments import with_zone

_STATES = {
    "done": Span("✓ done", Tone.OK),
    "undone": Span("↶ undone", Tone.MUTED),
    "taken back": Span("! taken back", Tone.WARN),
}
_SIGNS = {"created": "+", "changed": "~", "deleted": "-"}


def listing(document: EditList, face: Face) -> None:
    """A row an edit, the newest first; the ones that undo and redo take next are marked."""
    if document.edits:
        several = len({(row.user, row.host) for row in document.edits}) > 1
        face.out.table(
            (
                Column("edit"),
                Column(with_zone("when", (row.at for row in document.edits)), drop=2),
                *((Column("who", drop=1),) if several else ()),
                Column("state"),
                Column("next"),
                Column("what", least=16),
                Column("files", least=10, drop=3),
            ),
            [
                (
                    row.id,
                    stamp(row.at),
                    *((f"{row.user}@{row.host}",) if several else ()),
                    _STATES[row.state],
                    Span(row.next or "", Tone.STRONG),
                    row.title,
                    Span(files(row), Tone.MUTED),
                )
                for row in document.edits
            ],
        )
    elif document.others:
        face.err.line("no edit of yours is in the journal")
    else:
        face.err.line("nothing was saved yet; each edit of a component, a stack or the settings comes here")
    if document.more:
        face.err.line(Span(f"{plural(document.more, 'older edit')}: --limit N", Tone.MUTED))
    if document.others:
        face.err.line(Span(f"{plural(document.others, 'edit')} of others: --all", Tone.MUTED))
    if document.edits:
        face.err.line(Span("what one changed: stacktui edits show ID", Tone.MUTED))
    for name in document.damaged:
        face.err.line(
            Span("! ", Tone.WARN), f"the journal's {name} is damaged and left out; see: stacktui doctor"
        )


def files(row: EditPart) -> str:
    """`~ stacks/prod.yaml, + stacks/new.yaml`."""
    return ", ".join(f"{_SIGNS[file.action]} {file.file}" for file in row.files)


def show(document: EditDocument, face: Face) -> None:
    """One edit: who and when, its diff, and what was written since."""
    out = face.out
    out.line(Span(f"{document.id}  {document.title}", Tone.STRONG), "  ", _STATES[document.state])
    origin = f" from {document.origin}" if document.origin else ""
    out.pairs((("when", moment(document.at)), ("who", f"{document.user}@{document.host}{origin}")))
    if document.problem:
        face.err.line(Span("! ", Tone.WARN), document.problem)
        return
    out.line("")
    out.block(document.diff.rstrip("\n"))
    if document.since:
        left = "what it left" if document.state == "done" else "what was there before it"
        out.line("")
        out.line(Span(f"Written since, from {left} (-) to what stands there now (+):", Tone.STRONG))
        out.block(document.since.rstrip("\n"))
        if document.mine and document.state == "done":
            face.err.line(
                Span("as long as that stands there, it cannot be undone: it would be lost", Tone.MUTED)
            )
    elif document.next:
        face.err.line(Span(f"next: stacktui {document.next}", Tone.MUTED))


VIEWS: dict[type[Document], Callable[[Any, Face], None]] = {EditList: listing, EditDocument: show}
