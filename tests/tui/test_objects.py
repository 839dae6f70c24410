"""Renaming, deleting and labelling in the lists of components and stacks, with marks; and what other programs do to
them meanwhile."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.simple import NameDialog, PromptDialog
from stacktui.tui.screens.category import CategoryScreen
from stacktui.tui.screens.stacks import StacksScreen
from tests.tui.workbench import Bench, component, stack, workbench, workspace

PIPELINE = """from stacktui import pipeline, step


@step(step_operator="a100")
def fit() -> int:
    return 1


@pipeline
def training() -> None:
    fit()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = workspace(tmp_path / "vision")
    for name in ("a100", "spare", "idle"):
        component(made, "step_operator", name, "subprocess")
    stack(
        made, "nightly", "extends: default  # the team's\ncomponents:\n  step_operator: [a100, subprocess]\n"
    )
    stack(made, "prod", "extends: nightly\nprotected: true\n")
    (made / "pipelines" / "training.py").write_text(PIPELINE)
    return made


def bytes_of(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*.yaml")}


async def on_stack(bench: Bench, name: str) -> StacksScreen:
    await bench.settled()
    await bench.press("s")
    await bench.wait_for(
        lambda: isinstance(bench.screen, StacksScreen) and bench.screen.list.rows, "the stacks"
    )
    screen: StacksScreen = bench.screen
    assert screen.list.move_to(name)
    await bench.settled()
    return screen


async def on_operator(bench: Bench, name: str) -> CategoryScreen:
    await bench.settled()
    await bench.press("6")
    await bench.wait_for(
        lambda: isinstance(bench.screen, CategoryScreen) and bench.screen.components.rows, "the operators"
    )
    screen: CategoryScreen = bench.screen
    assert screen.components.move_to(name)
    await bench.settled()
    return screen


async def retype(bench: Bench, text: str) -> None:
    """Type over what stands in the field."""
    await bench.wait_for(lambda: isinstance(bench.screen, PromptDialog), "the prompt")
    await bench.press("home", "ctrl+k")
    await bench.types(text)


async def diff(bench: Bench) -> None:
    await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")


async def test_a_component_is_renamed_everywhere_and_python_is_listed(root: Path) -> None:
    before = bytes_of(root)
    async with workbench(root) as bench:
        screen = await on_operator(bench, "a100")
        await bench.sees("R rename")
        await bench.press("R")
        await bench.sees("rename step operator a100", "Its new name")
        await retype(bench, "spare")
        await bench.sees("there is a step operator spare already")
        await retype(bench, "H100")
        await bench.sees("a name has")
        await retype(bench, "h100")
        await bench.press("enter")
        await diff(bench)
        await bench.sees(
            "rename step_operator/a100 to h100",
            "Python names it in 1 place, which this does not change:",
            'pipelines/training.py:4  @step(step_operator="a100")',
            "-  step_operator: [a100, subprocess]",
            "+  step_operator: [h100, subprocess]",
            "components/step_operator/h100.yaml  renamed",
        )
        assert bytes_of(root) == before
        await bench.press("enter")
        await bench.sees("h100")
        await bench.wait_for(lambda: screen.components.cursor_key == "h100", "the cursor on the new name")
        assert "on disk" not in bench.text()
    assert (root / "stacks/nightly.yaml").read_text() == (
        "extends: default  # the team's\ncomponents:\n  step_operator: [h100, subprocess]\n"
    )
    assert not (root / "components/step_operator/a100.yaml").exists()
    assert (root / "pipelines/training.py").read_text() == PIPELINE


async def test_a_stack_is_renamed_with_what_names_it_and_a_protected_one_is_asked_for(root: Path) -> None:
    before = bytes_of(root)
    async with workbench(root) as bench:
        screen = await on_stack(bench, "nightly")
        await bench.press("A")
        await bench.sees("chosen in this checkout")
        await bench.press("R")
        await retype(bench, "weekly")
        await bench.press("enter")
        # A protected stack extends it.
        await bench.sees("stands in the protected stack prod", "name, prod, to go on.")
        await bench.types("prod")
        await bench.press("enter")
        await diff(bench)
        await bench.sees("-extends: nightly", "+extends: weekly")
        await bench.press("enter")
        await bench.wait_for(lambda: screen.list.cursor_key == "weekly", "the cursor on the new name")
        # The checkout that uses it goes on using it, and undo takes that back too.
        await bench.sees("stack weekly · chosen in this checkout")
        await bench.press("u")
        await bench.sees("Type its name, prod")
        await bench.types("prod")
        await bench.press("enter")
        await diff(bench)
        await bench.press("enter")
        await bench.sees("stack nightly · chosen in this checkout")
        assert bytes_of(root) == before
        assert screen.list.move_to("default")
        await bench.press("A")
        await bench.sees("stack default · chosen in this checkout")
        assert screen.list.move_to("default")
        await bench.press("R")
        await retype(bench, "base")
        await bench.press("enter")
        await diff(bench)
        await bench.sees("+default_stack: base")
        await bench.press("enter")
        await bench.wait_for(lambda: screen.list.cursor_key == "base", "the cursor on the new name")
        await bench.sees("stack base · chosen in this checkout")
    assert "extends: base  # the team's" in (root / "stacks/nightly.yaml").read_text()


async def test_the_command_line_of_the_workbench_renames_too(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.settled()
        await bench.press("colon")
        await bench.types("stack rename default base")
        await bench.press("enter")
        await diff(bench)
        await bench.sees("rename stack/default to base", "+default_stack: base")
        await bench.press("enter")
        await bench.wait_for((root / "stacks/base.yaml").exists, "the file")


async def test_delete_names_who_refers_and_wants_the_name(root: Path) -> None:
    file = root / "components/step_operator/a100.yaml"
    async with workbench(root) as bench:
        screen = await on_operator(bench, "a100")
        await bench.press("D")
        await bench.sees(
            "step operator 'a100' is used by", "stacks/nightly.yaml:3 (components.step_operator)",
            "Type a100 to delete it all",
        )  # fmt: skip
        await bench.types("a10")
        await bench.press("enter")
        await bench.sees("that is not a100")
        assert isinstance(bench.screen, NameDialog)
        await bench.types("0")
        await bench.press("enter")
        await diff(bench)
        await bench.sees("-flavor: subprocess", "Python names it in 1 place")
        assert file.exists()
        await bench.press("enter")
        await bench.wait_for(lambda: not file.exists(), "the file to go")
        await bench.sees("step operators 3")
        await bench.settled()
        # It was done here: nobody says that it is gone, and the cursor is on its neighbour.
        assert "on disk" not in bench.text()
        assert screen.components.cursor_key == "idle"


async def test_several_marked_are_deleted_by_one_diff(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await on_operator(bench, "idle")
        await bench.press("space", "space")
        await bench.sees("2 marked")
        assert screen.components.marks == {"idle", "spare"}
        await bench.press("R")
        await bench.sees("R rename: one at a time: space takes a mark away")
        await bench.press("D")
        await diff(bench)
        await bench.sees(
            "delete step_operator: idle, spare",
            "components/step_operator/idle.yaml  deleted",
            "components/step_operator/spare.yaml  deleted",
        )
        await bench.press("enter")
        await bench.sees("step operators 2")
        await bench.misses("marked")
        assert {row.key for row in screen.components.rows} == {"subprocess", "a100"}
        # One change: one key takes it back.
        await bench.press("u")
        await diff(bench)
        await bench.press("enter")
        await bench.sees("step operators 4")


async def test_nothing_is_done_with_a_mark_that_the_filter_hides(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await on_operator(bench, "a100")
        await bench.press("space", "space")
        await bench.sees("2 marked")
        await bench.press("slash")
        await bench.types("spare")
        await bench.press("enter")
        await bench.misses("marked")
        await bench.press("D")
        await diff(bench)
        await bench.sees("delete step_operator/spare")
        await bench.press("escape", "escape")
        await bench.sees("2 marked")
        assert screen.components.marks == {"a100", "idle"}


async def test_several_marked_are_labelled_by_one_diff(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await on_stack(bench, "nightly")
        await bench.press("space", "space")
        await bench.press("L")
        await bench.sees("label 2 stacks", "-key takes one away")
        await bench.types("team=vision")
        await bench.press("enter")
        await bench.sees("stack 'prod' is protected")
        await bench.types("prod")
        await bench.press("enter")
        await diff(bench)
        await bench.sees("+  team: vision", "● stacks/nightly.yaml", "● stacks/prod.yaml")
        await bench.press("enter")
        await bench.sees("label stacks nightly, prod: team=vision")
        await bench.press("escape")
        assert screen.list.marks == {"nightly", "prod"}
    assert "# the team's" in (root / "stacks/nightly.yaml").read_text()


async def test_several_marked_are_probed_and_copied(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await on_operator(bench, "a100")
        await bench.press("asterisk")
        await bench.sees("4 marked")
        await bench.press("b")
        await bench.sees("All 4 answer.")
        assert all("✓" in row.cells[3].text for row in screen.components.rows)
        await bench.press("y")
        await bench.sees("Copied subprocess a100 idle spare")
        assert bench.app.clipboard == "subprocess a100 idle spare"
        await bench.press("s")
        await bench.settled()
        await bench.press("asterisk", "b")
        await bench.sees("components of 3 stacks answer")


@pytest.mark.parametrize("place", ["stacks", "operators"])
async def test_read_only_greys_it_and_says_why(root: Path, place: str) -> None:
    before = bytes_of(root)
    async with workbench(root, readonly=True) as bench:
        await (on_stack(bench, "nightly") if place == "stacks" else on_operator(bench, "a100"))
        await bench.wait_for(lambda: bench.app.feed.summary.readonly, "the header")
        screen = bench.screen
        for key in ("R", "D", "L", "E", "c", "a", "e"):
            await bench.press(key)
            await bench.sees("the workbench is read-only")
            assert bench.screen is screen
        await bench.press("colon")
        await bench.types("stack rename nightly weekly")
        await bench.press("enter")
        await bench.sees("stack rename writes, and this session is read-only")
    assert bytes_of(root) == before


# Two at once.


async def test_what_another_deletes_or_renames_is_said_and_the_cursor_stays_near(root: Path) -> None:
    async with workbench(root) as bench:
        screen = await on_operator(bench, "idle")
        file = root / "components/step_operator/idle.yaml"
        raw = file.read_bytes()
        file.unlink()
        await bench.sees("idle was deleted on disk.", "about spare")
        assert screen.components.cursor_key == "spare"
        # And back, as when an editor puts another file in its place.
        file.write_bytes(raw)
        await bench.wait_for(lambda: screen.components.cursor_key == "idle", "the cursor to come back")
        await bench.misses("was deleted")
        (root / "components/step_operator/a100.yaml").write_text("flavor: subprocess # big\n")
        assert screen.components.move_to("a100")
        await bench.settled()
        (root / "components/step_operator/a100.yaml").rename(root / "components/step_operator/z100.yaml")
        await bench.sees("a100 was renamed to z100 on disk.", "about z100")
        assert screen.components.cursor_key == "z100"


async def test_a_branch_switch_under_the_list_of_stacks(root: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], cwd=root, check=True, capture_output=True
        )  # fmt: skip

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "other")
    for name in ("nightly", "prod"):
        (root / f"stacks/{name}.yaml").unlink()
    for number in range(30):
        stack(root, f"copy-{number:02}", "extends: default\n")
    git("add", ".")
    git("commit", "-qm", "two")
    git("checkout", "-q", "main")
    async with workbench(root) as bench:
        screen = await on_stack(bench, "nightly")
        await bench.press("R")
        await retype(bench, "weekly")
        git("checkout", "-q", "other")
        await bench.press("enter")
        await bench.sees("nightly was deleted on disk, and 1 more with it.")
        await bench.wait_for(lambda: len(screen.list.rows) == 31, "the other branch's stacks")
        await bench.settled()
        git("checkout", "-q", "main")
        await bench.wait_for(lambda: len(screen.list.rows) == 3, "the branch's stacks")
        await bench.sees("stacks 3")
        for key in ("e", "escape", "D", "escape", "d", "escape"):
            await bench.press(key)
            await bench.settled()
        assert not (root / "stacks/weekly.yaml").exists()


async def test_a_file_that_changes_under_the_rename_is_not_written(root: Path) -> None:
    async with workbench(root) as bench:
        await on_operator(bench, "a100")
        await bench.press("R")
        await retype(bench, "h100")
        await bench.press("enter")
        await diff(bench)
        stack(root, "nightly", "extends: default\ncomponents:\n  step_operator: [a100]\n")
        before = bytes_of(root)
        await bench.press("enter")
        await bench.sees("stacks/nightly.yaml was changed by someone else meanwhile, and nothing was written")
        assert bytes_of(root) == before
        # Someone names it since: that would be left behind.
        await bench.press("R")
        await retype(bench, "h100")
        await bench.press("enter")
        await diff(bench)
        stack(root, "late", "extends: default\ncomponents:\n  step_operator: [a100]\n")
        before = bytes_of(root)
        await bench.press("enter")
        await bench.sees("stacks/late.yaml was changed by someone else meanwhile")
        assert bytes_of(root) == before


async def test_what_comes_into_use_under_the_deletion_is_not_deleted(root: Path) -> None:
    async with workbench(root) as bench:
        await on_operator(bench, "idle")
        await bench.press("D")
        await diff(bench)
        stack(root, "late", "extends: default\ncomponents:\n  step_operator: idle\n")
        await bench.press("enter")
        await bench.sees("step operator 'idle' is used by stacks/late.yaml:3")
        assert (root / "components/step_operator/idle.yaml").exists()


async def test_what_is_deleted_under_its_own_deletion_is_said(root: Path) -> None:
    async with workbench(root) as bench:
        await on_operator(bench, "idle")
        await bench.press("D")
        await diff(bench)
        (root / "components/step_operator/idle.yaml").unlink()
        await bench.press("enter")
        await bench.wait_for(
            lambda: (
                "there is no step operator 'idle'" in bench.text() or "idle was deleted on" in bench.text()
            ),
            "why it came to nothing",
        )
