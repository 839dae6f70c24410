"""Rules on stacks: every finding with its code, its place and, where there is one, its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.stack import Stack
from stacktui.validation.validate import candidates, validate_draft, validate_stack
from tests.runtime.support import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def found(place: Place, name: str, *, offline: bool = False) -> tuple[Diagnostic, ...]:
    return validate_stack(place.snapshot, place.registry, name, offline=offline)


def only(place: Place, name: str, code: str) -> Diagnostic:
    """The one finding that there is, of this code."""
    findings = found(place, name)
    assert [finding.code for finding in findings] == [code], findings
    return findings[0]


def where(finding: Diagnostic) -> tuple[str, int | None, int | None]:
    assert finding.file is not None
    return finding.file.name, finding.line, finding.column


def test_nothing_is_said_of_a_whole_stack(place: Place) -> None:
    assert found(place, "base") == ()


def test_unknown_component_with_what_was_meant(place: Place) -> None:
    place.write("stacks/prod.yaml", "extends: base\ncomponents:\n  artifact_store: foldre\n")
    finding = only(place, "prod", "NAM001")
    assert where(finding) == ("prod.yaml", 3, 3)
    assert "did you mean folder?" in finding.message
    assert finding.fix is not None
    assert finding.fix.path == ("components", "artifact_store")
    assert finding.fix.value == "folder"
    assert finding.subject == "stack/prod"


def test_unknown_component_in_a_list_is_shown_at_its_item(place: Place) -> None:
    place.write("components/step_operator/near.yaml", "flavor: near\n")
    place.write("components/step_operator/other.yaml", "flavor: near\n")
    place.write("stacks/prod.yaml", "extends: base\ncomponents:\n  step_operator:\n    - other\n    - nera\n")
    finding = only(place, "prod", "NAM001")
    assert where(finding) == ("prod.yaml", 5, 7)
    assert finding.fix is not None
    assert finding.fix.path == ("components", "step_operator", 1)


def test_unknown_component_of_another_category_says_so(place: Place) -> None:
    place.write("stacks/prod.yaml", "extends: base\ncomponents: {alerter: rows}\n")
    assert "rows is a metadata store" in only(place, "prod", "NAM001").message


def test_a_component_whose_file_is_broken_is_not_called_missing(place: Place) -> None:
    place.write("components/alerter/odd.yaml", "- 1\n")
    place.write("stacks/prod.yaml", "extends: base\ncomponents: {alerter: odd}\n")
    findings = found(place, "prod")
    assert {finding.code for finding in findings} == {"NAM001", "FIL003"}
    [named] = [finding for finding in findings if finding.code == "NAM001"]
    assert "mend components/alerter/odd.yaml" in named.message


def test_required_categories_all_at_once(place: Place) -> None:
    place.write("stacks/prod.yaml", "description: d\ncomponents:\n  orchestrator: here\n")
    findings = found(place, "prod")
    assert [finding.code for finding in findings] == ["STK004", "STK004"]
    assert {where(finding)[:2] for finding in findings} == {("prod.yaml", 2)}
    fixes = {finding.fix.path: finding.fix.value for finding in findings if finding.fix}
    assert fixes == {("components", "artifact_store"): "folder", ("components", "metadata_store"): "rows"}


def test_removing_a_required_category(place: Place) -> None:
    place.write("stacks/prod.yaml", "extends: base\ncomponents:\n  artifact_store: []\n")
    finding = only(place, "prod", "STK005")
    assert where(finding) == ("prod.yaml", 3, 3)
    assert "inherit from base" in finding.message
    assert finding.fix is not None
    assert finding.fix.action == "delete"


def test_removing_an_optional_category_is_fine(place: Place) -> None:
    place.write("stacks/prod.yaml", "extends: base\ncomponents:\n  secrets_manager: null\n")
    assert found(place, "prod") == ()


def test_too_many_and_twice(place: Place) -> None:
    place.write("components/orchestrator/other.yaml", "flavor: here\n")
    place.write("components/step_operator/near.yaml", "flavor: near\n")
    place.write(
        "stacks/prod.yaml",
        "extends: base\ncomponents:\n  orchestrator: [here, other]\n  step_operator: [near, near]\n",
    )
    many, twice = found(place, "prod")
    assert (many.code, where(many)) == ("STK006", ("prod.yaml", 3, 3))
    assert many.fix is not None
    assert many.fix.value == "here"
    assert (twice.code, twice.severity) == ("STK007", Severity.WARNING)
    assert twice.fix is not None
    assert twice.fix.value == ["near"]


def test_inheritance_findings_do_not_drown_in_followers(place: Place) -> None:
    place.write("stacks/prod.yaml", "extends: gone\ncomponents: {alerter: nobody}\n")
    assert [finding.code for finding in found(place, "prod")] == ["STK002", "NAM001"]
    place.write("stacks/a.yaml", "extends: b\n")
    place.write("stacks/b.yaml", "extends: a\n")
    assert only(place, "a", "STK003").line == 1


def test_step_settings_that_name_what_is_not_in_the_stack(place: Place) -> None:
    place.write("components/step_operator/near.yaml", "flavor: near\n")
    place.write("components/experiment_tracker/curves.yaml", "flavor: curves\n")
    place.write(
        "stacks/prod.yaml",
        "extends: base\ncomponents: {step_operator: [near]}\nsteps:\n  fit:\n    step_operator: naer\n"
        "  load:\n    experiment_tracker: curves\n",
    )
    first, second = found(place, "prod")
    assert (first.code, where(first)) == ("STK008", ("prod.yaml", 5, 5))
    assert "did you mean near?" in first.message
    assert first.fix is not None
    assert (first.fix.path, first.fix.value) == (("steps", "fit", "step_operator"), "near")
    assert where(second) == ("prod.yaml", 7, 5)
    assert second.fix is not None
    assert (second.fix.path, second.fix.value) == (("components", "experiment_tracker"), ["curves"])


def test_remote_steps_need_an_artifact_store_that_they_reach(place: Place) -> None:
    place.write("components/step_operator/gpu.yaml", "flavor: gpu\n")
    place.write("components/artifact_store/bucket.yaml", "flavor: bucket\nconfig: {path: s3://x}\n")
    place.write("stacks/prod.yaml", "extends: base\ncomponents:\n  step_operator: [gpu]\n")
    finding = only(place, "prod", "CMP002")
    # At the line of this stack's own file, not of its parent's.
    assert where(finding) == ("prod.yaml", 3, 19)
    assert "artifact store folder keeps its data on this one" in finding.message
    place.write(
        "stacks/prod.yaml", "extends: base\ncomponents:\n  step_operator: [gpu]\n  artifact_store: bucket\n"
    )
    assert found(place, "prod") == ()


def test_demands_of_a_flavor(place: Place) -> None:
    place.write("components/orchestrator/cluster.yaml", "flavor: cluster\n")
    place.write("components/artifact_store/bucket.yaml", "flavor: bucket\nconfig: {path: s3://x}\n")
    place.write(
        "stacks/prod.yaml",
        "extends: base\ncomponents:\n  orchestrator: cluster\n  artifact_store: bucket\n",
    )
    finding = only(place, "prod", "CMP001")
    assert where(finding) == ("prod.yaml", 3, 3)
    assert "its steps run in images" in finding.message
    assert "--set container_registry=NAME" in finding.message


def test_demands_for_certain_flavors_and_reachable_ones(place: Place) -> None:
    place.write(
        "flavors/picky.py",
        "from stacktui.categories import Alerter\n"
        "from stacktui.categories.base import FlavorConfig, ProbeResult\n"
        "from stacktui.categories.flavor import Demand, FlavorFacts\n"
        "from stacktui.model.category import Category\n"
        "class Nothing(FlavorConfig): pass\n"
        "class Picky(Alerter):\n"
        "    facts = FlavorFacts(category=Category.ALERTER, name='picky', summary='s', demands=(\n"
        "        Demand(Category.METADATA_STORE, flavors=frozenset({'postgres'}), reason='it listens there'),\n"
        "        Demand(Category.ARTIFACT_STORE, reachable=True)))\n"
        "    Config = Nothing\n"
        "    def probe(self, timeout_s=5.0): return ProbeResult(ok=True, message='')\n"
        "    def post(self, message, level=None): ...\n"
        "    def ask(self, question, choices=(), timeout=None, default=None): return ''\n",
    )
    place.write("components/alerter/picky.yaml", "flavor: picky\n")
    place.write("stacks/prod.yaml", "extends: base\ncomponents:\n  alerter: [picky]\n")
    codes = {finding.code: finding for finding in found(place, "prod")}
    assert set(codes) == {"CMP003", "CMP002"}
    assert "of flavor postgres: it listens there; rows has the flavor rows" in codes["CMP003"].message
    assert where(codes["CMP003"]) == ("prod.yaml", 3, 13)


def test_secrets_without_a_manager(place: Place) -> None:
    place.write(
        "components/artifact_store/bucket.yaml", 'flavor: bucket\nconfig: {path: p, key: "{{aws.id}}"}\n'
    )
    place.write(
        "stacks/prod.yaml", "extends: base\ncomponents:\n  artifact_store: bucket\n  secrets_manager: null\n"
    )
    finding = only(place, "prod", "SEC004")
    assert where(finding) == ("prod.yaml", 4, 3)
    assert finding.fix is not None
    assert (finding.fix.path, finding.fix.value) == (("components", "secrets_manager"), "box")


def test_missing_secrets_are_looked_up_on_this_host(place: Place) -> None:
    place.write(
        "components/artifact_store/bucket.yaml",
        'flavor: bucket\nconfig:\n  path: p\n  key: "{{aws.id}}{{aws.no}}"\n  extra:\n    a: "{{gone.x}}"\n',
    )
    place.write("stacks/prod.yaml", "extends: base\ncomponents:\n  artifact_store: bucket\n")
    place.secrets({"aws": {"id": "AKIA-value"}})
    findings = found(place, "prod")
    assert [finding.code for finding in findings] == ["SEC005", "SEC005"]
    assert [where(finding) for finding in findings] == [("bucket.yaml", 4, 3), ("bucket.yaml", 6, 5)]
    assert "did you mean {{aws.id}}? Or set it with: stacktui secret set aws no" in findings[0].message
    assert "aws id" not in findings[0].message
    assert "AKIA-value" not in str(findings)
    assert {finding.severity for finding in found(place, "prod", offline=True)} == {Severity.WARNING}
    place.secrets({"aws": {"id": "v", "no": "v"}, "gone": {"x": "v"}})
    assert found(place, "prod") == ()


def test_a_manager_that_is_elsewhere_is_not_asked_and_a_broken_one_is_a_warning(place: Place) -> None:
    place.write("components/alerter/bell.yaml", 'flavor: bell\nconfig: {token: "{{a.b}}"}\n')
    place.write("components/secrets_manager/far.yaml", "flavor: far_box\n")
    place.write("stacks/prod.yaml", "extends: base\ncomponents:\n  alerter: bell\n  secrets_manager: far\n")
    assert found(place, "prod") == ()
    place.write("stacks/prod.yaml", "extends: base\ncomponents:\n  alerter: bell\n")
    place.write("box.json", "not json")
    finding = only(place, "prod", "SEC006")
    assert finding.severity is Severity.WARNING


def test_references_in_a_stacks_own_texts(place: Place) -> None:
    place.write(
        "stacks/prod.yaml",
        'extends: base\nsteps:\n  fit:\n    environment:\n      TOKEN: "{{a.b}}"\n',
    )
    finding = only(place, "prod", "SEC001")
    assert where(finding) == ("prod.yaml", 5, 7)


def test_packages_that_are_not_installed(place: Place) -> None:
    place.write("components/container_registry/images.yaml", "flavor: images\n")
    place.write("stacks/prod.yaml", "extends: base\ncomponents: {container_registry: images}\n")
    finding = only(place, "prod", "FLV001")
    assert where(finding) == ("images.yaml", 1, 1)
    assert "pip install no-such-distribution-xyz" in finding.message
    [weaker] = found(place, "prod", offline=True)
    assert weaker.severity is Severity.WARNING


def test_findings_come_errors_first_then_by_place(place: Place) -> None:
    place.write("components/step_operator/near.yaml", "flavor: near\nconfig: {x: 1}\n")
    place.write(
        "stacks/prod.yaml",
        "extends: base\ncomponents:\n  step_operator: [near, near]\n  alerter: [no, nobody]\n",
    )
    findings = found(place, "prod")
    assert [finding.code for finding in findings] == ["CFG001", "NAM001", "NAM001", "STK007"]
    assert [finding.column for finding in findings][1:3] == [13, 17]


def test_an_unsaved_draft_has_no_fixes_for_a_file_that_says_otherwise(place: Place) -> None:
    draft = Stack(name="base", components={Category.ORCHESTRATOR: ("heer",)})
    findings = validate_draft(place.snapshot, place.registry, draft)
    assert {finding.code for finding in findings} == {"NAM001", "STK004"}
    assert all(finding.fix is None for finding in findings)
    new = Stack(name="new", extends="base", components={Category.ALERTER: ("x",)})
    [finding] = validate_draft(place.snapshot, place.registry, new)
    assert (finding.code, finding.file) == ("NAM001", None)


def test_candidates_with_their_reasons(place: Place) -> None:
    place.write("components/artifact_store/bucket.yaml", "flavor: bucket\nconfig: {path: p}\n")
    place.write("components/artifact_store/wrong.yaml", "flavor: bucket\nconfig: {}\n")
    place.write("components/step_operator/gpu.yaml", "flavor: gpu\n")
    place.write("components/step_operator/near.yaml", "flavor: near\n")
    draft = Stack(name="prod", extends="base", components={Category.STEP_OPERATOR: ("gpu",)})
    stores = candidates(place.snapshot, place.registry, draft, Category.ARTIFACT_STORE)
    assert [(one.name, one.fits) for one in stores] == [
        ("bucket", True),
        ("folder", False),
        ("wrong", False),
    ]
    assert "step operator gpu runs steps on other hosts" in stores[1].reason
    assert "path is missing" in stores[2].reason
    operators = candidates(
        place.snapshot, place.registry, Stack(name="n", extends="base"), Category.STEP_OPERATOR
    )
    assert [(one.name, one.fits) for one in operators] == [("near", True), ("gpu", False)]
    assert operators[0] == ("near", "near", True, "")


def test_every_candidate_that_fits_adds_no_error(place: Place) -> None:
    place.write("components/artifact_store/bucket.yaml", "flavor: bucket\nconfig: {path: p}\n")
    place.write("components/orchestrator/cluster.yaml", "flavor: cluster\n")
    draft = Stack(name="n", extends="base")
    for category in Category:
        for one in candidates(place.snapshot, place.registry, draft, category):
            chosen = Stack(name="n", extends="base", components={category: (one.name,)})
            errors = [
                finding.message
                for finding in validate_draft(place.snapshot, place.registry, chosen)
                if finding.severity is Severity.ERROR
            ]
            assert (not errors) is one.fits
            assert one.fits or one.reason in errors
