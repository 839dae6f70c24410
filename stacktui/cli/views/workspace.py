"""Workspaces, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.views.documents import change, findings, summary
from stacktui.cli.words import stamp, verdict
from stacktui.operations.moments import with_zone
from stacktui.operations.workspace import Checked, UpgradeDocument, WorkspaceList


def listing(document: WorkspaceList, face: Face) -> None:
    """The workspaces as a table, the current one marked."""
    if not document.workspaces:
        face.err.line(
            Span("no workspace was opened in the workbench yet; open this one with: stacktui", Tone.MUTED)
        )
        return
    face.out.table(
        (
            Column(""),
            Column("workspace", least=10),
            Column("stack"),
            Column(with_zone("opened", (row.opened_at for row in document.workspaces))),
            Column("path", least=20),
        ),
        [
            (
                "*" if row.current else "",
                Span(row.name, Tone.PLAIN if row.exists else Tone.MUTED),
                Span(row.active or "-", Tone.PLAIN if row.active else Tone.MUTED),
                Span(stamp(row.opened_at), Tone.MUTED),
                Span(row.path if row.exists else f"{row.path} (missing)", Tone.MUTED),
            )
            for row in document.workspaces
        ],
    )


def checked(document: Checked, face: Face) -> None:
    """The findings of each, and its verdict."""
    for each in document.workspaces:
        findings(each.diagnostics, face.out)
        face.out.line(
            verdict(each.ok, f"{each.path} is valid", f"{each.path} is not valid"),
            f": {summary(each.diagnostics)}",
        )


def upgraded(document: UpgradeDocument, face: Face) -> None:
    """The files that were written, or the diff of what would be."""
    if document.diff and document.dry_run:
        face.out.block(document.diff.rstrip("\n"))
    elif document.files:
        change(document, face)
    face.err.line(Span(document.title, Tone.MUTED))


VIEWS = {WorkspaceList: listing, Checked: checked, UpgradeDocument: upgraded}
