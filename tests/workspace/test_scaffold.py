"""A new workspace is whole, valid by its own schemas, and made once."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from stacktui.categories.flavor import FlavorId
from stacktui.flavors.manifest import BUILT_IN
from stacktui.model.category import Category
from stacktui.workspace.scaffold import default_components, init_workspace
from stacktui.workspace.schemas import all_schemas, draft_07, write_schemas
from stacktui.workspace.workspace import Workspace
from stacktui.workspace.yaml_reader import read_yaml


def config_schemas() -> dict[FlavorId, dict[str, Any]]:
    return {source.id: source.load().Config.model_json_schema() for source in BUILT_IN}


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and ".stacktui" not in path.parts)


def test_a_new_workspace_holds_all_ten(root: Path) -> None:
    snapshot = Workspace.open(root).read()
    assert snapshot.problems == ()
    assert {key.category: key.name for key in snapshot.components} == default_components()
    assert all(entry.value.description for entry in snapshot.components.values())
    assert all(entry.value.config == {} for entry in snapshot.components.values())
    stack = snapshot.stacks["default"].value
    assert stack.components == {category: (name,) for category, name in default_components().items()}
    assert snapshot.settings.default_stack == "default"
    built_in = {source.id for source in BUILT_IN}
    assert all(FlavorId(key.category, e.value.flavor) in built_in for key, e in snapshot.components.items())


def test_every_commented_line_of_config_is_right(root: Path) -> None:
    """Whoever takes the `#` away gets a config that the flavor accepts."""
    loaded = {source.id: source for source in BUILT_IN}
    for key, entry in Workspace.open(root).read().components.items():
        _, mark, below = entry.raw.decode().partition("config:\n")
        if not mark:
            continue
        lines = [line.removeprefix("  # ") for line in below.splitlines()]
        text = "\n".join(line for line in lines if not line[:1].isupper())
        config = read_yaml(text.encode()).value
        if key.category is Category.SECRETS_MANAGER:
            assert config == {"key": "{{NAME.KEY}}"}
            continue
        loaded[FlavorId(key.category, entry.value.flavor)].load().Config.model_validate(config)


def test_a_second_time_changes_nothing(root: Path) -> None:
    before = {path: path.read_bytes() for path in files(root)}
    assert init_workspace(root) == []
    assert {path: path.read_bytes() for path in files(root)} == before


def test_what_is_there_is_not_overwritten_and_what_was_deleted_stays_away(root: Path) -> None:
    stack = root / "stacks" / "default.yaml"
    stack.write_text("description: mine\n")
    (root / "components" / "alerter" / "inbox.yaml").unlink()
    (root / "pipelines" / "hello.py").unlink()
    assert init_workspace(root) == []
    assert stack.read_text() == "description: mine\n"


def test_files_in_the_way_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "pipelines").mkdir(parents=True)
    (folder / "pipelines" / "hello.py").write_text("mine\n")
    (folder / ".gitignore").write_bytes(b"*.pyc\r\nbuild/")
    made = init_workspace(folder)
    assert (folder / "pipelines" / "hello.py").read_text() == "mine\n"
    assert (folder / ".gitignore").read_bytes() == b"*.pyc\r\nbuild/\r\n.stacktui/\r\n"
    assert folder / ".gitignore" in made
    assert folder / "pipelines" / "hello.py" not in made


@pytest.mark.parametrize("line", [".stacktui", ".stacktui/", "/.stacktui/"])
def test_a_gitignore_that_knows_is_left_alone(tmp_path: Path, line: str) -> None:
    (tmp_path / ".gitignore").write_text(f"{line}\n")
    assert tmp_path / ".gitignore" not in init_workspace(tmp_path)


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        for path in init_workspace(tmp_path / "new"):
            assert path.stat().st_mode & 0o777 == 0o600
            if path.parent != tmp_path / "new":
                assert path.parent.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(old)


def test_the_first_pipeline_needs_only_stacktui(root: Path) -> None:
    tree = ast.parse((root / "pipelines" / "hello.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [
        (node.module, [a.name for a in node.names]) for node in imports if isinstance(node, ast.ImportFrom)
    ] == [("stacktui", ["pipeline", "step"])]
    assert len(imports) == 1


def test_schemas_are_draft_07_and_every_new_file_fits_its_own(root: Path) -> None:
    workspace = Workspace.open(root)
    written = write_schemas(workspace, config_schemas())
    assert len(written) == 12
    assert write_schemas(workspace, config_schemas()) == []
    for file in written:
        assert file.stat().st_mode & 0o777 == 0o600
        jsonschema.Draft7Validator.check_schema(json.loads(file.read_bytes()))
    for path in files(root):
        if path.suffix != ".yaml":
            continue
        first = path.read_text().splitlines()[0]
        mark = "# yaml-language-server: $schema="
        assert first.startswith(mark)
        schema = json.loads((path.parent / first.removeprefix(mark)).resolve(strict=True).read_bytes())
        jsonschema.Draft7Validator(schema).validate(read_yaml(path.read_bytes()).value)


STACKS = all_schemas({})["stack"]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("components: {orchestrator: local, step_operator: [a, b], alerter: x, model_deployer: null}", True),
        ("steps: {fit: {resources: {memory: 16GiB, gpu: 1, time: 10m}, timeout: 5, retries: 2}}", True),
        ("extends: base\nprotected: true\nlabels:\n", True),
        ("components: {orchestratr: local}", False),
        ("components: {orchestrator: [a, b]}", False),
        ("components: {alerter: [Upper]}", False),
        ("steps: {fit: {resources: {gpus: 1}}}", False),
        ("unknown: 1", False),
    ],
)
def test_the_schema_of_stacks_agrees_with_the_reader(workspace: Workspace, text: str, fits: bool) -> None:
    value = read_yaml(text.encode()).value
    assert jsonschema.Draft7Validator(STACKS).is_valid(value) is fits


def test_the_flavor_decides_which_config_fits() -> None:
    schemas = {
        FlavorId(Category.ALERTER, "one"): {
            "type": "object",
            "properties": {"inner": {"$ref": "#/$defs/Inner", "description": "d"}},
            "additionalProperties": False,
            "required": ["inner"],
            "$defs": {"Inner": {"type": "array", "prefixItems": [{"type": "integer"}], "items": False}},
        },
        FlavorId(Category.ALERTER, "two"): {
            "type": "object",
            "properties": {},
            "additionalProperties": False,
        },
    }
    schema = all_schemas(schemas)["component.alerter"]
    jsonschema.Draft7Validator.check_schema(schema)
    fits = jsonschema.Draft7Validator(schema).is_valid
    assert fits({"flavor": "one", "config": {"inner": [1]}})
    assert not fits({"flavor": "one", "config": {"inner": ["x"]}})
    assert not fits({"flavor": "one", "config": {"inner": [1, 2]}})
    assert not fits({"flavor": "one"})
    assert fits({"flavor": "two"})
    assert fits({"flavor": "two", "config": None})
    assert not fits({"flavor": "two", "config": {"inner": [1]}})
    assert not fits({"flavor": "three"})
    assert not fits({"config": {}})


def test_names_that_look_like_words_of_the_schema_survive() -> None:
    schema = {"type": "object", "properties": {"$ref": {"type": "string"}, "prefixItems": {"type": "string"}}}
    assert draft_07(schema) == schema
