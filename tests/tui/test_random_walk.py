"""Random keys on a real workspace: nothing breaks, and undo brings back the first bytes. See `walk`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.walk import Walk, files_of, walked_workspace
from tests.tui.workbench import workbench


@pytest.mark.parametrize(
    ("seed", "steps", "size"),
    [
        (4, 60, (120, 36)),
        *(
            pytest.param(seed, 160, size, marks=[pytest.mark.long, pytest.mark.timeout(900)])
            for seed in range(5, 15)
            for size in [((80, 24), (120, 36), (200, 60))[seed % 3]]
        ),
    ],
)
async def test_a_random_walk(tmp_path: Path, seed: int, steps: int, size: tuple[int, int]) -> None:
    root = walked_workspace(tmp_path / "team")
    async with workbench(root, size=size) as bench:
        await bench.settled()
        walk = Walk(bench, root, seed)
        await walk.go(steps)
        await walk.home()
        last = files_of(root)
        undone = await walk.take_everything_back()
        assert files_of(root) == walk.first
        await walk.do_again(undone)
        assert files_of(root) == last
