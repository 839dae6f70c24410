"""What the run history shows: pages of runs as clean lines, which runs a filter asks for, what the list keeps of older
pages. Used by the run list, the sweep's table and, for single lines, by other screens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.categories.errors import NotFound
from stacktui.model.run import RunStatus
from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.metadata_store import RunQuery
    from stacktui.model.run import Run
    from stacktui.operations.session import Session

MOST_COUNTED = 10_000
_FAILED_STEP = re.compile(r"\Astep `([^`]+)` failed: ")


@dataclass(frozen=True)
class RunLine:
    """One run, as a list shows it."""

    id: str
    target: str
    """How to start it again."""
    name: Clean
    pipeline: Clean
    stack: Clean
    params: Clean
    error: Clean
    status: str
    created_at: datetime
    started_at: datetime | None
    duration_s: float | None
    group: str | None
    """The sweep that it belongs to."""
    pinned: bool
    note: Clean
    raw_note: str
    """The same as it was written, to be changed."""
    labels: Clean
    waits_for: Clean
    """While it is queued: what it waits for."""


class Words(NamedTuple):
    """What is typed behind `/`: words that must stand in a run, and `label:team=vision`, `label:team`, `is:pinned`."""

    search: str = ""
    label: str | None = None
    pinned: bool | None = None

    @classmethod
    def of(cls, text: str) -> Words:
        """Take a filter's text apart. Of several labels the last one counts, as the store asks for one."""
        words, label, pinned = [], None, None
        for word in text.split():
            kind, colon, value = word.partition(":")
            if colon and kind == "label":
                label = value or label
            elif colon and kind == "is" and value in ("pinned", "unpinned"):
                pinned = value == "pinned"
            else:
                words.append(word)
        return cls(" ".join(words), label, pinned)


class Key(NamedTuple):
    """Which runs: a store, states, words, a sweep."""

    store: str | None
    status: tuple[RunStatus, ...]
    words: Words
    group: str | None = None

    def query(self, limit: int, after: str | None = None) -> RunQuery:
        """The same for the store."""
        from stacktui.categories.metadata_store import RunQuery

        return RunQuery(
            status=self.status, search=self.words.search or None, label=self.words.label,
            pinned=self.words.pinned, group=self.group, limit=limit, after=after,
        )  # fmt: skip


@dataclass(frozen=True)
class RunsSnapshot:
    """What is loaded of the history."""

    key: Key
    lines: tuple[RunLine, ...]
    next: str | None
    count: int
    """How many runs the query finds, counted no further than 10,000."""


def load_runs(session: Session, key: Key, limit: int, after: str | None = None) -> RunsSnapshot:
    """A page of runs. Blocks: reads the store."""
    store = session.store(key.store)
    query = key.query(limit, after)
    page = store.runs(query)
    first = after is None
    count = store.count_runs(query, MOST_COUNTED) if first and page.next is not None else len(page.runs)
    return RunsSnapshot(key, tuple(line_of(run) for run in page.runs), page.next, count)


def with_older(
    session: Session, fresh: RunsSnapshot, shown: RunsSnapshot, touched: frozenset[str] = frozenset()
) -> RunsSnapshot:
    """The newest page with the older runs that are on screen behind it, so that a long list stays where it is.

    Of the older ones those that had not ended are read again, and those in `touched`, which somebody labelled, pinned
    or deleted; others do not change any more. Blocks: reads the store.
    """
    newest = {line.id for line in fresh.lines}
    last = next((n for n in reversed(range(len(shown.lines))) if shown.lines[n].id in newest), None)
    if fresh.next is None or last is None:
        return fresh
    store = session.store(shown.key.store)
    older = []
    for line in shown.lines[last + 1 :]:
        if line.status not in ("queued", "running") and line.id not in touched:
            older.append(line)
            continue
        try:
            run = store.run(line.id)
        except NotFound:
            continue
        if _still_asked_for(run, shown.key):
            older.append(line_of(run))
    return replace(fresh, lines=(*fresh.lines, *older), next=shown.next if older else fresh.next)


def _still_asked_for(run: Run, key: Key) -> bool:
    """Whether a run that was in the list has not left it; words are left to the next search."""
    name, _, value = (key.words.label or "").partition("=")
    return (
        (not key.status or run.status in key.status)
        and (key.words.pinned is None or run.pinned == key.words.pinned)
        and (not name or (name in run.labels and (not value or run.labels[name] == value)))
    )


def params_text(params: Mapping[str, Any]) -> Clean:
    """Parameters in one line: `lr=0.1 depth=3`."""
    return clean(" ".join(f"{name}={value}" for name, value in params.items()))


def labels_text(labels: Mapping[str, str]) -> Clean:
    """Labels in one line: `team=vision nightly`."""
    return clean(" ".join(f"{key}={value}" if value else key for key, value in labels.items()))


def own_labels(run: Run) -> Mapping[str, str]:
    """Labels without the one that a sweep sets on its runs: that they are tied together is told otherwise."""
    return {key: value for key, value in run.labels.items() if key != "sweep" or run.group is None}


def line_of(run: Run) -> RunLine:
    """A run as a line of a list."""
    return RunLine(
        run.id, run.target, clean(run.name), clean(run.pipeline), clean(run.stack), params_text(run.params),
        clean(_FAILED_STEP.sub(r"\1: ", run.error or "")), str(run.status), run.created_at, run.started_at, run.duration_s, run.group,
        run.pinned, clean(run.note), run.note, labels_text(own_labels(run)), clean(run.waits_for),
    )  # fmt: skip


def brace(lines: Sequence[RunLine], place: int) -> str:
    """Beside a run of a list a sign that ties neighbours of one sweep together: `╭ │ ╰` down a block of them, `•` for
    one that stands alone."""
    group = lines[place].group
    above = place > 0 and lines[place - 1].group == group
    below = place + 1 < len(lines) and lines[place + 1].group == group
    return "│" if above and below else "╭" if below else "╰" if above else "•"
