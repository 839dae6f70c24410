"""Making a folder a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from stacktui.operations.documents import Document, relative
from stacktui.operations.schema import schema
from stacktui.operations.session import Session
from stacktui.operations.table import Arg, operation


class InitDocument(Document):
    """What was made."""

    root: str
    files: tuple[str, ...]
    """Relative to the root; empty where all was there already."""


@operation("init", writes=True, workspace=False, examples=("stacktui init", "stacktui init my-project"))
def init(
    session: Session,
    folder: Annotated[Path | None, Arg("The folder; this one by default.", complete="path")] = None,
) -> InitDocument:
    """Make a folder a workspace, with a stack of ten components that need no server. Nothing is overwritten."""
    from stacktui.workspace.scaffold import init_workspace

    root = (session.start / folder if folder is not None else session.start).absolute()
    made = init_workspace(root)
    session.changed(paths=made)
    with Session(root) as inside:
        schema(inside)
    return InitDocument(root=str(root), files=tuple(relative(file, root) for file in made))
