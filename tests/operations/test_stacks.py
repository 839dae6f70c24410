"""Stacks: listed, shown, validated, written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from stacktui.model.category import Category
from stacktui.operations.changes import FindingsForbid
from stacktui.operations.errors import AnswerIsNo, ConfirmationNeeded, OperationError
from stacktui.operations.formats import Report
from stacktui.operations.session import Session
from tests.operations.support import do


def test_a_stack_is_listed_with_what_it_inherits(session: Session) -> None:
    do(
        session,
        "stack add",
        name="nightly",
        extends="default",
        values=("alerter=",),
        description="every night",
    )
    found = {row.name: row for row in do(session, "stack list").stacks}
    assert list(found) == ["default", "nightly"]
    assert found["default"].active
    assert found["nightly"].components[Category.ORCHESTRATOR] == ("local",)
    assert Category.ALERTER not in found["nightly"].components
    assert found["nightly"].ok


def test_a_stack_names_where_each_component_comes_from(session: Session) -> None:
    do(session, "stack add", name="nightly", extends="default", values=("step_operator=subprocess",))
    shown = do(session, "stack show", name="nightly")
    origins = {slot.category: slot.origin for slot in shown.slots}
    assert origins[Category.ORCHESTRATOR] == "default"
    assert origins[Category.STEP_OPERATOR] == "nightly"
    assert shown.ancestors == ("default",)
    assert [each.how for each in do(session, "stack show", name="default").used_by] == [
        "extends",
        "default_stack",
    ]


def test_a_workspace_of_a_newer_version_is_read_and_never_written(session: Session, root: Path) -> None:
    file = root / "stacktui.yaml"
    file.write_text(file.read_text().replace("version: 1", "version: 2"))
    before = (root / "stacks" / "default.yaml").read_bytes()
    assert [row.name for row in do(session, "stack list").stacks] == ["default"]
    with pytest.raises(OperationError, match=r"format version 2 .* nothing was written: upgrade stacktui"):
        do(session, "stack edit", name="default", description="ours")
    assert (root / "stacks" / "default.yaml").read_bytes() == before


def test_a_broken_stack_is_listed_as_broken(session: Session, root: Path) -> None:
    (root / "stacks" / "worse.yaml").write_text("components: {orchestrator: nothere}\n")
    (root / "stacks" / "torn.yaml").write_text(": : :\n")
    found = {row.name: row for row in do(session, "stack list").stacks}
    assert not found["worse"].ok
    assert found["worse"].errors >= 3
    assert not found["torn"].ok
    assert found["default"].ok


def test_validation_gives_all_findings_with_their_places(session: Session, root: Path) -> None:
    (root / "stacks" / "worse.yaml").write_text(
        "components:\n  orchestrator: locl\n  artifact_store: local\n"
    )
    result = do(session, "stack validate", name="worse")
    assert not result.ok
    assert not result.answer
    unknown = next(each for each in result.diagnostics if "locl" in each.message)
    assert (unknown.file, unknown.line) == ("stacks/worse.yaml", 2)
    assert unknown.fix is not None
    assert unknown.fix.value == "local"
    assert any("metadata store" in each.message for each in result.diagnostics)


def test_validation_of_everything_has_a_verdict_for_each_stack(session: Session, root: Path) -> None:
    (root / "stacks" / "worse.yaml").write_text("components: {}\n")
    result = do(session, "stack validate", all_=True)
    assert result.stack is None
    assert {each.stack: each.ok for each in result.stacks} == {"default": True, "worse": False}
    with pytest.raises(OperationError, match="not both"):
        do(session, "stack validate", name="default", all_=True)


def test_strict_counts_warnings(session: Session, root: Path) -> None:
    file = root / "stacks" / "default.yaml"
    file.write_text(file.read_text() + "description: twice\n")
    loose = do(session, "stack validate")
    strict = do(session, "stack validate", strict=True)
    assert [each.code for each in loose.diagnostics] == [each.code for each in strict.diagnostics]
    has_warning = any(each.severity == "warning" for each in loose.diagnostics)
    has_error = any(each.severity == "error" for each in loose.diagnostics)
    assert loose.diagnostics
    assert loose.ok is not has_error
    assert strict.ok is not (has_error or has_warning)


def test_probes_are_part_of_a_validation(session: Session, root: Path) -> None:
    assert do(session, "stack validate", probe=True).ok
    blocked = root / "blocked"
    blocked.write_text("a file where a folder should be")
    do(
        session,
        "component edit",
        category=Category.ARTIFACT_STORE,
        name="local",
        values=(f"path={blocked}/x",),
    )
    result = do(session, "stack validate", probe=True)
    failed = [each for each in result.diagnostics if each.code == "PRB001"]
    assert [each.file for each in failed] == ["components/artifact_store/local.yaml"]


def test_findings_are_written_as_code_hosts_and_ci_read_them(session: Session, root: Path) -> None:
    (root / "stacks" / "worse.yaml").write_text("components:\n  orchestrator: 'lo\\u0007cl'\n")
    texts = {form: do(session, "stack validate", name="worse", format_=form).report for form in Report}
    assert texts[Report.TEXT] is None
    sarif = json.loads(texts[Report.SARIF] or "")
    assert sarif["version"] == "2.1.0"
    rules = sarif["runs"][0]["tool"]["driver"]["rules"]
    for one in sarif["runs"][0]["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
    assert json.loads(texts[Report.JSON] or "")["ok"] is False
    github = texts[Report.GITHUB] or ""
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in github.splitlines())
    suite = ElementTree.fromstring(texts[Report.JUNIT] or "")
    assert int(suite.get("failures") or 0) == len(suite.findall(".//failure")) > 0
    for text in texts.values():
        assert "\x07" not in (text or "")


def test_an_edit_keeps_comments_and_touches_one_key(session: Session, root: Path) -> None:
    file = root / "stacks" / "default.yaml"
    file.write_text(file.read_text().replace("components:", "# chosen with care\ncomponents:"))
    before = file.read_text().splitlines()
    do(session, "stack edit", name="default", values=("steps.fit.retries=2",))
    after = file.read_text().splitlines()
    assert [line for line in before if line not in after] == []
    assert session.snapshot().stacks["default"].value.steps["fit"].retries == 2
    do(session, "stack edit", name="default", unset=("steps.fit",))
    assert "fit" not in session.snapshot().stacks["default"].value.steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": ("orchestrater=local",)}, "did you mean 'orchestrator'"),
        ({"values": ("orchestrator",)}, "key=value"),
        ({"unset": ("labels.team",)}, "not set"),
        ({"extends": "defalt"}, "did you mean 'default'"),
        ({"values": ("steps.fit=2",)}, "steps.fit.retries=2"),
        ({"values": ("steps.fit.retrys=2",)}, "did you mean 'retries'"),
        ({"values": ("steps.fit.resources.gpus=2",)}, "did you mean 'gpu'"),
    ],
)
def test_a_wrong_edit_is_refused_in_words(session: Session, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OperationError, match=message):
        do(session, "stack edit", name="default", **arguments)


def test_what_the_rules_forbid_is_not_written_unless_forced(session: Session, root: Path) -> None:
    with pytest.raises(FindingsForbid) as refused:
        do(session, "stack add", name="half", values=("orchestrator=local",))
    assert any("artifact store" in each.message for each in refused.value.diagnostics)
    assert refused.value.exit_code == 1
    assert not (root / "stacks" / "half.yaml").exists()
    do(session, "stack add", name="half", values=("orchestrator=local",), force=True)
    assert (root / "stacks" / "half.yaml").exists()


def test_a_name_that_is_taken_or_none_is_refused(session: Session) -> None:
    with pytest.raises(OperationError, match="exists already"):
        do(session, "stack add", name="default")
    for name in ("Upper", "../x", "", "a b"):
        with pytest.raises(OperationError, match="a name has"):
            do(session, "stack clone", name="default", new=name)


def test_deleting_names_who_refers_to_it(session: Session, root: Path) -> None:
    do(session, "stack add", name="nightly", extends="default")
    with pytest.raises(
        AnswerIsNo, match=r"stacks/nightly.yaml:\d+ \(extends\), stacktui.yaml:3 \(default_stack\)"
    ):
        do(session, "stack delete", name="default")
    do(session, "stack delete", name="nightly")
    assert not (root / "stacks" / "nightly.yaml").exists()


def test_a_protected_stack_asks_for_its_name(session: Session, root: Path) -> None:
    do(session, "stack add", name="prod", from_="default", protected=True)
    for name, arguments in (("stack edit", {"description": "x"}), ("stack delete", {})):
        with pytest.raises(ConfirmationNeeded, match="--confirm prod"):
            do(session, name, name="prod", **arguments)
        with pytest.raises(ConfirmationNeeded):
            do(session, name, name="prod", confirm="default", **arguments)
    do(session, "stack delete", name="prod", confirm="prod")
    assert not (root / "stacks" / "prod.yaml").exists()


def test_a_variable_of_the_environment_is_text_whatever_it_looks_like(session: Session, root: Path) -> None:
    do(session, "stack edit", name="default", values=("steps.fit.environment.THREADS=1",))
    assert session.snapshot().stacks["default"].value.steps["fit"].environment == {"THREADS": "1"}
    assert 'THREADS: "1"' in (root / "stacks" / "default.yaml").read_text()


def test_a_child_of_a_protected_stack_can_say_that_it_is_not(session: Session, root: Path) -> None:
    do(session, "stack add", name="prod", extends="default", protected=True)
    do(session, "stack add", name="lab", extends="prod", protected=False)
    assert do(session, "stack show", name="lab").protected
    do(session, "stack edit", name="lab", protected=False, confirm="lab")
    assert (root / "stacks" / "lab.yaml").read_text().endswith("protected: false\n")
    assert not do(session, "stack show", name="lab").protected


def test_two_stacks_are_compared_after_inheritance(session: Session) -> None:
    do(
        session, "stack add", name="nightly", extends="default",
        values=("alerter=", "steps.fit.retries=3", "steps.fit.timeout=90m", "steps.fit.resources.memory=16GiB"),
    )  # fmt: skip
    result = do(session, "stack diff", a="default", b="nightly")
    assert {each.what: (each.a, each.b) for each in result.differences} == {
        "alerter": (["inbox"], None),
        "steps.fit.retries": (None, 3),
        "steps.fit.timeout": (None, "90m"),
        "steps.fit.resources.memory": (None, "16GiB"),
    }
    assert do(session, "stack diff", a="default", b="default").equal


def test_using_a_stack_holds_in_later_sessions(session: Session, root: Path) -> None:
    do(session, "stack clone", name="default", new="other")
    assert "is the active stack" in do(session, "stack use", name="other").done
    assert Session(root).active().name == "other"
    overridden = Session(root, stack="default")
    assert "stays in force" in do(overridden, "stack use", name="other").done
