"""Served models, for people."""

from __future__ import annotations

import json

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import moment, stamp, state
from stacktui.model.base import short_id
from stacktui.operations.model import ModelDocument, ModelList, PredictionDocument, ServerLine
from stacktui.operations.moments import with_zone


def listing(document: ModelList, face: Face) -> None:
    """The models as a table."""
    if not document.models:
        face.err.line("no model is served; serve one with: stacktui model deploy NAME PIPELINE/STEP/OUTPUT")
        return
    face.out.table(
        (
            Column("name", least=10),
            Column("state"),
            Column("address"),
            Column("version", right=True, drop=2),
            Column("artifact", drop=1),
            Column(with_zone("created", (row.created_at for row in document.models)), drop=3),
            Column("error", least=10, drop=4),
        ),
        [
            (
                row.name,
                state(row.state.value),
                row.address,
                str(row.model_version),
                short_id(row.artifact),
                stamp(row.created_at),
                Span(row.error or "", Tone.ERROR),
            )
            for row in document.models
        ],
    )


def show(document: ModelDocument, face: Face) -> None:
    """One model."""
    face.out.line(Span(document.name, Tone.STRONG), "  ", state(document.state.value))
    face.out.pairs(
        (name, value)
        for name, value in (
            ("address", document.address),
            ("version", str(document.model_version)),
            ("artifact", document.artifact),
            ("type", document.type),
            ("created", moment(document.created_at)),
            ("started", moment(document.started_at)),
            ("run", document.run_id or ""),
            ("error", document.error or ""),
        )
        if value
    )


def prediction(document: PredictionDocument, face: Face) -> None:
    """What the model answered."""
    face.out.line(json.dumps(document.outputs))


def line(part: ServerLine, face: Face) -> None:
    """A line of the server's log."""
    face.out.line(part.text)


VIEWS = {ModelList: listing, ModelDocument: show, PredictionDocument: prediction, ServerLine: line}
