"""A plan, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.views.documents import findings
from stacktui.operations.plan import PlanDocument

_CACHED = {
    True: Span("◐ cached", Tone.OK),
    False: Span("● runs", Tone.RUNNING),
    None: Span("? depends", Tone.WARN),
}
_KEPT = Span("◐ kept", Tone.OK)


def plan(document: PlanDocument, face: Face) -> None:
    """The steps in order: cached or not, where, and why."""
    out = face.out
    out.line(Span(document.pipeline, Tone.STRONG), f" on stack {document.stack}")
    if document.params:
        out.line(Span(", ".join(f"{key}={value}" for key, value in document.params.items()), Tone.MUTED))
    out.line("")
    out.table(
        (
            Column("step", least=10),
            Column("will"),
            Column("where", least=10, drop=1),
            Column("after", least=6, drop=2),
            Column("why", least=20),
            Column("secrets", least=8, drop=3),
        ),
        [
            (
                step.name,
                _KEPT if step.kept else _CACHED[step.cached],
                step.where,
                Span(", ".join(step.after), Tone.MUTED),
                step.reason,
                ", ".join(step.secrets),
            )
            for step in document.steps
        ],
    )
    if document.diagnostics:
        out.line("")
        findings(document.diagnostics, out)


VIEWS = {PlanDocument: plan}
