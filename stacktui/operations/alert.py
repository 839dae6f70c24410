"""The inbox: messages and questions to people, in the active stack's metadata store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from stacktui.categories.process_mark import user_name
from stacktui.model.alert import InboxItem, Level
from stacktui.model.base import short_id
from stacktui.operations.documents import Document, DoneDocument, Moment, Part
from stacktui.operations.errors import AnswerIsNo, OperationError
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class AlertRow(Part):
    """One message or question."""

    id: str
    kind: str
    """`message` or `question`."""
    alerter: str
    level: Level
    text: str
    choices: tuple[str, ...]
    default: str | None
    answer_given: str | None
    answered_by: str | None
    run_id: str | None
    step: str | None
    created_at: Moment
    expires_at: Moment | None
    closed_at: Moment | None
    pending: bool


class AlertList(Document):
    """The inbox, newest first."""

    alerts: tuple[AlertRow, ...]


class AlertDocument(AlertRow, Document):
    """One message or question."""


@operation("alert list", writes=False, examples=("stacktui alert list --pending",))
def list_(
    session: Session,
    *,
    pending: Annotated[bool, Opt("Only questions that wait for an answer.")] = False,
    limit: Annotated[int, Opt("How many, at most.", short="n")] = 50,
) -> AlertList:
    """List messages and questions, newest first."""
    items = session.store().inbox(pending=pending, limit=limit)
    return AlertList(alerts=tuple(AlertRow(**_facts(item)) for item in items))


@operation(
    "alert post",
    writes=True,
    on="alerter",
    examples=("stacktui alert post 'nightly is late' --level warning",),
)
def post(
    session: Session,
    text: Annotated[str, Arg("The message.")],
    *,
    level: Annotated[Level, Opt("How loud it is.", short="l")] = Level.INFO,
    alerter: Annotated[
        str | None, Opt("The alerter; the stack's default without it.", complete="alerter")
    ] = None,
) -> DoneDocument:
    """Send a message to people."""
    found = session.live().alerter(alerter)
    found.post(text, level)
    session.note("posted", f"component/alerter/{found.name}")
    session.changed(runs=[""])
    return DoneDocument(done=f"sent by {found.name}")


@operation(
    "alert answer",
    writes=True,
    on="alert",
    key="enter",
    examples=("stacktui alert answer 0193a1b2 yes",),
)
def answer(
    session: Session,
    id: Annotated[str, Arg("The question: its id, or an unambiguous beginning of it.", complete="question")],  # noqa: A002
    choice: Annotated[str, Arg("One of its choices.")],
) -> AlertDocument:
    """Answer a question that waits. The first answer counts."""
    store = session.store()
    item = store.inbox_item(id)
    if item.kind != "question":
        raise OperationError(
            f"{short_id(item.id)} is a message, which has no answer; stacktui alert list --pending lists questions"
        )
    if not item.pending:
        who = f" by {item.answered_by}" if item.answered_by else ""
        how = f"answered {item.answer!r}{who}" if item.answer is not None else "closed without an answer"
        raise AnswerIsNo(f"question {short_id(item.id)} was {how} already")
    if choice not in item.choices:
        from stacktui.operations.errors import nearest

        raise OperationError(
            f"{choice!r} is not a choice{nearest(choice, item.choices)}; they are {', '.join(item.choices)}"
        )
    closed = store.answer(item.id, choice, user_name())
    session.note("answered", f"alert/{item.id}", choice)
    session.changed(runs=[item.run_id] if item.run_id else [""])
    return AlertDocument(**_facts(closed))


def _facts(item: InboxItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind,
        "alerter": item.alerter,
        "level": item.level,
        "text": item.text,
        "choices": item.choices,
        "default": item.default,
        "answer_given": item.answer,
        "answered_by": item.answered_by,
        "run_id": item.run_id,
        "step": item.step,
        "created_at": item.created_at,
        "expires_at": item.expires_at,
        "closed_at": item.closed_at,
        "pending": item.pending,
    }
