"""Every theme that ships can be read: each cell with text of the real screens is looked at in each theme, as drawn.

WCAG AA: 4.5 to 1 for text (7 in the theme that promises it), 3 to 1 for what is drawn and means something (bars, curves,
the cursor's mark) and for keys that cannot be used now. Frames and scrollbars only set apart and are left out. And each
theme is told apart in 256 colours, in 16, with other eyes, and by symbols alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.color import Color as RichColor
from rich.color import ColorSystem
from textual.color import Color
from textual.screen import ModalScreen

from stacktui.model.text import Clean
from stacktui.tui import marks
from stacktui.tui.looks import contrast, for_few_colours, own_variables, theme_of
from stacktui.workspace.themes import ThemeFile, load_themes
from tests.screens.draw import SCENES
from tests.screens.recording import restore
from tests.screens.staged import staged
from tests.tui.terminal import Terminal
from tests.tui.workbench import Bench, workbench, workspace
from tests.workspace.test_themes import BLINDNESS, seen_difference

THEMES: Mapping[str, ThemeFile] = {
    name: theme for name, theme in load_themes(None).themes.items() if not theme.ansi
}
TEXT, STRICT, DRAWN = 4.5, 7.0, 3.0
LEAST = {"high-contrast": STRICT}
TONES = ("tone-ok", "tone-warn", "tone-error", "tone-running")
# The same authors' matrix as in the tests of the files, for the third kind of eyes.
TRITANOPIA = (
    (1.255528, -0.076749, -0.178779),
    (-0.078411, 0.930809, 0.147602),
    (0.004733, 0.691367, 0.303900),
)


class View(NamedTuple):
    """One screen, with the keys that lead to it and a text that says that it is there."""

    name: str
    keys: tuple[str, ...]
    sees: str
    staged: bool = False
    readonly: bool = False


QUICK = (
    View("home", (), "two-at-a-time", readonly=True),
    View("runs, marked and filtered", ("r", "space", "space", "slash", *"digits"), "digits"),
    View("run", ("r", "j", "j", "j", "j", "enter"), "train_forest"),
    View("form", ("1", "e"), "description"),
    View("diff", ("comma", "tab", "j", "enter", "j", "enter"), "+mouse: false"),
    View("keys", ("question_mark",), "type to search", readonly=True),
)
MORE = (
    *(
        View(scene.name, scene.keys, scene.sees[0], scene.staged)
        for scene in SCENES
        if not scene.broken and not scene.name.endswith(("-80x24", "-light"))
    ),
    View("choice", ("comma", "tab", "j", "enter"), "enter choose"),
    View("line with a problem", ("comma", "tab", "j", "j", "j", "e", "x"), "must be a number"),
    View("command line", ("colon", *"stack"), "stack"),
    View("command that there is not", ("colon", *"nowhere", "enter"), "there is no"),
    View("palette", ("ctrl+p",), "type to search"),
    View("list of keys", ("comma", "K"), "global.home"),
    View("press a key", ("comma", "K", "e", "s"), "is already the key of"),
    View("builder, a name", ("s", "a"), "name"),
    View("confirm", ("r", "D"), "delete"),
    View("filter of old", ("r", "slash", *"dig", "enter", "slash"), "digits"),
)


NARROW = ("orchestrators", "stacks", "builder", "settings", "new-run", "compare", "choice", "list of keys")


class Cell(NamedTuple):
    """A pair of colours that text stands in, and where it was seen first."""

    text: str
    colour: tuple[int, int, int]
    ground: tuple[int, int, int]


def drawn(bench: Bench) -> Iterator[Cell]:
    """What stands on the screen, run by run of cells of one style."""
    strips = bench.app.screen._compositor.render_strips(bench.app.size)
    if isinstance(bench.app.screen, ModalScreen):
        # What lies behind a dialog is faded on purpose: nothing of it can be used.
        region = bench.app.screen.query_one(".dialog").region
        strips = [strip.crop(region.x, region.right) for strip in strips[region.y : region.bottom]]
    for strip in strips:
        for segment in strip:
            style = segment.style
            if not segment.text.strip() or style is None:
                continue
            assert style.color is not None and style.color.triplet is not None, segment  # noqa: PT018
            assert style.bgcolor is not None and style.bgcolor.triplet is not None, segment  # noqa: PT018
            assert not style.dim, f"{segment.text!r} is dimmed by the terminal, nobody knows how far"
            pair = (tuple(style.color.triplet), tuple(style.bgcolor.triplet))
            colour, ground = pair[::-1] if style.reverse else pair
            yield Cell(segment.text.strip(), colour, ground)  # type: ignore[arg-type]


def _in_force(bench: Bench, theme: str) -> bool:
    return bench.app.theme == theme


def hard_to_read(cells: Sequence[Cell], least: float, disabled: str) -> list[str]:
    """Those whose contrast is too low, in words."""
    found: dict[str, str] = {}
    for cell in cells:
        wanted = least
        if all(_sets_apart(letter) for letter in cell.text):
            continue
        if all(_is_drawn(letter) for letter in cell.text) or Color(*cell.colour).hex == disabled:
            wanted = DRAWN
        ratio = contrast(Color(*cell.colour), Color(*cell.ground))
        if ratio < wanted:
            colours = f"{Color(*cell.colour).hex} on {Color(*cell.ground).hex}"
            found.setdefault(colours, f"{cell.text[:30]!r} {colours} is {ratio:.2f} to 1, and not {wanted}")
    return list(found.values())


def _sets_apart(letter: str) -> bool:
    """Frames and the ends of a scrollbar's handle."""
    return letter == " " or "\u2500" <= letter <= "\u257f" or "\u2581" <= letter <= "\u2587"


