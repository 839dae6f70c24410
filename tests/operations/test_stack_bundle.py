"""Stacks that go from one workspace to another as a bundle: the same bytes, conflicts, secrets, and hostile bundles."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacktui.model.category import Category
from stacktui.operations.errors import AnswerIsNo, ConfirmationNeeded, OperationError
from stacktui.operations.exchange.bundle import embedded
from stacktui.operations.exchange.report import Outcome
from stacktui.operations.exchange.settle import Conflict
from stacktui.operations.session import Session
from stacktui.operations.stack_export import StackBundle
from stacktui.operations.stack_import import ConflictsRemain, StackImport
from stacktui.workspace.yaml_reader import read_yaml
from tests.operations.exchanging import files, workspace
from tests.operations.support import do

PROD = """\
# What runs at night.
extends: base
description: nightly
labels: {team: vision}   # theirs
components:
  step_operator: [gpu, subprocess]
  artifact_store: team
steps:
  fit: {step_operator: gpu, retries: 2, environment: {TOKEN: "{{hub.token}}"}}
protected: true
"""
BASE = "components:\n  orchestrator: local\n  artifact_store: local\n  metadata_store: local\n  secrets_manager: local\n"
TEAM = 'flavor: s3\n\n# The bucket of all.\nconfig:\n    path:   s3://vision\n    key: "{{aws.id}}"\n'
GPU = "flavor: subprocess\r\ndescription: 'two at a time'\r\nconfig: {max_concurrent: 2}\r\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A workspace with a stack of two files, components of its own and a flavor of its own."""
    root = workspace(tmp_path / "source", flavors=True)
    (root / "stacks/base.yaml").write_text(BASE)
    (root / "stacks/prod.yaml").write_text(PROD)
    (root / "components/artifact_store/team.yaml").write_text(TEAM)
    (root / "components/step_operator/gpu.yaml").write_bytes(GPU.encode())
    return root


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return workspace(tmp_path / "other", flavors=True)


def export(root: Path, name: str = "prod", **arguments: Any) -> StackBundle:
    with Session(root) as session:
        document: StackBundle = do(session, "stack export", name=name, **arguments)
        return document


def take(root: Path, text: str, **arguments: Any) -> StackImport:
    file = root.parent / "prod.bundle.yaml"
    file.write_bytes(text.encode())
    with Session(root) as session:
        document: StackImport = do(session, "stack import", file=file, **arguments)
        return document


def outcomes(document: StackImport) -> dict[str, Outcome]:
    return {row.subject: row.outcome for row in document.report}


def test_a_bundle_holds_the_stack_its_parents_and_their_components(source: Path) -> None:
    found = export(source)
    assert found.stacks == ("prod", "base")
    assert found.components == (
        "orchestrator/local", "artifact_store/team", "artifact_store/local", "metadata_store/local",
        "secrets_manager/local", "step_operator/gpu", "step_operator/subprocess",
    )  # fmt: skip
    held = yaml.safe_load(found.bundle)
    assert held["bundle"] == 1
    assert held["stack"] == "prod"
    assert held["secrets"] == [{"name": "aws", "keys": ["id"]}, {"name": "hub", "keys": ["token"]}]
    assert held["flavors"] == [{"category": "artifact_store", "name": "s3", "provider": "flavors/team.py"}]
    assert held["stacks"]["prod"] == PROD
    assert held["components"]["step_operator"]["gpu"] == GPU
    # As people read it, not in quotes.
    assert "    # What runs at night.\n    extends: base\n" in found.bundle


def test_the_other_workspace_gets_the_same_bytes_as_one_edit(source: Path, other: Path) -> None:
    before = files(other)
    document = take(other, export(source).bundle)
    assert document.written
    after = files(other)
    theirs = files(source)
    names = ("stacks/prod", "stacks/base", "components/artifact_store/team", "components/step_operator/gpu")
    assert {f"{name}.yaml" for name in names} == after.keys() - before.keys()
    assert all(after[f"{name}.yaml"] == theirs[f"{name}.yaml"] for name in names)
    assert outcomes(document)["orchestrator/local"] is Outcome.SAME
    assert export(other).bundle == export(source).bundle
    with Session(other) as session:
        do(session, "undo", confirm="prod")
    assert files(other) == before


