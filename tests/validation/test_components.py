"""Rules on components: flavors, fields, and where references to secrets stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.diagnostic import Diagnostic
from stacktui.validation.validate import validate_component
from tests.runtime.support import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def found(place: Place, text: str, category: Category = Category.ARTIFACT_STORE) -> tuple[Diagnostic, ...]:
    place.write(f"components/{category}/it.yaml", text)
    snapshot = place.snapshot
    entry = snapshot.components[ComponentId(category, "it")]
    return validate_component(snapshot, place.registry, entry.value, entry)


def test_an_unknown_flavor(place: Place) -> None:
    [finding] = found(place, "description: d\nflavor: bukcet\n")
    assert (finding.code, finding.line, finding.column) == ("NAM002", 2, 1)
    assert "did you mean bucket?" in finding.message
    assert finding.fix is not None
    assert (finding.fix.path, finding.fix.value) == (("flavor",), "bucket")
    [other] = found(place, "flavor: qqqqqq\n")
    assert "there are: bucket, folder, local" in other.message


def test_every_fault_of_a_configuration_at_its_place(place: Place) -> None:
    findings = found(
        place,
        "flavor: bucket\nconfig:\n  pth: here\n  port: many\n  mode: carefull\n  qqqq: 1\n  extra:\n    a: [1]\n",
    )
    assert [(finding.code, finding.line, finding.column) for finding in findings] == [
        ("CFG002", 2, 1),
        ("CFG001", 3, 3),
        ("CFG003", 4, 3),
        ("CFG003", 5, 3),
        ("CFG001", 6, 3),
        ("CFG003", 8, 5),
    ]
    fixes = [finding.fix for finding in findings if finding.fix]
    assert [(fix.action, fix.path, fix.value) for fix in fixes] == [
        (
            "set",
            ("config",),
            {"path": "here", "port": "many", "mode": "carefull", "qqqq": 1, "extra": {"a": [1]}},
        ),
        ("set", ("config", "mode"), "careful"),
        ("delete", ("config", "qqqq"), None),
    ]


def test_an_unquoted_reference_has_a_fix_that_quotes_it(place: Place) -> None:
    [finding] = found(place, "flavor: bucket\nconfig:\n  path: p\n  key: {{aws.id}}  # mine\n")
    assert (finding.code, finding.line, finding.column) == ("SEC003", 4, 3)
    assert finding.fix is not None
    assert (finding.fix.path, finding.fix.value) == (("config", "key"), "{{aws.id}}")


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("{{aws}}", None),
        ("{{AWS.id}}", "{{aws.id}}"),
        ("{{aws.id}", "{{aws.id}}"),
        ("{{aws:id}}", "{{aws.id}}"),
        ("x {{", None),
        ("{{a.b}} {{aws/id}}", "{{a.b}} {{aws.id}}"),
    ],
)
def test_malformed_references(place: Place, text: str, mended: str | None) -> None:
    [finding] = found(place, f'flavor: bucket\nconfig:\n  path: p\n  key: "{text}"\n')
    assert (finding.code, finding.line) == ("SEC002", 4)
    assert (finding.fix.value if finding.fix else None) == mended


def test_a_malformed_reference_in_a_number_is_said_once(place: Place) -> None:
    [finding] = found(place, 'flavor: bucket\nconfig:\n  path: p\n  port: "{{aws}}"\n')
    assert finding.code == "SEC002"


def test_references_where_none_may_stand(place: Place) -> None:
    findings = found(
        place,
        'flavor: bucket\ndescription: "{{a.b}}"\nlabels: {t: "{{a.c}}"}\nconfig:\n  path: "s3://{{a.d}}"\n',
    )
    assert [(finding.code, finding.line) for finding in findings] == [
        ("SEC001", 2),
        ("SEC001", 3),
        ("SEC001", 5),
    ]
    assert "fields that may: key, port" in findings[2].message


def test_a_reference_in_an_unknown_field_is_an_unknown_field(place: Place) -> None:
    findings = found(place, 'flavor: bucket\nconfig:\n  path: p\n  kee: "{{a.b}}"\n  qqq: {{a.b}}\n')
    assert [(finding.code, finding.line) for finding in findings] == [("CFG001", 4), ("CFG001", 5)]
    assert findings[0].fix is not None
    assert findings[0].fix.value == {"path": "p", "key": "{{a.b}}", "qqq": {"{a.b}": None}}


def test_what_is_right_gives_nothing(place: Place) -> None:
    text = (
        'flavor: bucket\nconfig:\n  path: "{{{{a.b}}"\n  key: "x{{a.b}}y{{{{"\n  port: "{{a.port}}"\n'
        '  extra: {h: "{{ a.b }}"}\n'
    )
    assert found(place, text) == ()


def test_a_secrets_manager_that_refers_to_its_own_secrets(place: Place) -> None:
    [finding] = found(place, 'flavor: box\nconfig: {master: "{{a.b}}"}\n', Category.SECRETS_MANAGER)
    assert finding.code == "SEC007"


def test_a_broken_file_keeps_its_own_finding(place: Place) -> None:
    findings = found(place, "flavor: bucket\nconfig: {path: p}\nconfg: {}\n")
    assert [finding.code for finding in findings] == ["FIL003"]


def test_a_form_is_validated_before_it_is_saved(place: Place) -> None:
    found(place, "flavor: bucket\nconfig:\n  path: p\n  port: 80\n")
    snapshot = place.snapshot
    entry = snapshot.components[ComponentId(Category.ARTIFACT_STORE, "it")]
    draft = entry.value.model_copy(update={"config": {"path": "p", "port": "x", "mode": "fas"}})
    findings = validate_component(snapshot, place.registry, draft, entry)
    assert [finding.code for finding in findings] == ["CFG003", "CFG003"]
    assert {finding.line for finding in findings} == {2, 4}
    assert all(finding.fix is None for finding in findings)
    new = Component(category=Category.ALERTER, name="new", flavor="bell", config={"wait": "x"})
    [finding] = validate_component(snapshot, place.registry, new, None)
    assert (finding.code, finding.file, finding.subject) == ("CFG003", None, "alerter/new")


def test_a_flavor_that_breaks_and_is_mended_is_seen(place: Place) -> None:
    assert found(place, "flavor: folder\n") == ()
    place.write(
        "flavors/toys.py", "raise RuntimeError('not today')\n" + (place.root / "flavors/toys.py").read_text()
    )
    [finding] = found(place, "flavor: folder\n")
    assert finding.code == "FLV002"
    assert finding.file == place.root / "flavors" / "toys.py"
    assert finding.line == 1
    assert "not today" in finding.message
    place.delete("flavors/toys.py")
    [finding] = found(place, "flavor: folder\n")
    assert finding.code == "NAM002"
