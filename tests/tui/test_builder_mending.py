"""Every fix that a finding about a stack offers also mends a draft of that stack, before anything is saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stacktui.model.stack import Stack
from stacktui.tui.snapshots.builder_edits import mended
from stacktui.validation.validate import validate_draft
from tests.runtime.support import Place
from tests.validation.test_fixes import CASES

_OF_STACKS = [name for name, (file, _, _) in CASES.items() if file == "stacks/x.yaml"]


def _stack(text: str) -> Stack:
    return Stack.model_validate({"name": "x", **(yaml.safe_load(text) or {})})


@pytest.mark.parametrize("saved", ["as something else", "not at all"])
@pytest.mark.parametrize("case", _OF_STACKS)
def test_a_fix_mends_the_draft(case: str, saved: str, tmp_path: Path) -> None:
    _, text, expected = CASES[case]
    if saved == "not at all" and case.startswith(("STK002", "STK003")):
        pytest.skip("a parent is chosen from those that there are")
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
    if saved == "as something else":
        place.write("stacks/x.yaml", "description: d\nextends: base\nlabels: {a: b}\n")
    code = case.partition(" ")[0]
    draft = _stack(text)
    [finding] = [
        one
        for one in validate_draft(place.snapshot, place.registry, draft, mends_draft=True)
        if one.code == code
    ]
    assert finding.fix is not None
    assert finding.fix.file == place.workspace.stack_file("x")
    better = mended(draft, finding.fix)
    after = validate_draft(place.snapshot, place.registry, better, mends_draft=True)
    assert code not in [one.code for one in after]
    assert expected is not None
    assert better == _stack(expected)
