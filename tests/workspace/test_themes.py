"""The themes that ship can be read by everyone; a bad file keeps the old theme in force."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from stacktui.tui.looks import own_variables, theme_of
from stacktui.workspace.settings import user_config_dir
from stacktui.workspace.themes import DEFAULT_THEME, ThemeFile, built_in_folder, load_themes

SHIPPED = load_themes(None).themes
IN_HEX = [theme for theme in SHIPPED.values() if not theme.ansi]
TEXTS = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")
GROUNDS = ("background", "surface", "panel")

# Simulation matrices of full protanopia and deuteranopia in linear RGB (Machado, Oliveira and Fernandes, 2009).
BLINDNESS = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}


def linear(color: str) -> tuple[float, float, float]:
    channels = (int(color[index : index + 2], 16) / 255 for index in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return red, green, blue


def luminance(color: str) -> float:
    red, green, blue = linear(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(text: str, ground: str) -> float:
    """The ratio of WCAG 2."""
    lighter, darker = sorted((luminance(text), luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def lab(rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    red, green, blue = rgb
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = (max(v, 0.0) ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def seen_difference(one: str, other: str, matrix: tuple[tuple[float, ...], ...]) -> float:
    """How far two colors are apart for someone, in CIELAB."""

    def seen(color: str) -> tuple[float, float, float]:
        rgb = linear(color)
        red, green, blue = (
            min(max(sum(weight * channel for weight, channel in zip(row, rgb, strict=True)), 0.0), 1.0)
            for row in matrix
        )
        return lab((red, green, blue))

    return math.dist(seen(one), seen(other))


def test_the_themes_that_ship() -> None:
    assert load_themes(None).problems == ()
    assert set(SHIPPED) >= {"stacktui-dark", "stacktui-light", "high-contrast", "colour-blind", "terminal"}
    assert DEFAULT_THEME in SHIPPED
    assert {theme.dark for theme in SHIPPED.values()} == {True, False}
    assert all(theme.title for theme in SHIPPED.values())
    assert {file.stem for file in built_in_folder().glob("*.yaml")} == set(SHIPPED)


@pytest.mark.parametrize("theme", IN_HEX, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXTS)
def test_text_can_be_read(theme: ThemeFile, ground: str, text: str) -> None:
    least = 7.0 if theme.name == "high-contrast" else 4.5
    assert contrast(getattr(theme, text), getattr(theme, ground)) >= least


@pytest.mark.parametrize("theme", IN_HEX, ids=lambda theme: theme.name)
def test_the_cursor_can_be_read(theme: ThemeFile) -> None:
    variables = theme.variables
    assert contrast(variables["block-cursor-foreground"], variables["block-cursor-background"]) >= 4.5
    assert contrast(variables["footer-key-foreground"], theme.panel) >= 4.5


@pytest.mark.parametrize("theme", IN_HEX, ids=lambda theme: theme.name)
def test_grounds_differ_and_states_do(theme: ThemeFile) -> None:
    assert theme.background != theme.panel
    assert len({theme.success, theme.warning, theme.error}) == 3


@pytest.mark.parametrize("kind", BLINDNESS)
def test_states_are_told_apart_without_red_and_green(kind: str) -> None:
    theme = SHIPPED["colour-blind"]
    states = (theme.success, theme.warning, theme.error)
    for index, one in enumerate(states):
        for other in states[index + 1 :]:
            assert seen_difference(one, other, BLINDNESS[kind]) > 25


def test_the_terminals_theme_uses_only_its_colors() -> None:
    theme = SHIPPED["terminal"]
    colors = [getattr(theme, name) for name in (*TEXTS, *GROUNDS)]
    colors += [value for value in theme.variables.values() if value not in ("bold", "reverse")]
    assert all(color.startswith("ansi_") for color in colors)


@pytest.mark.parametrize("theme", SHIPPED.values(), ids=lambda theme: theme.name)
def test_textual_takes_every_theme(theme: ThemeFile) -> None:
    fields = theme.model_dump(exclude={"title"})
    known = Theme(ansi=theme.ansi, **fields).to_color_system().generate()
    for name, value in theme.variables.items():
        assert name in known or name in own_variables(theme_of(theme)), "there is no such variable"
        if value.startswith(("#", "ansi_")):
            Color.parse(value)


GOOD = (
    "dark: true\n"
    + "".join(f'{name}: "#101010"\n' for name in ("primary", "secondary", "accent", *GROUNDS))
    + "".join(f'{name}: "#f0f0f0"\n' for name in ("foreground", "success", "warning", "error"))
)


@pytest.mark.parametrize(
    ("bad", "line", "words"),
    [
        (GOOD.replace('surface: "#101010"', "surface: #101010"), 6, "quote it"),
        (GOOD.replace('accent: "#101010"', "accent: rebeccapurple"), 4, "is not a color"),
        (GOOD.replace('error: "#f0f0f0"\n', ""), 1, "error is missing"),
        (GOOD + "eror: '#000000'\n", 12, "did you mean error?"),
        (GOOD + "variables: {border: '#12'}\n", 12, "border"),
        (GOOD + "variables: {border: 'red; }'}\n", 12, "border"),
        ("dark: [", 1, "not valid YAML"),
        ("\x00", 1, "not allowed"),
    ],
)
def test_a_bad_file_keeps_the_old_theme_and_says_why(root: Path, bad: str, line: int, words: str) -> None:
    file = root / "themes" / "ours.yaml"
    file.parent.mkdir()
    file.write_text(GOOD)
    before = load_themes(root)
    assert before.problems == ()
    file.write_text(bad)
    after = load_themes(root, before)
    assert after.themes == before.themes
    (problem,) = after.problems
    assert problem.code == "THM001"
    assert problem.file == file
    assert problem.line == line
    assert words in problem.message
    assert "ours" not in load_themes(root).themes


def test_grounds_of_two_kinds_are_refused(root: Path) -> None:
    (root / "themes").mkdir()
    (root / "themes" / "mixed.yaml").write_text(GOOD.replace('panel: "#101010"', "panel: ansi_black"))
    loaded = load_themes(root)
    assert [problem.code for problem in loaded.problems] == ["THM002"]
    assert "mixed" not in loaded.themes


def test_the_workspaces_theme_is_over_the_users_over_ours(root: Path) -> None:
    for folder, color in ((user_config_dir() / "themes", "#222222"), (root / "themes", "#333333")):
        folder.mkdir(parents=True)
        (folder / "terminal.yaml").write_text(GOOD.replace('panel: "#101010"', f'panel: "{color}"'))
    assert load_themes(None).themes["terminal"].panel == "#222222"
    assert load_themes(root).themes["terminal"].panel == "#333333"


def test_an_unknown_name_gives_the_default() -> None:
    assert load_themes(None).get("nobody").name == DEFAULT_THEME
    assert load_themes(None).get(None).name == DEFAULT_THEME
    assert load_themes(None).get("terminal").name == "terminal"


def test_an_installed_package_reads_the_themes_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "site-packages" / "stacktui" / "themes"
    inside.mkdir(parents=True)
    monkeypatch.setattr("stacktui.workspace.themes.__file__", str(inside.parent / "workspace" / "themes.py"))
    assert built_in_folder() == inside