def test_taking_in_what_is_there_already_changes_nothing(source: Path, other: Path) -> None:
    text = export(source).bundle
    take(other, text)
    before = files(other)
    again = take(other, text)
    assert not again.written
    assert set(outcomes(again).values()) == {Outcome.SAME}
    assert files(other) == before
    # Comments are not what a component says.
    (other / "components/artifact_store/team.yaml").write_text(TEAM.replace("# The bucket of all.", ""))
    assert outcomes(take(other, text))["artifact_store/team"] is Outcome.SAME


def test_another_name_for_the_stack(source: Path, other: Path) -> None:
    document = take(other, export(source).bundle, name="staging")
    assert document.stack == "staging"
    assert (other / "stacks/staging.yaml").read_text() == PROD
    assert not (other / "stacks/prod.yaml").exists()


# Conflicts.


@pytest.fixture
def crowded(other: Path) -> Path:
    """A workspace that has others of the same names."""
    (other / "components/artifact_store/team.yaml").write_text("flavor: local\nconfig: {path: /data}\n")
    (other / "stacks/base.yaml").write_text("components: {orchestrator: local}\n")
    (other / "stacks/prod.yaml").write_text("extends: base\nprotected: true\n")
    return other


def test_conflicts_are_said_and_nothing_is_written_before_a_choice(source: Path, crowded: Path) -> None:
    before = files(crowded)
    text = export(source).bundle
    with pytest.raises(ConflictsRemain) as told:
        take(crowded, text)
    assert told.value.exit_code == 1
    assert told.value.subjects == ("artifact_store/team", "stack/base", "stack/prod")
    looked = take(crowded, text, dry_run=True)
    assert looked.conflicts == told.value.subjects
    assert not looked.answer
    assert files(crowded) == before


def test_rename_takes_references_along_and_keeps_comments(source: Path, crowded: Path) -> None:
    before = files(crowded)
    text = export(source).bundle
    document = take(crowded, text, on_conflict=Conflict.RENAME)
    assert document.stack == "prod-2"
    made = (crowded / "stacks/prod-2.yaml").read_text()
    assert made == PROD.replace("base", "base-2").replace(": team\n", ": team-2\n")
    assert (crowded / "components/artifact_store/team-2.yaml").read_text() == TEAM
    assert before.items() <= files(crowded).items()
    # What an earlier import has made will do.
    assert not take(crowded, text, on_conflict=Conflict.RENAME).written


def test_a_renamed_step_operator_is_renamed_in_the_steps_too(source: Path, other: Path) -> None:
    (other / "components/step_operator/gpu.yaml").write_text("flavor: subprocess\n")
    take(other, export(source).bundle, on_conflict=Conflict.RENAME)
    made = (other / "stacks/prod.yaml").read_text()
    assert "step_operator: [gpu-2, subprocess]" in made
    assert "fit: {step_operator: gpu-2, retries: 2" in made


def test_keep_uses_the_workspaces_own(source: Path, crowded: Path) -> None:
    before = files(crowded)
    document = take(crowded, export(source).bundle, on_conflict=Conflict.KEEP)
    assert outcomes(document)["artifact_store/team"] is Outcome.KEPT
    assert before.items() <= files(crowded).items()


def test_replace_asks_for_the_name_of_what_is_protected(source: Path, crowded: Path) -> None:
    before = files(crowded)
    text = export(source).bundle
    with pytest.raises(ConfirmationNeeded) as told:
        take(crowded, text, on_conflict=Conflict.REPLACE)
    assert told.value.name == "prod"
    assert files(crowded) == before
    take(crowded, text, on_conflict=Conflict.REPLACE, confirm="prod")
    assert (crowded / "stacks/prod.yaml").read_text() == PROD
    assert (crowded / "components/artifact_store/team.yaml").read_text() == TEAM
    with Session(crowded) as session:
        do(session, "undo", confirm="prod")
    assert files(crowded) == before


def test_one_choice_for_one_thing(source: Path, crowded: Path) -> None:
    document = take(
        crowded,
        export(source).bundle,
        on_conflict=Conflict.RENAME,
        choose=("artifact_store/team=keep", "stack/base=replace"),
    )
    assert outcomes(document)["artifact_store/team"] is Outcome.KEPT
    assert outcomes(document)["stack/base"] is Outcome.REPLACES
    assert (crowded / "stacks/prod-2.yaml").read_text() == PROD
    with pytest.raises(OperationError, match="it is one of rename, keep, replace"):
        take(crowded, export(source).bundle, choose=("stack/base=burn",))


