"""The shipped pre-commit hooks, run as pre-commit runs them: by the manifest, from the root of the team's repository."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacktui.workspace.scaffold import init_workspace

MANIFEST = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
HOOKS: dict[str, dict[str, Any]] = {hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text("utf-8"))}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two workspaces below its root, all of it committed but for nothing."""
    root = tmp_path / "repo"
    init_workspace(root / "ml" / "vision")
    init_workspace(root / "ranking")
    (root / "stacks").mkdir()
    (root / "stacks" / "docker.yaml").write_text("services:   {b: 1}\n\n\n")
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def run_hook(id_: str, repository: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a hook over all files; `args` are those of the team's configuration."""
    hook = HOOKS[id_]
    files: list[str] = []
    if hook.get("pass_filenames", True):
        subprocess.run(["git", "add", "-A"], cwd=repository, check=True)
        listed = subprocess.run(
            ["git", "ls-files"], cwd=repository, check=True, capture_output=True, text=True
        ).stdout.split()
        files = [name for name in listed if re.search(hook["files"], name) and (repository / name).is_file()]
        assert files
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*shlex.split(hook["entry"]), *args, *files],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PATH": path, "PRE_COMMIT": "1"},
    )


def changed(repository: Path) -> list[str]:
    done = subprocess.run(
        ["git", "diff", "--name-only"], cwd=repository, check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_the_manifest_is_one_that_pre_commit_takes() -> None:
    assert set(HOOKS) == {"stacktui-validate", "stacktui-fmt"}
    for hook in HOOKS.values():
        assert {"id", "name", "entry", "language"} <= hook.keys()
        assert hook["language"] == "python"
        assert hook["entry"].startswith("stacktui ")
        re.compile(hook.get("files", ""))


def test_the_names_of_files_that_the_form_is_for() -> None:
    pattern = HOOKS["stacktui-fmt"]["files"]
    for name in ("stacktui.yaml", "ml/stacktui.yaml", "stacks/a.yaml", "ml/components/alerter/oncall.yaml"):
        assert re.search(pattern, name), name
    for name in ("mystacktui.yaml", "stacks/a.yml", "stacks/deep/a.yaml", "keymap.yaml", "components/a.yaml"):
        assert not re.search(pattern, name), name


def test_what_is_right_passes(repository: Path) -> None:
    for id_ in HOOKS:
        done = run_hook(id_, repository)
        assert done.returncode == 0, done.stdout + done.stderr
    assert changed(repository) == []


def test_what_the_rules_find_fails_the_commit_and_names_the_file_from_the_root(repository: Path) -> None:
    (repository / "ml" / "vision" / "stacks" / "prod.yaml").write_text(
        "extends: default\ncomponents:\n  orchestrator: nobody\n"
    )
    done = run_hook("stacktui-validate", repository)
    assert done.returncode == 1
    assert "ml/vision/stacks/prod.yaml:3" in done.stdout
    assert "NAM001" in done.stdout
    assert "ranking is valid" in done.stdout


def test_a_deleted_component_fails_the_commit_though_no_file_names_it(repository: Path) -> None:
    (repository / "ranking" / "components" / "alerter" / "inbox.yaml").unlink()
    done = run_hook("stacktui-validate", repository)
    assert done.returncode == 1
    assert "ranking/stacks/default.yaml" in done.stdout


def test_a_team_s_arguments_come_behind_the_entry(repository: Path) -> None:
    (repository / "ranking" / "components" / "alerter" / "inbox.yaml").unlink()
    assert run_hook("stacktui-validate", repository, "--strict", "ml/vision").returncode == 0
    assert run_hook("stacktui-fmt", repository, "--check").returncode == 0


def test_fmt_writes_what_is_not_in_form_and_leaves_what_is_not_ours(repository: Path) -> None:
    file = repository / "ml" / "vision" / "stacks" / "prod.yaml"
    file.write_text("components: {}  # none\nextends: default\n")
    broken = repository / "ranking" / "stacks" / "broken.yaml"
    broken.write_text("extends: [\n")
    done = run_hook("stacktui-fmt", repository)
    assert file.read_text() == "extends: default\ncomponents: {}  # none\n"
    assert changed(repository) == ["ml/vision/stacks/prod.yaml"]
    # Pre-commit fails where files changed; what cannot be read fails by itself.
    assert done.returncode == 1
    assert "ranking/stacks/broken.yaml" in done.stderr
    assert broken.read_text() == "extends: [\n"
    assert (repository / "stacks" / "docker.yaml").read_text() == "services:   {b: 1}\n\n\n"
    broken.unlink()
    assert run_hook("stacktui-fmt", repository).returncode == 0


def test_a_repository_without_a_workspace_says_so(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    done = run_hook("stacktui-validate", tmp_path)
    assert done.returncode == 2
    assert "stacktui init" in done.stderr
