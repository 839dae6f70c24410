"""Stacks taken in and given away in the workbench: the report, a choice for each conflict, the diff, the secrets."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stacktui.operations.session import Session
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.import_report import ImportDialog
from stacktui.tui.screens.stacks import StacksScreen
from stacktui.tui.widgets.grid import Grid
from tests.operations.exchanging import OWN_FLAVORS, ZENML, files
from tests.operations.support import do
from tests.tui.workbench import Bench, component, stack, workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = workspace(tmp_path / "vision")
    (made / "flavors").mkdir()
    (made / "flavors/team.py").write_text(OWN_FLAVORS)
    return made


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle of another workspace, with a component of its own that refers to a secret."""
    other = workspace(tmp_path / "other")
    (other / "flavors").mkdir()
    (other / "flavors/team.py").write_text(OWN_FLAVORS)
    component(other, "artifact_store", "team", "s3", '  path: s3://vision\n  key: "{{aws.id}}"\n')
    component(other, "step_operator", "gpu", "subprocess")
    stack(
        other,
        "prod",
        "# theirs\nextends: default\ncomponents: {artifact_store: team, step_operator: [gpu]}\n",
    )
    file = tmp_path / "prod.yaml"
    with Session(other) as session:
        do(session, "stack export", name="prod", output=file)
    return file


async def on_stacks(bench: Bench) -> None:
    await bench.settled()
    await bench.press("s")
    await bench.wait_for(
        lambda: isinstance(bench.screen, StacksScreen) and bench.screen.list.rows, "the stacks"
    )
    await bench.settled()


async def import_file(bench: Bench, file: Path) -> ImportDialog:
    """Press `i`, type the file, wait for the report."""
    await bench.press("i")
    await bench.sees("import a stack")
    await bench.types(f"../{file.name}")
    await bench.press("enter")
    await bench.wait_for(lambda: isinstance(bench.screen, ImportDialog), "the report")
    dialog: ImportDialog = bench.screen
    return dialog


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_a_bundle_is_looked_at_accepted_and_its_secret_asked_for(
    root: Path, bundle: Path, size: tuple[int, int]
) -> None:
    before = files(root)
    async with workbench(root, size=size) as bench:
        await on_stacks(bench)
        await import_file(bench, bundle)
        await bench.sees(
            "import stack prod", "prod.yaml, from stacktui", "3 files to write", "1 secret missing"
        )
        await bench.sees("artifact_store/team", "step_operator/gpu", "enter go on to the diff")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("write it", "1 secret is missing and is asked for next")
        assert files(root) == before
        await bench.press("enter")
        await bench.sees("secret aws.id", "For artifact_store/team key")
        await bench.types("AKIA0")
        await bench.misses("AKIA0")
        await bench.press("enter")
        await bench.sees("imported stack prod; set 1 secret", "extends default", "Every rule passes")
    assert (root / "stacks/prod.yaml").read_text().startswith("# theirs\n")
    with Session(root, stack="prod") as session:
        assert do(session, "secret reveal", name="aws", key="id").value == "AKIA0"


async def test_it_is_one_edit_that_u_takes_back(root: Path, bundle: Path) -> None:
    before = files(root)
    async with workbench(root) as bench:
        await on_stacks(bench)
        await import_file(bench, bundle)
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.sees("secret aws.id")
        await bench.press("escape")
        await bench.sees("imported stack prod; 1 secret missing")
        await bench.settled()
        await bench.press("u")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff of the undo")
        await bench.press("enter")
        await bench.wait_for(lambda: files(root) == before, "the first bytes")


async def test_leaving_at_the_report_or_at_the_diff_writes_nothing(root: Path, bundle: Path) -> None:
    before = files(root)
    async with workbench(root) as bench:
        await on_stacks(bench)
        await import_file(bench, bundle)
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, StacksScreen), "the stacks")
        await import_file(bench, bundle)
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, StacksScreen), "the stacks")
    assert files(root) == before


async def test_each_conflict_gets_a_choice_and_what_refers_to_it_follows(root: Path, bundle: Path) -> None:
    component(root, "artifact_store", "team", "local")
    component(root, "step_operator", "gpu", "subprocess", "  max_concurrent: 1\n")
    async with workbench(root) as bench:
        await on_stacks(bench)
        dialog = await import_file(bench, bundle)
        await bench.sees("2 in conflict", "1 rename · 2 keep ours · 3 replace", "another one of this name")
        await bench.press("enter")
        await bench.sees("First choose for what is in conflict")
        assert dialog.query_one(Grid).cursor_key is not None
        await bench.press("1")
        await bench.sees("1 in conflict", "artifact_store/team-2")
        await bench.press("2")
        await bench.misses("in conflict ·")
        await bench.sees("kept")
        # A choice may be changed again, and be the choice for all.
        await bench.press("1")
        await bench.sees("step_operator/gpu-2")
        await bench.press("2", "A")
        await bench.misses("team-2", "gpu-2")
        await bench.press("1", "A")
        await bench.sees("artifact_store/team-2", "step_operator/gpu-2")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.sees("secret aws.id")
        await bench.press("enter")
        await bench.sees("imported stack prod; 1 secret missing")
    assert (
        "components: {artifact_store: team-2, step_operator: [gpu-2]}"
        in (root / "stacks/prod.yaml").read_text()
    )


