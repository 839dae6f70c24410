"""Served models in the workbench: a real server is asked, stopped, started and deleted by key."""

from __future__ import annotations

import random
from pathlib import Path

from stacktui.categories.model_deployer import ServerState
from stacktui.testing.contracts.models import RowSum, kept
from tests.tui.workbench import component, workbench, workspace


async def test_a_model_is_asked_stopped_started_and_deleted(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    first = random.randrange(20_000, 32_000)
    component(root, "model_deployer", "local", "local", f"  first_port: {first}\n  last_port: {first + 20}\n")
    async with workbench(root) as bench:
        await bench.press("7")
        await bench.sees("No model is served")
        live = bench.session.live()
        server = live.model_deployer.deploy("sums", kept(RowSum(2), live.artifact_store))
        try:
            await bench.press("b")
            bench.session.changed(paths=[bench.session.workspace.state])
            await bench.sees("● running", "sums", server.address, "RowSum", "1 running", "server sums", "log")
            await bench.press("enter", "i")
            await bench.sees("ask sums")
            await bench.press(*["backspace"] * 4)
            await bench.press(*"[[1,2],[3,4]]")
            await bench.press("enter")
            await bench.sees("prediction", "6.0", "14.0")
            await bench.press("x")
            await bench.sees("Stop sums?")
            await bench.press("enter")
            await bench.sees("■ stopped")
            assert live.model_deployer.find("sums")[0].state is ServerState.STOPPED
            await bench.press("X")
            await bench.sees("● running", "sums answers at")
            await bench.press("D")
            await bench.sees("delete model sums?")
            await bench.press("enter")
            await bench.sees("No model is served")
        finally:
            for left in live.model_deployer.find():
                live.model_deployer.delete(left.name)
