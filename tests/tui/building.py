"""A workspace with a stack to build, and ways round in the stack builder. Used by its tests."""

from __future__ import annotations

from pathlib import Path

from stacktui.tui.screens.builder import BuilderScreen
from tests.tui.workbench import Bench, component, stack, workspace

NIGHTLY = """\
# what runs at night
extends: default
components:
  orchestrator: wide   # eight at once
  step_operator: [a100, subprocess]
"""
BASE = """\
extends: default
labels: {team: vision}
components:
  artifact_store: team
steps:
  fit: {retries: 2, resources: {gpu: 1}}
"""
PIPELINE = '''\
from stacktui import pipeline, step

@step
def load():
    """Reads the digits."""

@step
def fit(x): ...

@pipeline
def training():
    fit(load())
'''


def building(root: Path) -> Path:
    """The workspace: `nightly` extends `default`; `deep` extends `base`, which extends `default`."""
    made = workspace(root)
    component(made, "orchestrator", "wide", "local", "  max_workers: 8\n")
    component(made, "orchestrator", "greedy", "local", "  max_workers: 4000\n")
    component(made, "step_operator", "a100", "subprocess")
    component(made, "artifact_store", "team", "local", "  path: data/team\n")
    stack(made, "nightly", NIGHTLY)
    stack(made, "base", BASE)
    stack(made, "deep", "extends: base\ncomponents:\n  alerter: null\n")
    (made / "pipelines/training.py").write_text(PIPELINE)
    return made


async def build(bench: Bench, name: str, **params: object) -> BuilderScreen:
    """Open the builder on a stack."""
    await bench.settled()
    bench.app.open_place("builder", name, **params)
    await bench.wait_for(
        lambda: isinstance(bench.screen, BuilderScreen) and bench.screen.snapshot, "the builder"
    )
    await bench.settled()
    screen: BuilderScreen = bench.screen
    return screen


async def choose(bench: Bench, category: str, name: str = "") -> None:
    """Go to a slot, and on to a component of it."""
    screen: BuilderScreen = bench.screen
    screen.slots.focus()
    await bench.pilot.pause()
    assert screen.slots.move_to(category)
    await bench.wait_for(lambda: screen.snapshot and screen.snapshot.category == category, category)
    await bench.settled()
    if not name:
        return
    await bench.press("enter")
    await bench.wait_for(lambda: screen.candidates.has_focus, "the components")
    assert screen.candidates.move_to(f"{category}/{name}")
    await bench.pilot.pause()


async def go_to(bench: Bench, part: str) -> None:
    """Press tab until a part has the focus: slots, components, steps, findings or beside."""
    screen: BuilderScreen = bench.screen
    for _ in range(6):
        if screen.where == part:
            return
        await bench.press("tab")
        await bench.pilot.pause()
    assert screen.where == part
