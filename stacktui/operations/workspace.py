"""Workspaces as such: those that a person has opened, whole ones checked, and one brought to a newer format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stacktui.operations.changes import apply
from stacktui.operations.documents import ChangeDocument, DiagnosticPart, Document, Moment, Part
from stacktui.operations.errors import OperationError
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.workspace.recent import Recent


class WorkspaceRow(Part):
    """One workspace that the workbench has opened."""

    name: str
    """Its folder's name."""
    path: str
    exists: bool
    current: bool
    """Whether it is the one that this was asked in."""
    active: str | None
    """The stack in force there; None where there is none, or no workspace any more."""
    opened_at: Moment


class WorkspaceList(Document):
    """The workspaces that were opened, the latest first."""

    current: str | None
    workspaces: tuple[WorkspaceRow, ...]


class CheckedWorkspace(Part):
    """What the rules say about one whole workspace. Files are named from where the command was started."""

    path: str
    ok: bool
    stacks: int
    diagnostics: tuple[DiagnosticPart, ...]


class Checked(Document):
    """What the rules say about several workspaces."""

    ok: bool
    workspaces: tuple[CheckedWorkspace, ...]

    @property
    def answer(self) -> bool:
        return self.ok


class UpgradeDocument(ChangeDocument):
    """What an upgrade of the files changed, or would."""

    version_before: int
    """0: the files did not say."""
    version_after: int
    dry_run: bool


@operation("workspace list", writes=False, workspace=False, examples=("stacktui workspace list",))
def list_(session: Session) -> WorkspaceList:
    """List the workspaces that you have opened in the workbench, the latest first."""
    from stacktui.workspace.recent import recent_workspaces

    here = _current(session)
    return WorkspaceList(
        current=str(here) if here else None,
        workspaces=tuple(_row(session, each, here) for each in recent_workspaces(session.environ)),
    )


def _row(session: Session, recent: Recent, here: Path | None) -> WorkspaceRow:
    from stacktui.operations.session import Session
    from stacktui.workspace.locate import ROOT_FILE

    root = recent.root
    active = None
    exists = False
    try:
        exists = (root / ROOT_FILE).is_file()
        if exists:
            with Session(root, environ=session.environ) as other:
                active = other.active(other.glance()).name
    except (OSError, ValueError):
        # What cannot be looked into now is listed all the same.
        exists = False
    return WorkspaceRow(
        name=root.name,
        path=str(root),
        exists=exists,
        current=root == here,
        active=active,
        opened_at=recent.opened_at,
    )


def _current(session: Session) -> Path | None:
    from stacktui.workspace.locate import WorkspaceNotFound

    try:
        return session.workspace.root
    except WorkspaceNotFound:
        return None


@operation(
    "workspace validate",
    writes=False,
    workspace=False,
    examples=("stacktui workspace validate", "stacktui workspace validate --offline ml/stacktui.yaml"),
)
def validate(
    session: Session,
    paths: Annotated[
        tuple[Path, ...],
        Arg(
            "Files or folders, whose workspaces are checked; by default the one here, or all below.",
            complete="path",
        ),
    ] = (),
    *,
    strict: Annotated[bool, Opt("Count warnings as errors.")] = False,
    offline: Annotated[bool, Opt("Make missing packages a warning.")] = False,
) -> Checked:
    """Check whole workspaces against every rule: exit 0 without errors, 1 with errors, 2 if it could not run.

    As `stack validate --all`, and also from the root of a repository that has its workspaces in folders below.
    """
    from stacktui.operations.session import Session
    from stacktui.validation.validate import validate_workspace

    bad = {"error", "warning"} if strict else {"error"}
    checked = []
    for root in _roots(session, paths):
        with Session(root, readonly=True, environ=session.environ) as other:
            snapshot = other.snapshot()
            found = validate_workspace(snapshot, other.registry(), offline=offline)
            checked.append(
                CheckedWorkspace(
                    path=str(root),
                    ok=not any(each.severity in bad for each in found),
                    stacks=len(snapshot.stacks),
                    diagnostics=tuple(DiagnosticPart.of(each, session.start.resolve()) for each in found),
                )
            )
    return Checked(ok=all(each.ok for each in checked), workspaces=tuple(checked))


def _roots(session: Session, paths: tuple[Path, ...]) -> list[Path]:
    from stacktui.workspace.discover import find_roots

    folders = [session.start.absolute() / path for path in paths] or [session.start]
    return sorted({root for folder in folders for root in find_roots(folder)})


@operation(
    "workspace upgrade",
    writes=True,
    looks=("dry_run",),
    examples=("stacktui workspace upgrade --dry-run", "stacktui workspace upgrade"),
)
def upgrade(
    session: Session,
    *,
    dry_run: Annotated[bool, Opt("Show what would be written, and write nothing.")] = False,
) -> UpgradeDocument:
    """Bring the files of a workspace to the format of this stacktui; comments and order stay.

    All files are one edit, which undo takes back. One that a newer stacktui has written is refused.
    """
    from stacktui.workspace.documents import FORMAT_VERSION
    from stacktui.workspace.edits import EditImpossible
    from stacktui.workspace.upgrades import NewerWorkspace, upgrade_change, version_of
    from stacktui.workspace.yaml_reader import read_yaml

    workspace = session.workspace
    try:
        change = upgrade_change(workspace)
    except (NewerWorkspace, EditImpossible) as error:
        raise OperationError(str(error)) from None
    root_edit = next(edit for edit in change.edits if edit.file == workspace.file)
    before = version_of(read_yaml(root_edit.before or b"").value)
    facts = {"version_before": before, "version_after": FORMAT_VERSION, "dry_run": dry_run}
    if change.empty:
        title = f"nothing to do: the workspace has format version {FORMAT_VERSION}, the newest"
        return UpgradeDocument.model_validate({"title": title, **facts})
    if dry_run:
        return UpgradeDocument.model_validate(
            {"title": f"would {change.title}", "diff": change.diff(workspace.root), **facts}
        )
    done = apply(session, change)
    return UpgradeDocument.model_validate({**done.model_dump(), **facts})
