"""A new workspace: `stacktui.yaml`, the ten embedded components, a stack of them all, and a pipeline that runs.

Used by `stacktui init`. What is there already stays as it is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from stacktui.categories.homes import from_home
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.workspace.edits import schema_line
from stacktui.workspace.files import stage_file, sync_folder
from stacktui.workspace.locate import ROOT_FILE
from stacktui.workspace.state import STATE_DIR


class _Embedded(NamedTuple):
    """One component that works with no server."""

    name: str
    flavor: str
    description: str
    config: str
    """The config as comments: every field stands at its default."""


_EMBEDDED: dict[Category, _Embedded] = {
    Category.ORCHESTRATOR: _Embedded(
        "local",
        "local",
        "worker processes on this host",
        "# max_workers: 1           # how many steps run at the same time",
    ),
    Category.ARTIFACT_STORE: _Embedded(
        "local",
        "local",
        "a folder on this host",
        "# path: data/artifacts     # relative to the workspace; without it, artifacts/ in the state folder",
    ),
    Category.METADATA_STORE: _Embedded(
        "local",
        "sqlite",
        "runs, steps and metrics in one SQLite file",
        "# path: data/metadata.db   # relative to the workspace; without it, metadata.db in the state folder\n"
        "# busy_timeout: 30s        # how long a write waits for others",
    ),
    Category.CONTAINER_REGISTRY: _Embedded(
        "local",
        "local",
        "images as OCI layouts in a folder, no engine needed",
        "# path: data/images        # relative to the workspace; without it, images/ in the state folder\n"
        "# platform: linux/amd64    # what images are built for",
    ),
    Category.SECRETS_MANAGER: _Embedded(
        "local",
        "local",
        "an encrypted file; its key stays in your own data folder",
        "# Set one with `stacktui secret set NAME KEY`, and refer to it in any component's config in quotes:\n"
        '# key: "{{NAME.KEY}}"',
    ),
    Category.STEP_OPERATOR: _Embedded(
        "subprocess",
        "subprocess",
        "a fresh interpreter for a step, with limits on time and memory",
        "# max_concurrent: 4        # how many steps run at the same time\n"
        "# environment: {OMP_NUM_THREADS: '1'}",
    ),
    Category.MODEL_DEPLOYER: _Embedded(
        "local",
        "local",
        "one HTTP process a model, on loopback",
        "# first_port: 8123         # the range of ports that models get\n"
        "# last_port: 8999\n"
        "# concurrency: 1           # how many predictions one server computes at a time",
    ),
    Category.FEATURE_STORE: _Embedded(
        "local",
        "local",
        "feature views over Parquet and CSV files",
        "# views:\n"
        "#   - name: customer_stats\n"
        "#     join_keys: [customer_id]\n"
        "#     source: data/customer_stats-*.parquet\n"
        "#     timestamp: observed_at\n"
        "#     ttl: 7d\n"
        "#     features: [orders_30d, basket_mean]",
    ),
    Category.EXPERIMENT_TRACKER: _Embedded(
        "local", "local", "parameters, metrics and curves, kept in the metadata store", ""
    ),
    Category.ALERTER: _Embedded(
        "inbox", "local", "the workbench's inbox, a toast and the terminal's bell", ""
    ),
}

_SETTINGS = """\
version: 1
default_stack: default      # in force where a checkout has not chosen another
pipelines: [pipelines]      # folders and files that hold pipelines
# state: ~/stacktui-state   # where runs and artifacts are kept instead of .stacktui, on a local disk
# theme: stacktui-dark      # for everyone who has not chosen one
"""

_HELLO = '''\
"""A first pipeline. Run it with `stacktui run pipelines/hello.py:hello`, or press `n` in the workbench."""

from stacktui import pipeline, step


@step
def measure(count: int = 12) -> list[float]:
    """Some numbers to work with."""
    return [round((index * 7919 % 101) / 10, 1) for index in range(count)]


@step
def summarize(values: list[float]) -> dict[str, float]:
    """Their extent and their mean."""
    return {"least": min(values), "most": max(values), "mean": round(sum(values) / len(values), 3)}


@step
def report(summary: dict[str, float], name: str = "world") -> str:
    """A line for the log."""
    line = f"Hello {name}: " + ", ".join(f"{key} {value}" for key, value in summary.items())
    print(line)
    return line


@pipeline
def hello(name: str = "world", count: int = 12):
    """Measure, summarize, report."""
    report(summarize(measure(count=count)), name=name)
'''


def init_workspace(folder: Path) -> list[Path]:
    """Make `folder` a workspace; returns the files that were made, or added to. A second call makes none.

    No file that exists is overwritten; `.gitignore` gets one line if it does not have it. A workspace that has
    components or stacks of its own gets no others. Raises OSError if something cannot be written.
    """
    folder = from_home(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    files: dict[str, str] = {}
    # A workspace whose team has chosen its components is not refilled with those that it deleted.
    if not (folder / ROOT_FILE).exists() or not (folder / "components").exists():
        for category, embedded in _EMBEDDED.items():
            files[f"components/{category}/{embedded.name}.yaml"] = _component_text(category, embedded)
        files["stacks/default.yaml"] = _stack_text()
        files["pipelines/hello.py"] = _HELLO
    files[ROOT_FILE] = schema_line("workspace", 0) + _SETTINGS
    made = [folder / name for name, text in files.items() if _make(folder / name, text)]
    if _ignore_state(folder / ".gitignore"):
        made.append(folder / ".gitignore")
    return made


def default_components() -> dict[Category, str]:
    """The names of the components that a new workspace has."""
    return {category: embedded.name for category, embedded in _EMBEDDED.items()}


def embedded_component(category: Category) -> tuple[Component, str]:
    """The component of a category that works with no server, and the text of its file as a new workspace has it."""
    embedded = _EMBEDDED[category]
    component = Component(
        category=category, name=embedded.name, flavor=embedded.flavor, description=embedded.description
    )
    return component, _component_text(category, embedded)


def _component_text(category: Category, embedded: _Embedded) -> str:
    text = schema_line(f"component.{category}", 2)
    text += f"flavor: {embedded.flavor}\ndescription: {embedded.description}\n"
    if not embedded.config:
        return text
    lines = "".join(f"  {line}\n" for line in embedded.config.split("\n"))
    return f"{text}config:\n{lines}"


def _stack_text() -> str:
    lines = [f"  {category}: {_slot(category, embedded.name)}\n" for category, embedded in _EMBEDDED.items()]
    return (
        f"{schema_line('stack', 1)}description: everything on this host, no server needed\ncomponents:\n"
        + "".join(lines)
    )


def _slot(category: Category, name: str) -> str:
    return f"[{name}]" if category.many else name


def _make(file: Path, text: str) -> bool:
    """Write a new file; False if there is one, which stays as it is."""
    if os.path.lexists(file):
        return False
    for folder in reversed([file.parent, *file.parent.parents]):
        if not folder.exists():
            folder.mkdir(mode=0o700)
    staged = stage_file(file, text.encode())
    try:
        file.hardlink_to(staged)
    except FileExistsError:
        return False
    except OSError:
        # A file system without hard links.
        staged.replace(file)
    finally:
        staged.unlink(missing_ok=True)
    sync_folder(file.parent)
    return True


def _ignore_state(file: Path) -> bool:
    """Have git ignore the state; whether that took a line."""
    try:
        present = file.read_bytes()
    except FileNotFoundError:
        return _make(file, f"{STATE_DIR}/\n")
    rules = {line.strip().strip(b"/") for line in present.splitlines()}
    if STATE_DIR.encode() in rules:
        return False
    eol = b"\r\n" if b"\r\n" in present else b"\n"
    start = b"" if not present or present.endswith(b"\n") else eol
    with file.open("ab") as out:
        out.write(start + f"{STATE_DIR}/".encode() + eol)
    return True
