"""A rename takes along every place in the workspace's YAML that names the object, and leaves every other byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.workspace.changes import apply_change
from stacktui.workspace.renames import (
    component_uses,
    rename_component,
    rename_stack,
    run_files,
    stack_uses,
)
from stacktui.workspace.workspace import Workspace
from stacktui.workspace.yaml_editor import EditImpossible

A100 = ComponentId(Category.STEP_OPERATOR, "a100")

PROD = """\
# the team's
extends: base   # one parent
components:
  orchestrator: a100          # of the same name, and another component
  step_operator: [ "a100", local ]   # the first is the default
  experiment_tracker:
    - local
    # kept for comparison
    - a100
steps:
  fit: {step_operator: 'a100', retries: 2}   # big
  score:
    step_operator: local
    environment: {step_operator: a100}
  a100:
    step_operator: a100
labels: {step_operator: a100}
"""


def write(root: Path, name: str, text: str) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "team"
    write(root, "stacktui.yaml", "version: 1\ndefault_stack: base # everyone's\n")
    for category in ("step_operator", "orchestrator", "experiment_tracker"):
        write(root, f"components/{category}/a100.yaml", f"# {category}\nflavor: local\n")
    write(root, "stacks/base.yaml", "components: {step_operator: a100}\n")
    write(root, "stacks/prod.yaml", PROD)
    return root


def renamed(root: Path, what: ComponentId | str, new: str) -> dict[str, tuple[str | None, str | None]]:
    """Each file before and after, as text; the change is applied."""
    workspace = Workspace.open(root)
    snapshot = workspace.read()
    if isinstance(what, str):
        change = rename_stack(workspace, snapshot, what, new)
    else:
        change = rename_component(workspace, snapshot, what, new)
    found = {
        edit.file.relative_to(root).as_posix(): (
            edit.before.decode() if edit.before is not None else None,
            edit.after.decode() if edit.after is not None else None,
        )
        for edit in change.edits
    }
    apply_change(workspace, change)
    return found


def test_a_component_with_every_reference_and_nothing_else(root: Path) -> None:
    changed = renamed(root, A100, "h100")
    assert set(changed) == {
        "components/step_operator/a100.yaml",
        "components/step_operator/h100.yaml",
        "stacks/base.yaml",
        "stacks/prod.yaml",
    }
    assert changed["components/step_operator/a100.yaml"] == ("# step_operator\nflavor: local\n", None)
    assert changed["components/step_operator/h100.yaml"] == (None, "# step_operator\nflavor: local\n")
    expected = (
        PROD.replace('[ "a100", local ]', '[ "h100", local ]')
        .replace("step_operator: 'a100'", "step_operator: 'h100'")
        .replace("  a100:\n    step_operator: a100\n", "  a100:\n    step_operator: h100\n")
    )
    assert (root / "stacks/prod.yaml").read_text() == expected
    assert (root / "stacks/base.yaml").read_text() == "components: {step_operator: h100}\n"
    assert (root / "components/orchestrator/a100.yaml").exists()


def test_a_stack_with_its_children_and_the_default(root: Path) -> None:
    write(root, "stacks/base.yaml", "extends: base\nlabels: {stack: base}\n")
    changed = renamed(root, "base", "ground")
    assert set(changed) == {"stacks/base.yaml", "stacks/ground.yaml", "stacks/prod.yaml", "stacktui.yaml"}
    assert (root / "stacktui.yaml").read_text() == "version: 1\ndefault_stack: ground # everyone's\n"
    assert (root / "stacks/prod.yaml").read_text() == PROD.replace("extends: base ", "extends: ground ")
    # Also where it names itself, which is a circle of one.
    assert (root / "stacks/ground.yaml").read_text() == "extends: ground\nlabels: {stack: base}\n"


def test_run_files_go_along_wherever_they_lie(root: Path) -> None:
    night = write(root, "night.yaml", "stack: base  # small\nsteps:\n  fit:\n    step_operator: a100\n")
    deep = write(root, "runs/of/team/day.yml", "stack: 'base'\nparams: {stack: base}\n")
    others = {
        "compose.yaml": "stack: base\nservices: {}\n",
        "data/list.yaml": "- stack: base\n",
        "broken.yaml": "stack: base\n  - :\n",
        ".github/workflows/ci.yaml": "stack: base\n",
        "venv/run.yaml": "stack: base\n",
        "venv/pyvenv.cfg": "",
        "other/stacktui.yaml": "version: 1\n",
        "other/run.yaml": "stack: base\n",
        "themes/run.yaml": "stack: base\n",
        ".stacktui/run.yaml": "stack: base\n",
    }
    for name, text in others.items():
        write(root, name, text)
    workspace = Workspace.open(root)
    assert {file.name for file, _ in run_files(workspace)} == {"night.yaml", "day.yml"}
    renamed(root, "base", "ground")
    assert night.read_text() == "stack: ground  # small\nsteps:\n  fit:\n    step_operator: a100\n"
    assert deep.read_text() == "stack: 'ground'\nparams: {stack: base}\n"
    assert {name: (root / name).read_text() for name in others} == others
    renamed(root, A100, "h100")
    assert night.read_text().endswith("step_operator: h100\n")


def test_uses_have_their_lines(root: Path) -> None:
    write(root, "night.yaml", "stack: base\nsteps:\n  fit: {step_operator: a100}\n")
    workspace = Workspace.open(root)
    snapshot = workspace.read()
    found = [(use.name, use.place, use.line) for use in component_uses(workspace, snapshot, A100)]
    assert found == [
        ("base", ("components", "step_operator"), 1),
        ("prod", ("components", "step_operator", 0), 5),
        ("prod", ("steps", "fit", "step_operator"), 11),
        ("prod", ("steps", "a100", "step_operator"), 16),
        ("night.yaml", ("steps", "fit", "step_operator"), 3),
    ]
    kinds = [(use.kind, use.place) for use in stack_uses(workspace, snapshot, "base")]
    assert kinds == [
        ("stack", ("extends",)),
        ("settings", ("default_stack",)),
        ("run file", ("stack",)),
    ]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (
            "components:\n  step_operator: &op a100\nsteps:\n  fit: {step_operator: *op}\n",
            'components:\n  step_operator: &op "1e5"\nsteps:\n  fit: {step_operator: *op}\n',
        ),
        ("components:\n  step_operator: !!str a100\n", 'components:\n  step_operator: !!str "1e5"\n'),
        ("components:\n  step_operator: a100\n", 'components:\n  step_operator: "1e5"\n'),
        ("components:\r\n  step_operator: a100 # x\r\n", 'components:\r\n  step_operator: "1e5" # x\r\n'),
        ("\ufeffcomponents: {step_operator: [local,a100]}", '\ufeffcomponents: {step_operator: [local,"1e5"]}'),
        ("components:\n  step_operator: >-\n    a100\n", None),
        ("components:\n  step_operator: local\ncomponents:\n  step_operator: a100\n", None),
    ],
)  # fmt: skip
def test_as_the_file_writes_it(root: Path, text: str, after: str | None) -> None:
    """A name that YAML reads as a number is quoted; anchors, tags, line ends and marks of the file stay."""
    (root / "stacks/base.yaml").write_bytes(text.encode())
    renamed(root, A100, "1e5")
    raw = (root / "stacks/base.yaml").read_bytes()
    if after is not None:
        assert raw == after.encode()
    snapshot = Workspace.open(root).read()
    held = snapshot.stacks["base"].value
    assert held.components[Category.STEP_OPERATOR][-1] == "1e5"
    assert [step.step_operator for step in held.steps.values()] in ([], ["1e5"])


def test_a_broken_file_is_renamed_as_it_is(root: Path) -> None:
    torn = "components: [a100\n"
    write(root, "stacks/torn.yaml", torn)
    renamed(root, "torn", "whole")
    assert (root / "stacks/whole.yaml").read_text() == torn
    write(root, "components/step_operator/odd.yaml", ": :\n")
    renamed(root, ComponentId(Category.STEP_OPERATOR, "odd"), "even")
    assert (root / "components/step_operator/even.yaml").read_text() == ": :\n"


def test_it_is_refused_where_a_broken_file_may_name_it(root: Path) -> None:
    write(root, "stacks/torn.yaml", "components: {step_operator: a100\n")
    before = {file: file.read_bytes() for file in root.rglob("*.yaml")}
    workspace = Workspace.open(root)
    with pytest.raises(
        EditImpossible, match=r"stacks/torn\.yaml cannot be read as it is now and may name a100"
    ):
        rename_component(workspace, workspace.read(), A100, "h100")
    assert {file: file.read_bytes() for file in root.rglob("*.yaml")} == before
    write(root, "stacks/torn.yaml", "components: {step_operator: other\n")
    renamed(root, A100, "h100")


def test_a_name_that_is_taken_is_refused(root: Path) -> None:
    workspace = Workspace.open(root)
    with pytest.raises(EditImpossible, match=r"stacks/prod\.yaml exists already"):
        rename_stack(workspace, workspace.read(), "base", "prod")
    with pytest.raises(ValueError, match="is not a name"):
        rename_stack(workspace, workspace.read(), "base", "Base")


def test_two_links_to_one_file_change_it_once(root: Path) -> None:
    (root / "stacks/alias.yaml").symlink_to("prod.yaml")
    changed = renamed(root, A100, "h100")
    assert sum(name.startswith("stacks/") for name in changed) == 2
    assert (root / "stacks/alias.yaml").is_symlink()
    assert "h100" in (root / "stacks/prod.yaml").read_text()


def test_the_new_file_is_as_private_as_the_old_one(root: Path) -> None:
    (root / "stacks/base.yaml").chmod(0o640)
    renamed(root, "base", "ground")
    assert (root / "stacks/ground.yaml").stat().st_mode & 0o777 == 0o640


def test_its_diff_is_short_and_git_applies_it(root: Path) -> None:
    workspace = Workspace.open(root)
    change = rename_component(workspace, workspace.read(), A100, "h100")
    diff = change.diff(root)
    assert diff.endswith(
        "rename from components/step_operator/a100.yaml\nrename to components/step_operator/h100.yaml\n"
    )
    assert "flavor" not in diff
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=root, check=True)
    for edit in change.edits:
        assert (edit.file.read_bytes() if edit.file.exists() else None) == edit.after
