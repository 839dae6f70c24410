"""Starts the workbench on a real workspace at a size, presses keys and waits for what a person would see.

    async with workbench(workspace(tmp_path)) as bench:
        await bench.press("s")
        await bench.sees("stacks")

Reused by the tests of every screen. Nothing here sleeps for a fixed time: every wait is for a condition.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from stacktui.operations.session import Session
from stacktui.tui.app import WorkbenchApp

DEADLINE = 15.0
"""Seconds after which a wait fails; a slow machine is no failure."""

_COMPONENTS = {
    "orchestrator/local": "local",
    "artifact_store/local": "local",
    "metadata_store/local": "sqlite",
    "container_registry/local": "local",
    "secrets_manager/local": "local",
    "step_operator/subprocess": "subprocess",
    "model_deployer/local": "local",
    "feature_store/local": "local",
    "experiment_tracker/local": "local",
    "alerter/inbox": "local",
}


def workspace(root: Path, *, settings: str = "") -> Path:
    """A workspace with the ten embedded flavors and the stack `default`, written as a person would write it."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "stacktui.yaml").write_text(f"version: 1\ndefault_stack: default\n{settings}")
    lines = ["description: everything on this host", "components:"]
    for place, flavor in _COMPONENTS.items():
        category, _, name = place.partition("/")
        component(root, category, name, flavor)
        lines.append(f"  {category}: {name}")
    (root / "stacks").mkdir(exist_ok=True)
    (root / "stacks" / "default.yaml").write_text("\n".join(lines) + "\n")
    (root / "pipelines").mkdir(exist_ok=True)
    return root


def component(root: Path, category: str, name: str, flavor: str, config: str = "") -> Path:
    """Write one component's file."""
    file = root / "components" / category / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"flavor: {flavor}\n" + (f"config:\n{config}" if config else ""))
    return file


def stack(root: Path, name: str, text: str) -> Path:
    """Write one stack's file."""
    file = root / "stacks" / f"{name}.yaml"
    file.write_text(text)
    return file


class Bench:
    """A running workbench."""

    def __init__(self, app: WorkbenchApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def session(self) -> Session:
        return self.app.session

    @property
    def screen(self) -> Any:
        """The screen on top; a dialog counts."""
        return self.app.screen

    async def press(self, *keys: str) -> None:
        """Press keys, in Textual's spelling: `enter`, `escape`, `ctrl+p`, `slash`, or a character."""
        await self.pilot.press(*keys)

    async def types(self, text: str) -> None:
        """Type a text, key by key."""
        names = {" ": "space", "/": "slash", ":": "colon", "-": "minus", "_": "underscore", ".": "full_stop"}
        await self.pilot.press(*(names.get(letter, letter) for letter in text))

    def text(self) -> str:
        """What stands on the screen, line by line."""
        lines = self.app.screen._compositor.render_strips(self.app.size)
        return "\n".join(strip.text.rstrip() for strip in lines)

    async def wait_for(self, condition: Callable[[], Any], what: str = "") -> Any:
        """Wait until `condition` is true and return what it returned; fails with the screen at the deadline."""
        end = time.monotonic() + DEADLINE
        while True:
            await self.pilot.pause()
            found = condition()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what or condition}; on screen:\n{self.text()}")
            await asyncio.sleep(0.01)

    async def sees(self, *texts: str) -> None:
        """Wait until all texts stand on the screen."""
        for text in texts:
            await self.wait_for(partial(self._has, text), f"the text {text!r}")

    async def misses(self, *texts: str) -> None:
        """Wait until none of the texts stands on the screen."""
        for text in texts:
            await self.wait_for(partial(self._lacks, text), f"{text!r} to go away")

    def _has(self, text: str) -> bool:
        return text in self.text()

    def _lacks(self, text: str) -> bool:
        return text not in self.text()

    async def settled(self) -> None:
        """Wait until no view loads."""
        await self.wait_for(
            lambda: not any(view.loading_now for view in self.app.feed._views), "all views to be loaded"
        )


@asynccontextmanager
async def workbench(root: Path, *, size: tuple[int, int] = (120, 36), **session: Any) -> AsyncIterator[Bench]:
    """The workbench on the workspace at `root`; keyword arguments go to `Session`."""
    with Session(root, **session) as opened:
        app = WorkbenchApp(opened)
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Bench(app, pilot)
