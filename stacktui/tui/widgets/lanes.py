"""A run's graph as lanes beside the list of its steps, one line a step, as `git log --graph` draws history.

Pure text, so that it can be tested without a terminal. Used by the run screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stacktui.model.text import Clean
from stacktui.tui.marks import glyph

_MOST_LANES = 12
_TWINS = str.maketrans("│─├┤┼╯╰┴●", "|-|||'`^*")


def lanes(order: Sequence[str], before: Mapping[str, Sequence[str]]) -> list[Clean]:
    """One line of lanes for each step.

    Args:
        order: steps so that each comes after those before it.
        before: for each step, the steps that must end first.
    """
    edges = _reduced(order, before)
    waiting = dict.fromkeys(order, 0)
    for name in order:
        for parent in edges[name]:
            waiting[parent] += 1
    open_lanes: list[str | None] = []
    lines: list[Clean] = []
    for name in order:
        places = {open_lanes.index(parent) for parent in edges[name] if parent in open_lanes}
        for parent in edges[name]:
            waiting[parent] -= 1
        ended = sorted(place for place in places if not waiting[open_lanes[place] or ""])
        if ended:
            own = ended[0]
        elif None in open_lanes:
            own = open_lanes.index(None)
        else:
            own = len(open_lanes)
            open_lanes.append(None)
        lines.append(_line(open_lanes, own, ended, places))
        for place in ended:
            open_lanes[place] = None
        open_lanes[own] = name if waiting[name] else None
        while open_lanes and open_lanes[-1] is None:
            open_lanes.pop()
    return lines


def below(drawn: Sequence[Clean], place: int) -> Clean:
    """The lanes of a line that stands between one step's and the next: what goes on from the one to the other."""
    bar = "│".translate(_TWINS) if glyph("●") != "●" else "│"
    following = drawn[place + 1] if place + 1 < len(drawn) else ""
    return Clean(
        "".join(
            bar
            if at % 2 == 0 and letter != " " and at < len(following) and following[at] not in " ─-"
            else " "
            for at, letter in enumerate(drawn[place])
        ).rstrip()
    )


def _line(open_lanes: Sequence[str | None], own: int, ended: Sequence[int], places: set[int]) -> Clean:
    joined = {*places, own}
    first, last = min(joined), max(joined)
    letters = []
    for place, holder in enumerate(open_lanes[:_MOST_LANES]):
        inside = first < place < last
        if place == own:
            letter = "●"
        elif place in ended:
            letter = ("┴" if inside else "╯") if place > own else ("┴" if inside else "╰")
        elif place in places:
            letter = "┼" if inside else ("├" if place < own else "┤")
        elif holder is not None:
            letter = "┼" if inside else "│"
        else:
            letter = "─" if inside else " "
        letters.append(letter)
        letters.append("─" if first <= place < last else " ")
    text = "".join(letters).rstrip()
    if len(open_lanes) > _MOST_LANES:
        text += glyph("…")
    return Clean(text.translate(_TWINS) if glyph("●") != "●" else text)


def _reduced(order: Sequence[str], before: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The edges that are not implied by others: a drawing needs no more. Above 400 steps all of them."""
    known = set(order)
    edges = {
        name: [p for p in dict.fromkeys(before.get(name, ())) if p in known and p != name] for name in order
    }
    if len(order) > 400:
        return edges
    above: dict[str, set[str]] = {}
    for name in order:
        above[name] = set().union(*({parent} | above.get(parent, set()) for parent in edges[name]))
    return {
        name: [
            p
            for p in edges[name]
            if not any(p in above.get(other, ()) for other in edges[name] if other != p)
        ]
        for name in order
    }
