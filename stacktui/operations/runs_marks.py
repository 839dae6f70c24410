"""What people write on runs: labels, a note, a pin; and deleting runs with what belongs to them alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stacktui.model.base import short_id
from stacktui.operations.documents import Document, DoneDocument, Part
from stacktui.operations.errors import AnswerIsNo, OperationError, nearest
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.values import pairs
from stacktui.operations.which_run import RUN, let_go, which_run

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Run
    from stacktui.operations.session import Session


class RunUse(Part):
    """Something of a run that others rely on."""

    run_id: str
    artifact: str
    """As `pipeline/step/name@version`."""
    tags: tuple[str, ...]
    used_by: tuple[str, ...]
    """Other runs that took it as an input."""


class DeletedDocument(Document):
    """Runs that are gone."""

    deleted: tuple[str, ...]
    kept_artifacts: tuple[RunUse, ...]
    """Artifacts of them that stay, because they have a tag or another run used them."""


@operation(
    "runs label",
    writes=True,
    on="run",
    key="L",
    examples=(
        "stacktui runs label 0193a1b2 team=vision candidate=yes",
        "stacktui runs label last --remove candidate",
    ),
)
def label(
    session: Session,
    run_id: Annotated[str, RUN],
    labels: Annotated[tuple[str, ...], Arg("Labels to set, as key=value.")] = (),
    *,
    remove: Annotated[tuple[str, ...], Opt("A label to take away, by its key.")] = (),
) -> DoneDocument:
    """Set labels on a run, or take them away."""
    store = session.store()
    run = which_run(store, run_id)
    wanted = pairs(labels, "label")
    if not wanted and not remove:
        raise OperationError(f"say what to set: stacktui runs label {short_id(run.id)} key=value")
    for key in remove:
        if key not in run.labels:
            raise OperationError(f"run {short_id(run.id)} has no label {key!r}{nearest(key, run.labels)}")
    if both := [key for key in remove if key in wanted]:
        raise OperationError(f"label {both[0]!r} is both set and taken away; say one")
    kept = {key: value for key, value in run.labels.items() if key not in remove}
    store.update_run(run.id, labels={**kept, **wanted})
    session.changed(runs=[run.id])
    said = [*(f"{key}={value}" for key, value in wanted.items()), *(f"without {key}" for key in remove)]
    session.note("labelled", f"run/{run.id}", ", ".join(said))
    return DoneDocument(done=f"labelled run {short_id(run.id)}: {', '.join(said)}")


@operation(
    "runs note",
    writes=True,
    on="run",
    key="N",
    examples=('stacktui runs note 0193a1b2 "the one we shipped"',),
)
def note(
    session: Session,
    run_id: Annotated[str, RUN],
    text: Annotated[str, Arg("The note, in a few words; an empty one takes it away.", stdin=True)],
) -> DoneDocument:
    """Write a note on a run; it is found by `runs list --search`."""
    store = session.store()
    run = which_run(store, run_id)
    store.update_run(run.id, note=text.strip())
    session.note("annotated", f"run/{run.id}")
    session.changed(runs=[run.id])
    return DoneDocument(done=f"{'noted on' if text.strip() else 'took the note from'} run {short_id(run.id)}")


@operation(
    "runs pin",
    writes=True,
    on="run",
    key="P",
    examples=("stacktui runs pin 0193a1b2", "stacktui runs pin last --off"),
)
def pin(
    session: Session,
    run_id: Annotated[str, RUN],
    *,
    off: Annotated[bool, Opt("Take the pin away.")] = False,
) -> DoneDocument:
    """Pin a run: `prune` keeps it, and it is not deleted before it is unpinned."""
    store = session.store()
    run = which_run(store, run_id)
    if run.pinned is not off:
        state = "pinned" if run.pinned else "not pinned"
        return DoneDocument(done=f"run {short_id(run.id)} is {state} already")
    store.update_run(run.id, pinned=not off)
    session.note("unpinned" if off else "pinned", f"run/{run.id}")
    session.changed(runs=[run.id])
    return DoneDocument(done=f"{'unpinned' if off else 'pinned'} run {short_id(run.id)}")


@operation(
    "runs delete",
    writes=True,
    on="run",
    key="D",
    examples=("stacktui runs delete 0193a1b2", "stacktui runs delete 0193a1b2 0193a1c4 --yes"),
)
def delete(
    session: Session,
    run_ids: Annotated[
        tuple[str, ...],
        Arg("Runs: ids, or unambiguous beginnings of them.", complete="run", name="run"),
    ],
    *,
    yes: Annotated[bool, Opt("Also where others rely on what they made.", short="y")] = False,
) -> DeletedDocument:
    """Delete runs with their steps, metrics, logs and folders; not one that goes on or is pinned.

    Artifacts that have a tag or that another run used stay, with their content. Content that nothing names any more
    is removed by `prune`.
    """
    store = session.store()
    runs = list({run.id: run for run in (which_run(store, each) for each in run_ids)}.values())
    _refuse_kept(session, store, runs)
    uses = tuple(use for run in runs for use in uses_of(store, run, {each.id for each in runs}))
    if uses and not yes:
        raise AnswerIsNo(f"{_in_words(uses)}; delete anyway, and keep those artifacts, with: --yes")
    for run in runs:
        store.delete_run(run.id)
        session.note("deleted", f"run/{run.id}", f"{run.pipeline}, {run.status}")
        session.changed(runs=[run.id])
        _remove_files(session, run.id)
    return DeletedDocument(deleted=tuple(run.id for run in runs), kept_artifacts=uses)


def uses_of(store: MetadataStore, run: Run, besides: set[str]) -> Iterator[RunUse]:
    """What a run made that has a tag, or that runs other than `besides` used."""
    for step in store.steps(run.id):
        for artifact_id in step.outputs.values() if step.cached_from is None else ():
            artifact = store.artifact(artifact_id)
            _, links = store.links(artifact.id)
            used_by = tuple(dict.fromkeys(link.run_id for link in links if link.run_id not in besides))
            if artifact.tags or used_by:
                yield RunUse(
                    run_id=run.id,
                    artifact=f"{artifact.pipeline}/{artifact.step}/{artifact.name}@{artifact.version}",
                    tags=artifact.tags,
                    used_by=used_by,
                )


def _refuse_kept(session: Session, store: MetadataStore, runs: list[Run]) -> None:
    """All of them before any is deleted: a mistake in the last word must not cost the first run."""
    for run in runs:
        name = f"run {short_id(run.id)}"
        if not run.status.finished:
            raise AnswerIsNo(
                f"{name} is {run.status}; stop it first with: stacktui runs stop {short_id(run.id)}"
            )
        if run.pinned:
            raise AnswerIsNo(
                f"{name} is pinned; unpin it first with: stacktui runs pin {short_id(run.id)} --off"
            )
        if not let_go(session, store, run):
            raise AnswerIsNo(
                f"{name} has ended, and its runner has not yet; try again when it has cleaned up"
            )


def _in_words(uses: tuple[RunUse, ...]) -> str:
    said = []
    for use in uses[:3]:
        tagged = f"has the tag {', '.join(use.tags)}" if use.tags else ""
        by = ", ".join(short_id(each) for each in use.used_by[:3])
        used = f"is used by run {by}{' and others' if len(use.used_by) > 3 else ''}" if use.used_by else ""
        said.append(
            f"{use.artifact} of run {short_id(use.run_id)} {' and '.join(filter(None, (tagged, used)))}"
        )
    more = f", and {len(uses) - 3} more" if len(uses) > 3 else ""
    return ", ".join(said) + more


def _remove_files(session: Session, run_id: str) -> None:
    """Logs and run folder. What cannot be removed is told, after the run is gone."""
    problems: list[str] = []

    def note_problem(_: object, path: str, error: tuple[object, BaseException, object]) -> None:
        if not isinstance(error[1], FileNotFoundError):
            problems.append(f"{path}: {error[1]}")

    for kind in ("logs", "runs"):
        folder: Path = session.workspace.state / kind / run_id
        shutil.rmtree(folder, onerror=note_problem)
    if problems:
        raise OperationError(f"run {short_id(run_id)} is deleted, but not all of its files: {problems[0]}")
