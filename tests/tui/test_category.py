"""A category's screen as a person uses it: the list, what is said about each component, probing, going in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacktui.model.category import Category
from stacktui.operations.session import Session
from stacktui.tui.marks import terminal_is_ascii
from stacktui.tui.panes.base import Pane, Shown
from stacktui.tui.panes.registry import VIEWS, pane_of
from stacktui.tui.screens.category import CategoryScreen
from stacktui.tui.widgets.grid import Grid
from tests.tui.workbench import Bench, component, workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace(tmp_path / "vision")


def screen_of(bench: Bench) -> CategoryScreen:
    screen = bench.screen
    assert isinstance(screen, CategoryScreen)
    return screen


@pytest.mark.parametrize("category", list(Category))
def test_every_category_has_its_pane(category: Category) -> None:
    assert isinstance(pane_of(category), Pane)
    assert set(VIEWS) == set(Category)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_each_digit_opens_its_category_with_its_components(root: Path, size: tuple[int, int]) -> None:
    async with workbench(root, size=size) as bench:
        for category in Category:
            await bench.press(category.facts.key)
            await bench.sees(f"› {category.facts.plural}", "flavor", "● in default", " of ")
            await bench.settled()
            assert screen_of(bench).category is category


async def test_the_components_of_the_active_stack_come_first_and_are_marked(root: Path) -> None:
    component(root, "artifact_store", "archive", "local", "  path: /data/archive\n")
    async with workbench(root, size=(200, 40)) as bench:
        await bench.press("2")
        await bench.sees("archive", "artifacts of local")
        rows = screen_of(bench).components.rows
        assert [(row.key, row.cells[0].text) for row in rows] == [("local", "●"), ("archive", "")]
        await bench.press("j")
        await bench.sees("of archive", "about archive", "/data/archive")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_long_names_are_told_apart(root: Path, size: tuple[int, int]) -> None:
    component(root, "artifact_store", "team-vision-bucket-a", "local", "  path: /data/a\n")
    component(root, "artifact_store", "team-vision-bucket-b", "local", "  path: /data/b\n")
    async with workbench(root, size=size) as bench:
        await bench.press("2")
        await bench.sees("team-vision-bucket-a  ", "team-vision-bucket-b  ", "probe")
        component(root, "orchestrator", "two-at-a-time", "local", "  max_workers: 2\n")
        await bench.press("1")
        await bench.sees("two-at-a-time  ")


async def test_a_new_file_is_in_the_list_without_a_key(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("2")
        await bench.sees("artifact stores 1")
        component(root, "artifact_store", "team-bucket", "local")
        await bench.sees("artifact stores 2", "team-bucket")


async def test_the_command_line_puts_the_cursor_on_a_component(root: Path) -> None:
    component(root, "artifact_store", "team-bucket", "local")
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("artifact_store team-bucket")
        await bench.press("enter")
        await bench.sees("of team-bucket", "about team-bucket")
        await bench.press("k")
        await bench.sees("of local")
        bench.app.open_place("artifact_store", "team-bucket")
        await bench.sees("of team-bucket")
        bench.app.open_place("artifact_store", "taem-bucket")
        await bench.sees("There is no artifact store taem-bucket")


async def test_findings_are_counted_and_told(root: Path) -> None:
    component(root, "artifact_store", "broken", "local", "  pth: /data\n")
    async with workbench(root) as bench:
        await bench.press("2")
        await bench.sees("broken", "✗ 1")
        await bench.press("j")
        await bench.sees("about broken", "findings", "pth")


async def test_a_probe_answers_in_the_row(root: Path) -> None:
    component(root, "artifact_store", "nowhere", "local", "  path: stacktui.yaml\n")
    async with workbench(root) as bench:
        await bench.press("2")
        await bench.sees("nowhere")
        await bench.press("b")
        await bench.wait_for(lambda: screen_of(bench).components.rows[0].cells[3].text.startswith("✓"))
        await bench.sees("probe")
        await bench.press("j", "b")
        await bench.sees("✗ fails", "✗ error", "stacktui.yaml")


async def test_enter_goes_into_the_pane_and_esc_comes_back(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("5")
        await bench.sees("No secrets yet")
        screen = screen_of(bench)
        await bench.press("enter")
        await bench.wait_for(lambda: screen.pane.main.has_focus)
        await bench.sees("v reveal")
        await bench.press("escape")
        await bench.wait_for(lambda: screen.components.has_focus)
        await bench.misses("v reveal")


async def test_zoom_gives_the_pane_the_whole_screen(root: Path) -> None:
    async with workbench(root, size=(80, 24)) as bench:
        await bench.press("1")
        await bench.sees("orchestrators 1", "No step has run")
        await bench.press("z")
        await bench.misses("orchestrators 1")
        await bench.sees("steps of local")
        await bench.press("escape")
        await bench.sees("orchestrators 1")


async def test_a_narrow_screen_shows_what_is_known_of_a_component_on_demand(root: Path) -> None:
    async with workbench(root, size=(80, 24)) as bench:
        await bench.press("3")
        await bench.sees("store of local")
        await bench.press("d")
        await bench.sees("about local", "components/metadata_store/local.yaml", "stacks/default.yaml:")
        await bench.press("escape")
        await bench.misses("about local")
        await bench.sees("store of local")


async def test_in_the_pane_no_key_reaches_for_the_component(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("0")
        await bench.sees("messages of inbox")
        await bench.press("enter")
        await bench.sees("P test post")
        await bench.press("D")
        await bench.settled()
        assert isinstance(bench.screen, CategoryScreen)
        assert (root / "components/alerter/inbox.yaml").exists()


async def test_an_empty_category_says_which_key_adds_one(root: Path) -> None:
    (root / "components/alerter/inbox.yaml").unlink()
    async with workbench(root) as bench:
        await bench.press("0")
        await bench.sees("No alerter yet. a adds one.")


async def test_a_read_only_workbench_greys_what_writes(root: Path) -> None:
    async with workbench(root, readonly=True) as bench:
        await bench.press("5", "enter")
        await bench.sees("READ-ONLY", "secrets of local")
        screen = screen_of(bench)
        await bench.wait_for(lambda: screen.pane.refusal("new_secret") == "the workbench is read-only")
        await bench.press("a")
        await bench.settled()
        assert bench.screen is screen


async def test_a_component_that_cannot_be_made_says_why_in_its_pane(root: Path) -> None:
    component(root, "artifact_store", "bucket", "local", '  path: "/data/{{aws.bucket}}"\n')
    component(root, "artifact_store", "odd", "s4")
    async with workbench(root) as bench:
        await bench.press("2")
        await bench.sees("bucket", "odd")
        await bench.press("j")
        await bench.wait_for(lambda: "path may not" in screen_of(bench).query_one("#artifacts", Grid).empty)
        await bench.press("j")
        await bench.wait_for(lambda: "s4" in screen_of(bench).query_one("#artifacts", Grid).empty)


async def test_the_pane_waits_for_the_cursor_to_rest(root: Path) -> None:
    for number in range(30):
        component(root, "artifact_store", f"store-{number:02}", "local")
    async with workbench(root) as bench:
        await bench.press("2")
        await bench.sees("store-00")
        await bench.settled()
        loads: list[str | None] = []
        pane = screen_of(bench).pane
        load = pane.load

        def counted(session: Session) -> Shown[Any]:
            loads.append(pane.aimed_at)
            return load(session)

        pane.load = counted  # type: ignore[method-assign]
        await bench.press(*"jjjjjjjjjjjj")
        await bench.sees("of store-11")
        assert loads[-1] == "store-11"
        assert len(loads) < 12


async def test_help_lists_the_keys_of_the_pane_and_why_one_cannot_be_used(root: Path) -> None:
    component(root, "secrets_manager", "environment", "env")
    async with workbench(root) as bench:
        await bench.press("5", "j")
        await bench.sees("secrets of environment")
        await bench.press("enter")
        screen = screen_of(bench)
        await bench.wait_for(lambda: screen.pane.main.has_focus)
        keys = {item.facts.id: item for item in screen.all_keys()}
        assert keys["pane_secrets.reveal"].refused == "no key is chosen"
        assert keys["pane_secrets.new"].refused == "environment can only be read"
        assert "category.delete" not in keys


async def test_symbols_have_an_ascii_twin(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACKTUI_ASCII", "1")
    async with workbench(root) as bench:
        await bench.press("6")
        await bench.sees("* in default", "subprocess", "+---")
        await bench.press("h")
        await bench.sees("last runs")
        await bench.wait_for(lambda: bench.text().isascii())
        await bench.press("2", "e")
        await bench.sees("ctrl+t probe", "text - optional")
        await bench.wait_for(lambda: bench.text().isascii())
        await bench.press("tab", "Z", "escape")
        await bench.sees("Throw away what you typed?", "enter throw it away - esc back")
        await bench.wait_for(lambda: bench.text().isascii())


@pytest.mark.parametrize("name", ["LC_ALL", "LANG"])
def test_the_locale_c_has_ascii_only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("LC_ALL", "LANG", "STACKTUI_ASCII"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "en_US.UTF-8")
    assert not terminal_is_ascii()
    monkeypatch.setenv(name, "C")
    assert terminal_is_ascii()


async def test_a_component_is_added_edited_copied_and_deleted_from_its_screen(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("2")
        await bench.sees("artifacts of local")
        for key, title in (("a", "new artifact store"), ("e", "artifact store local"), ("c", "copy of")):
            await bench.press(key)
            await bench.sees(title)
            await bench.wait_for(lambda: not isinstance(bench.screen, CategoryScreen))
            await bench.press("escape", *(["enter"] if key == "c" else []))
            await bench.wait_for(lambda: isinstance(bench.screen, CategoryScreen))
        await bench.press("D")
        await bench.sees("stacks/default.yaml")
        await bench.press("escape")
        assert (root / "components/artifact_store/local.yaml").exists()
