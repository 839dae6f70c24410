"""Keys that are pressed before a screen has its first rows are for the rows, not for nobody."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual import events

from stacktui.model.category import Category
from stacktui.operations.session import Session
from stacktui.tui import typeahead
from stacktui.tui.screens.category import CategoryScreen
from tests.tui.workbench import Bench, component, workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = workspace(tmp_path / "vision")
    component(found, "artifact_store", "second", "local")
    return found


class Slow:
    """A screen whose first rows come when it is told so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        load = CategoryScreen.load

        def held(screen: CategoryScreen, session: Session) -> object:
            self.asked.set()
            assert self.go.wait(30)
            return load(screen, session)

        patch.setattr(CategoryScreen, "load", held)


async def type_at_once(bench: Bench, *keys: str) -> None:
    for key in keys:
        bench.app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_enter_waits_for_the_rows_that_it_is_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typeahead, "_LOAD_SECONDS", 60.0)
    monkeypatch.setattr(typeahead, "_LONGEST_SECONDS", 60.0)
    slow = Slow(monkeypatch)
    async with workbench(root) as bench:
        await type_at_once(bench, "2", "j", "y")
        await bench.wait_for(slow.asked.is_set, "the screen to load")
        await bench.misses("Copied")
        slow.go.set()
        await bench.sees("Copied second")
        assert isinstance(bench.screen, CategoryScreen)
        assert bench.screen.category is Category.ARTIFACT_STORE


async def test_a_slow_store_does_not_hold_the_keyboard(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    async with workbench(root) as bench:
        try:
            await type_at_once(bench, "2", "j", "h", "s")
            await bench.sees("› stacks")
            assert slow.asked.is_set()
        finally:
            slow.go.set()
