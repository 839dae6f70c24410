"""One save, between two marks that a trace of its system calls shows: `saves.py KIND WORKSPACE`. Used by `test_failing_writes`.

It says `saved`, or the error in the line that the command line would say, and ends with 0 or 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from stacktui.categories.base import Surroundings
from stacktui.cli.errors import report
from stacktui.cli.terminal import Out
from stacktui.flavors.local.artifact_store import LocalArtifactStore
from stacktui.pipelines.materializers import save
from stacktui.workspace.changes import Change, FileEdit, apply_change
from stacktui.workspace.workspace import Workspace

BEGIN, END = "/save-begins-here", "/save-ends-here"
NEW = b"flavor: local\nconfig: {path: other}\n" + b"# much to write\n" * 500


def config(workspace: Path) -> Callable[[], object]:
    """Change one file, and make another."""
    place = Workspace.open(workspace)
    one = workspace / "components/artifact_store/local.yaml"
    other = workspace / "components/artifact_store/other.yaml"
    edits = (FileEdit(one, one.read_bytes(), NEW), FileEdit(other, None, NEW))
    change = Change("change one, make one", edits)
    return lambda: apply_change(place, change)


def several(workspace: Path) -> Callable[[], object]:
    """Change two files, one of them the settings, make one in a new folder, delete one: as a rename does."""
    place = Workspace.open(workspace)
    change = Change("rename", several_edits(workspace))
    return lambda: apply_change(place, change)


def several_edits(workspace: Path) -> tuple[FileEdit, ...]:
    """The edits of `several`, on a workspace as it is before."""
    return tuple(FileEdit(workspace / name, old, new) for name, (old, new) in SEVERAL.items())


SEVERAL: dict[str, tuple[bytes | None, bytes | None]] = {
    "stacktui.yaml": (b"version: 1\n", b"version: 1\ndefault_stack: other\n"),
    "components/artifact_store/local.yaml": (b"flavor: local # as it was\n", NEW),
    "components/alerter/other.yaml": (None, b"flavor: local\n"),
    "stacks/default.yaml": (b"description: x\n", None),
    "stacks/other.yaml": (None, b"description: x\ncomponents: {alerter: other}\n"),
}
"""Old and new content of what `several` changes."""


def _store(workspace: Path) -> LocalArtifactStore:
    around = Surroundings(
        name="local", workspace=workspace, state=workspace / ".stacktui", user_data=workspace / "user"
    )
    return LocalArtifactStore(LocalArtifactStore.Config(), around)


def value(workspace: Path) -> Callable[[], object]:
    """Keep a value, as a step's output is kept."""
    store = _store(workspace)
    content = {"rows": list(range(2000))}
    # What is imported when it is first needed is here, before the marks.
    save(1, store, name="output", scratch=workspace / "scratch")
    return lambda: save(content, store, name="output", scratch=workspace / "scratch")


def folder(workspace: Path) -> Callable[[], object]:
    """Keep a folder."""
    store = _store(workspace)
    made = workspace / "made"
    save(workspace / "components", store, name="output", scratch=workspace / "scratch")
    return lambda: save(made, store, name="output", scratch=workspace / "scratch")


def main(kind: str, workspace: Path) -> int:
    """Prepare, mark, save, mark."""
    (workspace / "scratch").mkdir(mode=0o700, exist_ok=True)
    act = {"config": config, "several": several, "value": value, "folder": folder}[kind](workspace)
    out = Out(sys.stderr)
    os.access(BEGIN, os.F_OK)
    try:
        act()
    except Exception as error:
        os.access(END, os.F_OK)
        report(error, out)
        return 1
    os.access(END, os.F_OK)
    print("saved")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
