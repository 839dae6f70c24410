"""Pruning: runs beyond a number or an age, content that nothing names, and what runs that are gone have left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from stacktui.operations.changes import confirmed
from stacktui.operations.documents import Document, Part
from stacktui.operations.errors import OperationError
from stacktui.operations.table import Opt, operation

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.component import Component
    from stacktui.operations.session import Session
    from stacktui.pipelines.retention.cleanup import Cleanup, Result
    from stacktui.pipelines.retention.runs import Policy


class PrunedKind(Part):
    """Things of one kind."""

    kind: str
    """`runs`, `contents`, `logs`, `run folders`, `code`, `drawings`, `temporary`."""
    count: int
    size: int
    """Bytes that the disk gets back; runs' records are given back by `store compact`."""


class KeptRuns(Part):
    """Runs that were asked for and stay."""

    reason: str
    count: int


class Pruned(Document):
    """What was removed, or would be."""

    dry_run: bool
    removed: tuple[PrunedKind, ...]
    count: int
    """Of all kinds."""
    size: int
    runs: tuple[str, ...]
    """Their ids."""
    kept: tuple[KeptRuns, ...]
    notes: tuple[str, ...]
    """What stays for another reason, and what to do about it."""

    @property
    def done(self) -> str:
        return f"{'would remove' if self.dry_run else 'removed'} {in_words(self)}"

    @property
    def report(self) -> str:
        """All of it in lines, for who decides on a dry run."""
        told = [each for each in self.removed if each.count]
        width = max((len(each.kind) for each in told), default=0)
        lines = [
            f"{each.count:>8,}  {each.kind:<{width}}  {f'{each.size:,} bytes' if each.size else '':>20}".rstrip()
            for each in told
        ]
        kept = [
            f"{each.count:,} {'run stays' if each.count == 1 else 'runs stay'}: {each.reason}"
            for each in self.kept
        ]
        return "\n".join(["This would be removed for good:", "", *lines, "", *kept, *self.notes]).rstrip()


@operation(
    "prune",
    writes=True,
    looks=("dry_run",),
    examples=(
        "stacktui prune --dry-run",
        "stacktui prune --keep-runs 50 --older-than 30d --dry-run",
        "stacktui prune --keep-runs 50 --older-than 30d",
    ),
)
def prune(
    session: Session,
    *,
    keep_runs: Annotated[
        int | None, Opt("Remove finished runs but for the newest N of each pipeline.")
    ] = None,
    older_than: Annotated[
        str | None, Opt("Remove finished runs that ended longer ago than this, as 30d or 12h.")
    ] = None,
    pipeline: Annotated[str | None, Opt("Only runs of this pipeline.")] = None,
    dry_run: Annotated[bool, Opt("Say what would be removed, and remove nothing.")] = False,
    confirm: Annotated[str | None, Opt("The stack's name, where it is protected.")] = None,
) -> Pruned:
    """Remove what nothing needs any more: content that no artifact names, and what runs that are gone have left.

    With --keep-runs or --older-than runs go too, with their records, logs and artifacts: never one that goes on, is
    pinned, has an artifact with a tag, or made what a run that stays uses or is cached from. With both, a run goes
    that is beyond the number and older than the age. Look first, with --dry-run.
    """
    policy = _policy(keep_runs, older_than, pipeline)
    snapshot = session.snapshot()
    name = session.stack_name(None, snapshot)
    if not dry_run:
        confirmed(name, session.resolved(name, snapshot).protected, confirm, f"stack {name!r}")
    cleanup, notes = _cleanup(session, policy)
    result = cleanup.look() if dry_run else cleanup.clean()
    found = _document(result, dry_run, notes)
    if not dry_run:
        session.note("pruned", f"stack/{name}", in_words(found))
        session.changed(runs=result.runs, paths=[session.workspace.state])
    return found


def in_words(found: Pruned) -> str:
    """`3 runs, 12 contents (4,301,912 bytes)`, or `nothing`."""
    said = [f"{each.count:,} {each.kind}" for each in found.removed if each.count]
    return f"{', '.join(said)} ({found.size:,} bytes)" if said else "nothing"


def _policy(keep_runs: int | None, older_than: str | None, pipeline: str | None) -> Policy:
    from stacktui.model.stack import duration_seconds
    from stacktui.pipelines.retention.runs import Policy

    if keep_runs is not None and keep_runs < 0:
        raise OperationError("--keep-runs takes a number from 0")
    if pipeline is not None and keep_runs is None and older_than is None:
        raise OperationError(
            "--pipeline says of which runs; say which of them go with --keep-runs or --older-than"
        )
    try:
        seconds = duration_seconds(older_than)
    except ValueError as error:
        raise OperationError(f"--older-than: {error}") from None
    return Policy(keep_runs=keep_runs, older_than_s=seconds, pipeline=pipeline)


def _cleanup(session: Session, policy: Policy) -> tuple[Cleanup, list[str]]:
    from stacktui.pipelines.retention.cleanup import Cleanup
    from stacktui.pipelines.retention.state import Owners

    store = session.store()
    stores, components, problems = _metadata_stores(session, store)
    owners = Owners(stores, components, session.workspace.root, complete=not problems)
    artifacts = session.live().artifact_store
    return Cleanup(store, artifacts, owners, session.workspace.state, policy), problems


def _metadata_stores(
    session: Session, store: MetadataStore
) -> tuple[list[MetadataStore], list[Component], list[str]]:
    """All that the workspace names: each may know runs and name content that others do not."""
    from stacktui.model.category import Category
    from stacktui.runtime.findings import one_line

    found, components, problems = {store.identity: store}, [], []
    for id_, entry in session.snapshot().components.items():
        if id_.category is not Category.METADATA_STORE:
            continue
        try:
            each = session.store(id_.name)
            each.last_event()
            found.setdefault(each.identity, each)
            components.append(entry.value)
        except Exception as error:
            problems.append(f"the metadata store {id_.name} could not be asked: {one_line(error)}")
    return list(found.values()), components, problems


def _document(result: Result, dry_run: bool, notes: list[str]) -> Pruned:
    removed = tuple(
        PrunedKind(kind=kind, count=waste.count, size=waste.size) for kind, waste in result.removed.items()
    )
    return Pruned(
        dry_run=dry_run,
        removed=removed,
        count=sum(each.count for each in removed),
        size=sum(each.size for each in removed),
        runs=result.runs,
        kept=tuple(KeptRuns(reason=reason, count=count) for reason, count in result.kept.items()),
        notes=(*notes, *result.notes),
    )
