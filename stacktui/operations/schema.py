"""The JSON Schemas of the workspace's files, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacktui.operations.documents import Document, relative
from stacktui.operations.table import operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class SchemaDocument(Document):
    """What was written."""

    folder: str
    changed: tuple[str, ...]
    """The schemas that are new or have other content now."""
    left_out: tuple[str, ...]
    """Flavors that do not load: any configuration of theirs is taken."""


@operation("schema", writes=True, examples=("stacktui schema",))
def schema(session: Session) -> SchemaDocument:
    """Write the JSON Schemas of this workspace's files to .stacktui/schemas, for your editor."""
    from stacktui.categories.flavor import FlavorBroken
    from stacktui.workspace.schemas import write_schemas

    registry = session.registry()
    known = {}
    broken = []
    for id_ in sorted(registry.sources):
        try:
            known[id_] = registry.load(*id_).Config.model_json_schema()
        except FlavorBroken:
            broken.append(str(id_))
    written = write_schemas(session.workspace, known)
    root = session.workspace.root
    return SchemaDocument(
        folder=".stacktui/schemas",
        changed=tuple(relative(file, root) for file in written),
        left_out=tuple(broken),
    )
