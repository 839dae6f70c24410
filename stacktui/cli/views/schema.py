"""The schemas that were written, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.operations.schema import SchemaDocument


def schema(document: SchemaDocument, face: Face) -> None:
    """The files, and on stderr what was left out."""
    for file in document.changed:
        face.out.line("~ wrote ", file)
    if not document.changed:
        face.out.line(f"the schemas in {document.folder} are up to date")
    if document.left_out:
        face.err.line(f"not described, because they do not load: {', '.join(document.left_out)}")


VIEWS = {SchemaDocument: schema}
