"""The completion script: a program, so it is written as it is."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.operations.completions import CompletionScript


def script(document: CompletionScript, face: Face) -> None:
    """The script on stdout."""
    face.out.raw(document.script)


VIEWS = {CompletionScript: script}
