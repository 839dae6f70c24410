"""The first frame already has the colours of the theme that is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color

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
