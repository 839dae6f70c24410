"""Edits of components, stacks and settings: only the keys that differ, with everything else as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.diagnostic import Fix
from stacktui.model.stack import Resources, Stack, StepSettings
from stacktui.workspace.changes import EditConflict, apply_change
from stacktui.workspace.edits import (
    EditImpossible,
    apply_fix,
    clone_entry,
    delete_entry,
    duration_text,
    edit_component,
    edit_settings,
    edit_stack,
    memory_text,
    new_component,
    new_stack,
)
from stacktui.workspace.workspace import Workspace

STORE = ComponentId(Category.ARTIFACT_STORE, "team-bucket")
SOURCE = """\
# who: platform
flavor: s3
description: shared  # by all
unknown: stays
config:
  path: s3://vision   # bucket
  key: '{{aws.key}}'
"""
STACK = """\
extends: base
components:
  orchestrator: dask   # the cluster
  alerter: [oncall]
  feature_store: [a]
  step_operator:
    - a100  # fast
    - local
steps:
  fit: {resources: {memory: 16GiB, gpu: 1}}  # big
protected: true  # ask
"""


def component(workspace: Workspace, source: str = SOURCE) -> Component:
    file = workspace.component_file(*STORE)
    file.write_text(source)
    return workspace.read().components[STORE].value


def edited(workspace: Workspace, **changes: object) -> str:
    old = component(workspace)
    entry = workspace.read().components[STORE]
    change = edit_component(workspace, entry, old.model_copy(update=changes))
    apply_change(workspace, change)
    assert workspace.read().components[STORE].value == old.model_copy(update=changes)
    return entry.file.read_text()


def test_one_field_of_a_component(workspace: Workspace) -> None:
    assert edited(workspace, description="ours") == SOURCE.replace("shared", "ours")
    assert edited(workspace, description="") == SOURCE.replace("description: shared  # by all\n", "")
    assert edited(workspace, labels={"team": "no"}) == SOURCE.replace(
        "unknown: stays\n", 'labels:\n  team: "no"\nunknown: stays\n'
    )
    assert edited(workspace, config={"path": "s3://other", "key": "{{aws.key}}"}) == SOURCE.replace(
        "s3://vision", "s3://other"
    )
    assert edited(workspace, config={"path": "s3://vision"}) == SOURCE.replace("  key: '{{aws.key}}'\n", "")


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"tls": True, "hosts": ["a"]}, "  tls: true  # t\n  hosts: [a]\n"),
        ({"hosts": ["a"]}, "  hosts: [a]\n"),
        ({"tls": False, "hosts": ["a"]}, "  tls: false  # t\n  hosts: [a]\n"),
        ({"tls": True, "hosts": "a"}, "  tls: true  # t\n  hosts: a\n"),
        ({"tls": True, "hosts": []}, "  tls: true  # t\n  hosts: []\n"),
        ({"tls": None, "hosts": {"a": 1}}, "  tls: null  # t\n  hosts:\n    a: 1\n"),
    ],
)
def test_config_becomes_just_what_was_asked_for(
    workspace: Workspace, config: dict[str, object], text: str
) -> None:
    start = "flavor: x\nconfig:\n"
    old = component(workspace, start + "  tls: true  # t\n  hosts: [a]\n")
    entry = workspace.read().components[STORE]
    apply_change(workspace, edit_component(workspace, entry, old.model_copy(update={"config": config})))
    assert entry.file.read_text() == start + text
    assert workspace.read().components[STORE].value.config == config


def test_an_edit_of_nothing_is_empty(workspace: Workspace) -> None:
    component(workspace)
    entry = workspace.read().components[STORE]
    change = edit_component(workspace, entry, entry.value)
    assert change.empty
    assert change.diff(workspace.root) == ""


def test_an_edit_conflicts_with_what_was_saved_meanwhile(workspace: Workspace) -> None:
    component(workspace)
    entry = workspace.read().components[STORE]
    change = edit_component(workspace, entry, entry.value.model_copy(update={"flavor": "gcs"}))
    entry.file.write_text(SOURCE + "# more\n")
    with pytest.raises(EditConflict):
        apply_change(workspace, change)
    assert entry.file.read_text() == SOURCE + "# more\n"


def test_a_stale_entry_is_not_edited(workspace: Workspace) -> None:
    component(workspace)
    workspace.component_file(*STORE).write_text("flavor: [")
    entry = workspace.read().components[STORE]
    assert entry.stale
    with pytest.raises(EditImpossible, match=r"team-bucket\.yaml .*repair the file first"):
        edit_component(workspace, entry, entry.value.model_copy(update={"flavor": "gcs"}))


def test_a_new_name_moves_the_file_with_its_comments(workspace: Workspace) -> None:
    old = component(workspace)
    entry = workspace.read().components[STORE]
    apply_change(workspace, edit_component(workspace, entry, old.model_copy(update={"name": "renamed"})))
    assert not entry.file.exists()
    assert entry.file.with_name("renamed.yaml").read_text() == SOURCE


def test_new_components_and_stacks(workspace: Workspace, root: Path) -> None:
    made = Component(
        category=Category.ALERTER,
        name="oncall",
        flavor="slack",
        description="the team: on call",
        config={"token": "{{slack.token}}", "channels": ["#a", "b"], "retry": {"times": 3}},
    )
    apply_change(workspace, new_component(workspace, made))
    assert workspace.component_file(Category.ALERTER, "oncall").read_text() == (
        "# yaml-language-server: $schema=../../.stacktui/schemas/component.alerter.schema.json\n"
        "flavor: slack\n"
        'description: "the team: on call"\n'
        "config:\n"
        '  token: "{{slack.token}}"\n'
        '  channels: ["#a", b]\n'
        "  retry:\n"
        "    times: 3\n"
    )
    stack = Stack(
        name="prod",
        extends="default",
        components={Category.ALERTER: ("oncall", "inbox"), Category.MODEL_DEPLOYER: ()},
        steps={"fit": StepSettings(timeout=600, resources=Resources(memory=16 << 30, gpu=1))},
        protected=True,
    )
    apply_change(workspace, new_stack(workspace, stack))
    assert workspace.stack_file("prod").read_text() == (
        "# yaml-language-server: $schema=../.stacktui/schemas/stack.schema.json\n"
        "extends: default\n"
        "components:\n"
        "  model_deployer: null\n"
        "  alerter: [oncall, inbox]\n"
        "steps:\n"
        "  fit:\n"
        "    resources:\n"
        "      gpu: 1\n"
        "      memory: 16GiB\n"
        "    timeout: 10m\n"
        "protected: true\n"
    )
    snapshot = workspace.read()
    assert snapshot.components[made.id].value == made
    assert snapshot.stacks["prod"].value == stack
    assert snapshot.problems == ()
    with pytest.raises(EditConflict, match="exists already"):
        apply_change(workspace, new_component(workspace, made))


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        ({"extends": None}, "extends: base\n", ""),
        ({"protected": False}, "protected: true  # ask", "protected: false  # ask"),
        ({"description": "d"}, "extends: base\n", "extends: base\ndescription: d\n"),
    ],
)
def test_fields_of_a_stack(workspace: Workspace, changes: dict[str, object], old: str, new: str) -> None:
    file = workspace.stack_file("prod")
    file.write_text(STACK)
    entry = workspace.read().stacks["prod"]
    wanted = entry.value.model_copy(update=changes)
    apply_change(workspace, edit_stack(workspace, entry, wanted))
    assert file.read_text() == STACK.replace(old, new)
    assert workspace.read().stacks["prod"].value == wanted


@pytest.mark.parametrize(
    ("category", "names", "old", "new"),
    [
        (Category.ORCHESTRATOR, ("local",), "orchestrator: dask ", "orchestrator: local "),
        (Category.ORCHESTRATOR, (), "orchestrator: dask ", "orchestrator: null "),
        (Category.ALERTER, ("oncall", "inbox"), "[oncall]", "[oncall, inbox]"),
        (Category.ALERTER, (), "[oncall]", "[]"),
        (Category.STEP_OPERATOR, ("a100",), "    - local\n", ""),
        (Category.STEP_OPERATOR, ("a100", "x", "local"), "    - local\n", "    - x\n    - local\n"),
        (Category.FEATURE_STORE, ("b",), "feature_store: [a]", "feature_store: [b]"),
        (Category.MODEL_DEPLOYER, ("m",), "    - local\n", "    - local\n  model_deployer: m\n"),
    ],
)
def test_slots_of_a_stack(
    workspace: Workspace, category: Category, names: tuple[str, ...], old: str, new: str
) -> None:
    file = workspace.stack_file("prod")
    file.write_text(STACK)
    entry = workspace.read().stacks["prod"]
    wanted = entry.value.model_copy(update={"components": {**entry.value.components, category: names}})
    apply_change(workspace, edit_stack(workspace, entry, wanted))
    assert file.read_text() == STACK.replace(old, new)
    assert workspace.read().stacks["prod"].value.components[category] == names


def test_taking_a_slot_out_lets_the_parent_decide(workspace: Workspace) -> None:
    file = workspace.stack_file("prod")
    file.write_text(STACK)
    entry = workspace.read().stacks["prod"]
    rest = {key: value for key, value in entry.value.components.items() if key is not Category.ALERTER}
    apply_change(workspace, edit_stack(workspace, entry, entry.value.model_copy(update={"components": rest})))
    assert file.read_text() == STACK.replace("  alerter: [oncall]\n", "")


def test_settings_of_the_workspace(workspace: Workspace, root: Path) -> None:
    before = (root / "stacktui.yaml").read_text()
    snapshot = workspace.read()
    wanted = snapshot.settings.model_copy(update={"default_stack": "prod", "theme": "ember"})
    apply_change(workspace, edit_settings(workspace, snapshot, wanted))
    after = (root / "stacktui.yaml").read_text()
    assert workspace.read().settings == wanted
    assert after == before.replace("default_stack: default ", "default_stack: prod ").replace(
        "hold pipelines\n", "hold pipelines\ntheme: ember\n"
    )


def test_copies_and_deletions(workspace: Workspace) -> None:
    component(workspace)
    entry = workspace.read().components[STORE]
    apply_change(workspace, clone_entry(workspace, entry, "copy"))
    assert entry.file.with_name("copy.yaml").read_text() == SOURCE
    change = delete_entry(workspace, entry, "component")
    apply_change(workspace, change)
    assert not entry.file.exists()
    assert STORE not in workspace.read().components


def test_fixes(workspace: Workspace) -> None:
    file = workspace.component_file(*STORE)
    file.write_text("flavor: s4  # oops\nlabels: {tier: 1}\nconfig:\n  key: {{a.b}}\n  typo: 1\n")

    def fixed(path: tuple[str | int, ...], value: object = None, action: str = "set") -> str:
        fix = Fix.model_validate({"title": "t", "file": file, "path": path, "value": value, "action": action})
        apply_change(workspace, apply_fix(workspace, fix))
        return file.read_text()

    assert fixed(("flavor",), "s3").startswith("flavor: s3  # oops\n")
    assert 'key: "{{a.b}}"\n' in fixed(("config", "key"), "{{a.b}}")
    assert "typo" not in fixed(("config", "typo"), action="delete")
    assert 'labels: {tier: "1"}\n' in fixed(("labels", "tier"), "1")
    assert fixed(("config", "new", "deep"), 1).endswith("  new:\n    deep: 1\n")
    with pytest.raises(EditImpossible):
        fixed(("flavor", "x"), 1)
    file.write_text("flavor: [")
    with pytest.raises(EditImpossible, match="repair the file first"):
        fixed(("flavor",), "s3")


@pytest.mark.parametrize(
    ("size", "text"),
    [(16 << 30, "16GiB"), (512 << 20, "512MiB"), (5 * 10**8, "500MB"), (1, 1), (0, 0), (1 << 40, "1TiB")],
)
def test_memory_as_people_write_it(size: int, text: object) -> None:
    assert memory_text(size) == text
    assert Resources.model_validate({"memory": text}).memory == size


@pytest.mark.parametrize(
    ("seconds", "text"), [(600, "10m"), (7200, "2h"), (30, "30s"), (86400, "1d"), (0.5, 0.5)]
)
def test_durations_as_people_write_them(seconds: float, text: object) -> None:
    assert duration_text(seconds) == text
    assert Resources.model_validate({"time": text}).time == seconds
