"""What the keymaps say, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.views.documents import findings
from stacktui.operations.key import KeyList


def listing(document: KeyList, face: Face) -> None:
    """The entries as a table."""
    if document.keys:
        face.out.table(
            (Column("id", least=12), Column("key"), Column("said by", least=10)),
            [
                (
                    row.id,
                    "  ".join(row.keys) or "none",
                    Span(f"{row.file}:{row.line}" if row.line else row.file, Tone.MUTED),
                )
                for row in document.keys
            ],
        )
    else:
        face.err.line("every key is the one that ships; the workbench lists and changes them: `:keys`")
    findings(document.diagnostics, face.err)


VIEWS = {KeyList: listing}
