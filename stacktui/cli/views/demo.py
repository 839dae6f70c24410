"""The demo, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.operations.demo import DemoDocument


def made(document: DemoDocument, face: Face) -> None:
    """Where it is, and on stderr what comes next."""
    face.out.line(f"made a demo workspace in {document.root}")
    face.err.line(f"look around in it with: stacktui -C {document.root}")


VIEWS = {DemoDocument: made}