def test_a_broken_file_of_the_same_name_is_a_conflict_too(source: Path, other: Path) -> None:
    broken = other / "components/artifact_store/team.yaml"
    broken.write_text("flavor: [\n")
    text = export(source).bundle
    with pytest.raises(ConflictsRemain, match="artifact_store/team"):
        take(other, text)
    take(other, text, on_conflict=Conflict.REPLACE)
    assert broken.read_text() == TEAM


def test_a_file_that_changes_after_it_was_read_is_not_overwritten(source: Path, crowded: Path) -> None:
    from stacktui.operations.changes import apply
    from stacktui.operations.stack_import import planned

    file = crowded.parent / "prod.bundle.yaml"
    file.write_text(export(source).bundle)
    with Session(crowded) as session:
        plan = planned(session, file, default=Conflict.REPLACE)
        (crowded / "stacks/base.yaml").write_text("components: {orchestrator: other}\n")
        before = files(crowded)
        with pytest.raises(OperationError, match="nothing was written"):
            apply(session, plan.change)
    assert files(crowded) == before


# Secrets.


def test_secrets_stay_references_and_are_asked_for(source: Path, other: Path) -> None:
    with Session(source, stack="prod") as session:
        do(session, "secret set", name="aws", key="id", value="AKIA-very-secret")
    text = export(source).bundle
    assert "AKIA-very-secret" not in text
    asked: list[str] = []

    class Person:
        def secret(self, what: str) -> str | None:
            asked.append(what)
            return "typed-value" if what.startswith("aws.id") else ""

    file = other.parent / "prod.bundle.yaml"
    file.write_text(text)
    with Session(other) as session:
        session.asking = Person()  # type: ignore[assignment]
        document = do(session, "stack import", file=file)
    assert [each.partition(",")[0] for each in asked] == ["aws.id", "hub.token"]
    assert {f"{each.name}.{each.key}": each.state for each in document.secrets} == {
        "aws.id": "set",
        "hub.token": "missing",
    }
    with Session(other, stack="prod") as session:
        assert do(session, "secret reveal", name="aws", key="id").value == "typed-value"
    assert b"typed-value" not in b"".join(each.read_bytes() for each in other.rglob("*") if each.is_file())


def test_nobody_is_asked_with_no_secrets_or_for_what_is_there(source: Path, other: Path) -> None:
    class Nobody:
        def secret(self, what: str) -> str | None:
            raise AssertionError(what)

    text = export(source).bundle
    file = other.parent / "prod.bundle.yaml"
    file.write_text(text)
    with Session(other) as session:
        session.asking = Nobody()  # type: ignore[assignment]
        do(session, "stack import", file=file, secrets=False)
    for name, key in (("aws", "id"), ("hub", "token")):
        with Session(other, stack="prod") as session:
            do(session, "secret set", name=name, key=key, value="there")
    with Session(other) as session:
        session.asking = Nobody()  # type: ignore[assignment]
        document = do(session, "stack import", file=file)
    assert {each.state for each in document.secrets} == {"held"}


def test_a_secrets_manager_that_cannot_be_written_says_so(source: Path, other: Path) -> None:
    (source / "components/secrets_manager/local.yaml").write_text("flavor: env\n")

    class Person:
        def secret(self, what: str) -> str | None:
            return "typed"

    file = other.parent / "prod.bundle.yaml"
    file.write_text(export(source).bundle)
    with Session(other) as session:
        session.asking = Person()  # type: ignore[assignment]
        document = do(session, "stack import", file=file, on_conflict=Conflict.RENAME)
    assert document.written
    assert all(each.state == "missing" and each.reason for each in document.secrets)


def test_a_credential_in_clear_does_not_leave_the_workspace_unsaid(source: Path) -> None:
    (source / "components/artifact_store/team.yaml").write_text(
        "flavor: s3\nconfig: {path: s3://a, key: AKIA0}\n"
    )
    with pytest.raises(AnswerIsNo, match="artifact_store/team has its key in clear"):
        export(source)
    assert "AKIA0" in export(source, force=True).bundle
    (source / "components/artifact_store/team.yaml").write_text(TEAM)
    (source / "stacks/prod.yaml").write_text(PROD.replace("{{hub.token}}", "hf_abcdef"))
    with pytest.raises(AnswerIsNo, match="step fit of stack 'prod' has its TOKEN in clear"):
        export(source)


