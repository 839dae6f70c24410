"""The diff that is shown before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacktui.model.text import clean_block
from stacktui.tui.dialogs.diff import DiffDialog, coloured, counts
from stacktui.tui.dialogs.diff_text import files_of
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


_SEVERAL = (
    "--- a/components/x.yaml\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-flavor: s3\n-config: {}\n"
    "--- /dev/null\n+++ b/components/y.yaml\n@@ -0,0 +1 @@\n+flavor: s3\n"
    + "".join(
        f"--- a/stacks/s{number}.yaml\n+++ b/stacks/s{number}.yaml\n@@ -1,2 +1,2 @@\n a: 1\n-b: x{number}\n+b: y{number}\n"
        for number in range(12)
    )
    + "diff --git a/stacks/old.yaml b/stacks/new.yaml\nsimilarity index 100%\nrename from stacks/old.yaml\n"
    "rename to stacks/new.yaml\n"
)


def test_each_file_of_a_diff_is_told() -> None:
    found = {file.name: (file.what, file.added, file.removed) for file in files_of(clean_block(_SEVERAL))}
    assert len(found) == 15
    assert found["components/x.yaml"] == ("deleted", 0, 2)
    assert found["components/y.yaml"] == ("new", 1, 0)
    assert found["stacks/s3.yaml"] == ("", 1, 1)
    assert found["stacks/old.yaml → stacks/new.yaml"] == ("renamed", 0, 0)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_several_files_have_headings_and_fold(tmp_path: Path, size: tuple[int, int]) -> None:
    answers: list[Any] = []
    async with workbench(workspace(tmp_path / "w"), size=size) as bench:
        bench.app.ask(DiffDialog("rename x", clean_block(_SEVERAL)), answers.append)
        await bench.sees(
            "rename x  +13 -14", "15 files", "components/x.yaml  deleted  +0 -2", "-flavor: s3", "] [ file"
        )
        # A heading names the file; the lines that do so for programs would only say it again.
        assert "+++ b/" not in bench.text()
        await bench.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        await bench.misses("components/x.yaml", "components/y.yaml")
        await bench.sees("stacks/s0.yaml  +1 -1", "-b: x0")
        await bench.press("left_square_bracket")
        await bench.sees("components/y.yaml  new  +1 -0")
        await bench.press("g", "f")
        await bench.sees("components/x.yaml", "stacks/s11.yaml", "stacks/old.yaml → stacks/new.yaml  renamed")
        await bench.misses("-b: x0", "-flavor: s3", "+0 -0")
        await bench.press("f")
        await bench.sees("-flavor: s3")
        await bench.press("enter")
        await bench.wait_for(lambda: answers, "the answer")
    assert answers == [True]


async def test_what_only_gets_another_name_has_no_counts(tmp_path: Path) -> None:
    diff = _SEVERAL[_SEVERAL.index("diff --git") :]
    async with workbench(workspace(tmp_path / "w")) as bench:
        bench.app.ask(DiffDialog("rename stack/old to new", clean_block(diff)), lambda _: None)
        await bench.sees("rename stack/old to new", "rename to stacks/new.yaml")
        await bench.misses("+0", "-0")
