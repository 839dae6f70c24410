"""The cache: what a step's key is made of, and whether an earlier step may stand in for it.

The plan and the runner ask the same functions, so that the run never contradicts the plan.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacktui.categories.errors import DigestMismatch, NotFound
from stacktui.categories.metadata_store import ArtifactQuery, CachedStep, MetadataStore
from stacktui.model.artifact import Artifact, ArtifactRef
from stacktui.model.base import Noun, now, uuid7
from stacktui.model.execution import OutputSpec
from stacktui.model.stack import StepSettings
from stacktui.pipelines.graph import StepNode
from stacktui.pipelines.pickle_names import LONGEST

if TYPE_CHECKING:
    from stacktui.categories.artifact_store import ArtifactStore
    from stacktui.pipelines.fingerprint import CodeIndex, StepFingerprint

_READ_TO_CHECK = 64 * 1024
"""Bytes."""
_FORM = "2"
"""Counts in every key: changed when the key's own form changes."""


class CacheKey(Noun):
    """The key under which a step's result may be found again, and what it was made of."""

    key: str
    parts: dict[str, Any]
    """`code` (part of the code → digest, package → version), `params`, `inputs` (digests), `outputs`, `depends_on`:
    kept beside the step, so that a later miss can be explained by what differs."""


def cache_key(
    node: StepNode,
    fingerprint: StepFingerprint,
    input_digests: Mapping[str, str],
    *,
    root: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> CacheKey:
    """A step's key. `input_digests` are the digests of its artifacts, by the input's name.

    The step's name and pipeline do not count: what counts is code, constants, inputs and how outputs are written.
    `root` is the workspace's folder; it is needed where the step has `depends_on`. Raises `ValueError` without it.
    `environment` holds the variables that the settings in force set for it.
    """
    code: dict[str, str]
    if node.cache_key is None:
        code, digest = fingerprint.parts, fingerprint.digest
    else:
        code = {"cache_key": node.cache_key}
        digest = f"{node.module}:{node.function}:{node.cache_key}"
    params = {item.name: item.value for item in node.inputs if item.step is None and item.artifact is None}
    inputs = dict(input_digests)
    outputs = {item.name: f"{_materializer(node, item)}|{item.type}" for item in node.outputs}
    depends: dict[str, str] = {}
    if node.depends_on:
        if root is None:
            raise ValueError(f"step `{node.name}` depends on files: the workspace's folder is needed")
        depends = depended_on(node.depends_on, root, {**os.environ, **(environment or {})})
    if environment:
        depends |= {f"set:{name}": _digest_of_text(value) for name, value in environment.items()}
    # The order of a parameter's own keys counts: the step sees it.
    parts = [_FORM, digest, *(sorted(item.items()) for item in (params, inputs, outputs, depends))]
    text = json.dumps(parts)
    key = hashlib.sha256(text.encode("ascii")).hexdigest()
    return CacheKey.model_construct(
        key=key,
        parts={"code": code, "params": params, "inputs": inputs, "outputs": outputs, "depends_on": depends},
    )


def _materializer(node: StepNode, output: OutputSpec) -> str:
    return output.materializer or node.materializers.get(output.name, "")


def step_fingerprint(node: StepNode, code: CodeIndex) -> StepFingerprint:
    """The fingerprint of a step's code, with that of the materializers that its author chose."""
    chosen = (name for item in node.outputs if ":" in (name := _materializer(node, item)))
    return code.fingerprint(node.module, node.function, tuple(sorted(set(chosen))))


def input_digest(artifact: ArtifactRef, code: CodeIndex) -> str:
    """What stands for an artifact in the key of a step that takes it: its digest, and what the bytes are read as.

    The same bytes are another value under another materializer or type. And the bytes of an object of a class of the
    project, or of what a materializer of the project reads, need not change when that code does.
    """
    parts = [artifact.digest, artifact.materializer, artifact.type]
    named = artifact.metadata.get("classes", ())
    if len(named) >= LONGEST:
        # There may be more of them than were kept.
        parts.append(code.project_digest)
    for name in dict.fromkeys([artifact.type, *named, artifact.materializer]):
        found = code.type_fingerprint(name)
        if found is not None:
            parts.append(found)
    return "+".join(parts)


def depended_on(
    depends_on: tuple[str, ...], root: Path, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Digests of the files, folders and variables that a step says its result depends on; "missing" where absent."""
    found: dict[str, str] = {}
    for entry in depends_on:
        kind, _, name = entry.partition(":")
        if kind == "env":
            value = environ.get(name)
            # A digest, because the value may be a secret and parts are kept.
            found[entry] = "missing" if value is None else _digest_of_text(value)
        else:
            found[entry] = _digest_of_path(root / name)
    return found


def _digest_of_text(value: str) -> str:
    return hashlib.sha256(os.fsencode(value)).hexdigest()


def _digest_of_path(path: Path) -> str:
    try:
        return _digest_of_folder(path) if path.is_dir() else _digest_of_file(path)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        # What cannot be read is never the same as before.
        return f"{error.strerror} {uuid7()}"


def _digest_of_folder(folder: Path) -> str:
    """Of names and contents, behind links too; a folder that leads back into itself is entered once."""
    digest = hashlib.sha256()
    entered: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        inside = waiting.pop()
        status = inside.stat()
        if (status.st_dev, status.st_ino) in entered:
            continue
        entered.add((status.st_dev, status.st_ino))
        for item in sorted(inside.iterdir()):
            name = os.fsencode(item.relative_to(folder))
            if item.is_dir():
                digest.update(b"folder " + name + b"\0")
                waiting.append(item)
            elif item.is_file():
                digest.update(name + b"\0" + _digest_of_file(item).encode() + b"\n")
    return digest.hexdigest()


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def may_cache(node: StepNode, settings: StepSettings) -> bool:
    """Whether an earlier result may stand in for the step, with the settings in force. Never without outputs."""
    return node.cacheable and bool(node.outputs) and settings.cache is not False


def find_cached(
    store: MetadataStore,
    node: StepNode,
    key: str,
    artifacts: ArtifactStore | None = None,
    *,
    at: datetime | None = None,
) -> CachedStep | None:
    """The newest earlier step with that key whose outputs are all there and not too old; None where there is none.

    With `artifacts`, content that the stack's artifact store does not hold whole is a miss: lookups stay within it.
    `at` is the time at which its age is judged: a run judges all of its steps as of the time it was asked for.
    """
    earlier = store.cached(key)
    if earlier is None or set(earlier.outputs) != {item.name for item in node.outputs}:
        return None
    if node.cache_for_s is not None and lasts_s(earlier, node.cache_for_s, at or now()) < 0:
        return None
    if artifacts is not None and not all(is_whole(artifacts, item) for item in earlier.outputs.values()):
        return None
    return earlier


def asked_at(run_id: str) -> datetime:
    """When a run was asked for, by its id; that is when the ages of earlier results are judged."""
    return datetime.fromtimestamp((uuid.UUID(run_id).int >> 80) / 1000, UTC)


def lasts_s(earlier: CachedStep, cache_for_s: float, at: datetime) -> float:
    """How long an earlier result may still stand in, in seconds from `at` on; negative when it is too old."""
    return cache_for_s - (at - earlier.finished_at).total_seconds()


def is_whole(artifacts: ArtifactStore, item: ArtifactRef) -> bool:
    """Whether the store has the artifact's content: what a power loss has torn is a miss, and is made again.

    Small content is read and its digest checked; of large content on this host the size is.
    """
    try:
        if item.size <= _READ_TO_CHECK:
            artifacts.read_bytes(item.uri, expect_digest=item.digest)
            return True
        path = artifacts.local_path(item.uri)
        if path is not None:
            return path.stat().st_size == item.size
        return artifacts.exists(item.uri)
    except (NotFound, DigestMismatch, FileNotFoundError):
        return False


def find_earlier(store: MetadataStore, query: Mapping[str, Any]) -> Artifact:
    """The artifact of an earlier run that a `NodeInput.artifact` names. Raises `NotFound`, in words.

    A run asks once for all of them, before its first step, so that it uses what the plan has seen.
    """
    if "id" in query:
        return store.artifact(query["id"])
    version = query.get("version")
    wanted = ArtifactQuery(
        pipeline=query["pipeline"],
        step=query["step"],
        name=query.get("name"),
        version=version if isinstance(version, int) else None,
        tag=query.get("tag"),
        limit=1,
    )
    said = "/".join(query[key] for key in ("pipeline", "step", "name") if query.get(key))
    newest = store.artifacts(wanted)
    if not newest:
        detail = f" with tag `{wanted.tag}`" if wanted.tag else ""
        detail += f" in version {wanted.version}" if wanted.version else ""
        raise NotFound(
            f"no earlier run has left `{said}`{detail}; run the pipeline `{query['pipeline']}` first"
        )
    if wanted.name is None:
        beside = store.artifacts(
            ArtifactQuery(pipeline=wanted.pipeline, step=wanted.step, run_id=newest[0].run_id)
        )
        names = sorted({item.name for item in beside})
        if len(names) > 1:
            raise NotFound(
                f"`{said}` has several outputs; write one of {', '.join(f'{said}/{n}' for n in names)}"
            )
    return newest[0]
