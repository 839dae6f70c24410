"""An import at a real terminal: missing secrets are asked for without an echo, and each may be left for later."""

from __future__ import annotations

from pathlib import Path

from stacktui.operations.session import Session
from tests.operations.exchanging import OWN_FLAVORS
from tests.operations.support import do
from tests.terminal.conftest import command
from tests.terminal.pseudo import Terminal

ZENML = """\
stack_name: prod
zenml_version: 0.84.2
components:
  orchestrator: [{name: local, type: orchestrator, flavor: local, configuration: {}}]
  artifact_store: [{name: bucket, type: artifact_store, flavor: s3, configuration:
    {path: "s3://b", key: "{{aws.id}}", secret: "{{aws.key}}"}}]
"""


def test_what_is_missing_is_typed_without_an_echo(root: Path) -> None:
    (root / "flavors").mkdir()
    (root / "flavors/team.py").write_text(OWN_FLAVORS)
    file = root.parent / "zenml.yaml"
    file.write_text(ZENML)
    with Terminal([*command(root), "stack", "import", str(file)]) as terminal:
        terminal.wait_for("aws.id, for artifact_store/bucket key (enter leaves it for later):")
        terminal.press("typed-at-the-terminal", "enter")
        terminal.wait_for("aws.key, for artifact_store/bucket secret")
        terminal.press("enter")
        assert terminal.wait_exit() == 0
        terminal.wait_for("set now")
        assert b"typed-at-the-terminal" not in terminal.output
        assert "stacktui --stack prod secret set aws key" in terminal.text
    with Session(root, stack="prod") as session:
        assert do(session, "secret reveal", name="aws", key="id").value == "typed-at-the-terminal"


def test_ctrl_c_at_a_question_leaves_the_rest_for_later(root: Path) -> None:
    (root / "flavors").mkdir()
    (root / "flavors/team.py").write_text(OWN_FLAVORS)
    file = root.parent / "zenml.yaml"
    file.write_text(ZENML)
    with Terminal([*command(root), "stack", "import", str(file)]) as terminal:
        terminal.wait_for("aws.id, for artifact_store/bucket key")
        terminal.press("ctrl+c")
        assert terminal.wait_exit() == 0
        terminal.wait_for("(1 more)")
        assert "aws.key, for" not in terminal.text
    assert (root / "stacks/prod.yaml").exists()
