"""A big workspace for the benchmarks: components, stacks, and a store with many runs."""

from __future__ import annotations

from pathlib import Path

from stacktui.model.category import Category
from stacktui.workspace.scaffold import init_workspace

FLAVOR = {Category.METADATA_STORE: "sqlite", Category.STEP_OPERATOR: "subprocess"}


def make_workspace(root: Path, *, components: int, stacks: int) -> Path:
    """An initialised workspace with so many more components and stacks, spread over the categories."""
    init_workspace(root)
    for number in range(components):
        category = list(Category)[number % 10]
        folder = root / "components" / category
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"c{number:05d}.yaml").write_text(
            f"flavor: {FLAVOR.get(category, 'local')}\ndescription: number {number}\nlabels: {{team: t{number % 7}}}\n"
        )
    for number in range(stacks):
        (root / "stacks" / f"s{number:04d}.yaml").write_text(
            "extends: default\n"
            f"description: stack {number}\n"
            f"components:\n  orchestrator: c{number % max(components, 1) // 10 * 10:05d}\n"
            if components
            else f"extends: default\ndescription: stack {number}\n"
        )
    return root


def database(root: Path) -> Path:
    """Where the default metadata store of a workspace keeps its file."""
    return root / ".stacktui" / "metadata.db"
