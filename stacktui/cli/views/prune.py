"""What was pruned, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import plural, size
from stacktui.operations.prune import Pruned


def pruned(document: Pruned, face: Face) -> None:
    """By kind how much, then what stays and why."""
    told = [each for each in document.removed if each.count]
    if told:
        face.out.heading("Would remove" if document.dry_run else "Removed")
        face.out.table(
            (Column("what"), Column("count", right=True), Column("size", right=True)),
            [(each.kind, f"{each.count:,}", size(each.size) if each.size else "") for each in told],
            indent="  ",
        )
        face.out.line(f"  {size(document.size)} in all")
    else:
        face.out.line("nothing to remove")
    for each in document.kept:
        face.err.line(Span(f"{plural(each.count, 'run stays', 'runs stay')}: {each.reason}", Tone.MUTED))
    for note in document.notes:
        face.err.line(Span(note, Tone.WARN))
    if document.dry_run and told:
        face.err.line(Span("nothing was removed: the same without --dry-run removes it", Tone.MUTED))


VIEWS = {Pruned: pruned}