async def test_replacing_a_protected_stack_asks_for_its_name(root: Path, bundle: Path) -> None:
    stack(root, "prod", "extends: default\nprotected: true\n")
    async with workbench(root) as bench:
        await on_stacks(bench)
        await import_file(bench, bundle)
        await bench.press("3")
        await bench.sees("replaces")
        await bench.press("enter")
        await bench.sees("is protected. Type its name")
        await bench.types("prod")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("escape")
    assert (root / "stacks/prod.yaml").read_text() == "extends: default\nprotected: true\n"


async def test_credentials_in_a_zenml_file_go_where_the_person_says(root: Path, tmp_path: Path) -> None:
    async with workbench(root, size=(120, 44)) as bench:
        await on_stacks(bench)
        await import_file(bench, Path(shutil.copy(ZENML / "list-0.84.yaml", tmp_path)))
        await bench.sees("from ZenML 0.84.2", "filled in", "comment", "needs value", "5 secrets missing")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.misses("hunter2", "xoxb")
        await bench.press("enter")
        await bench.sees("5 credentials stand in list-0.84.yaml in clear", "take from the file", "type each")
        await bench.press("1")
        await bench.sees("imported stack prod-eu-west-1; set 5 secrets")
        await bench.sees("stack prod-eu-west-1", "Every rule passes")


async def test_by_the_command_line_of_the_workbench(root: Path, bundle: Path) -> None:
    async with workbench(root) as bench:
        await bench.settled()
        await bench.press("colon")
        await bench.types(f"stack import ../{bundle.name} --name nightly")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, ImportDialog), "the report")
        await bench.sees("import stack nightly")


async def test_a_file_that_cannot_be_read_is_asked_for_again_with_the_reason(
    root: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [\n")
    async with workbench(root) as bench:
        await on_stacks(bench)
        await bench.press("i")
        await bench.sees("import a stack")
        await bench.types(f"../{bad.name}")
        await bench.press("enter")
        await bench.sees("not valid YAML")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, StacksScreen), "the stacks")


async def test_read_only_refuses_the_import_and_not_the_export(root: Path, tmp_path: Path) -> None:
    async with workbench(root, readonly=True) as bench:
        await on_stacks(bench)
        await bench.press("i")
        await bench.sees("read-only")
        assert isinstance(bench.screen, StacksScreen)
        await bench.press("o")
        await bench.sees("export stack default")


async def test_a_stack_is_exported_and_a_file_replaced_only_when_that_is_confirmed(
    root: Path,
) -> None:
    async with workbench(root) as bench:
        await on_stacks(bench)
        await bench.press("o")
        await bench.sees("export stack default", "default.bundle.yaml")
        await bench.press("enter")
        await bench.sees("wrote default.bundle.yaml: 10 components")
        first = (root / "default.bundle.yaml").read_text()
        assert first.startswith("# A stack of stacktui")
        (root / "default.bundle.yaml").write_text("mine\n")
        await bench.press("o")
        await bench.sees("export stack default")
        await bench.press("enter")
        await bench.sees("exists already")
        assert (root / "default.bundle.yaml").read_text() == "mine\n"
        await bench.press("enter")
        await bench.wait_for(lambda: (root / "default.bundle.yaml").read_text() == first, "the bundle")


async def test_the_active_stack_is_exported_by_the_command_line_of_the_workbench(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.settled()
        await bench.press("colon")
        await bench.types("stack export -o out.yaml")
        await bench.press("enter")
        await bench.sees("wrote out.yaml: 10 components")
        assert (root / "out.yaml").exists()
        await bench.press("colon")
        await bench.types("stack export")
        await bench.press("enter")
        await bench.sees("export stack default", "default.bundle.yaml")


async def test_a_path_is_completed_as_it_is_typed(root: Path, bundle: Path) -> None:
    (root / "given").mkdir()
    shutil.copy(bundle, root / "given" / "nightly-stack.yaml")
    async with workbench(root) as bench:
        await on_stacks(bench)
        await bench.press("i")
        await bench.sees("tab complete")
        await bench.types("gi")
        await bench.sees("given/")
        await bench.press("tab")
        await bench.types("n")
        await bench.sees("given/nightly-stack.yaml")
        await bench.press("tab", "enter")
        await bench.wait_for(lambda: isinstance(bench.screen, ImportDialog), "the report")
