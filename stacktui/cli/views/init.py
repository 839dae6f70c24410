"""What `init` made, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.operations.init import InitDocument


def init(document: InitDocument, face: Face) -> None:
    """The files, and on stderr what comes next."""
    for file in document.files:
        face.out.line("+ created ", file)
    if not document.files:
        face.out.line(f"{document.root} is a workspace already; nothing was changed")
        return
    face.err.line(f"{document.root} is a workspace; try it: stacktui run pipelines/hello.py:hello")


VIEWS = {InitDocument: init}