def _is_drawn(letter: str) -> bool:
    return letter == " " or "\u2500" <= letter <= "\u25ff" or "\u2800" <= letter <= "\u28ff"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo with a recorded history."""
    return restore(tmp_path_factory.mktemp("contrast") / "demo")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, for runs that go on to be put beside it."""
    return restore(tmp_path_factory.mktemp("busy") / "demo")


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NO_COLOR", raising=False)


async def look_at(view: View, root: Path, size: tuple[int, int]) -> None:
    """Open a view once and look at it in every theme."""
    with staged(root) if view.staged else nullcontext():
        async with workbench(root, size=size, readonly=view.readonly) as bench:
            await bench.settled()
            for key in view.keys:
                await bench.press(key)
                await bench.settled()
            await bench.sees(view.sees)
            bench.app.say(Clean("what was done"), error=True)
            bench.app.toast(Clean("what happened"), title="a toast", error=True)
            problems = []
            for name in THEMES:
                bench.app.looks.try_theme(name)
                await bench.wait_for(partial(_in_force, bench, name))
                await bench.settled()
                disabled = Color.parse(bench.app.theme_variables["faint"]).hex
                found = hard_to_read(list(drawn(bench)), LEAST.get(name, TEXT), disabled)
                problems += [f"{name}: {problem}" for problem in found]
            assert problems == []


@pytest.mark.parametrize("view", QUICK, ids=lambda view: view.name)
async def test_what_is_read_most_can_be_read_in_every_theme(view: View, recorded: Path) -> None:
    await look_at(view, recorded, (120, 36))


@pytest.mark.long
@pytest.mark.parametrize("view", MORE, ids=lambda view: view.name)
async def test_every_screen_can_be_read_in_every_theme(view: View, recorded: Path, busy: Path) -> None:
    await look_at(view, busy if view.staged else recorded, (120, 36))


@pytest.mark.long
@pytest.mark.parametrize("view", [view for view in MORE if view.name in NARROW], ids=lambda view: view.name)
async def test_narrow_screens_can_be_read_in_every_theme(view: View, recorded: Path) -> None:
    await look_at(view, recorded, (80, 24))


def test_the_check_finds_what_cannot_be_read() -> None:
    faint = Cell("words", (0x6B, 0x6E, 0x74), (0x10, 0x12, 0x14))
    assert "3.6" in hard_to_read([faint], TEXT, "#000000")[0]
    assert hard_to_read([faint], TEXT, "#6B6E74") == []
    assert hard_to_read([faint._replace(text="████")], TEXT, "#000000") == []
    assert hard_to_read([faint._replace(text="─╮", colour=(0x20, 0x20, 0x20))], TEXT, "#000000") == []


# Fewer colours.


