"""The first frame already has the colours of the theme that is chosen, and its styles are worked out once."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App
from textual.color import Color
from textual.dom import DOMNode

from stacktui.workspace.themes import load_themes
from tests.tui.workbench import workbench, workspace


@pytest.mark.parametrize("theme", ["stacktui-dark", "stacktui-light", "high-contrast"])
async def test_the_ground_is_the_themes(tmp_path: Path, theme: str) -> None:
    root = workspace(tmp_path / "w", settings=f"theme: {theme}\n")
    wanted = Color.parse(load_themes(root).themes[theme].background)
    async with workbench(root) as bench:
        assert bench.app.theme == theme
        assert bench.app.screen.styles.background == wanted
        await bench.press("s")
        await bench.sees("stacks")
        assert bench.app.screen.styles.background == wanted


@pytest.mark.parametrize(("columns", "width"), [(120, "-wide"), (80, "-narrow")])
async def test_styles_are_worked_out_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int, width: str
) -> None:
    anew: list[DOMNode] = []
    update_styles = App.update_styles

    def noted(app: App[object], node: DOMNode, animate: bool = True) -> None:
        anew.append(node)
        update_styles(app, node, animate)

    monkeypatch.setattr(App, "update_styles", noted)
    async with workbench(workspace(tmp_path / "w"), size=(columns, 36)) as bench:
        home = bench.app.screen
        assert home.has_class(width)
        assert home not in anew
        await bench.press("s")
        await bench.sees("stacks")
        assert bench.app.screen is not home
        assert bench.app.screen not in anew
