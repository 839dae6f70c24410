"""SQL over artifacts: their versions, tags, lineage. Used by the store and by `steps`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from stacktui.categories.errors import NotFound
from stacktui.categories.metadata_store import ArtifactQuery, RunUsers
from stacktui.flavors.sqlite import events, rows
from stacktui.model.artifact import Artifact, ArtifactLink, ArtifactRef

_REFERENCE = ("id", "uri", "digest", "size", "type", "materializer", "metadata")
COLUMNS = (*_REFERENCE, "name", "run_id", "pipeline", "step", "version", "created_at")
_METADATA = COLUMNS.index("metadata")
_SELECT = ", ".join(f"artifacts.{column}" for column in COLUMNS)
# The store numbers versions itself, in the transaction that writes them; one that was deleted is not given again.
_INSERT = f"""INSERT INTO artifacts ({", ".join(COLUMNS)}) SELECT {rows.marks(11)},
    1 + max(
        coalesce((SELECT max(version) FROM artifacts WHERE pipeline = ?10 AND step = ?11 AND name = ?8), 0),
        coalesce((SELECT version FROM deleted_versions WHERE pipeline = ?10 AND step = ?11 AND name = ?8), 0)
    ), ?12
    ON CONFLICT (id) DO NOTHING RETURNING version"""
_INSERT = _INSERT.replace(rows.marks(11), ", ".join(f"?{index}" for index in range(1, 12)))


def add(connection: sqlite3.Connection, artifact: Artifact) -> Artifact:
    """Record an artifact under the next version of its name; one that is recorded already stays as it is."""
    row = connection.execute(
        _INSERT,
        (
            artifact.id, artifact.uri, artifact.digest, artifact.size, artifact.type, artifact.materializer,
            rows.packed(artifact.metadata), artifact.name, artifact.run_id, artifact.pipeline, artifact.step,
            rows.stamp(artifact.created_at),
        ),
    ).fetchone()  # fmt: skip
    if row is None:
        return get(connection, artifact.id)
    for tag in artifact.tags:
        tag_as(connection, artifact, tag)
    version = row[0]
    return artifact if version == artifact.version else artifact.model_copy(update={"version": version})


def link(connection: sqlite3.Connection, run_id: str, step: str, used: Mapping[str, str]) -> None:
    """Record which artifacts a step uses, by the names of its inputs."""
    for name, artifact_id in used.items():
        connection.execute(
            "INSERT OR IGNORE INTO artifact_links (artifact_id, run_id, step, name) VALUES (?, ?, ?, ?)",
            (artifact_id, run_id, step, name),
        )


def reference(connection: sqlite3.Connection, artifact_id: str) -> ArtifactRef | None:
    """What is needed to load an artifact."""
    sql = f"SELECT {', '.join(_REFERENCE)} FROM artifacts WHERE id = ?"
    row = connection.execute(sql, (artifact_id,)).fetchone()
    if row is None:
        return None
    return ArtifactRef.model_validate(_fields(_REFERENCE, row))


def get(connection: sqlite3.Connection | None, artifact_id: str) -> Artifact:
    """One artifact by its id or an unambiguous beginning of it."""
    missing = NotFound(f"there is no artifact {artifact_id}; `stacktui artifact list` shows them")
    if connection is None or not artifact_id:
        raise missing
    sql = f"SELECT {_SELECT} FROM artifacts WHERE"
    found = connection.execute(f"{sql} id = ?", (artifact_id,)).fetchall()
    if not found:
        between = (artifact_id, artifact_id + "\U0010ffff")
        found = connection.execute(f"{sql} id > ? AND id < ? ORDER BY id LIMIT 2", between).fetchall()
    if not found:
        raise missing
    if len(found) > 1:
        raise NotFound(
            f"{artifact_id} is the beginning of several artifacts, {found[0][0]} and {found[1][0]} among them;"
            " write more of it"
        )
    return _whole(connection, found[0])


def query(connection: sqlite3.Connection | None, wanted: ArtifactQuery) -> tuple[Artifact, ...]:
    """Artifacts, newest first."""
    if connection is None or wanted.limit < 1:
        return ()
    sql, values = query_sql(wanted)
    return tuple(_whole(connection, row) for row in connection.execute(sql, values).fetchall())


def query_sql(wanted: ArtifactQuery) -> tuple[str, list[Any]]:
    """The query with its values."""
    exact = {
        "pipeline": wanted.pipeline, "step": wanted.step, "name": wanted.name, "version": wanted.version,
        "run_id": wanted.run_id,
    }  # fmt: skip
    conditions = [f"artifacts.{column} = ?" for column, value in exact.items() if value is not None]
    values: list[Any] = [value for value in exact.values() if value is not None]
    source = "artifacts"
    if wanted.tag is not None:
        source = "artifact_tags CROSS JOIN artifacts ON artifacts.id = artifact_tags.artifact_id"
        conditions.append("artifact_tags.tag = ?")
        values.append(wanted.tag)
    # Within one output's artifacts their versions are the order, which has an index; elsewhere ids are.
    order = "artifacts.id"
    if None not in (wanted.pipeline, wanted.step, wanted.name) and wanted.tag is wanted.run_id is None:
        order = "artifacts.version"
    if wanted.after is not None:
        last = "?" if order.endswith("id") else "(SELECT version FROM artifacts WHERE id = ?)"
        conditions.append(f"{order} < {last}")
        values.append(wanted.after)
    where = " AND ".join(conditions) or "1"
    sql = f"SELECT {_SELECT} FROM {source} WHERE {where} ORDER BY {order} DESC LIMIT ?"
    return sql, [*values, wanted.limit]


def links(
    connection: sqlite3.Connection | None, artifact_id: str
) -> tuple[ArtifactLink, tuple[ArtifactLink, ...]]:
    """Who produced an artifact, and who used it, in the order of runs."""
    artifact = get(connection, artifact_id)
    found = rows_of_links(connection, artifact.id)
    users = tuple(ArtifactLink(run_id=run_id, step=step, name=name) for run_id, step, name in found)
    return ArtifactLink(run_id=artifact.run_id, step=artifact.step, name=artifact.name), users


def rows_of_links(connection: sqlite3.Connection | None, artifact_id: str) -> list[Any]:
    """(run id, step, input) of each use."""
    if connection is None:
        return []
    sql = "SELECT run_id, step, name FROM artifact_links WHERE artifact_id = ? ORDER BY run_id, step, name"
    return connection.execute(sql, (artifact_id,)).fetchall()


def users_of_run(connection: sqlite3.Connection | None, run_id: str) -> RunUsers:
    """Who relies on a run: by an input, by a step that stands in for theirs, by a tag."""
    if connection is None:
        return RunUsers(runs=frozenset())
    used = connection.execute(
        "SELECT links.run_id FROM artifacts CROSS JOIN artifact_links AS links ON links.artifact_id = artifacts.id"
        " WHERE artifacts.run_id = ?1 UNION SELECT run_id FROM steps WHERE cached_from = ?1",
        (run_id,),
    )
    tags = connection.execute(
        "SELECT DISTINCT tag FROM artifacts CROSS JOIN artifact_tags AS tags ON tags.artifact_id = artifacts.id"
        " WHERE artifacts.run_id = ? ORDER BY tag",
        (run_id,),
    )
    return RunUsers(
        runs=frozenset(user for (user,) in used if user != run_id), tags=tuple(tag for (tag,) in tags)
    )


def tag(connection: sqlite3.Connection, artifact_id: str, name: str) -> None:
    """Give an artifact a tag, taking it from the one of the same pipeline, step and output that had it."""
    artifact = get(connection, artifact_id)
    tag_as(connection, artifact, name)
    events.append(connection, artifact.run_id, "artifact_tagged", {"artifact": artifact.id, "tag": name})


def untag(connection: sqlite3.Connection, artifact_id: str, name: str) -> None:
    """Take a tag from an artifact."""
    artifact = get(connection, artifact_id)
    gone = connection.execute(
        "DELETE FROM artifact_tags WHERE artifact_id = ? AND tag = ?", (artifact.id, name)
    )
    if gone.rowcount == 0:
        has = f"it has {', '.join(artifact.tags)}" if artifact.tags else "it has none"
        raise NotFound(f"artifact {artifact.id} has no tag {name!r}; {has}")
    events.append(connection, artifact.run_id, "artifact_untagged", {"artifact": artifact.id, "tag": name})


def tag_as(connection: sqlite3.Connection, artifact: Artifact, name: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO artifact_tags (pipeline, step, name, tag, artifact_id) VALUES (?, ?, ?, ?, ?)",
        (artifact.pipeline, artifact.step, artifact.name, name, artifact.id),
    )


def _whole(connection: sqlite3.Connection, row: rows.Row) -> Artifact:
    fields = _fields(COLUMNS, row)
    tags = connection.execute(
        "SELECT tag FROM artifact_tags WHERE artifact_id = ? ORDER BY tag", (fields["id"],)
    )
    fields["tags"] = tuple(name for (name,) in tags)
    return Artifact.model_validate(fields)


def _fields(columns: tuple[str, ...], row: rows.Row) -> dict[str, Any]:
    fields = dict(zip(columns, row, strict=True))
    fields["metadata"] = rows.unpacked(row[_METADATA])
    return fields
