"""Read-only mode on screen: every key that leads to something that writes says so, is greyed with the reason, and does
nothing."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding

from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore
from stacktui.model.category import Category
from stacktui.operations.table import all_operations
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.keys import facts_of, known_facts
from stacktui.tui.panes.base import Pane
from stacktui.tui.panes.registry import pane_of
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.screens.registry import PLACES, load_all
from tests.tui.workbench import Bench, workbench, workspace

WRITING = {name for name, operation in all_operations().items() if operation.writes}
WRITERS = {"accept", "apply", "save", "save_fix", "save_setting", "open_in_editor"}
"""Functions that write, or open what is there only for that."""


def views() -> list[type[Any]]:
    """Every screen and pane."""
    for category in Category:
        pane_of(category)
    found: list[type[Any]] = []
    waiting: list[type[Any]] = [*load_all(), WorkbenchScreen, Pane]
    while waiting:
        each = waiting.pop()
        if each not in found and not issubclass(each, Dialog):
            found.append(each)
            waiting += each.__subclasses__()
    return found


def leads_to(view: type[Any], action: str) -> set[str]:
    """The writing operations, writers and places that an action's method names, and those that it calls name."""
    name, _, argument = action.partition("(")
    argument = argument.rstrip(")")
    if name == "operation":
        return {ast.literal_eval(argument)} & WRITING
    if name == "go":
        place = PLACES[ast.literal_eval(argument)]
        return {place.title} if place.writes else set()
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [f"action_{name}"]
    while waiting:
        method = getattr(view, waiting.pop(), None)
        if method is None or method.__qualname__ in seen or not method.__module__.startswith("stacktui.tui"):
            continue
        seen.add(method.__qualname__)
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method)))):
            found |= _named(node)
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "self"
            ):
                attribute = getattr(view, node.attr, None)
                if inspect.isfunction(attribute):
                    waiting.append(node.attr)
    return found


def _named(node: ast.AST) -> set[str]:
    if not isinstance(node, ast.Call):
        return set()
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    texts = {
        each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }
    if called in ("do", "edit", "run", "run_each", "start", "on_subject"):
        return texts & WRITING
    if called == "open_place":
        return {text for text in texts if text in PLACES and PLACES[text].writes}
    return {called} & WRITERS


def bound() -> Iterator[tuple[type[Any], Binding]]:
    for view in views():
        for binding in view.__dict__.get("BINDINGS", ()):
            yield view, binding


def test_every_key_that_leads_to_what_writes_is_declared_so() -> None:
    undeclared = {
        f"{view.__name__} {facts_of(binding).id}": sorted(found)
        for view, binding in bound()
        if (found := leads_to(view, binding.action)) and not facts_of(binding).writes
    }
    assert not undeclared


def test_screens_that_call_an_action_alike_agree_on_whether_it_writes() -> None:
    said: dict[str, dict[bool, str]] = {}
    for _, binding in bound():
        facts = facts_of(binding)
        said.setdefault(binding.action, {})[facts.writes] = facts.id
    assert not [ids for ids in said.values() if len(ids) > 1]


def test_the_search_for_what_writes_finds_it() -> None:
    found = {facts_of(binding).id: leads_to(view, binding.action) for view, binding in bound()}
    assert found["global.new_run"] == {"new run"}
    assert len([id_ for id_, names in found.items() if names]) > 20


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    folder = workspace(tmp_path / "team")
    (folder / "pipelines" / "hello.py").write_text(
        "from stacktui import pipeline, step\n\n@step\ndef one() -> int:\n    return 1\n\n@pipeline\ndef hello():\n    one()\n"
    )
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


async def _pressed(bench: Bench) -> set[str]:
    """Press every key that writes, wherever the focus can be: each says why it does nothing. Returns their ids."""
    screen = bench.screen
    ids: set[str] = set()
    for _ in range(max(len(screen.focus_chain), 1)):
        await bench.settled()
        for item in screen.all_keys():
            if not item.facts.writes:
                continue
            assert item.refused, f"{item.facts.id} on {screen.place} is not greyed"
            if item.facts.id in ids or not item.facts.key:
                continue
            ids.add(item.facts.id)
            await bench.press(item.facts.key.split(",")[0])
            assert bench.screen is screen, f"{item.facts.id} opened {bench.screen}"
        await bench.press("tab")
    return ids


@pytest.mark.parametrize("name", [name for name, place in PLACES.items() if place.root])
async def test_on_a_screen_every_key_that_writes_is_greyed_and_does_nothing(root: Path, name: str) -> None:
    before = tree(root)
    async with workbench(root, readonly=True) as bench:
        await bench.wait_for(lambda: bench.app.feed.summary.readonly, "the header")
        bench.app.open_place(name)
        await bench.wait_for(lambda: bench.screen.place == name, name)
        await bench.sees("READ-ONLY")
        pressed = await _pressed(bench)
        assert "global.new_run" in pressed
    assert tree(root) == before


async def test_on_a_run_too(root: Path) -> None:
    from stacktui.operations.session import Session
    from tests.tui.stores import add_run

    with Session(root) as session:
        store = session.store()
        assert isinstance(store, SqliteMetadataStore)
        run = add_run(store)
    before = {name: raw for name, raw in tree(root).items() if not name.startswith(".stacktui")}
    async with workbench(root, readonly=True) as bench:
        await bench.wait_for(lambda: bench.app.feed.summary.readonly, "the header")
        bench.app.open_place("run", run_id=run.id)
        await bench.wait_for(lambda: bench.screen.place == "run", "the run")
        assert {"run.runs.delete", "run.runs.label"} <= await _pressed(bench)
    assert {name: raw for name, raw in tree(root).items() if not name.startswith(".stacktui")} == before


@pytest.mark.parametrize("name", [name for name, place in PLACES.items() if place.writes])
async def test_what_is_there_only_to_change_something_does_not_open(root: Path, name: str) -> None:
    async with workbench(root, readonly=True) as bench:
        await bench.wait_for(lambda: bench.app.feed.summary.readonly, "the header")
        bench.app.open_place(name)
        await bench.sees("the workbench is read-only")
        assert bench.screen.place == "home"


async def test_what_is_typed_is_refused_by_the_operation_itself(root: Path) -> None:
    before = tree(root)
    async with workbench(root, readonly=True) as bench:
        for line in (
            "stack clone default copy",
            "fmt",
            "component delete alerter inbox --force",
            "workspace upgrade",
        ):
            await bench.press("colon")
            await bench.types(line)
            await bench.press("enter")
            await bench.sees("this session is read-only because of --readonly")
            await bench.press("escape")
            await bench.misses("this session is read-only")
    assert tree(root) == before


async def test_a_line_in_the_file_greys_and_its_end_brings_back(root: Path) -> None:
    file = root / "stacktui.yaml"
    text = file.read_text()
    async with workbench(root) as bench:
        await bench.press("s")
        await bench.sees("stacks 1")
        file.write_text(f"{text}readonly: true\n")
        await bench.sees("READ-ONLY")
        await bench.settled()
        assert all(item.refused for item in bench.screen.all_keys() if item.facts.writes)
        file.write_text(text)
        await bench.misses("READ-ONLY")
        await bench.settled()
        add = next(item for item in bench.screen.all_keys() if item.facts.id == "stacks.add")
        assert not add.refused


def test_every_writing_operation_with_a_key_is_declared_so() -> None:
    load_all()
    for facts in known_facts().values():
        if facts.action.startswith("operation("):
            name = ast.literal_eval(facts.action[10:-1])
            assert facts.writes == (name in WRITING), facts.id
