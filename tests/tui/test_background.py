"""What comes back from a thread goes to a workbench that runs, and to none that is ending."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from stacktui.tui.background import Background
from tests.tui.workbench import DEADLINE, workbench, workspace


@pytest.mark.parametrize("wanted", [True, False])
async def test_what_nobody_wants_is_dropped(wanted: bool) -> None:
    asked = asyncio.Event()
    came: list[Any] = []

    def is_wanted() -> bool:
        asked.set()
        return wanted

    Background(is_wanted).submit(lambda: "an answer", lambda result, _: came.append(result))
    await asyncio.wait_for(asked.wait(), DEADLINE)
    await asyncio.sleep(0)
    assert came == (["an answer"] if wanted else [])


async def test_an_answer_for_a_workbench_that_has_ended_is_nobodys(tmp_path: Path) -> None:
    go, asked = threading.Event(), asyncio.Event()
    came: list[Any] = []
    async with workbench(workspace(tmp_path / "team")) as bench:
        await bench.settled()
        background = bench.app.background
        background.submit(lambda: go.wait(DEADLINE), lambda result, _: came.append(result))
        runs = background._wanted

        def is_wanted() -> bool:
            asked.set()
            return runs()

        background._wanted = is_wanted
    asked.clear()
    go.set()
    await asyncio.wait_for(asked.wait(), DEADLINE)
    await asyncio.sleep(0)
    assert came == []
