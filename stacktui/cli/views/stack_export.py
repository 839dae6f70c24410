"""Exported stacks, for people and for whatever reads the bundle from standard output."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Span, Tone
from stacktui.cli.words import plural
from stacktui.operations.stack_export import StackBundle


def bundle(document: StackBundle, face: Face) -> None:
    """The document on standard output, or where it was written; what the other side will need, as talk."""
    if document.file is None and face.out.terminal:
        face.out.block(document.bundle.rstrip("\n"))
    elif document.file is None:
        face.out.raw(document.bundle)
    else:
        what = f"{plural(len(document.stacks), 'stack')}, {plural(len(document.components), 'component')}"
        face.out.line(f"wrote {document.file}: {what}")
    if document.secrets:
        names = ", ".join(f"{each.name}.{key}" for each in document.secrets for key in each.keys)
        face.err.line(Span(f"its import asks for these secrets: {names}", Tone.MUTED))
    for each in document.flavors:
        face.err.line(
            Span("! ", Tone.WARN),
            f"the other workspace needs flavor {each.category}/{each.name}, which {each.provider} brings: it is not in here",
        )


VIEWS = {StackBundle: bundle}
