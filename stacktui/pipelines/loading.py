"""Finding an artifact by what people call it, and its value: `load_artifact` for notebooks and scripts.

`training/fit` is the newest output of a step, `training/load/train` one of several, `training/fit@3` a version,
`training/fit:gold` a tag; anything without a slash is an id, or its beginning. Used by the operations on artifacts.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.artifact import Artifact
from stacktui.pipelines.cache import find_earlier
from stacktui.pipelines.errors import PipelineBroken

_NAME = re.compile(r"([^/@:]+/[^/@:]+(?:/[^/@:]+)?)(?:@([^@:]+)|:([^@:]+))?")


class NotAName(ValueError):
    """A text that names no artifact. The message says how one is written."""


def artifact_query(text: str) -> dict[str, Any]:
    """What a text asks for, as `Artifact(…)` in a pipeline does. Raises `NotAName`."""
    if "/" not in text:
        return {"id": text}
    found = _NAME.fullmatch(text)
    if found is None:
        raise NotAName(
            f"{text!r} names no artifact; write its id, or pipeline/step[/output][@version or :tag]"
        )
    name, version, tag = found.groups()
    query: dict[str, Any] = dict(zip(("pipeline", "step", "name"), name.split("/"), strict=False))
    if tag is not None:
        return {**query, "tag": tag}
    if version not in (None, "latest"):
        if not version.isdecimal() or int(version) < 1:
            raise NotAName(f"{text!r}: version {version!r} is neither a number from 1 nor 'latest'")
        return {**query, "version": int(version)}
    return {**query, "version": "latest"}


def find_artifact(store: MetadataStore, text: str) -> Artifact:
    """The artifact that a text names. Raises `NotFound` and `NotAName`."""
    return find_earlier(store, artifact_query(text))


def load_artifact(
    name: str, *, stack: str | None = None, workspace: str | Path = ".", target: str | Path | None = None
) -> Any:
    """The value of an artifact, as a step that takes it would get it: `load_artifact("training/fit")`.

    Its digest is checked before anything of it is read. What was pickled, or is of a class of your own, needs that
    code to be importable here.

    Args:
        name: An id, or `pipeline/step[/output][@version or :tag]`.
        stack: The stack whose stores are asked; the active one by default.
        workspace: A folder in the workspace.
        target: Where files and folders are put; in a folder that goes with the process by default.

    Raises:
        PipelineBroken: There is no such workspace, stack or artifact, or it cannot be loaded; one line says why.
    """
    from stacktui.categories.errors import ComponentError
    from stacktui.pipelines.materializers import load
    from stacktui.pipelines.running import chosen_stack
    from stacktui.runtime.build import open_stack
    from stacktui.runtime.flavors import flavor_registry
    from stacktui.workspace.locate import WorkspaceNotFound
    from stacktui.workspace.workspace import Workspace

    try:
        place = Workspace.open(Path(workspace).absolute())
        snapshot = place.read()
        resolved = chosen_stack(place, snapshot, stack)
        with open_stack(place, snapshot, flavor_registry(place.root), resolved) as live:
            found = find_artifact(live.metadata_store, name)
            return load(found, live.artifact_store, scratch=None if target is None else Path(target))
    except (ComponentError, WorkspaceNotFound, NotAName) as error:
        raise PipelineBroken(str(error)) from error