def palette(theme: ThemeFile, system: ColorSystem) -> dict[str, int]:
    """A theme's colours as a terminal of fewer colours gets them, by name."""
    made = theme_of(theme)
    if system is ColorSystem.STANDARD:
        made = for_few_colours(made)
    colours = {
        "background": theme.background, "panel": theme.panel, "foreground": theme.foreground,
        **own_variables(made), **made.variables,
    }  # fmt: skip
    return {
        name: RichColor.parse(value.lower()).downgrade(system).number or 0
        for name, value in colours.items()
        if value.startswith("#") and len(value) == 7
    }


@pytest.mark.parametrize("system", [ColorSystem.EIGHT_BIT, ColorSystem.STANDARD], ids=["256", "16"])
@pytest.mark.parametrize("name", sorted(THEMES))
def test_states_are_told_apart_in_fewer_colours(name: str, system: ColorSystem) -> None:
    found = palette(THEMES[name], system)
    states = [found[tone] for tone in (*TONES, "quiet")]
    assert len(set(states)) == len(states), found
    assert found["background"] not in (*states, found["foreground"], found["faint"])


@pytest.mark.parametrize("name", sorted(THEMES))
def test_grounds_are_told_apart_in_256_colours(name: str) -> None:
    theme = THEMES[name]
    found = palette(theme, ColorSystem.EIGHT_BIT)
    assert found["background"] != found["panel"]
    if theme.variables.get("row-cursor-style") != "reverse":
        assert found["row-cursor"] not in (found["background"], found["panel"])


@pytest.mark.parametrize("name", sorted(THEMES))
def test_in_256_colours_the_cursors_row_can_be_read_too(name: str) -> None:
    theme = THEMES[name]
    made = theme_of(theme)
    colours = {"foreground": theme.foreground, **own_variables(made), **made.variables}

    def seen(name: str) -> Color:
        triplet = RichColor.parse(colours[name].lower()).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
        return Color(*triplet)

    for text in ("foreground", "quiet", *TONES, "tone-accent"):
        assert contrast(seen(text), seen("row-cursor")) >= DRAWN, text


@pytest.mark.parametrize("name", sorted(THEMES))
def test_in_16_colours_the_cursors_row_is_reversed(name: str) -> None:
    made = for_few_colours(theme_of(THEMES[name]))
    assert {**own_variables(made), **made.variables}["row-cursor-style"] == "reverse"


def test_a_terminal_of_16_colours_shows_the_cursor_and_gets_no_others(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    env = {"TERM": "xterm-16color", "COLORTERM": "", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    with Terminal(root, env=env) as terminal:
        terminal.sees("every rule passes")
        row = next(y for y, line in enumerate(terminal.screen.display) if "orchestrator" in line)
        at = terminal.screen.display[row].index("orchestrator")
        assert terminal.screen.buffer[row][at].reverse
        assert not terminal.screen.buffer[row + 1][at].reverse
        assert b"38;2;" not in terminal.raw
        assert b"38;5;" not in terminal.raw


# Other eyes, and symbols alone.


@pytest.mark.parametrize("eyes", [*BLINDNESS, "tritanopia"])
def test_states_are_told_apart_by_other_eyes(eyes: str) -> None:
    theme = THEMES["colour-blind"]
    made = theme_of(theme)
    colours = {**own_variables(made), **theme.variables}
    matrix = {**BLINDNESS, "tritanopia": TRITANOPIA}[eyes]
    for one, other in itertools.combinations(TONES, 2):
        assert seen_difference(colours[one], colours[other], matrix) > 20, (one, other)


@pytest.mark.parametrize("ascii_only", [False, True], ids=["unicode", "ascii"])
@pytest.mark.parametrize(
    "states",
    [
        ("queued", "running", "retrying", "succeeded", "cached", "failed", "skipped", "cancelled", "lost"),
        ("error", "warning", "hint", "ok"),
        ("stopped", "starting", "ready", "failed"),
        ("installed", "missing"),
    ],
    ids=lambda states: states[0],
)
def test_each_state_has_a_symbol_of_its_own(states: tuple[str, ...], ascii_only: bool) -> None:
    with _symbols(ascii_only):
        symbols = [marks.symbol_of(state) for state in states]
        assert len(set(symbols)) == len(states), symbols
        assert not ascii_only or all(symbol.isascii() for symbol in symbols)
        assert marks.glyph("▌") not in symbols


@contextmanager
def _symbols(ascii_only: bool) -> Iterator[None]:
    before = marks.ascii_only()
    marks.ascii_only(ascii_only)
    yield
    marks.ascii_only(before)
