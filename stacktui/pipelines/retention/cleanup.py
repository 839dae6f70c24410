"""The clean-up as a whole: what would go, and its removal. Used by `operations/prune`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from stacktui.categories.artifact_store import ArtifactStore, StoredObject
from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.base import now, short_id
from stacktui.model.run import Run
from stacktui.pipelines.retention import content, marks, state
from stacktui.pipelines.retention.runs import Policy, RunsToGo, active_runs, runs_to_go
from stacktui.pipelines.retention.waste import Waste

KINDS = ("runs", "contents", "logs", "run folders", "code", "drawings", "temporary")
"""In the order in which they are told."""


class Result(NamedTuple):
    """What went, or would go."""

    removed: dict[str, Waste]
    """By kind."""
    runs: tuple[str, ...]
    kept: dict[str, int]
    """Why runs that were asked for stay → how many."""
    notes: tuple[str, ...]
    """What stays for another reason, in words."""


class Cleanup:
    """One clean-up of one metadata store, one artifact store and one state folder."""

    def __init__(
        self,
        store: MetadataStore,
        artifacts: ArtifactStore,
        owners: state.Owners,
        folder: Path,
        policy: Policy,
    ) -> None:
        """`owners` are all the metadata stores of the workspace, `store` among them; `folder` is the state's."""
        self._store = store
        self._artifacts = artifacts
        self._owners = owners
        self._folder = folder
        self._policy = policy
        self._notes: list[str] = []
        self._active: list[Run] = []

    def look(self) -> Result:
        """What would go. Nothing is written."""
        at = now()
        found = self._runs(at)
        without = set(found.runs)
        removed = {"runs": Waste(len(found.runs), 0)}
        if self._content_may_go():
            unnamed = content.unnamed(
                self._artifacts, self._owners.stores, content.horizon(self._active, at, None), without
            )
            going = self._without_freed(unnamed, without)
            removed["contents"] = Waste(len(going), sum(each.size for each in going))
        left = state.left_behind(self._folder, self._owners, without)
        writers = content.left_by_writers(self._artifacts)
        for kind, paths in _by_kind(left).items():
            removed[kind] = Waste(len(paths), state.measured(paths))
        removed["temporary"] = removed["temporary"].plus(len(writers), sum(each.size for each in writers))
        self._note_foreign(left)
        return self._result(removed, found, sorted(without))

    def clean(self) -> Result:
        """Remove it: records first, then what nobody names any more."""
        at = now()
        found = self._runs(at)
        mark_at = marks.renew_mark(self._artifacts, self._store, self._owners.workspace)
        before = content.horizon(self._active, at, mark_at)
        named_before = self._named() if found.runs else frozenset()
        gone = [run_id for run_id in found.runs if self._forget(run_id)]
        removed = {"runs": Waste(len(gone), 0)}
        if self._content_may_go():
            # Once more: a run that began since may have found an earlier result that was just forgotten.
            self._active = self._all_active()
            unnamed = content.unnamed(self._artifacts, self._owners.stores, before)
            going = self._settled(unnamed, named_before)
            removed["contents"] = content.remove(self._artifacts, going, before)
        left = state.left_behind(self._folder, self._owners, gone)
        removed |= self._discard(left)
        writers = content.remove_left(self._artifacts, content.left_by_writers(self._artifacts))
        removed["temporary"] = removed["temporary"].plus(writers.count, writers.size)
        self._note_foreign(left)
        return self._result(removed, found, gone)

    def _runs(self, at: datetime) -> RunsToGo:
        self._active = self._all_active()
        return runs_to_go(self._store, self._policy, self._active, self._folder, at)

    def _all_active(self) -> list[Run]:
        return [run for store in self._owners.stores for run in active_runs(store)]

    def _forget(self, run_id: str) -> bool:
        try:
            self._store.delete_run(run_id)
        except NotFound:
            return True
        except ComponentError as error:
            self._notes.append(str(error))
            return False
        return True

    # Content.

    def _content_may_go(self) -> bool:
        """Whether all that names content of the artifact store was asked."""
        if not self._owners.complete:
            self._notes.append(
                "content of artifacts stays: not every metadata store of the workspace could be asked what it names"
            )
            return False
        others = marks.other_users(self._artifacts, {store.identity for store in self._owners.stores})
        if others:
            first = others[0]
            where = f" from {first.workspace}" if first.workspace else ""
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            self._notes.append(
                f"content of artifacts stays: the artifact store is shared with the metadata store "
                f"{first.identity}{where}{more}, whose artifacts are not known here; if it is gone for good, delete "
                f"its mark {first.path} under {self._artifacts.root}"
            )
        return not others

    def _named(self) -> frozenset[str]:
        return frozenset(uri for uri, _, _ in self._store.contents())

    def _without_freed(self, unnamed: content.Unnamed, without: set[str]) -> Sequence[StoredObject]:
        return self._settled(unnamed, self._named() if without and self._active else frozenset())

    def _settled(self, unnamed: content.Unnamed, named_before: frozenset[str]) -> Sequence[StoredObject]:
        """What may go now: while runs go on, what was forgotten just now waits for the next time."""
        going: Sequence[StoredObject] = unnamed.objects
        if self._active and named_before:
            going = [each for each in unnamed.objects if each.path not in named_before]
        waits = len(unnamed.objects) - len(going) + unnamed.young.count
        if waits and self._active:
            run = min(self._active, key=lambda each: each.created_at)
            self._notes.append(
                f"{waits} contents that nothing names stay while run {short_id(run.id)} goes on: prune again when it has ended"
            )
        return going

    # The state.

    def _discard(self, left: state.Left) -> dict[str, Waste]:
        removed = {}
        for kind, paths in _by_kind(left).items():
            sizes = {path: state.measured([path]) for path in paths}
            gone, problems = state.discard(paths, unless_touched=kind == "code")
            removed[kind] = Waste(len(gone), sum(sizes[path] for path in gone))
            self._notes.extend(problems)
        return removed

    def _note_foreign(self, left: state.Left) -> None:
        if left.foreign:
            self._notes.append(
                f"{left.foreign} run folders stay: they belong to a metadata store that the workspace no longer names"
            )

    def _result(self, removed: dict[str, Waste], found: RunsToGo, gone: Sequence[str]) -> Result:
        told = {kind: removed.get(kind, Waste()) for kind in KINDS}
        return Result(told, tuple(gone), found.kept, tuple(dict.fromkeys(self._notes)))


def _by_kind(left: state.Left) -> dict[str, tuple[Path, ...]]:
    # Logs before the folders that say whose they are; snapshots before the files that they share.
    return {
        "logs": left.logs,
        "run folders": left.runs,
        "code": (*left.snapshots, *left.objects),
        "drawings": left.drawings,
        "temporary": left.temporary,
    }
