"""The workbench's themes: those that ship, the user's and the workspace's; and a new one to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from stacktui.operations.documents import ChangeDocument, DiagnosticPart, Document, Part, homely
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.operations.session import Session
    from stacktui.workspace.themes import ThemeSet


class ThemeRow(Part):
    """One theme."""

    name: str
    dark: bool
    description: str
    source: Literal["ships", "yours", "workspace"] = "ships"
    file: str | None = None


class ThemeList(Document):
    """The themes by name."""

    themes: tuple[ThemeRow, ...]
    diagnostics: tuple[DiagnosticPart, ...]


class ThemeDocument(ThemeRow, Document):
    """One theme with its colors."""

    colors: dict[str, str]
    variables: dict[str, str]


@operation("theme list", writes=False, workspace=False, examples=("stacktui theme list",))
def list_(session: Session) -> ThemeList:
    """List the themes: those that ship, yours and the workspace's."""
    root, found = _themes(session)
    return ThemeList(
        themes=tuple(ThemeRow(**_facts(found, name, root)) for name in sorted(found.themes)),
        diagnostics=tuple(DiagnosticPart.of(each, root or session.start) for each in found.problems),
    )


Theme = Annotated[str, Arg("The theme.", complete="theme")]


@operation("theme show", writes=False, workspace=False, examples=("stacktui theme show ember",))
def show(session: Session, name: Theme) -> ThemeDocument:
    """Show a theme: its colors, and the file that they stand in."""
    from stacktui.operations.errors import unknown

    root, found = _themes(session)
    if name not in found.themes:
        raise unknown("theme", name, found.themes, "stacktui theme list")
    theme = found.themes[name]
    colors = theme.model_dump(exclude={"name", "title", "dark", "variables"})
    return ThemeDocument(**_facts(found, name, root), colors=colors, variables=dict(theme.variables))


@operation(
    "theme new", writes=True, workspace=False, examples=("stacktui theme new mine --like stacktui-dark",)
)
def new(
    session: Session,
    name: Annotated[str, Arg("What it is to be called.")],
    like: Annotated[str, Opt("The theme that it begins as a copy of.", complete="theme")] = "stacktui-dark",
    workspace: Annotated[bool, Opt("In the workspace's themes, for everyone, and not in your own.")] = False,
) -> ChangeDocument:
    """Make a theme of your own, as a copy to change; the workbench shows each save of it at once."""
    from stacktui.model.base import NAME_RULE, is_name
    from stacktui.operations.changes import apply
    from stacktui.operations.errors import OperationError, unknown
    from stacktui.workspace.changes import Change, FileEdit
    from stacktui.workspace.settings import user_config_dir
    from stacktui.workspace.themes import starter

    _, found = _themes(session)
    if not is_name(name):
        raise OperationError(f"{name!r} cannot be a theme's name: it has {NAME_RULE}")
    if name in found.themes:
        raise OperationError(f"there is a theme {name!r}; take another name, or edit its file")
    if like not in found.themes:
        raise unknown("theme", like, found.themes, "stacktui theme list")
    folder = session.workspace.root if workspace else user_config_dir()
    file = folder / "themes" / f"{name}.yaml"
    content = starter(found.themes[like], name)
    return apply(session, Change(f"new theme {name}, like {like}", (FileEdit(file, None, content),)))


def _themes(session: Session) -> tuple[Path | None, ThemeSet]:
    from stacktui.workspace.locate import WorkspaceNotFound
    from stacktui.workspace.themes import load_themes

    try:
        root = session.workspace.root
    except WorkspaceNotFound:
        root = None
    return root, load_themes(root)


def _facts(found: ThemeSet, name: str, root: Path | None) -> dict[str, object]:
    from stacktui.workspace.settings import user_config_dir

    theme, file = found.themes[name], found.file_of(name)
    source = "ships"
    if file is not None and root is not None and file.is_relative_to(root / "themes"):
        source = "workspace"
    elif file is not None and file.is_relative_to(user_config_dir()):
        source = "yours"
    return {
        "name": name,
        "dark": theme.dark,
        "description": theme.title,
        "source": source,
        "file": None if file is None else homely(file),
    }
