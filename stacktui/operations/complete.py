"""The names that complete a word: for the shell, the palette and the workbench's `:`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.category import Category
from stacktui.operations.which_run import which_run

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class Completion(NamedTuple):
    """One word that could stand there."""

    name: str
    help: str = ""
    """What it is, raw."""


def names(session: Session, kind: str, given: Mapping[str, Any]) -> list[Completion]:
    """What may stand for a parameter whose `complete` is `kind`, beside the arguments given so far.

    Never raises: where something cannot be read there is nothing to offer.
    """
    source = _SOURCES.get(kind)
    if source is None:
        return []
    try:
        return list(source(session, given))
    except Exception:
        return []


def _categories(_: Session, __: Mapping[str, Any]) -> Iterator[Completion]:
    for category in Category:
        yield Completion(category.value, category.facts.role)


def _stacks(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    for name, entry in session.snapshot().stacks.items():
        yield Completion(name, entry.value.description)


def _components(session: Session, given: Mapping[str, Any]) -> Iterator[Completion]:
    category = given.get("category")
    for id_, entry in session.snapshot().components.items():
        if category in (None, id_.category):
            yield Completion(id_.name, entry.value.description or entry.value.flavor)


def _slots(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    for id_, entry in session.snapshot().components.items():
        yield Completion(f"{id_.category}={id_.name}", entry.value.description or entry.value.flavor)


def _flavors(session: Session, given: Mapping[str, Any]) -> Iterator[Completion]:
    category = given.get("category")
    for id_, source in sorted(session.registry().sources.items()):
        if category in (None, id_.category):
            yield Completion(id_.name, source.summary)


def _stores(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    yield from _components(session, {"category": Category.METADATA_STORE})


def _trackers(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    yield from _components(session, {"category": Category.EXPERIMENT_TRACKER})


def _alerters(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    yield from _components(session, {"category": Category.ALERTER})


def _questions(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    for item in session.store().inbox(pending=True):
        yield Completion(item.id, item.text)


def _repositories(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    for name in session.live().container_registry.repositories():
        yield Completion(name)


def _tags(session: Session, given: Mapping[str, Any]) -> Iterator[Completion]:
    for tag in session.live().container_registry.tags(str(given["repository"])):
        yield Completion(tag)


def _runs(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    from stacktui.categories.metadata_store import RunQuery

    runs = session.store().runs(RunQuery(limit=50)).runs
    if runs:
        yield Completion("last", f"the newest run: {runs[0].status} {runs[0].pipeline}")
    for run in runs:
        yield Completion(run.id, f"{run.status} {run.pipeline}")


def _steps(session: Session, given: Mapping[str, Any]) -> Iterator[Completion]:
    store = session.store()
    for step in store.steps(which_run(store, str(given["run_id"])).id):
        yield Completion(step.name, step.status.value)


def _artifacts(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    from stacktui.categories.metadata_store import ArtifactQuery

    for artifact in session.store().artifacts(ArtifactQuery(limit=50)):
        yield Completion(artifact.id, f"{artifact.pipeline}/{artifact.step}/{artifact.name}")


def _pipelines(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    from stacktui.pipelines.discover import find_pipelines

    snapshot = session.snapshot()
    for found in find_pipelines(snapshot.root, snapshot.settings).pipelines:
        yield Completion(found.target, found.summary)


def _secrets(session: Session, given: Mapping[str, Any]) -> Iterator[Completion]:
    from stacktui.operations.secret import opened_manager

    with opened_manager(session, given.get("manager")) as manager:
        for entry in manager.list():
            yield Completion(entry.name, ", ".join(entry.keys))


def _secret_keys(session: Session, given: Mapping[str, Any]) -> Iterator[Completion]:
    from stacktui.operations.secret import opened_manager, secret_rows

    with opened_manager(session, given.get("manager")) as manager:
        for row in secret_rows(session, session.snapshot(), manager):
            if row.name == given.get("name"):
                yield from (Completion(key, "missing") for key in row.missing)
                yield from (Completion(key) for key in row.keys)


def _managers(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    yield from _components(session, {"category": Category.SECRETS_MANAGER})


def _models(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    for server in session.live().model_deployer.find():
        yield Completion(server.name, server.state.value)


def _themes(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    from stacktui.workspace.themes import load_themes

    for name, theme in sorted(load_themes(session.workspace.root).themes.items()):
        yield Completion(name, theme.title)


def _settings(_: Session, given: Mapping[str, Any]) -> Iterator[Completion]:
    from stacktui.workspace.documents import WorkspaceFile
    from stacktui.workspace.settings import UserSettings

    model = WorkspaceFile if given.get("workspace") else UserSettings
    for name, field in model.model_fields.items():
        if name != "version":
            yield Completion(name, field.description or "")


def _setting_values(session: Session, given: Mapping[str, Any]) -> Iterator[Completion]:
    from stacktui.workspace.setting_sources import settings_in_force

    scope = "workspace" if given.get("workspace") else "yours"
    if given.get("name") == "default_stack":
        yield from _stacks(session, given)
    for each in settings_in_force(session.workspace.root, session.environ)[0]:
        if each.scope == scope and each.name == given.get("name"):
            yield from (Completion(choice) for choice in each.choices)


def _edits(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    for record in session.workspace.journal.records(limit=50):
        if not record.undoes and not record.redoes:
            yield Completion(record.id, record.title)


def _workspaces(session: Session, _: Mapping[str, Any]) -> Iterator[Completion]:
    from stacktui.workspace.recent import recent_workspaces

    for each in recent_workspaces(session.environ):
        yield Completion(each.root.name, str(each.root))


_SOURCES: dict[str, Callable[[Session, Mapping[str, Any]], Iterator[Completion]]] = {
    "category": _categories,
    "stack": _stacks,
    "component": _components,
    "slot": _slots,
    "flavor": _flavors,
    "edit": _edits,
    "store": _stores,
    "tracker": _trackers,
    "alerter": _alerters,
    "question": _questions,
    "repository": _repositories,
    "tag": _tags,
    "run": _runs,
    "step": _steps,
    "artifact": _artifacts,
    "pipeline": _pipelines,
    "manager": _managers,
    "secret": _secrets,
    "secret_key": _secret_keys,
    "model": _models,
    "theme": _themes,
    "setting": _settings,
    "setting_value": _setting_values,
    "workspace": _workspaces,
}