# What cannot be exported, and where it is written.


def test_a_stack_that_is_not_whole_is_not_exported_unasked(source: Path) -> None:
    (source / "components/step_operator/gpu.yaml").unlink()
    with pytest.raises(AnswerIsNo, match="names step_operator/gpu, which does not exist"):
        export(source)
    assert "step_operator/gpu" not in export(source, force=True).components
    (source / "stacks/base.yaml").unlink()
    with pytest.raises(OperationError, match="extends base"):
        export(source)


def test_a_file_that_broke_since_it_was_read_is_not_exported(source: Path) -> None:
    with Session(source) as session:
        do(session, "stack list")
        session.snapshot()
        (source / "stacks/base.yaml").write_text("components: [\n")
        with pytest.raises(OperationError, match=r"stacks/base.yaml cannot be read"):
            do(session, "stack export", name="prod")


def test_it_is_written_privately_and_replaces_nothing_unasked(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.yaml"
    document = export(source, output=file)
    assert document.file == str(file)
    assert file.read_text() == document.bundle
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(OperationError, match="exists already"):
        export(source, output=file)
    export(source, "base", output=file, overwrite=True)
    assert "stack: base" in file.read_text()
    for place in (tmp_path, tmp_path / "no" / "folder.yaml"):
        with pytest.raises(OperationError) as told:
            export(source, output=place, overwrite=True)
        assert "\n" not in str(told.value)


def test_a_flavor_that_is_not_here_is_named_with_where_it_is(source: Path, tmp_path: Path) -> None:
    bare = workspace(tmp_path / "bare")
    document = take(bare, export(source).bundle)
    (note,) = [row for row in document.report if row.outcome is Outcome.NOTE]
    assert note.subject == "flavor artifact_store/s3"
    assert "flavors/team.py: copy that file" in note.message
    assert not list(bare.glob("flavors/*"))
    assert "NAM002" in {each.code for each in document.diagnostics}


# Hostile bundles.


def variants() -> Iterator[tuple[str, str]]:
    good = {"bundle": 1, "stack": "s", "stacks": {"s": "components: {}\n"}}
    yield yaml.safe_dump({**good, "bundle": 2}), "has format 2 and this stacktui reads 1"
    yield yaml.safe_dump({**good, "bundle": 0}), "has format 0"
    yield yaml.safe_dump({**good, "bundle": "one"}), "bundle: input should be a valid integer"
    yield yaml.safe_dump({**good, "stack": "../etc"}), "stack: a name has"
    yield yaml.safe_dump({**good, "stacks": {"../../x": ""}}), "a name has"
    yield yaml.safe_dump({**good, "components": {"../x": {"a": ""}}}), "components"
    yield yaml.safe_dump({**good, "components": {"orchestrator": {"a/b": "flavor: local"}}}), "a name has"
    yield (
        yaml.safe_dump({**good, "components": {"orchestrator": {"a": "["}}}),
        "orchestrator/a cannot be used, line 1",
    )
    yield yaml.safe_dump({**good, "components": {"orchestrator": {"a": ""}}}), "the file is empty"
    yield yaml.safe_dump({**good, "components": {"orchestrator": {"a": {"flavor": "x"}}}}), "valid string"
    yield yaml.safe_dump({**good, "stack": "t"}), "does not hold the stack 't'"
    yield yaml.safe_dump({**good, "stacks": {"s": "extends: t", "t": "extends: s"}}), "in a circle"
    yield yaml.safe_dump({**good, "stacks": []}), "stacks"
    yield "bundle: 1\n", "Field required"
    yield yaml.safe_dump({**good, "stacks": {"s": "&a [" + "[" * 99 + "]" * 100}}), "cannot be used"


@pytest.mark.parametrize(("text", "says"), list(variants()))
def test_a_bundle_that_is_not_what_it_should_be_is_one_line(other: Path, text: str, says: str) -> None:
    before = files(other)
    with pytest.raises(OperationError) as told:
        take(other, text)
    assert says.lower() in str(told.value).lower()
    assert "\n" not in str(told.value)
    assert files(other) == before


def test_what_a_bundle_says_beside_is_reported(other: Path) -> None:
    text = yaml.safe_dump(
        {
            "bundle": 1,
            "stack": "s",
            "stacks": {"s": "extends: far\n", "t": "components: {}\n"},
            "signature": "x",
        }
    )
    document = take(other, text)
    said = {row.subject: row.message for row in document.report if row.outcome is Outcome.NOTE}
    assert set(said) == {"signature", "stack/s", "stack/t"}
    assert not (other / "stacks/t.yaml").exists()
    assert "STK002" in {each.code for each in document.diagnostics}


# Any text, any stack.

_LETTERS = st.sampled_from(
    [*"ab:#-{}[]'\"\\|>&*!%@ \t\n\r", "é", "\u2028", "\x85", "\u202e", "\ufeff", "😀", "\x07"]
)


@given(st.text(_LETTERS, max_size=60))
def test_any_text_comes_back_byte_for_byte(text: str) -> None:
    document = f"a:\n  b: {embedded(text.encode(), '    ')}\nc: 1\n"
    assert read_yaml(document.encode()).value == {"a": {"b": text}, "c": 1}
    assert all(letter.isprintable() or letter in "\n\t" for letter in document)


_NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True)
_FLAVORS = {
    category: "subprocess"
    if category is Category.STEP_OPERATOR
    else "sqlite"
    if category is Category.METADATA_STORE
    else "local"
    for category in Category
}
_LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """Components by category, and a chain of stacks, the child first."""
    components = {
        category: draw(st.dictionaries(_NAMES, st.tuples(_LINE, st.booleans()), min_size=1, max_size=3))
        for category in draw(st.sets(st.sampled_from(list(Category))))
    }
    chain = []
    for name in draw(st.lists(_NAMES, min_size=1, max_size=3, unique=True)):
        slots: dict[str, Any] = {}
        for category, held in components.items():
            if draw(st.booleans()):
                many = draw(st.lists(st.sampled_from(sorted(held)), min_size=1, max_size=3, unique=True))
                slots[category.value] = many if category.many else many[0]
            elif draw(st.booleans()):
                slots[category.value] = None
        chain.append((name, slots, draw(st.dictionaries(_NAMES, _LINE, max_size=2)), draw(st.booleans())))
    return {"components": components, "chain": chain}


