"""Starting a run: choose a pipeline, type parameters, see the plan, start; and what stands in the way."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from stacktui.categories.metadata_store import RunQuery
from stacktui.model.run import RunStatus
from stacktui.tui.screens.home import HomeScreen
from stacktui.tui.screens.newrun import NewRunScreen
from stacktui.tui.screens.newrun_plan import PlanPanel
from stacktui.tui.screens.run import RunScreen
from stacktui.tui.widgets.grid import Grid
from tests.tui.executed import execute, runnable
from tests.tui.workbench import Bench, stack, workbench, workspace


async def new_run(bench: Bench, pipeline: str = "") -> NewRunScreen:
    await bench.press("n")
    await bench.wait_for(lambda: isinstance(bench.screen, NewRunScreen) and bench.screen.snapshot)
    screen = bench.screen
    assert isinstance(screen, NewRunScreen)
    if pipeline:
        grid = screen.query_one("#pipelines", Grid)
        grid.move_to(f"pipelines/{pipeline}.py:{pipeline}")
        await bench.sees(f"parameters of {pipeline}")
    return screen


def fields(bench: Bench) -> dict[str, Input]:
    return {line.source.name: line.field for line in bench.screen.query("ParameterLine")}


async def test_a_run_starts_with_a_changed_parameter_and_opens(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    async with workbench(root) as bench:
        await new_run(bench, "sums")
        await bench.sees("Two lists side by side", "int", "stack default", "default in stacktui.yaml")
        await bench.sees("plan 4", "● runs", "? depends", "├─●")
        await bench.press("enter")
        await bench.wait_for(lambda: fields(bench)["count"].has_focus)
        await bench.types("5")
        # Letters that are keys elsewhere belong to the field.
        await bench.press("enter")
        await bench.wait_for(lambda: fields(bench)["factor"].has_focus)
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen), "the run's screen")
        await bench.sees("✓ succeeded", "count=5 factor=2", "adding up")
        run = bench.session.store().run(bench.screen.snapshot.id)
        assert (run.params, run.status) == ({"count": 5, "factor": 2}, RunStatus.SUCCEEDED)
        # esc goes to where the new run was asked for, not to the form.
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, HomeScreen))


async def test_the_plan_follows_what_is_typed(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    run_id = execute(root, "sums")
    async with workbench(root) as bench:
        await new_run(bench, "sums")
        await bench.sees("plan: 4 cached of 4", f"same as run {run_id[:13]}")
        await bench.press("enter", "tab")
        await bench.wait_for(lambda: fields(bench)["factor"].has_focus)
        await bench.types("7")
        await bench.sees("plan: 2 cached of 4", "`factor` 2 → 7 since run")
        await bench.press("backspace")
        await bench.sees("plan: 4 cached of 4")


async def test_a_value_that_does_not_fit_is_said_in_one_line(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    async with workbench(root) as bench:
        await new_run(bench, "sums")
        await bench.press("enter")
        await bench.wait_for(lambda: fields(bench)["count"].has_focus)
        # q, n and digits are text here.
        await bench.types("qn1")
        await bench.sees("parameter `count`", "'qn1' is not int")
        await bench.wait_for(lambda: fields(bench)["count"].parent.has_class("-bad"))  # type: ignore[union-attr]
        await bench.press("ctrl+s")
        await bench.sees("✗ parameter `count`")
        assert isinstance(bench.screen, NewRunScreen)
        assert not bench.session.store().runs(_all()).runs
        for _ in range(3):
            await bench.press("backspace")
        await bench.sees("plan 4")
        assert not fields(bench)["count"].parent.has_class("-bad")  # type: ignore[union-attr]


def _all() -> RunQuery:
    return RunQuery()


async def test_a_needed_value_is_asked_for(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    async with workbench(root) as bench:
        await new_run(bench, "waits")
        await bench.sees("fill in flag", "needed")
        await bench.press("ctrl+s")
        await bench.sees("fill in flag first")
        await bench.wait_for(lambda: fields(bench)["flag"].has_focus)
        await bench.types("x")
        await bench.sees("plan 1")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen.focused, Grid))
        assert isinstance(bench.screen, NewRunScreen)


async def test_an_error_of_the_users_code_shows_their_lines(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    (root / "pipelines" / "sums.py").write_text(
        "from stacktui import pipeline\n\n\n@pipeline\ndef sums():\n    raise ValueError('no data yet')\n"
    )
    async with workbench(root) as bench:
        await new_run(bench, "sums")
        await bench.sees("no data yet", "line 6, in sums", "It takes no parameters")


async def test_a_pipeline_that_is_saved_appears_and_a_broken_file_says_what_is_wrong(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    async with workbench(root) as bench:
        await new_run(bench)
        await bench.sees("There is no pipeline yet", "from stacktui import pipeline, step")
        runnable(root)
        await bench.sees("pipelines 3", "sums", "fails", "waits", "parameters of")
        await bench.misses("There is no pipeline yet")
        (root / "pipelines" / "fails.py").write_text(
            "from stacktui import pipeline\n\n@pipeline\ndef fails(\n"
        )
        await bench.sees("pipelines 2", "✗ pipelines/fails.py is not valid Python")
        await bench.press("G")
        await bench.sees("'(' was never closed (line")
        assert bench.screen.refusal("start") == "no pipeline is chosen"


async def test_typed_values_stay_when_the_file_changes(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    async with workbench(root) as bench:
        await new_run(bench, "sums")
        await bench.press("enter")
        await bench.wait_for(lambda: fields(bench)["count"].has_focus)
        await bench.types("8")
        file = root / "pipelines" / "sums.py"
        file.write_text(
            file.read_text().replace("def sums(count: int = 3,", "def sums(count: int = 3, more: str = 'a',")
        )
        await bench.wait_for(lambda: list(fields(bench)) == ["count", "more", "factor"])
        await bench.wait_for(lambda: fields(bench)["count"].value == "8" and fields(bench)["count"].has_focus)


async def test_a_protected_stack_asks_for_its_name(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    stack(root, "prod", "extends: default\nprotected: true\n")
    async with workbench(root) as bench:
        await new_run(bench, "sums")
        await bench.press("S")
        await bench.sees("run through", "prod")
        await bench.press("2")
        await bench.sees("stack prod protected", "chosen here", "plan 4")
        await bench.press("ctrl+s")
        await bench.sees("Type its name, prod")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, NewRunScreen))
        assert not bench.session.store().runs(_all()).runs
        await bench.press("ctrl+s")
        await bench.sees("Type its name, prod")
        await bench.types("prod")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen), "the run's screen")
        await bench.sees("sums on prod")


async def test_read_only_does_not_open_it(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    async with workbench(root, readonly=True) as bench:
        await bench.sees("READ-ONLY")
        await bench.press("n")
        bench.app.open_place("newrun")
        await bench.sees("read-only")
        assert not isinstance(bench.screen, NewRunScreen)


async def test_findings_stand_above_the_plan(tmp_path: Path) -> None:
    root = runnable(tmp_path / "vision")
    stack(
        root,
        "lame",
        "components:\n  orchestrator: local\n  artifact_store: local\n  metadata_store: local\n  alerter: nobody\n",
    )
    async with workbench(root) as bench:
        screen = await new_run(bench, "sums")
        await bench.sees("plan 4")
        await bench.press("S")
        await bench.sees("lame")
        await bench.press("2")
        await bench.sees("stack lame", "nobody")
        plan = screen.query_one(PlanPanel).snapshot
        assert plan is not None
        assert plan.said[0].severity == "error" or plan.problem
        await bench.press("ctrl+s")
        await bench.sees("stack 'lame' has 1 error")
