"""The workspace's files in one form: `stacktui fmt`, which the shipped pre-commit hook runs too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from stacktui.operations.changes import apply
from stacktui.operations.documents import Document, Part, relative
from stacktui.operations.errors import OperationError
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import FileEdit


class FormattedFile(Part):
    """One file that was looked at."""

    file: str
    """As it was named, or from the workspace's root."""
    state: Literal["in form", "changed", "broken", "skipped"]
    """`changed`: it is written anew, or would be; `broken`: it cannot be read and stays as it is."""
    reason: str = ""


class Formatted(Document):
    """What has another form now, or would have."""

    written: bool
    """False with --check and --diff: nothing was."""
    check: bool
    files: tuple[FormattedFile, ...]
    diff: str = ""
    """With --diff."""

    def of(self, state: str) -> tuple[FormattedFile, ...]:
        """The files in one state."""
        return tuple(each for each in self.files if each.state == state)

    @property
    def answer(self) -> bool:
        return not self.of("broken") and not (self.check and self.of("changed"))

    @property
    def done(self) -> str:
        total = f"{len(self.files)} files" if len(self.files) != 1 else "1 file"
        changed, broken = len(self.of("changed")), len(self.of("broken"))
        what = "formatted" if self.written else "would format"
        said = f"{what} {changed} of {total}" if changed else "every file is in form already"
        return said + (f"; {broken} cannot be read" if broken else "")


@operation(
    "fmt",
    writes=True,
    workspace=False,
    looks=("check", "diff"),
    examples=("stacktui fmt", "stacktui fmt --check", "stacktui fmt --diff stacks/prod.yaml"),
)
def fmt(
    session: Session,
    files: Annotated[
        tuple[Path, ...],
        Arg("Files or folders; by default the workspace here, or all below.", complete="path"),
    ] = (),
    *,
    check: Annotated[bool, Opt("Write nothing; exit 1 if a file would change.")] = False,
    diff: Annotated[bool, Opt("Write nothing; show what would change.")] = False,
) -> Formatted:
    """Put files in one form: keys in the order of their kind, comments with their keys, blank lines that separate.

    What a file says stays the same, and so do its comments. A file that cannot be read is named and stays as it is.
    All files of a workspace are one edit, which undo takes back.
    """
    looked: list[FormattedFile] = []
    text = ""
    for root, its in _by_workspace(session, files, looked).items():
        edits = [edit for file, shown in its.items() if (edit := _formatted(root, file, shown, looked))]
        if edits:
            text += _written(session, root, edits, look=check or diff)
    return Formatted(
        written=not check and not diff, check=check, files=tuple(looked), diff=text if diff else ""
    )


def _by_workspace(
    session: Session, files: tuple[Path, ...], looked: list[FormattedFile]
) -> dict[Path, dict[Path, str]]:
    """The files to look at with how they are named, by the workspace that they lie in."""
    from stacktui.workspace.formatting import order_of
    from stacktui.workspace.locate import WorkspaceNotFound, find_root

    if not files:
        from stacktui.workspace.discover import find_roots

        start = session.start.resolve()
        return {
            root: {
                file: relative(file, start if start in root.parents else root) for file in _own_files(root)
            }
            for root in find_roots(session.start)
        }
    found: dict[Path, dict[Path, str]] = {}
    for given in files:
        path = _existing(session, given)
        try:
            root = find_root(path)
        except WorkspaceNotFound:
            looked.append(FormattedFile(file=str(given), state="skipped", reason="it lies in no workspace"))
            continue
        if path.is_dir():
            below = path.resolve()
            inside = {
                file: str(given / file.relative_to(below))
                for file in _own_files(root)
                if below in file.parents
            }
            found.setdefault(root, {}).update(inside)
            continue
        file = path.parent.resolve() / path.name
        if order_of(root, file) is None:
            reason = "it is no component, stack or stacktui.yaml"
            looked.append(FormattedFile(file=str(given), state="skipped", reason=reason))
        else:
            found.setdefault(root, {})[file] = str(given)
    return found


def _existing(session: Session, given: Path) -> Path:
    for path in (given.absolute(), session.start.absolute() / given):
        if path.exists():
            return path
    raise OperationError(f"there is no file {str(given)!r}; name files of the workspace, or none for all")


def _own_files(root: Path) -> Iterator[Path]:
    from stacktui.model.category import Category
    from stacktui.workspace.listing import COMPONENTS, STACKS, Listing
    from stacktui.workspace.locate import ROOT_FILE

    listing = Listing(root)
    yield root / ROOT_FILE
    for folder in (root / STACKS, *(root / COMPONENTS / category.value for category in Category)):
        yield from (Path(path) for _, path in listing.yaml_files(folder))


def _formatted(root: Path, file: Path, shown: str, looked: list[FormattedFile]) -> FileEdit | None:
    from stacktui.workspace.changes import FileEdit
    from stacktui.workspace.formatting import formatted, order_of
    from stacktui.workspace.yaml_reader import YamlProblem

    order = order_of(root, file)
    assert order is not None
    try:
        raw = file.read_bytes()
        after = formatted(raw, order)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        looked.append(FormattedFile(file=shown, state="broken", reason=reason))
        return None
    except YamlProblem as problem:
        where = f"line {problem.line}: " if problem.line else ""
        looked.append(FormattedFile(file=shown, state="broken", reason=f"{where}{problem.message}"))
        return None
    looked.append(FormattedFile(file=shown, state="in form" if raw == after else "changed"))
    return None if raw == after else FileEdit(file, raw, after)


def _written(session: Session, root: Path, edits: list[FileEdit], *, look: bool) -> str:
    """Apply what changes in one workspace as one edit, or only build it; returns its diff."""
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change
    from stacktui.workspace.locate import WorkspaceNotFound

    title = f"format {len(edits)} files" if len(edits) > 1 else f"format {edits[0].file.relative_to(root)}"
    change = Change(title, tuple(edits))
    if look:
        return change.diff(root)
    try:
        here = session.workspace.root == root
    except WorkspaceNotFound:
        here = False
    if here:
        return apply(session, change).diff
    with Session(root, readonly=session.asked_readonly, environ=session.environ, face=session.face) as other:
        return apply(other, change).diff
