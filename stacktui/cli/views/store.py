"""The metadata store, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Span, Tone
from stacktui.cli.words import moment, size, verdict
from stacktui.operations.store import StoreDocument


def facts(document: StoreDocument, face: Face) -> None:
    """Size, counts and health."""
    face.out.line(Span(document.name, Tone.STRONG))
    face.out.pairs(
        (name, value)
        for name, value in (
            ("location", document.location),
            ("size", size(document.size)),
            *((what, f"{count:,}") for what, count in document.counts.items()),
            ("oldest run", moment(document.oldest_run)),
            ("newest run", moment(document.newest_run)),
            ("version", document.store_version),
            ("journal", document.journal),
            ("search", "full text" if document.search else "slower: SQLite has no FTS5"),
            (
                "integrity",
                verdict(document.integrity == "ok", "ok", document.integrity) if document.integrity else "",
            ),
        )
        if value
    )


VIEWS = {StoreDocument: facts}
