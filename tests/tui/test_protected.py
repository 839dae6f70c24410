"""Protected stacks in the workbench: what changes one asks for the name after its diff, and nothing is written before."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.tui.dialogs.simple import NameDialog
from tests.tui.workbench import Bench, component, stack, workbench, workspace


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    folder = workspace(tmp_path / "team")
    stack(folder, "base", "extends: default\n")
    stack(folder, "prod", "extends: base\nprotected: true\ncomponents: {alerter: [oncall]}\n")
    component(folder, "alerter", "oncall", "local")
    return folder


async def types_the_name(bench: Bench, name: str, file: Path) -> None:
    """A wrong name is refused, esc writes nothing, the right one goes on."""
    before = file.read_bytes()
    await bench.wait_for(lambda: isinstance(bench.screen, NameDialog), "the question for the name")
    await bench.types("wrong")
    await bench.press("enter")
    await bench.sees(f"that is not {name}")
    assert file.read_bytes() == before
    await bench.press(*["backspace"] * 5)
    await bench.types(name)
    await bench.press("enter")


async def test_a_component_that_fills_it_asks_for_its_name(root: Path) -> None:
    file = root / "components" / "alerter" / "oncall.yaml"
    async with workbench(root) as bench:
        await bench.press("0")
        await bench.sees("› alerters", "oncall")
        await bench.settled()
        bench.screen.focus_on("oncall")
        await bench.settled()
        await bench.press("e")
        await bench.sees("description")
        await bench.types("who is on duty")
        await bench.press("ctrl+s")
        await bench.sees("+description: who is on duty")
        await bench.press("enter")
        await bench.sees("alerter 'oncall' fills the protected stack prod")
        await types_the_name(bench, "prod", file)
        await bench.wait_for(lambda: "who is on duty" in file.read_text(), "the file")


async def test_a_component_of_other_stacks_does_not_ask(root: Path) -> None:
    file = component(root, "alerter", "other", "local")
    async with workbench(root) as bench:
        await bench.press("0")
        await bench.sees("› alerters", "other")
        await bench.settled()
        bench.screen.focus_on("other")
        await bench.settled()
        await bench.press("e")
        await bench.sees("description")
        await bench.types("free")
        await bench.press("ctrl+s")
        await bench.sees("+description: free")
        await bench.press("enter")
        await bench.wait_for(lambda: "free" in file.read_text(), "the file")


@pytest.mark.parametrize(
    ("name", "why"),
    [("prod", "stack 'prod' is protected"), ("base", "is a parent of the protected stack prod")],
)
async def test_the_builder_asks_for_the_stack_s_name(root: Path, name: str, why: str) -> None:
    file = root / "stacks" / f"{name}.yaml"
    async with workbench(root) as bench:
        bench.app.open_place("builder", name)
        await bench.sees(f"builder {name}")
        await bench.settled()
        await bench.press("minus")
        await bench.settled()
        await bench.press("ctrl+s")
        await bench.sees("+++ b/stacks")
        await bench.press("enter")
        await bench.sees(why)
        await types_the_name(bench, "prod", file)
        await bench.wait_for(lambda: "orchestrator" in file.read_text(), "the file")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("stack edit prod --description new", "prod"),
        ("stack edit base --description new", "base"),
        ("component edit alerter oncall --description new", "oncall"),
    ],
)
async def test_a_typed_command_asks_in_a_dialog_too(root: Path, line: str, name: str) -> None:
    folder = root / ("components/alerter" if name == "oncall" else "stacks")
    file = folder / f"{name}.yaml"
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types(line)
        await bench.press("enter")
        await types_the_name(bench, "prod", file)
        await bench.sees("+description: new")
        await bench.press("enter")
        await bench.wait_for(lambda: "description: new" in file.read_text(), "the file")


async def test_a_fix_asks_too(root: Path) -> None:
    file = stack(root, "prod", "extends: base\nprotected: true\ncomponents: {alerter: [oncal]}\n")
    async with workbench(root) as bench:
        await bench.press("p")
        await bench.sees("did you mean")
        await bench.settled()
        await bench.press("f")
        await bench.sees("+components: {alerter: [oncall]}")
        await bench.press("enter")
        await bench.sees("stack 'prod' is protected")
        await types_the_name(bench, "prod", file)
        await bench.wait_for(lambda: "[oncall]" in file.read_text(), "the file")
