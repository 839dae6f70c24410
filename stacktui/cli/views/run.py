"""A run that was started and left to itself, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.model.base import short_id
from stacktui.operations.run import RunStarted


def started(document: RunStarted, face: Face) -> None:
    """The run's id, and on stderr how to follow it."""
    face.out.line(document.run_id)
    face.err.line(f"it runs by itself; follow it with: stacktui runs logs {short_id(document.run_id)} -f")


VIEWS = {RunStarted: started}
