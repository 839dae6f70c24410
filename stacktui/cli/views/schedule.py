"""Lines for the system's scheduler: on stdout as they are, what to do with them on stderr."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Span, Tone
from stacktui.operations.schedule import ScheduleDocument


def show(document: ScheduleDocument, face: Face) -> None:
    """The lines, then how to install them."""
    if document.written:
        for written in document.written:
            face.out.line(f"+ {written}")
    else:
        for file in document.files:
            if len(document.files) > 1:
                face.out.line(f"# {file.name}")
            face.out.block(file.text.rstrip("\n"))
            if file is not document.files[-1]:
                face.out.line("")
    for line in document.install:
        face.err.line(Span(line, Tone.MUTED))


VIEWS = {ScheduleDocument: show}
