"""The audit list: who edited, ran, stopped, revealed …, when and from where. Kept by `workspace/audit.py`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from stacktui.operations.documents import Document, Moment, Part
from stacktui.operations.errors import OperationError
from stacktui.operations.table import Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.workspace.audit import AuditEntry, AuditTrail


class AuditRow(Part):
    """One thing that somebody did."""

    id: str
    at: Moment
    user: str
    host: str
    origin: str
    """The address that an SSH session comes from; empty for one that began on the host."""
    face: str
    """`cli`, `workbench`, or `python`."""
    action: str
    """`edited`, `ran`, `revealed` …"""
    subject: str
    """`stack/prod`, `component/alerter/oncall`, `run/<id>`, `secret/<manager>/<name>.<key>` …"""
    text: str

    @property
    def who(self) -> str:
        """`mira@gpu1`."""
        return f"{self.user}@{self.host}"

    @property
    def place(self) -> str:
        """The way in: `workbench`, `cli, ssh 10.0.0.7`."""
        return ", ".join(filter(None, (self.face, f"ssh {self.origin}" if self.origin else "")))


class AuditList(Document):
    """A page of the list, newest first."""

    entries: tuple[AuditRow, ...]
    next: str | None
    """What `--after` takes for the page that follows; None at the end."""
    damaged: int = 0
    """Lines that were skipped because they are not what was written."""


@operation(
    "audit list",
    writes=False,
    examples=(
        "stacktui audit list",
        "stacktui audit list --action revealed --since 7d",
        "stacktui audit list --who mira --about stack/prod --json",
    ),
)
def list_(
    session: Session,
    *,
    who: Annotated[
        tuple[str, ...], Opt("Only by this user, as mira or mira@host, or from this host or address.")
    ] = (),
    action: Annotated[
        tuple[str, ...],
        Opt("Only deeds of this kind: edited, undid, ran, stopped, set, revealed, deleted.", short="a"),
    ] = (),
    about: Annotated[str | None, Opt("Only what has this in its subject: stack/prod, run/0193, aws.")] = None,
    since: Annotated[
        str | None, Opt("Only what was done since: 30m, 12h, 7d ago, or a date as 2026-03-29.")
    ] = None,
    limit: Annotated[int, Opt("How many, at most.", short="n")] = 50,
    after: Annotated[str | None, Opt("The `next` of the page before.")] = None,
) -> AuditList:
    """List who did what here, newest first: edits, runs, stops, deletions, secrets that were set or revealed."""
    from stacktui.workspace.audit import AuditTrail

    if limit < 1:
        raise OperationError("--limit must be at least 1")
    begin = None if since is None else _moment(since)
    trail = AuditTrail(session.workspace)
    found: list[AuditEntry] = []
    for entry in _behind(trail, after):
        if (
            (begin is None or entry.at >= begin)
            and (not who or any(_is_by(entry, each) for each in who))
            and (not action or entry.action in action)
            and (about is None or about in entry.subject)
        ):
            found.append(entry)
            if len(found) > limit:
                break
    page = found[:limit]
    return AuditList(
        entries=tuple(map(_row, page)),
        next=page[-1].id if len(found) > limit else None,
        damaged=trail.damaged,
    )


def _behind(trail: AuditTrail, after: str | None) -> Iterator[AuditEntry]:
    entries = iter(trail)
    if after is not None and all(entry.id != after for entry in entries):
        raise OperationError(f"--after {after!r} is not on the list any more; begin again without it")
    yield from entries


def _row(entry: AuditEntry) -> AuditRow:
    return AuditRow(
        id=entry.id,
        at=entry.at,
        user=entry.who.user,
        host=entry.who.host,
        origin=entry.who.origin,
        face=entry.face,
        action=entry.action,
        subject=entry.subject,
        text=entry.text,
    )


def _is_by(entry: AuditEntry, wanted: str) -> bool:
    user, host, origin = entry.who
    return wanted in (user, host, origin, f"{user}@{host}")


def _moment(text: str) -> datetime:
    from stacktui.model.base import now
    from stacktui.model.stack import duration_seconds
    from stacktui.operations.moments import times_in_force

    try:
        return now() - timedelta(seconds=duration_seconds(text))
    except ValueError:
        pass
    except OverflowError:
        raise OperationError(f"--since {text!r} is longer ago than there are dates") from None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC) if times_in_force() == "utc" else moment.astimezone()
    except (ValueError, OverflowError, OSError):
        raise OperationError(
            f"--since {text!r} is neither an age nor a date; write 12h, 7d, 2026-03-29 or 2026-03-29T08:00"
        ) from None
    return moment
