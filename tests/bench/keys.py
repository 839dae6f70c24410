"""What a key costs: the time to its first byte, and the bytes of the moves in a list."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.figures import Figure, median, p95
from tests.bench.program import ROWS, opened
from tests.terminal.pseudo import KEYS, Terminal

DRIVER = (
    "What leaves for the terminal is Textual's own encoding; the driver that sends only differing cells, which these "
    "byte budgets are for, is a later piece of work."
)

_MOVES = ("j", "j", "k", "down", "down", "up", "pgdn", "j", "k", "pgup")
_PLACES = ("2", "r", "1", "s", "h", "p", "9", "h")


def first_byte(terminal: Terminal, key: str) -> float | None:
    """Milliseconds from a key to the first byte after it; None if the screen stays as it is. Leaves it quiet."""
    sent = terminal.send(KEYS.get(key, key.encode()))
    arrived = None
    while arrived is None and time.perf_counter() < sent + 2.0:
        if terminal.read(0.5):
            arrived = time.perf_counter()
    terminal.settle(0.2, 5.0)
    return None if arrived is None else 1000 * (arrived - sent)


def keys(root: Path, rounds: int) -> list[Figure]:
    """Moves in a list of runs and in a list of components, and going from screen to screen."""
    moves: list[float] = []
    places: list[float] = []
    with opened(root) as terminal:
        for key in _PLACES:  # Their first visit imports and builds them: what a person meets once.
            terminal.press(key)
            terminal.settle(0.4)
        for _ in range(rounds):
            for place in ("r", "2"):
                terminal.press(place)
                terminal.settle(0.4)
                moves += _answered(terminal, _MOVES)
            places += _answered(terminal, _PLACES)
    return [
        Figure("key to first byte, p95: moves in lists", p95(moves), "ms", 16.0, samples=len(moves)),
        Figure(
            "key to first byte, p95: to another screen", p95(places), "ms", 16.0, samples=len(places),
            note="Going to a screen is counted from its second visit on.",
        ),
    ]  # fmt: skip


def _answered(terminal: Terminal, names: tuple[str, ...]) -> list[float]:
    return [took for key in names if (took := first_byte(terminal, key)) is not None]


def byte_rows(root: Path, times: int) -> list[Figure]:
    """Bytes of a cursor move, of a move that scrolls by a row, of a page down, in the list of runs."""
    with opened(root) as terminal:
        terminal.press("r")
        terminal.wait_for("parameters")
        terminal.settle(1.0)
        still = [_bytes_of(terminal, "down") for _ in range(times)]
        for _ in range(ROWS):  # Beyond the last visible row, wherever that is.
            terminal.press("down")
        terminal.settle(0.5)
        scroll = [_bytes_of(terminal, "down") for _ in range(times)]
        page = [_bytes_of(terminal, "pgdn") for _ in range(min(times, 5))]
    return [
        Figure("bytes of a cursor move, list still", median(still), "B", 350, samples=len(still), note=DRIVER),
        Figure("bytes of a move that scrolls a row", median(scroll), "B", 1500, samples=len(scroll), note=DRIVER),
        Figure("bytes of a page down", median(page), "B", 1500, samples=len(page), note=DRIVER),
    ]  # fmt: skip


def _bytes_of(terminal: Terminal, key: str) -> int:
    before = len(terminal.output)
    terminal.send(KEYS[key])
    terminal.settle(0.2)
    return len(terminal.output) - before
