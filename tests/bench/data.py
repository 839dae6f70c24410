"""Big workspaces for the benchmarks: components, stacks, and a store with many runs. Each is made when first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from stacktui.categories.base import Surroundings
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.category import Category
from stacktui.workspace.scaffold import init_workspace
from tests.stores.generate import fill

FLAVOR = {Category.METADATA_STORE: "sqlite", Category.STEP_OPERATOR: "subprocess"}


class BigWorkspaces:
    """The workspaces of one benchmark, under a folder of its own."""

    def __init__(self, folder: Path, large_runs: int) -> None:
        self.folder = folder
        self._large_runs = large_runs

    @cached_property
    def usual(self) -> Path:
        """1,000 components, 100 stacks, 100,000 runs."""
        return make_workspace(self.folder / "usual", components=1_000, stacks=100, runs=100_000)

    @cached_property
    def large(self) -> Path:
        """10,000 components, 100 stacks, and as many runs as the command line says."""
        return make_workspace(self.folder / "large", components=10_000, stacks=100, runs=self._large_runs)

    @cached_property
    def small(self) -> Path:
        """What `init` makes, with no runs: where chains of steps run."""
        return make_workspace(self.folder / "small", components=0, stacks=0, runs=0)

    def facts(self) -> str:
        """What the rows were measured on, in words."""
        return (
            "1,000 components, 100 stacks, 100,000 runs; keys, bytes and runs list: "
            f"10,000 components, {self._large_runs:,} runs"
        )


def open_store(root: Path) -> SqliteMetadataStore:
    """The default metadata store of a workspace, for writing to it from outside."""
    around = Surroundings("local", root, root / ".stacktui", root / ".stacktui")
    return SqliteMetadataStore(SqliteMetadataStoreConfig(), around)


def make_workspace(root: Path, *, components: int, stacks: int, runs: int) -> Path:
    """An initialised workspace with so many more components and stacks, spread over the categories, and runs."""
    init_workspace(root)
    categories = list(Category)
    for number in range(components):
        category = categories[number % len(categories)]
        folder = root / "components" / category
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"c{number:05d}.yaml").write_text(
            f"flavor: {FLAVOR.get(category, 'local')}\n"
            f"description: number {number}\n"
            f"labels: {{team: t{number % 7}}}\n"
        )
    for number in range(stacks):
        lines = ["extends: default", f"description: stack {number}"]
        if components:
            # The components of the first category are those whose number is a multiple of ten.
            chosen = number * len(categories) % components
            lines += ["components:", f"  {categories[0]}: c{chosen:05d}"]
        (root / "stacks" / f"s{number:04d}.yaml").write_text("\n".join(lines) + "\n")
    if runs:
        database = root / ".stacktui" / "metadata.db"
        database.parent.mkdir(mode=0o700, exist_ok=True)
        fill(database, runs)
    return root
