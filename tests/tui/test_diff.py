"""The diff that is shown before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacktui.model.text import clean_block
from stacktui.tui.dialogs.diff import ConflictDialog, DiffDialog, coloured, counts
from tests.tui.workbench import workbench, workspace

_DIFF = "--- a/stacks/x.yaml\n+++ b/stacks/x.yaml\n@@ -1,3 +1,3 @@\n a: 1\n--- not a head\n-[b]old[/b]\n+new\n+++ more\n"


def test_only_the_head_names_files() -> None:
    assert counts(clean_block(_DIFF)) == (2, 2)
    shown = coloured(clean_block(_DIFF))
    assert shown.plain == _DIFF.rstrip("\n")
    styles = {shown.plain[span.start : span.end]: str(span.style) for span in shown.spans}
    assert styles["--- a/stacks/x.yaml"] == styles["+++ b/stacks/x.yaml"] == "bold"
    assert styles["--- not a head"] == styles["-[b]old[/b]"] == "$tone-error"
    assert styles["+++ more"] == styles["+new"] == "$tone-ok"


async def test_a_diff_is_accepted_or_left(tmp_path: Path) -> None:
    answers: list[Any] = []
    async with workbench(workspace(tmp_path / "w")) as bench:
        for key, answer in (("enter", True), ("y", True), ("escape", None), ("n", None)):
            answers.clear()
            bench.app.ask(DiffDialog("edit stack/x", clean_block(_DIFF), "mind this"), answers.append)
            await bench.sees("edit stack/x", "+2 -2", "-[b]old[/b]", "mind this")
            await bench.press(key)
            await bench.wait_for(lambda: answers, "the answer")
            assert answers == [answer], key


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_long_diff_scrolls(tmp_path: Path, size: tuple[int, int]) -> None:
    lines = "".join(f"+line {number}\n" for number in range(300))
    diff = clean_block(f"--- /dev/null\n+++ b/x\n@@ -0,0 +1,300 @@\n{lines}")
    async with workbench(workspace(tmp_path / "w"), size=size) as bench:
        bench.app.ask(DiffDialog("add x", diff), lambda _: None)
        await bench.sees("+line 0", "enter write it")
        await bench.press("j", "ctrl+d")
        await bench.misses("+line 0\n")
        await bench.press("G")
        await bench.sees("+line 299")
        await bench.press("g")
        await bench.sees("+line 0")


async def test_two_versions_are_kept_both_or_one(tmp_path: Path) -> None:
    answers: list[Any] = []
    async with workbench(workspace(tmp_path / "w")) as bench:
        for key, answer in (("enter", "both"), ("t", "theirs"), ("escape", None)):
            answers.clear()
            bench.app.ask(ConflictDialog(clean_block("stacks/x.yaml"), clean_block(_DIFF)), answers.append)
            await bench.sees("stacks/x.yaml changed on disk", "Nothing was written")
            await bench.press(key)
            await bench.wait_for(lambda: answers, "the answer")
            assert answers == [answer], key
