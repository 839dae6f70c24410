"""Which runs go: finished ones beyond a number or an age that nobody has marked, and that no run which stays needs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from stacktui.categories.errors import NotFound
from stacktui.categories.metadata_store import MetadataStore, RunQuery
from stacktui.model.base import Noun
from stacktui.model.run import Run, RunStatus

_PAGE = 500
_ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)


class Policy(Noun):
    """What is asked to go; with nothing said no run goes. Both conditions must hold where both are given."""

    keep_runs: int | None = None
    """The newest of each pipeline that stay."""
    older_than_s: float | None = None
    """Runs that ended longer ago than this, in seconds."""
    pipeline: str | None = None
    """Only runs of this pipeline."""

    @property
    def asks(self) -> bool:
        """Whether any run may go."""
        return self.keep_runs is not None or self.older_than_s is not None


class RunsToGo(NamedTuple):
    """The runs that go, and why others of those that were asked for stay."""

    runs: tuple[str, ...]
    """Their ids: there may be very many."""
    kept: dict[str, int]
    """Reason → how many."""


def all_runs(store: MetadataStore, query: RunQuery) -> Iterator[Run]:
    """Every run that a query finds, newest first, a page at a time."""
    after: str | None = None
    while True:
        page = store.runs(query.model_copy(update={"limit": _PAGE, "after": after}))
        yield from page.runs
        after = page.next
        if after is None:
            return


def active_runs(store: MetadataStore) -> list[Run]:
    """The runs that wait or go on at this moment."""
    return list(all_runs(store, RunQuery(status=_ACTIVE)))


def runs_to_go(
    store: MetadataStore, policy: Policy, active: list[Run], state: Path, at: datetime
) -> RunsToGo:
    """The runs that a policy asks to go and that nothing holds back."""
    if not policy.asks:
        return RunsToGo((), {})
    kept: Counter[str] = Counter()
    needed, unknown = _needed_by_active(store, active, state)
    users: dict[str, frozenset[str]] = {}
    """Of the runs that are asked for and that nothing holds back so far."""
    for run in _asked_for(store, policy, at):
        reason = "goes on" if not run.status.finished else "pinned" if run.pinned else ""
        if not reason and store.is_held(run.id):
            # It has ended, and its runner cleans up.
            reason = "goes on"
        if not reason and (run.id in needed or unknown):
            reason = "needed by a run that goes on"
        if not reason:
            found = store.users(run.id)
            if not found.tags:
                users[run.id] = found.runs
                continue
            reason = "an artifact has a tag"
        kept[reason] += 1
    for run_id in _needed(users):
        kept["used by a run that stays"] += 1
        del users[run_id]
    return RunsToGo(tuple(users), dict(kept))


def _asked_for(store: MetadataStore, policy: Policy, at: datetime) -> Iterator[Run]:
    seen: Counter[str] = Counter()
    before = None if policy.older_than_s is None else at - timedelta(seconds=policy.older_than_s)
    for run in all_runs(store, RunQuery(pipeline=policy.pipeline)):
        seen[run.pipeline] += 1
        if policy.keep_runs is not None and seen[run.pipeline] <= policy.keep_runs:
            continue
        if before is not None and (run.finished_at or run.created_at) > before:
            continue
        yield run


def _needed(users: dict[str, frozenset[str]]) -> list[str]:
    """Runs that one which stays relies on, and those that these rely on in their turn."""
    relies_on: dict[str, list[str]] = {}
    for run_id, found in users.items():
        for user in found:
            relies_on.setdefault(user, []).append(run_id)
    stays = [user for user in relies_on if user not in users]
    needed: dict[str, None] = {}
    while stays:
        for run_id in relies_on.get(stays.pop(), ()):
            if run_id not in needed:
                needed[run_id] = None
                stays.append(run_id)
    return list(needed)


def _needed_by_active(store: MetadataStore, active: list[Run], state: Path) -> tuple[set[str], bool]:
    """The runs that those which go on take something from that stands in no link yet; and whether that is unknown."""
    needed: set[str] = set()
    for run in active:
        if run.retry_of is not None:
            needed.add(run.retry_of)
        folder = state / "runs" / run.id
        if not folder.is_dir():
            # Another workspace's: what it has looked up stands in its own state.
            return needed, True
        try:
            chosen = json.loads((folder / "artifacts.json").read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return needed, True
        for artifact_id in chosen.values():
            try:
                needed.add(store.artifact(artifact_id).run_id)
            except NotFound:
                continue
    return needed, False
