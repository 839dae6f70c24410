"""Stacks that ZenML exported, taken in: each shape, with flavors that are here and that are not, and hostile files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacktui.model.base import is_name
from stacktui.operations.errors import OperationError
from stacktui.operations.exchange.report import Outcome
from stacktui.operations.exchange.settle import Conflict
from stacktui.operations.session import Session
from stacktui.operations.stack_import import StackImport
from tests.operations.exchanging import FILES, ZENML, expected, files, imported, workspace
from tests.operations.support import do

CREDENTIALS = (
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI",
    "xoxb-17653672481",
    "hunter2-and-more",
    "eyJhbGciOiJIUzI1NiJ9",
    "correct-horse",
    "0123456789abcdef",
    "8f1b4c2e9d7a6053",
)


def take(root: Path, content: Any, **arguments: Any) -> StackImport:
    """Import what a ZenML file would hold."""
    file = root.parent / "exported.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    with Session(root) as session:
        document: StackImport = do(session, "stack import", file=file, **arguments)
        return document


def newer(*components: dict[str, Any], name: str = "exported") -> dict[str, Any]:
    """A file of the newer shape."""
    held: dict[str, list[dict[str, Any]]] = {}
    for each in components:
        held.setdefault(each["type"], []).append(each)
    return {"stack_name": name, "zenml_version": "0.84.2", "components": held}


def component(category: str, name: str, flavor: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "type": category, "flavor": flavor, "configuration": configuration}


def rows(document: StackImport, outcome: Outcome) -> dict[str, str]:
    return {row.subject: row.message for row in document.report if row.outcome is outcome}


@pytest.mark.parametrize("flavors", [False, True], ids=["embedded", "own-flavors"])
@pytest.mark.parametrize("name", FILES)
def test_each_shape_gives_what_was_reviewed(tmp_path: Path, name: str, flavors: bool) -> None:
    assert imported(tmp_path / "team", name, flavors=flavors) == expected(name, flavors).read_text()


@pytest.mark.parametrize("flavors", [False, True], ids=["embedded", "own-flavors"])
@pytest.mark.parametrize("name", FILES)
def test_no_credential_of_the_file_stands_anywhere_in_the_workspace(
    tmp_path: Path, name: str, flavors: bool
) -> None:
    root = workspace(tmp_path / "team", flavors=flavors)
    with Session(root) as session:
        document = do(session, "stack import", file=ZENML / f"{name}.yaml", take_secrets=True)
    written = b"\n".join(file.read_bytes() for file in root.rglob("*") if file.is_file())
    for credential in CREDENTIALS:
        assert credential.encode() not in written, credential
        assert credential not in document.model_dump_json()
        assert credential not in repr(document)


def test_nothing_of_the_file_is_dropped_in_silence(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team", flavors=True)
    before = files(root)
    for name in FILES:
        with Session(root) as session:
            do(session, "stack import", file=ZENML / f"{name}.yaml", on_conflict=Conflict.RENAME)
        text = "\n".join(raw.decode() for at, raw in files(root).items() if before.get(at) != raw)
        exported = yaml.safe_load((ZENML / f"{name}.yaml").read_text())
        for held in exported["components"].values():
            for each in held if isinstance(held, list) else [held]:
                for key, value in {**each, **each.get("configuration", {})}.items():
                    if isinstance(value, str) and key not in ("name", "type", "flavor") and "{{" not in value:
                        hidden = value in text or any(credential in value for credential in CREDENTIALS)
                        assert hidden, f"{name}: {key}"


def test_a_row_counts_as_soon_as_its_flavor_is_registered(tmp_path: Path) -> None:
    content = newer(component("artifact_store", "bucket", "s3", path="s3://a/b"))
    bare = take(workspace(tmp_path / "bare"), content)
    assert "artifact_store bucket (s3)" in rows(bare, Outcome.COMMENT)
    own = take(workspace(tmp_path / "own", flavors=True), content)
    assert rows(own, Outcome.COMMENT) == {}
    assert (tmp_path / "own/components/artifact_store/bucket.yaml").read_text().endswith("path: s3://a/b\n")


def test_a_flavor_without_a_row_is_taken_by_its_name(tmp_path: Path) -> None:
    document = take(
        workspace(tmp_path / "team"),
        newer(component("step_operator", "gpu", "subprocess", max_concurrent=3, pool="a100")),
    )
    assert (tmp_path / "team/components/step_operator/gpu.yaml").read_text().splitlines()[1:] == [
        "flavor: subprocess",
        "config:",
        "  max_concurrent: 3",
        "# The ZenML file's other fields, which are not read here:",
        "#   pool: a100",
    ]
    assert rows(document, Outcome.COMMENT) == {
        "step_operator/gpu pool": "subprocess has no field for it; kept as a comment"
    }


def test_a_value_that_our_field_refuses_is_kept_with_the_models_words(tmp_path: Path) -> None:
    document = take(
        workspace(tmp_path / "team"),
        newer(component("step_operator", "gpu", "subprocess", max_concurrent="many")),
    )
    message = rows(document, Outcome.COMMENT)["step_operator/gpu max_concurrent"]
    assert message.startswith("subprocess does not accept it: input should be a valid integer")
    assert "#   max_concurrent: many" in (tmp_path / "team/components/step_operator/gpu.yaml").read_text()


def test_a_field_that_ours_needs_and_theirs_has_not_is_said(tmp_path: Path) -> None:
    document = take(
        workspace(tmp_path / "team", flavors=True),
        newer(component("alerter", "ops", "slack", slack_token="t0ken")),
    )
    assert (
        rows(document, Outcome.NEEDS_VALUE)["alerter/ops channel"]
        == "slack needs it, and the file does not have it"
    )


def test_the_local_metadata_store_and_secrets_manager_are_filled_in(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team")
    (root / "components/metadata_store/local.yaml").rename(root / "components/metadata_store/runs.yaml")
    (root / "components/secrets_manager/local.yaml").write_text("flavor: env\n")
    document = take(root, newer(component("orchestrator", "default", "local")))
    assert list(rows(document, Outcome.FILLED_IN)) == ["metadata_store/runs", "secrets_manager/local-2"]
    stack = (root / "stacks/exported.yaml").read_text()
    assert "metadata_store: runs" in stack
    assert "secrets_manager: local-2" in stack
    assert "flavor: local" in (root / "components/secrets_manager/local-2.yaml").read_text()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Team Bucket", "team-bucket"),
        ("Élan", "elan"),
        ("---", "subprocess-2"),
        ("日本", "subprocess-2"),
        ("x" * 80, "x" * 63),
        ("a.b/../c", "a-b-c"),
        ("-rf", "rf"),
        ("a\nb", "a-b"),
        ("fine_name-1", "fine_name-1"),
        ("", "subprocess-2"),
    ],
)
def test_names_that_ours_do_not_allow_are_changed_and_said(tmp_path: Path, theirs: str, ours: str) -> None:
    root = workspace(tmp_path / "team")
    content = newer(component("step_operator", theirs, "subprocess", max_concurrent=2))
    document = take(root, content, on_conflict=Conflict.RENAME)
    assert (root / f"components/step_operator/{ours}.yaml").exists()
    (row,) = [each for each in document.report if each.subject == f"step_operator/{ours}"]
    assert row.outcome is (Outcome.NEW if theirs == ours else Outcome.RENAMED)
    assert f"step_operator: [{ours}]" in (root / "stacks/exported.yaml").read_text()


def test_names_that_come_out_alike_are_told_apart_and_allowed_ones_stay(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team")
    content = newer(
        component("step_operator", "GPU", "subprocess", max_concurrent=2),
        component("step_operator", "gpu", "subprocess", max_concurrent=3),
        component("step_operator", "G P U", "subprocess", max_concurrent=4),
    )
    take(root, content)
    assert "step_operator: [gpu-2, gpu, g-p-u]" in (root / "stacks/exported.yaml").read_text()
    assert "max_concurrent: 3" in (root / "components/step_operator/gpu.yaml").read_text()
    again = take(root, content)
    assert not again.written
    assert {row.outcome for row in again.report if "/" in row.subject} == {Outcome.SAME, Outcome.FILLED_IN}


def test_a_reference_is_kept_where_our_field_takes_one_and_reported_where_not(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team", flavors=True)
    document = take(
        root,
        newer(
            component("artifact_store", "bucket", "s3", path="s3://{{aws.bucket}}/x", key="{{aws.id}}"),
        ),
    )
    text = (root / "components/artifact_store/bucket.yaml").read_text()
    assert '  key: "{{aws.id}}"\n' in text
    assert '#   path: "s3://{{aws.bucket}}/x"' in text
    assert (
        "a reference to a secret cannot stand in path"
        in rows(document, Outcome.COMMENT)["artifact_store/bucket path"]
    )


def test_a_reference_without_quotes_is_read_as_what_it_was_meant_to_be(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team", flavors=True)
    take(
        root,
        "stack_name: s\nzenml_version: 0.12.0\ncomponents:\n  artifact_store:\n    name: b\n    flavor: s3\n"
        "    path: s3://b\n    key: {{aws.id}}\n",
    )
    assert '  key: "{{aws.id}}"\n' in (root / "components/artifact_store/b.yaml").read_text()


def test_another_component_of_the_same_name_does_not_get_its_secret(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team", flavors=True)
    take(root, newer(component("artifact_store", "b", "s3", path="s3://one", key="one")), take_secrets=True)
    take(
        root,
        newer(component("artifact_store", "b", "s3", path="s3://two", key="two"), name="other"),
        take_secrets=True,
        on_conflict=Conflict.RENAME,
    )
    assert '"{{b-2.key}}"' in (root / "components/artifact_store/b-2.yaml").read_text()
    with Session(root, stack="other") as session:
        assert do(session, "secret reveal", name="b", key="key").value == "one"
        assert do(session, "secret reveal", name="b-2", key="key").value == "two"


def test_values_in_clear_go_to_the_secrets_manager_only_when_that_is_asked_for(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team", flavors=True)
    content = newer(
        component("artifact_store", "b", "s3", path="s3://b", key="AKIA0"),
        component("orchestrator", "o", "local"),
    )
    first = take(root, content)
    assert [(need.state, need.in_file) for need in first.secrets] == [("missing", True)]
    assert not first.ok
    second = take(root, content, take_secrets=True)
    assert [need.state for need in second.secrets] == ["set"]
    assert second.ok
    third = take(root, content)
    assert [need.state for need in third.secrets] == ["held"]


def test_what_is_here_with_a_description_is_the_same_as_theirs_without_one(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team")
    document = take(root, newer(component("orchestrator", "local", "local")))
    assert document.report[0].subject == "orchestrator/local"
    assert document.report[0].outcome is Outcome.SAME


def test_an_import_is_one_edit_and_a_dry_run_is_none(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team")
    before = files(root)
    content = newer(component("orchestrator", "o", "local"), component("artifact_store", "a", "local"))
    assert not take(root, content, dry_run=True).written
    assert files(root) == before
    assert take(root, content).written
    with Session(root) as session:
        do(session, "undo")
    assert files(root) == before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is neither a bundle"),
        ("just text\n", "is neither a bundle"),
        ("components: {}\n", "is neither a bundle"),
        ("components: {orchestrator: local, step_operator: [a, b]}\n", "is neither a bundle"),
        ("stack_name: x\ncomponents: [1]\n", "is not a mapping of categories"),
        ("stack_name: [x]\ncomponents: {}\n", "`stack_name` is not a text"),
        ("stack_name: x\ncomponents: {orchestrator: 7}\n", "neither a component nor a list"),
        ("stack_name: x\ncomponents: {orchestrator: [[]]}\n", "neither a component nor a list"),
        ("stack_name: x\ncomponents: {orchestrator: {name: {a: b}, flavor: local}}\n", "is not a text"),
        ("stack_name: x\ncomponents: {orchestrator: {name: a, flavor: local, configuration: [1]}}\n", "not a mapping"),
        ("stack_name: x\nstack_name: y\ncomponents: {}\n", "line 2: stack_name stands there a second time"),
        ("stack_name: x\ncomponents:\n  a: [1, 'b\n", "is never closed"),
        ("stack_name: !!python/object/apply:os.system [id]\ncomponents: {}\n", "is not allowed here"),
        ("a: &a [x]\nb: [" + ", ".join(["*a"] * 200) + "]\n", "more than 100 aliases"),
        ("stack_name: x\ncomponents: " + "[" * 100 + "]" * 100 + "\n", "nests deeper than 64 levels"),
        ("x: " + "y" * (1 << 20), "at most 1,048,576 are read"),
        ("stack_name: x\ncomponents:\n  alerter:\n" + "  - {name: a, flavor: local}\n" * 2000, "more than 1,000 components"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be_is_one_line(tmp_path: Path, content: str, says: str) -> None:
    root = workspace(tmp_path / "team")
    before = files(root)
    with pytest.raises(OperationError) as told:
        take(root, content)
    assert says in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500
    assert files(root) == before


@pytest.mark.parametrize("what", ["missing.yaml", "folder", "pipe", "binary"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, what: str) -> None:
    import os

    root = workspace(tmp_path / "team")
    file = tmp_path / what
    if what == "folder":
        file.mkdir()
    elif what == "pipe":
        os.mkfifo(file)
    elif what == "binary":
        file.write_bytes(b"\xff\xfe\x00\x01")
    with Session(root) as session, pytest.raises(OperationError) as told:
        do(session, "stack import", file=file)
    assert "\n" not in str(told.value)


HOSTILE = "\x1b]0;owned\x07\nkey: value\u202e # \x85 [/red]"


def test_hostile_texts_stay_within_their_comment_and_their_line(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team")
    content = newer(
        component("orchestrator", HOSTILE, "local", **{HOSTILE: HOSTILE}),
        component(
            "image_builder", HOSTILE, HOSTILE, note=HOSTILE, **{HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}
        ),
        name=HOSTILE,
    )
    content["components"][HOSTILE] = [component("x", HOSTILE, HOSTILE)]
    content[HOSTILE] = HOSTILE
    document = take(root, json.dumps(content))
    made = document.files
    assert made
    for change in made:
        text = (root / change.file).read_text()
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        held = yaml.safe_load(text)
        assert set(held) <= {"flavor", "components", "description"}
    assert is_name(document.stack)
    with Session(root) as session:
        found = do(session, "stack validate", name=document.stack)
    assert not {each.code for each in found.diagnostics} & {"FIL002", "FIL003", "SEC001", "SEC002", "SEC003"}


@pytest.mark.parametrize("in_a_list", [False, True])
def test_the_oldest_files_have_components_alone(tmp_path: Path, in_a_list: bool) -> None:
    def held(**attributes: str) -> Any:
        return [attributes] if in_a_list else attributes

    components = {
        "orchestrator": held(name="default", flavor="local"),
        "artifact_store": held(name="team", flavor="local", path="/data/team"),
    }
    root = workspace(tmp_path / "team")
    assert take(root, {"components": components}, name="legacy").ok
    with Session(root) as session:
        store = do(session, "component show", category="artifact_store", name="team")
        assert store.config == {"path": "/data/team"}
        assert do(session, "stack show", name="legacy").name == "legacy"


def test_attributes_that_are_json_texts_are_read_and_deep_ones_are_left(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team", flavors=True)
    take(
        root,
        newer(
            component(
                "artifact_store", "b", "s3", path="s3://b", client_kwargs='{"endpoint_url": "http://minio"}'
            )
        ),
    )
    assert "  endpoint_url: http://minio\n" in (root / "components/artifact_store/b.yaml").read_text()
    deep = '{"a":' * 900 + "1" + "}" * 900
    take(root, newer(component("artifact_store", "c", "s3", path="s3://c", client_kwargs=deep), name="deep"))
    assert "#   client_kwargs: " in (root / "components/artifact_store/c.yaml").read_text()
