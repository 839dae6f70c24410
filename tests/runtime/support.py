"""A workspace of toy flavors on disk, for the tests of runtime and validation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from stacktui.categories.flavor import FlavorRegistry
from stacktui.model.stack import ResolvedStack
from stacktui.runtime.build import LiveStack, open_stack
from stacktui.runtime.flavors import flavor_registry
from stacktui.runtime.inherit import resolve_stack
from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot
from tests.runtime.toys import TOYS

WHOLE = {
    "components/orchestrator/here.yaml": "flavor: here\n",
    "components/artifact_store/folder.yaml": "flavor: folder\n",
    "components/metadata_store/rows.yaml": "flavor: rows\n",
    "components/secrets_manager/box.yaml": "flavor: box\n",
    "stacks/base.yaml": (
        "components:\n  orchestrator: here\n  artifact_store: folder\n  metadata_store: rows\n"
        "  secrets_manager: box\n"
    ),
}
"""A stack in which nothing is wrong."""


class Place:
    """A workspace in a temporary folder."""

    def __init__(self, root: Path, files: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.write("stacktui.yaml", "version: 1\n")
        self.write("flavors/toys.py", TOYS)
        self.secrets({})
        (root / ".stacktui").mkdir()
        for name, text in {**WHOLE, **(files or {})}.items():
            self.write(name, text)
        self.workspace = Workspace.open(root)

    def write(self, name: str, text: str) -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def delete(self, name: str) -> None:
        target = self.root / name
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink()

    def secrets(self, values: Mapping[str, Mapping[str, str]]) -> None:
        self.write("box.json", json.dumps(values))

    @property
    def snapshot(self) -> WorkspaceSnapshot:
        return self.workspace.read()

    @property
    def registry(self) -> FlavorRegistry:
        return flavor_registry(self.root)

    def resolved(self, name: str = "base") -> ResolvedStack:
        stack, problems = resolve_stack(self.snapshot, name)
        assert stack is not None, problems
        return stack

    def live(self, name: str = "base") -> LiveStack:
        return open_stack(self.workspace, self.snapshot, self.registry, self.resolved(name))

    def closed(self) -> list[str]:
        """The names of the toys that were closed, in that order."""
        file = self.root / ".stacktui" / "closed"
        return file.read_text().split() if file.exists() else []
