"""The panes of what is kept: artifacts with preview and lineage, the metadata store, images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stacktui.model.base import uuid7
from stacktui.model.run import StepStatus
from stacktui.tui.screens.category import CategoryScreen
from stacktui.tui.screens.run import RunScreen
from tests.tui.pane_data import add_steps, keep
from tests.tui.stores import add_run
from tests.tui.workbench import Bench, component, workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace(tmp_path / "vision")


def screen_of(bench: Bench) -> CategoryScreen:
    screen = bench.screen
    assert isinstance(screen, CategoryScreen)
    return screen


def keys(bench: Bench) -> list[str]:
    return [row.key for row in screen_of(bench).pane.main_grid.rows]


async def test_artifacts_stand_by_pipeline_and_name_the_newest_of_each(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("2")
        await bench.sees("No artifacts yet")
        first = keep(bench.session, {"accuracy": 0.9})
        second = keep(bench.session, {"accuracy": 0.97})
        scores = keep(bench.session, [1, 2, 3], pipeline="scoring", step="score", name="scores")
        await bench.sees("scoring", "training", "fit/report", "score/scores", "v2", "o shows 1 older")
        assert [key for key in keys(bench) if ":" not in key] == [scores.id, second.id]
        await bench.press("enter", "o")
        await bench.wait_for(lambda: first.id in keys(bench))
        await bench.press("o")
        await bench.wait_for(lambda: first.id not in keys(bench))


async def test_an_artifact_is_previewed_with_where_it_comes_from(root: Path) -> None:
    async with workbench(root) as bench:
        data = keep(bench.session, {"rows": 1797}, step="load", name="data")
        model = keep(bench.session, {"weights": [0.25, 0.5]}, step="fit", name="model", inputs=[data])
        await bench.press("2")
        await bench.sees("fit/model")
        await bench.press("enter")
        await bench.sees("preview of fit/model", "weights", "0.25", "made from", "← training/load/data v1")
        await bench.press("j")
        await bench.sees("preview of load/data", "1797", "made into", "→ training/fit/model v1")
        await bench.press("w")
        await bench.wait_for(lambda: isinstance(bench.screen, RunScreen))
        assert bench.session.store().run(data.run_id).name in bench.text()
        assert model.version == 1


async def test_a_small_screen_opens_the_preview_in_place_of_the_list(root: Path) -> None:
    async with workbench(root, size=(80, 24)) as bench:
        for number in range(12):
            keep(bench.session, {"number": number}, step=f"step_{number:02}", name="out")
        await bench.press("2")
        await bench.sees("step_05/out")
        await bench.misses("preview of")
        await bench.press("enter", "enter")
        await bench.sees("preview of step_00/out", '"number": 0')
        await bench.misses("step_05/out")
        await bench.press("escape")
        await bench.sees("step_05/out")


async def test_a_pickle_is_never_opened(root: Path) -> None:
    async with workbench(root) as bench:
        artifact = keep(bench.session, {"x": 1}, name="model")
        store = bench.session.store()
        run = add_run(store, "pickled", pipeline="pickles")
        add_steps(store, run, "orchestrator/local", fit=StepStatus.SUCCEEDED)
        step = store.steps(run.id)[0]
        pickled = artifact.model_copy(
            update={
                "id": uuid7(),
                "run_id": run.id,
                "pipeline": "pickles",
                "materializer": "pickle",
            }
        )
        store.record_step(step.model_copy(update={"outputs": {"model": pickled.id}}), (pickled,))
        await bench.press("2")
        await bench.sees("a pickled dict: never opened")


async def test_a_store_outside_the_active_stack_lists_its_files(root: Path) -> None:
    component(root, "artifact_store", "archive", "local", "  path: archive\n")
    (root / "archive").mkdir()
    (root / "archive" / "model.bin").write_bytes(b"x" * 2048)
    async with workbench(root) as bench:
        await bench.press("2", "j")
        await bench.sees("artifacts of archive 1", "model.bin", "2.0 KiB", "not in the active stack")


async def test_a_metadata_store_says_what_it_holds_and_is_checked_by_key(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("3")
        await bench.sees("store of local", "none yet", "metadata.db")
        for number in range(3):
            add_run(bench.session.store(), f"run-{number}")
        await bench.sees("oldest", "newest")
        await bench.press("enter")
        await bench.sees("not checked; i checks it")
        await bench.press("i")
        await bench.sees("✓ ok")


async def test_a_metadata_store_is_backed_up_to_a_file_that_is_asked_for(root: Path) -> None:
    async with workbench(root) as bench:
        add_run(bench.session.store())
        await bench.press("3", "enter")
        await bench.sees("o backup", "oldest")
        await bench.press("o")
        await bench.sees("store backup")
        await bench.types("copy.db")
        await bench.press("enter")
        await bench.wait_for((root / "copy.db").exists, "the backup")


async def test_a_metadata_store_is_compacted_after_a_question(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("3", "enter")
        await bench.sees("C compact")
        assert screen_of(bench).pane.refusal("compact_store") == "nothing has been recorded in it yet"
        add_run(bench.session.store())
        await bench.sees("oldest")
        await bench.press("C")
        await bench.sees("back to the disk?")
        await bench.press("enter")
        await bench.sees("compacted local")


async def test_images_are_built_shown_by_layer_and_deleted(root: Path) -> None:
    (root / "pipelines" / "hello.py").write_text("print('hello')\n")
    async with workbench(root) as bench:
        await bench.press("4")
        await bench.sees("No images yet. B builds one")
        await bench.press("enter", "B")
        await bench.sees("build an image")
        await bench.press(*["backspace"] * 16)
        await bench.types("training:v1")
        await bench.press("enter")
        await bench.sees("training  (1)", "v1", "training:v1", "layers", "linux/")
        await bench.press("m")
        await bench.sees("manifest of training:v1", '"schemaVersion": 2')
        await bench.press("escape")
        await bench.press("D")
        await bench.sees("delete image training:v1?")
        await bench.press("enter")
        await bench.sees("No images yet")


async def test_an_artifact_is_tagged_and_saved_by_key(root: Path) -> None:
    async with workbench(root) as bench:
        kept = keep(bench.session, {"accuracy": 0.9})
        await bench.press("2")
        await bench.sees("fit/report")
        await bench.press("enter", "t")
        await bench.sees("A tag for fit/report v1.")
        await bench.types("gold")
        await bench.press("enter")
        await bench.sees("v1 is gold now", "tags")
        assert bench.session.store().artifact(kept.id).tags == ("gold",)
        await bench.press("t")
        await bench.sees("It has gold: one that it has is taken")
        await bench.types("gold")
        await bench.press("enter")
        await bench.sees("v1 is no longer gold")
        await bench.press("S")
        await bench.sees("Write fit/report v1 to this file or folder", "report.json")
        await bench.press("enter")
        await bench.wait_for((root / "report.json").exists, "the file")
        assert (root / "report.json").read_bytes() == b'{"accuracy": 0.9}'
        await bench.press("S")
        await bench.sees("report.json")
        await bench.press("enter")
        await bench.sees("exists already", "Do it anyway?")
        await bench.press("escape")


async def test_a_prune_is_shown_before_it_is_done(root: Path) -> None:
    async with workbench(root) as bench:
        for number in range(3):
            keep(bench.session, {"number": number})
        for content in (root / ".stacktui" / "artifacts").rglob("*"):
            # What was put in the last two seconds is left alone.
            os.utime(content, (1_000_000_000, 1_000_000_000))
        store = bench.session.store()
        await bench.press("3", "enter")
        await bench.sees("P prune")
        await bench.press("P")
        await bench.sees("How many of the newest runs", "stay?")
        await bench.types("x")
        await bench.sees("'x' is not a number")
        await bench.press("backspace")
        await bench.types("1")
        await bench.press("enter")
        await bench.sees("This would be removed for good:", "2  runs")
        assert store.store_facts().counts["runs"] == 3
        await bench.press("escape")
        await bench.press("P")
        await bench.sees("How many of the newest runs")
        await bench.types("1")
        await bench.press("enter")
        await bench.sees("This would be removed for good:")
        await bench.press("enter")
        await bench.sees("removed 2 runs")
        assert store.store_facts().counts["runs"] == 1
        await bench.press("P", "enter")
        await bench.sees("would remove nothing")
