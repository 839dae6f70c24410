"""The demo: a workspace with a real pipeline, made in a folder and run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from stacktui.operations.documents import Document, Part
from stacktui.operations.errors import OperationError
from stacktui.operations.run import run
from stacktui.operations.session import Session
from stacktui.operations.table import Arg, Opt, operation

_FOLDER = Path("stacktui-demo")


class DemoDocument(Document):
    """Where the demo is."""

    root: str
    target: str
    """The pipeline that it runs."""


@operation(
    "demo",
    writes=True,
    streams=True,
    workspace=False,
    examples=("stacktui demo", "stacktui demo /tmp/demo --no-run"),
)
def demo(
    session: Session,
    folder: Annotated[Path, Arg("The folder to make it in.", complete="path")] = _FOLDER,
    *,
    no_run: Annotated[bool, Opt("Make the workspace and do not run its pipeline.")] = False,
) -> Iterator[Part]:
    """Make a demo workspace in a folder and run its pipeline: a classifier is trained, compared and served."""
    from stacktui.demo.build import TARGET, DemoNeeds, create_demo

    try:
        root = create_demo((session.start / folder).absolute())
    except DemoNeeds as error:
        raise OperationError(str(error)) from error
    session.changed(paths=[root])
    yield DemoDocument(root=str(root), target=TARGET)
    if not no_run:
        with Session(root) as inside:
            inside.attention = session.attention
            yield from run(inside, TARGET)
