"""`:fmt` and `:workspace upgrade` in the workbench: the diff first, one edit, and what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.workbench import stack, workbench, workspace

UNFORMED = "components: {}  # none of its own\nextends: default\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return workspace(tmp_path / "team")


async def test_fmt_shows_its_diff_and_is_taken_back_like_any_edit(root: Path) -> None:
    file = stack(root, "prod", UNFORMED)
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("fmt")
        await bench.press("enter")
        await bench.sees("format stacks/prod.yaml", "+extends: default")
        assert file.read_text() == UNFORMED
        await bench.press("escape")
        await bench.misses("+extends: default")
        assert file.read_text() == UNFORMED
        await bench.press("colon")
        await bench.types("fmt")
        await bench.press("enter")
        await bench.sees("+extends: default")
        await bench.press("enter")
        await bench.wait_for(lambda: file.read_text().startswith("extends: default\n"), "the file")
        await bench.press("u")
        await bench.sees("Takes back your edit", "-components: {}")
        await bench.press("enter")
        await bench.wait_for(lambda: file.read_text() == UNFORMED, "the file as it was")


async def test_fmt_with_nothing_to_do_says_so(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("fmt")
        await bench.press("enter")
        await bench.sees("every file is in form already")


async def test_an_upgrade_shows_its_diff(root: Path) -> None:
    file = root / "stacktui.yaml"
    file.write_text("default_stack: default  # ours\n")
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("workspace upgrade")
        await bench.press("enter")
        await bench.sees("upgrade the workspace to format version 1", "+version: 1")
        await bench.press("enter")
        await bench.wait_for(
            lambda: file.read_text() == "version: 1\ndefault_stack: default  # ours\n", "the file"
        )
        await bench.press("colon")
        await bench.types("workspace upgrade")
        await bench.press("enter")
        await bench.sees("nothing to do")