@pytest.mark.long
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=stacks(), crowded=st.booleans())
def test_any_stack_resolves_to_the_same_in_the_other_workspace(
    tmp_path_factory: pytest.TempPathFactory, made: dict[str, Any], crowded: bool
) -> None:
    base = tmp_path_factory.mktemp("exchange")
    source, other = base / "source", base / "other"
    for root in (source, other):
        (root / "stacks").mkdir(parents=True)
        (root / "stacktui.yaml").write_text("version: 1\n")
    for category, held in made["components"].items():
        folder = source / "components" / category
        folder.mkdir(parents=True)
        for name, (line, commented) in held.items():
            comment = f"# {name}\n" if commented else ""
            text = yaml.safe_dump({"flavor": _FLAVORS[category], "description": line}, allow_unicode=True)
            (folder / f"{name}.yaml").write_text(comment + text)
            if crowded:
                # The other workspace has another one of the same name.
                (other / "components" / category).mkdir(parents=True, exist_ok=True)
                (other / "components" / category / f"{name}.yaml").write_text(
                    f"flavor: {_FLAVORS[category]}\nlabels: {{o: p}}\n"
                )
    names = [name for name, *_ in made["chain"]]
    for at, (name, slots, labels, protected) in enumerate(made["chain"]):
        content: dict[str, Any] = {"components": slots, "labels": labels, "protected": protected}
        if at + 1 < len(names):
            content["extends"] = names[at + 1]
        (source / "stacks" / f"{name}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    text = export(source, names[0]).bundle
    document = take(other, text, on_conflict=Conflict.RENAME)
    assert not take(other, text, on_conflict=Conflict.RENAME).written
    with Session(source) as one, Session(other) as two:
        first, second = one.resolved(names[0]), two.resolved(document.stack)
        assert first.labels == second.labels
        assert first.protected == second.protected
        here, there = one.snapshot(), two.snapshot()
        for category in Category:
            values = [
                [
                    snapshot.components[(category, name)].value.model_dump(exclude={"name"})  # type: ignore[index]
                    for name in stack.names(category)
                ]
                for snapshot, stack in ((here, first), (there, second))
            ]
            assert values[0] == values[1]
    if not crowded:
        assert files(other).items() <= files(source).items()
        assert export(other, names[0]).bundle == text
