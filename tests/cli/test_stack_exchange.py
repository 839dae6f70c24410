"""`stack export` and `stack import` as people and programs call them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from stacktui.workspace.scaffold import init_workspace
from tests.cli.conftest import Run
from tests.operations.exchanging import ZENML, files


@pytest.fixture
def other(tmp_path: Path) -> Path:
    folder = tmp_path / "other"
    init_workspace(folder)
    return folder


def test_a_stack_goes_through_a_pipe_from_one_workspace_to_another(
    stacktui: Run, root: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "stacks/nightly.yaml").write_text("# at night\nextends: default\ndescription: at night\n")
    exported = stacktui("stack", "export", "nightly")
    assert exported.code == 0
    assert exported.out.startswith("# A stack of stacktui")
    assert exported.err == ""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(exported.out.encode())))
    taken = stacktui("stack", "import", "-", "--name", "later", folder=other)
    assert taken.code == 0
    assert "= same         stack/default" in taken.out
    assert "wrote 1 file as one edit; stack later is ✓ valid" in taken.out
    assert "stacktui undo" in taken.err
    assert (other / "stacks/later.yaml").read_bytes() == (root / "stacks/nightly.yaml").read_bytes()
    listed = stacktui("stack", "list", "--json", folder=other).document
    assert {row["name"]: row["ok"] for row in listed["stacks"]} == {"default": True, "later": True}


def test_the_documents(stacktui: Run, root: Path, other: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.yaml"
    exported = stacktui("stack", "export", "-o", str(file), "--json").document
    assert (exported["version"], exported["stack"], exported["file"]) == (1, "default", str(file))
    assert exported["components"][0] == "orchestrator/local"
    taken = stacktui("stack", "import", str(file), "--name", "again", "--json", folder=other).document
    assert taken["version"] == 1
    assert (taken["source"], taken["stack"], taken["written"], taken["ok"]) == ("bundle", "again", True, True)
    assert taken["files"] == [{"file": "stacks/again.yaml", "action": "created"}]
    assert taken["conflicts"] == taken["secrets"] == []
    assert {row["outcome"] for row in taken["report"]} == {"same", "renamed"}
    assert json.loads(json.dumps(taken)) == taken


def test_a_zenml_file_is_reported_line_by_line(stacktui: Run, root: Path) -> None:
    before = files(root)
    looked = stacktui("stack", "import", str(ZENML / "list-0.84.yaml"), "--dry-run")
    assert looked.code == 0
    assert files(root) == before
    assert "from a file of ZenML 0.84.2" in looked.out
    assert "# comment      model_registry registry (mlflow)" in looked.out
    assert "+ filled in    secrets_manager/local" in looked.out
    assert "would write 2 files; stack prod-eu-west-1 would be ✗ not valid yet: 1 error" in looked.out
    done = stacktui("stack", "import", str(ZENML / "list-0.84.yaml"))
    assert done.code == 0
    assert "hunter2" not in done.out + done.err
    assert stacktui("stack", "validate", "prod-eu-west-1").code == 1


def test_conflicts_are_one_line_with_the_choice_and_exit_code_1(
    stacktui: Run, root: Path, other: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out.yaml"
    stacktui("stack", "export", "-o", str(file))
    (other / "components/alerter/inbox.yaml").write_text("flavor: local\ndescription: another\n")
    before = files(other)
    refused = stacktui("stack", "import", str(file), folder=other)
    assert refused.code == 1
    assert refused.out == ""
    assert refused.err.count("\n") == 1
    assert "this workspace has another alerter/inbox" in refused.err
    assert "--on-conflict rename, keep or replace" in refused.err
    looked = stacktui("stack", "import", str(file), "--dry-run", folder=other)
    assert looked.code == 1
    assert "✗ conflict     alerter/inbox" in looked.out
    assert files(other) == before
    assert stacktui("stack", "import", str(file), "--on-conflict", "keep", folder=other).code == 0


@pytest.mark.parametrize("words", [("missing.yaml",), ("-",), ("x", "--on-conflict", "burn")])
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    stacktui: Run, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    answer = stacktui("stack", "import", *words)
    assert answer.code == 2
    assert answer.err.count("\n") == 1


def test_a_read_only_session_looks_and_does_not_write(stacktui: Run, root: Path) -> None:
    before = files(root)
    file = str(ZENML / "flat-0.12.yaml")
    assert stacktui("--readonly", "stack", "import", file).code == 2
    assert stacktui("--readonly", "stack", "import", file, "--dry-run").code == 0
    assert stacktui("--readonly", "stack", "export").code == 0
    assert files(root) == before
