"""Every fix that a finding offers does what it says: applied to the file, its finding is gone and nothing else changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.diagnostic import Diagnostic
from stacktui.validation.validate import validate_workspace
from stacktui.workspace.changes import apply_change
from stacktui.workspace.edits import apply_fix
from tests.runtime.support import Place

CASES = {
    "STK002 near": ("stacks/x.yaml", "# why\nextends: bsae\n", "# why\nextends: base\n"),
    "STK002 far": ("stacks/x.yaml", "extends: qqqqqq\ndescription: d\n", "description: d\n"),
    "STK003": ("stacks/x.yaml", "description: d # kept\nextends: x\n", "description: d # kept\n"),
    "STK004": (
        "stacks/x.yaml",
        "components:\n  orchestrator: here # mine\n  metadata_store: rows\n",
        "components:\n  orchestrator: here # mine\n  metadata_store: rows\n  artifact_store: folder\n",
    ),
    "STK005": (
        "stacks/x.yaml",
        "extends: base\ncomponents:\n  artifact_store: null\n  alerter: [bell]\n",
        "extends: base\ncomponents:\n  alerter: [bell]\n",
    ),
    "STK006": (
        "stacks/x.yaml",
        "extends: base\ncomponents:\n  orchestrator: [here, other] # one\n",
        "extends: base\ncomponents:\n  orchestrator: here # one\n",
    ),
    "STK007": (
        "stacks/x.yaml",
        "extends: base\ncomponents:\n  alerter:\n    - bell # loud\n    - bell\n",
        "extends: base\ncomponents:\n  alerter:\n    - bell # loud\n",
    ),
    "STK008": (
        "stacks/x.yaml",
        "extends: base\ncomponents: {step_operator: [near]}\nsteps:\n  fit:\n    step_operator: naer # q\n",
        "extends: base\ncomponents: {step_operator: [near]}\nsteps:\n  fit:\n    step_operator: near # q\n",
    ),
    "STK009": (
        "stacktui.yaml",
        "version: 1\ndefault_stack: bsae # d\n",
        "version: 1\ndefault_stack: base # d\n",
    ),
    "NAM001": (
        "stacks/x.yaml",
        "extends: base\ncomponents:\n  orchestrator: heer # q\n",
        "extends: base\ncomponents:\n  orchestrator: here # q\n",
    ),
    "NAM001 list": (
        "stacks/x.yaml",
        "extends: base\ncomponents:\n  alerter: [secretive, blel]\n",
        "extends: base\ncomponents:\n  alerter: [secretive, bell]\n",
    ),
    "NAM002": ("components/artifact_store/x.yaml", "flavor: foldre # f\n", "flavor: folder # f\n"),
    "CFG001 near": (
        "components/artifact_store/x.yaml",
        "flavor: bucket\nconfig:\n  # the place\n  pth: s3://x # p\n  mode: fast # m\n",
        None,
    ),
    "CFG001 far": (
        "components/artifact_store/x.yaml",
        "flavor: bucket\nconfig:\n  path: p # p\n  qqqqqq: 1\n",
        "flavor: bucket\nconfig:\n  path: p # p\n",
    ),
    "CFG003": (
        "components/artifact_store/x.yaml",
        "flavor: bucket\nconfig:\n  path: p\n  mode: carefl # m\n",
        "flavor: bucket\nconfig:\n  path: p\n  mode: careful # m\n",
    ),
    "SEC002": (
        "components/artifact_store/x.yaml",
        'flavor: bucket\nconfig:\n  path: p\n  key: "{{AWS.id}}" # k\n',
        'flavor: bucket\nconfig:\n  path: p\n  key: "{{aws.id}}" # k\n',
    ),
    "SEC003": (
        "components/artifact_store/x.yaml",
        "flavor: bucket\nconfig:\n  path: p\n  key: {{aws.id}} # k\n",
        'flavor: bucket\nconfig:\n  path: p\n  key: "{{aws.id}}" # k\n',
    ),
    "SEC004": (
        "stacks/x.yaml",
        "extends: base\ncomponents:\n  alerter: [secretive]\n  secrets_manager: null # none\n",
        "extends: base\ncomponents:\n  alerter: [secretive]\n  secrets_manager: box # none\n",
    ),
}


def found(place: Place, code: str, file: Path) -> list[Diagnostic]:
    findings = validate_workspace(place.snapshot, place.registry)
    return [finding for finding in findings if finding.code == code and finding.file == file]


@pytest.mark.parametrize("case", CASES)
def test_a_fix_mends_what_its_finding_is_about(case: str, tmp_path: Path) -> None:
    name, text, expected = CASES[case]
    place = Place(
        tmp_path,
        {
            "components/alerter/bell.yaml": "flavor: bell\n",
            "components/alerter/secretive.yaml": 'flavor: bell\nconfig: {token: "{{a.b}}"}\n',
            "components/orchestrator/other.yaml": "flavor: here\n",
            "components/step_operator/near.yaml": "flavor: near\n",
        },
    )
    if case == "STK004":
        place.delete("components/orchestrator/other.yaml")
    place.secrets({"aws": {"id": "v"}, "a": {"b": "v"}})
    file = place.write(name, text)
    code = case.partition(" ")[0]
    [finding] = found(place, code, file)
    assert finding.fix is not None
    change = apply_fix(place.workspace, finding.fix)
    apply_change(place.workspace, change)
    assert found(place, code, file) == []
    if expected is not None:
        assert file.read_text().replace("'", '"') == expected
    else:
        assert "mode: fast # m" in file.read_text()
        assert "path: s3://x" in file.read_text()
