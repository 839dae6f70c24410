"""The workbench's themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacktui.operations.documents import DiagnosticPart, Document, Part
from stacktui.operations.table import operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class ThemeRow(Part):
    """One theme."""

    name: str
    dark: bool
    description: str


class ThemeList(Document):
    """The themes by name."""

    themes: tuple[ThemeRow, ...]
    diagnostics: tuple[DiagnosticPart, ...]


@operation("theme list", writes=False, workspace=False, examples=("stacktui theme list",))
def list_(session: Session) -> ThemeList:
    """List the themes: those that ship, yours and the workspace's."""
    from stacktui.workspace.locate import WorkspaceNotFound
    from stacktui.workspace.themes import load_themes

    try:
        root = session.workspace.root
    except WorkspaceNotFound:
        root = None
    found = load_themes(root)
    return ThemeList(
        themes=tuple(
            ThemeRow(
                name=name,
                dark=bool(getattr(theme, "dark", True)),
                description=str(getattr(theme, "description", "")),
            )
            for name, theme in sorted(found.themes.items())
        ),
        diagnostics=tuple(DiagnosticPart.of(each, root or session.start) for each in found.problems),
    )
