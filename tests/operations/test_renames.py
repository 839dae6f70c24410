"""Renaming, deleting and labelling components and stacks, one or several, as both faces do it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.operations.changes import previewed
from stacktui.operations.errors import AnswerIsNo, ConfirmationNeeded, OperationError, StillUsed
from stacktui.operations.session import Session
from stacktui.operations.table import ReadOnlyRefused, operations_of
from tests.operations.support import do

OPERATOR = {"category": Category.STEP_OPERATOR}

PIPELINE = '''\
"""A pipeline. a100"""

import os

from stacktui import context, pipeline, step

OPERATOR = "a100"
OTHER = "a100"


@step(step_operator="a100")
def fit() -> int:
    context().alerter_named("oncall").post("a100")
    return 1


@step(step_operator=OPERATOR, experiment_tracker="a100")
def score() -> int:
    return {"step_operator": "a100", "name": "a100"}["name"] and 1


@pipeline
def training(stack: str = "prod") -> None:
    fit.with_options(step_operator="a100" if OTHER else None)()


if __name__ == "__main__":
    os.environ["STACKTUI_STACK"] = "prod"
    training.run(stack="prod", name="prod")
    os.execvp("stacktui", ["stacktui", "run", "training", "--stack", "prod", "--name", "prod"])
'''


def line_of(text: str, piece: str, nth: int = 0) -> int:
    return [number for number, line in enumerate(text.split("\n"), 1) if piece in line][nth]


@pytest.fixture
def team(session: Session, root: Path) -> Path:
    """Two step operators, a stack that names them, and Python that does."""
    for name in ("a100", "spare", "idle"):
        do(session, "component add", **OPERATOR, name=name, flavor="subprocess")
    do(session, "component add", category=Category.ALERTER, name="oncall", flavor="local")
    file = root / "stacks" / "prod.yaml"
    file.write_text(
        "extends: default  # ours\nprotected: true\ncomponents:\n  step_operator: [a100, spare]\n"
    )
    (root / "pipelines" / "training.py").write_text(PIPELINE)
    return root


def test_a_component_is_renamed_and_python_is_listed(session: Session, team: Path) -> None:
    with pytest.raises(ConfirmationNeeded, match=r"stands in the protected stack prod.*--confirm prod"):
        do(session, "component rename", **OPERATOR, name="a100", new="h100")
    done = do(session, "component rename", **OPERATOR, name="a100", new="h100", confirm="prod")
    assert [(each.how, each.file, each.line) for each in done.references] == [
        ("components.step_operator", "stacks/prod.yaml", 4)
    ]
    assert {(each.file, each.action) for each in done.files} == {
        ("components/step_operator/a100.yaml", "deleted"),
        ("components/step_operator/h100.yaml", "created"),
        ("stacks/prod.yaml", "changed"),
    }
    assert [(each.line, each.text) for each in done.python] == [
        (line_of(PIPELINE, 'OPERATOR = "a100"'), 'OPERATOR = "a100"'),
        (line_of(PIPELINE, '@step(step_operator="a100")'), '@step(step_operator="a100")'),
        (line_of(PIPELINE, "return {"), 'return {"step_operator": "a100", "name": "a100"}["name"] and 1'),
        (line_of(PIPELINE, "fit.with"), 'fit.with_options(step_operator="a100" if OTHER else None)()'),
    ]
    assert (team / "pipelines" / "training.py").read_text() == PIPELINE
    assert do(session, "stack show", name="prod").ok


def test_python_names_alerters_and_stacks_too(session: Session, team: Path) -> None:
    done = do(session, "component rename", category=Category.ALERTER, name="oncall", new="night")
    assert [each.line for each in done.python] == [line_of(PIPELINE, "alerter_named")]
    (team / "pipelines" / "torn.py").write_text('def f(:\n    run(stack="prod")\n    prod\n')
    (team / "tool.py").write_text("x = 'production'\n")
    done = do(session, "stack rename", name="prod", new="live", confirm="prod")
    assert [(each.file, each.line) for each in done.python] == [
        ("pipelines/torn.py", 2),
        *(
            ("pipelines/training.py", line_of(PIPELINE, piece))
            for piece in ("def training(", "STACKTUI_STACK", "training.run(", "execvp")
        ),
    ]


def test_a_preview_says_what_python_says_and_writes_nothing(session: Session, team: Path) -> None:
    before = {file: file.read_bytes() for file in team.rglob("*.yaml")}
    operation = operations_of("component")["component rename"]
    found = previewed(session, operation, **OPERATOR, name="a100", new="h100", confirm="prod")
    assert found.note.startswith("Python names it in 4 places, which this does not change:")
    assert "pipelines/training.py:7  OPERATOR" in found.note
    assert found.change is not None
    assert len(found.change.edits) == 3
    assert {file: file.read_bytes() for file in team.rglob("*.yaml")} == before


def test_what_cannot_be_renamed_is_said(session: Session, team: Path) -> None:
    for new, message in (("spare", "exists already"), ("Upper", "a name has"), ("../x", "a name has")):
        with pytest.raises(OperationError, match=message):
            do(session, "component rename", **OPERATOR, name="a100", new=new)
    with pytest.raises(OperationError, match="did you mean 'a100'"):
        do(session, "component rename", **OPERATOR, name="a10", new="x")
    with pytest.raises(OperationError, match="there is no stack 'gone'"):
        do(session, "stack rename", name="gone", new="x")
    (team / "stacks" / "torn.yaml").write_text("components: {step_operator: a100\n")
    with pytest.raises(OperationError, match="repair it first; nothing was renamed"):
        do(session, "component rename", **OPERATOR, name="a100", new="h100", confirm="prod")
    session.asked_readonly = True
    with pytest.raises(ReadOnlyRefused):
        do(session, "stack rename", name="default", new="x")


def test_the_secrets_of_a_renamed_manager_stay(session: Session, root: Path) -> None:
    from stacktui.categories.secrets_manager import SecretsManager

    def manager(name: str) -> SecretsManager:
        made = session.open(session.component(Category.SECRETS_MANAGER, name).value)
        assert isinstance(made, SecretsManager)
        return made

    manager("local").set("aws", {"key": "v"})
    do(session, "component rename", category=Category.SECRETS_MANAGER, name="local", new="vault")
    do(session, "component rename", category=Category.SECRETS_MANAGER, name="vault", new="safe")
    assert manager("safe").get("aws") == {"key": "v"}
    assert session.component(Category.SECRETS_MANAGER, "safe").value.config["kept_as"] == "local"
    assert do(session, "stack show", name="default").ok


def test_deleting_several_is_one_change_and_asks_for_those_in_use(session: Session, team: Path) -> None:
    with pytest.raises(
        StillUsed, match=r"a100 by stacks/prod\.yaml:4.*--confirm a100,spare or --force"
    ) as refused:
        do(session, "component delete", **OPERATOR, name="a100", more=("idle", "spare"))
    assert refused.value.exit_code == 1
    with pytest.raises(AnswerIsNo):
        do(session, "component delete", **OPERATOR, name="a100", more=("idle", "spare"), confirm="a100")
    done = do(
        session, "component delete", **OPERATOR, name="a100", more=("idle", "spare"), confirm="a100,spare"
    )
    assert {each.file for each in done.files} == {
        f"components/step_operator/{name}.yaml" for name in ("a100", "idle", "spare")
    }
    assert {each.how for each in done.references} == {"components.step_operator"}
    assert len(do(session, "component list", category=Category.STEP_OPERATOR).components) == 1


def test_a_stack_and_its_parent_go_together(session: Session, team: Path) -> None:
    do(session, "stack add", name="base", from_="default")
    do(session, "stack add", name="child", extends="base")
    with pytest.raises(StillUsed, match="stack 'base' is used by"):
        do(session, "stack delete", name="base")
    do(session, "stack delete", name="base", more=("child",))
    assert [row.name for row in do(session, "stack list").stacks] == ["default", "prod"]
    (team / "night.yaml").write_text("stack: prod\n")
    with pytest.raises(StillUsed, match=r"night.yaml:1 \(stack\).*--confirm prod$"):
        do(session, "stack delete", name="prod")
    with pytest.raises(ConfirmationNeeded):
        do(session, "stack delete", name="prod", force=True)
    do(session, "stack delete", name="prod", confirm="prod")


def test_a_broken_object_can_be_deleted(session: Session, root: Path) -> None:
    (root / "stacks" / "torn.yaml").write_text(": :\n")
    (root / "components" / "alerter" / "torn.yaml").write_text(": :\n")
    do(session, "stack delete", name="torn")
    do(session, "component delete", category=Category.ALERTER, name="torn")
    assert not list(root.rglob("torn.yaml"))


def test_a_link_is_not_deleted_in_place_of_what_it_leads_to(session: Session, root: Path) -> None:
    (root / "stacks" / "alias.yaml").symlink_to("default.yaml")
    for name, arguments in (("stack delete", {}), ("stack rename", {"new": "other"})):
        with pytest.raises(OperationError, match="is a link"):
            do(session, name, name="alias", **arguments)
    assert (root / "stacks" / "default.yaml").exists()


def test_labels_of_several_are_set_and_taken_in_one_change(session: Session, team: Path) -> None:
    file = team / "components" / "step_operator" / "a100.yaml"
    file.write_text("# dear\nflavor: subprocess\nlabels: {team: vision, old: 'yes'}  # who pays\n")
    done = do(
        session,
        "component label",
        **OPERATOR,
        name="a100",
        more=("idle",),
        label=("gpu=a100",),
        remove=("old",),
    )
    assert len(done.files) == 2
    assert file.read_text() == "# dear\nflavor: subprocess\nlabels: {team: vision, gpu: a100}  # who pays\n"
    assert session.component(Category.STEP_OPERATOR, "idle").value.labels == {"gpu": "a100"}
    with pytest.raises(ConfirmationNeeded, match="--confirm prod"):
        do(session, "stack label", name="default", more=("prod",), label=("x=1",))
    do(session, "stack label", name="default", more=("prod",), label=("x=1",), confirm="prod")
    assert (team / "stacks" / "prod.yaml").read_text().startswith("extends: default  # ours\nlabels")
    with pytest.raises(OperationError, match="did you mean 'gpu'"):
        do(session, "component label", **OPERATOR, name="a100", remove=("gpus",))
    with pytest.raises(OperationError, match="say what to set"):
        do(session, "component label", **OPERATOR, name="a100")


def test_a_copy_has_the_comments(session: Session, team: Path) -> None:
    do(session, "stack clone", name="prod", new="canary")
    assert (team / "stacks" / "canary.yaml").read_bytes() == (team / "stacks" / "prod.yaml").read_bytes()
    file = team / "components" / "step_operator" / "a100.yaml"
    file.write_text("# dear\nflavor: subprocess # ours\n")
    do(session, "component clone", **OPERATOR, name="a100", new="h100")
    assert file.with_name("h100.yaml").read_text() == "# dear\nflavor: subprocess # ours\n"
