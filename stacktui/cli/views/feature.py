"""Features, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import duration, stamp
from stacktui.operations.documents import Document
from stacktui.operations.feature import FeatureRows, ViewList
from stacktui.operations.moments import with_zone


def views(document: ViewList, face: Face) -> None:
    """The views as a table."""
    if not document.views:
        face.err.line("no feature view is defined; they stand in the feature store's config, under views")
        return
    face.out.table(
        (
            Column("view", least=10),
            Column("keys", least=8),
            Column("features", least=14),
            Column("rows", right=True, drop=3),
            Column(with_zone("newest", (view.newest for view in document.views)), drop=1),
            Column("ttl", drop=4),
            Column("source", least=10, drop=2),
        ),
        [
            (
                view.name,
                ", ".join(view.join_keys),
                ", ".join(each.name for each in view.features),
                "" if view.rows is None else f"{view.rows:,}",
                stamp(view.newest),
                duration(view.ttl_s),
                Span(view.source, Tone.MUTED),
            )
            for view in document.views
        ],
    )


def rows(document: FeatureRows, face: Face) -> None:
    """A row an entity."""
    face.out.table(
        [Column(name, literal=True, least=6) for name in document.columns],
        [["-" if value is None else str(value) for value in row] for row in document.rows],
    )


VIEWS: dict[type[Document], Callable[[Any, Face], None]] = {ViewList: views, FeatureRows: rows}
