"""Files in form, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Span, Tone
from stacktui.cli.words import severity
from stacktui.operations.fmt import Formatted


def formatted(document: Formatted, face: Face) -> None:
    """What changed, on stderr what could not be read, and a line in all."""
    if document.diff:
        face.out.block(document.diff.rstrip("\n"))
    else:
        for each in document.of("changed"):
            face.out.line("~ formatted " if document.written else "~ would format ", each.file)
    for each in document.of("broken"):
        face.err.line(
            severity("error"), " ", Span(each.file, Tone.STRONG), f": {each.reason}; it stays as it is"
        )
    for each in document.of("skipped"):
        face.err.line(Span(f"skipped {each.file}: {each.reason}", Tone.MUTED))
    face.err.line(Span(document.done, Tone.MUTED))


VIEWS = {Formatted: formatted}
