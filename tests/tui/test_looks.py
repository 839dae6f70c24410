"""Themes and keys: all that ship are sound, they reload while the workbench runs, a bad one keeps the old in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding
from textual.color import Color

from stacktui.tui import keys
from stacktui.tui.looks import own_variables, theme_of, unusable
from stacktui.tui.screens import registry
from stacktui.tui.widgets.grid import Grid
from stacktui.workspace.themes import load_themes
from tests.tui.workbench import Bench, workbench, workspace

_THEME = """\
dark: true
primary: "#3366ff"
secondary: "#3366aa"
accent: "{accent}"
foreground: "#eeeeee"
background: "#101010"
surface: "#151515"
panel: "#202020"
success: "#00aa00"
warning: "#aaaa00"
error: "#aa0000"
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    return workspace(tmp_path / "vision")


@pytest.mark.parametrize("name", sorted(load_themes(None).themes))
def test_every_theme_that_ships_is_sound_and_readable(name: str) -> None:
    theme = theme_of(load_themes(None).themes[name])
    assert unusable(theme) is None
    if theme.ansi:
        return
    ground = Color.parse(theme.background or "")
    for variable, value in {**own_variables(theme), **theme.variables}.items():
        if variable.startswith("tone-") or variable == "quiet":
            contrast = Color.parse(value).get_contrast_text(1.0)
            assert contrast is not None
            assert _contrast(Color.parse(value), ground) >= 3, f"{variable} is hard to read on {name}"


def _contrast(one: Color, other: Color) -> float:
    """The WCAG contrast ratio."""

    def luminance(colour: Color) -> float:
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _accent(bench: Bench) -> Color:
    return Color.parse(bench.app.theme_variables["tone-accent"])


async def test_a_theme_of_the_workspace_is_used_and_reloads(root: Path) -> None:
    (root / "themes").mkdir()
    file = root / "themes/ours.yaml"
    file.write_text(_THEME.format(accent="#ff0000"))
    (root / "stacktui.yaml").write_text("version: 1\ndefault_stack: default\ntheme: ours\n")
    async with workbench(root) as bench:
        await bench.settled()
        assert bench.app.theme == "ours"
        assert _accent(bench).r > 200
        await bench.wait_for(lambda: bench.app.feed.findings is not None)
        file.write_text(_THEME.format(accent="#00ff00"))
        await bench.wait_for(lambda: _accent(bench).g > 200, "the new colour")
        file.write_text("dark: true\nprimary: nonsense\n")
        await bench.wait_for(lambda: bench.app.looks.problems, "the finding")
        assert _accent(bench).g > 200
        await bench.press("p")
        await bench.sees("themes/ours.yaml")


async def test_a_theme_is_shown_while_it_is_chosen_and_saved_by_enter(root: Path, tmp_path: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("comma")
        await bench.sees("✓ stacktui-dark")
        before = bench.app.theme
        await bench.press("k")
        await bench.wait_for(lambda: bench.app.theme != before)
        await bench.press("escape")
        await bench.wait_for(lambda: bench.app.theme == before)
        await bench.press("comma", "k")
        await bench.wait_for(lambda: bench.app.theme != before)
        chosen = bench.app.theme
        await bench.press("enter")
        await bench.sees("set your theme", f"+theme: {chosen}")
        await bench.press("enter")
        await bench.sees(f"✓ {chosen}", "your settings.yaml:1")
        assert f"theme: {chosen}" in (tmp_path / "config/stacktui/settings.yaml").read_text()


async def test_no_color_uses_the_terminals_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with workbench(root) as bench:
        await bench.sees("stack default", "▌ 1", "stacktui.yaml")
        assert bench.app.current_theme.ansi


async def test_ascii_symbols_when_asked_for(root: Path, tmp_path: Path) -> None:
    (tmp_path / "config/stacktui").mkdir(parents=True)
    (tmp_path / "config/stacktui/settings.yaml").write_text("symbols: ascii\n")
    async with workbench(root) as bench:
        await bench.sees("> 1")
        assert "▌" not in bench.text()


def test_every_binding_has_an_id_of_its_own() -> None:
    seen: dict[str, tuple[str, str]] = {}
    for screen in registry.load_all():
        for cls in screen.__mro__:
            for binding in cls.__dict__.get("BINDINGS", ()):
                if not cls.__module__.startswith("stacktui."):
                    continue
                assert isinstance(binding, Binding)
                assert binding.id, f"{cls.__name__}: {binding.key}"
                known = seen.setdefault(binding.id, (binding.key, binding.action))
                assert known == (binding.key, binding.action), f"{binding.id} stands for two things"


def test_global_keys_mean_the_same_on_every_screen() -> None:
    reserved = {key for binding in keys.GLOBAL for key in keys.single_keys(binding.key)}
    for screen in registry.load_all():
        for cls in screen.__mro__:
            if not cls.__module__.startswith("stacktui.tui.screens.") or cls.__name__ == "WorkbenchScreen":
                continue
            for binding in cls.__dict__.get("BINDINGS", ()):
                taken = keys.single_keys(binding.key) & reserved
                assert not taken, f"{cls.__name__}: {binding.id} takes {taken}"


async def test_a_screen_that_was_away_comes_back_in_the_theme_that_is_in_force(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("s")
        await bench.wait_for(lambda: bench.screen.place == "stacks")
        await bench.sees("default")
        dark = bench.screen.query_one(Grid).rich_style.bgcolor
        await bench.press("r")
        await bench.wait_for(lambda: bench.screen.place == "runs")
        bench.app.looks.try_theme("stacktui-light")
        await bench.press("s")
        await bench.wait_for(lambda: bench.screen.place == "stacks")
        await bench.wait_for(lambda: bench.screen.query_one(Grid).rich_style.bgcolor != dark, "other colours")
        light = bench.screen.query_one(Grid).rich_style.bgcolor
        assert min(light.get_truecolor()) > 200
