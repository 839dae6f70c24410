"""What the header shows on every screen, and how it is found out. Used by the feed and, before Textual is there, by `start`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session


@dataclass(frozen=True)
class Summary:
    """What the header shows on every screen."""

    stack: Clean | None = None
    """The active stack."""
    reason: Clean = Clean("")
    """Why it is the one."""
    protected: bool = False
    readonly: bool = False
    """Whether operations that write are refused."""
    errors: int | None = None
    """Findings; None until the workspace has been checked."""
    warnings: int | None = None
    running: int = 0
    questions: int = 0
    undo: Clean | None = None
    """The edit that `u` takes back; empty for none, None until the journal was read."""
    redo: Clean | None = None
    """The edit that `ctrl+r` does again; as `undo`."""
    store_problem: Clean = Clean("")
    """Why the store cannot be read; empty if it can."""


def load_summary(session: Session) -> Summary:
    """The whole summary but the findings, which take longer. Blocks."""
    return with_runs(with_stack(Summary(), session), session)


def with_stack(summary: Summary, session: Session) -> Summary:
    """The part that depends on the workspace's files."""
    snapshot = session.glance()
    active = session.active(snapshot)
    entry = snapshot.stacks.get(active.name) if active.name else None
    return replace(
        summary,
        stack=clean(active.name) if active.name else None,
        reason=clean(active.reason),
        readonly=session.readonly,
        protected=bool(entry and entry.value.protected),
    )


def with_edits(summary: Summary, session: Session) -> Summary:
    """The part that depends on the journal of edits."""
    from stacktui.workspace.undo import edit_states

    states = edit_states(session.workspace)
    undo, redo = (clean(record.title) if record else Clean("") for record in (states.undo, states.redo))
    return replace(summary, undo=undo, redo=redo)


def with_findings(summary: Summary, findings: Iterable[Diagnostic]) -> Summary:
    """The counts of findings."""
    severities = [str(item.severity) for item in findings]
    return replace(summary, errors=severities.count("error"), warnings=severities.count("warning"))


def with_runs(summary: Summary, session: Session) -> Summary:
    """The part that depends on the store; zeros where it cannot be read."""
    try:
        store = session.store()
        return replace(summary, running=len(running_runs(store)), questions=len(store.inbox(pending=True)))
    except Exception:
        # The poller says why; the rest of the summary still counts.
        return replace(summary, running=0, questions=0)


def running_runs(store: Any) -> frozenset[tuple[str, str]]:
    """The runs that are on their way, each with its computed state; one that is lost is not among them."""
    from stacktui.categories.metadata_store import RunQuery
    from stacktui.model.run import RunStatus

    page = store.runs(RunQuery(status=(RunStatus.RUNNING, RunStatus.QUEUED), limit=200))
    return frozenset((run.id, str(run.status)) for run in page.runs if not run.status.finished)
