"""The shell of the workbench as a person uses it: going about, finding, filtering, leaving."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from stacktui.model.run import RunStatus
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.screens.home import HomeScreen
from stacktui.tui.screens.problems import ProblemsScreen
from stacktui.tui.widgets.grid import Grid
from tests.tui.stores import add_run, ask
from tests.tui.workbench import Bench, component, stack, workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace(tmp_path / "vision")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_home_shows_the_active_stack_and_why(root: Path, size: tuple[int, int]) -> None:
    async with workbench(root, size=size) as bench:
        await bench.sees("stack default", "experiment tracker", "inbox", "Nothing runs", "last runs")
        await bench.sees("stacktui.yaml" if size[0] > 80 else "default")


async def test_keys_go_everywhere_and_esc_goes_back(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("p")
        await bench.sees("› problems", "No problems")
        await bench.press("F")
        await bench.sees("› flavors", "worker processes on this host")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, HomeScreen))
        await bench.press("p", "comma")
        await bench.sees("› settings", "default_stack")
        await bench.press("h")
        await bench.wait_for(lambda: isinstance(bench.screen, HomeScreen))
        await bench.press("escape")
        assert isinstance(bench.screen, HomeScreen)


async def test_a_root_screen_keeps_its_cursor(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("F")
        await bench.sees("worker processes")
        await bench.press("j", "j", "j")
        key = bench.screen.query_one(Grid).cursor_key
        await bench.press("h", "F")
        await bench.settled()
        assert bench.screen.query_one(Grid).cursor_key == key


async def test_a_saved_stack_is_on_screen_without_a_key(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.settled()
        component(root, "artifact_store", "team-bucket", "local")
        text = (root / "stacks/default.yaml").read_text()
        stack(root, "default", text.replace("artifact_store: local", "artifact_store: team-bucket"))
        await bench.sees("team-bucket")


async def test_a_broken_file_is_a_problem_with_its_place_and_the_rest_stays(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.settled()
        (root / "components/alerter/inbox.yaml").write_text("flavor: local\nconfg: {}\n")
        await bench.sees("✗ 1")
        assert "inbox" in bench.text()
        await bench.press("p")
        await bench.sees("components/alerter/inbox.yaml", "2:1", "✗ error")
        (root / "components/alerter/inbox.yaml").write_text("flavor: local\n")
        await bench.sees("No problems")


async def test_a_fix_is_applied_after_its_diff(root: Path) -> None:
    stack(root, "prod", "extends: default\ncomponents:\n  artifact_store: locl\n")
    async with workbench(root) as bench:
        await bench.press("p")
        await bench.sees("locl")
        screen = bench.screen
        assert isinstance(screen, ProblemsScreen)
        await bench.press("j")
        await bench.wait_for(lambda: screen._finding() is not None)
        if screen._finding().fix is None:  # type: ignore[union-attr]
            pytest.skip("the rules know no fix for a misspelt name")
        await bench.press("f")
        await bench.sees("+  artifact_store: local")
        assert "locl" in (root / "stacks/prod.yaml").read_text()
        await bench.press("enter")
        await bench.wait_for(lambda: "locl" not in (root / "stacks/prod.yaml").read_text())
        await bench.sees("No problems")


async def test_runs_appear_as_they_happen(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.sees("No runs yet")
        store = bench.session.store()
        add_run(store, "nightly-1")
        await bench.sees("nightly-1", "✓ succeeded", "42s")
        add_run(store, "nightly-2", status=RunStatus.FAILED)
        await bench.sees("nightly-2", "✗ failed")


async def test_a_run_that_nobody_holds_is_shown_lost(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.settled()
        store = bench.session.store()
        # As a runner does it: it runs only once it is held, or a reader would rightly call it lost.
        run = add_run(store, "crashed", status=RunStatus.QUEUED, finished_at=None)
        with store.hold(run.id):
            store.update_run(run.id, status=RunStatus.RUNNING)
            await bench.sees("● crashed", "● 1")
        await bench.sees("? lost")


async def test_a_question_rings_and_is_answered_from_anywhere(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("p")
        await bench.settled()
        store = bench.session.store()
        await bench.wait_for(lambda: bench.app.feed._inbox_seen is not None)
        item = ask(store, "deploy digits 3?", ("yes", "no"))
        await bench.sees("? 1", "deploy digits 3?")
        await bench.press("exclamation_mark")
        await bench.sees("question from inbox", "1  yes")
        await bench.press("2")
        await bench.wait_for(lambda: store.inbox_item(item.id).answer == "no")
        await bench.sees("answered no: deploy digits 3?")
        await bench.misses("? 1")
        assert isinstance(bench.screen, WorkbenchScreen)


async def test_what_was_said_goes_with_the_next_move_once_it_was_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workbench(root) as bench:
        monkeypatch.setattr("stacktui.tui.widgets.lines._READ_SECONDS", 1e9)
        await bench.press("exclamation_mark")
        await bench.sees("No question waits")
        await bench.press("j")
        await bench.settled()
        await bench.sees("No question waits")
        monkeypatch.setattr("stacktui.tui.widgets.lines._READ_SECONDS", 0.0)
        await bench.press("j")
        await bench.misses("No question waits")


async def test_an_error_is_read_to_its_end_on_a_narrow_screen(root: Path) -> None:
    async with workbench(root, size=(80, 24)) as bench:
        await bench.settled()
        bench.screen.notice(f"no such thing: {'word ' * 18}end of it", error=True)
        await bench.sees("✗ no such thing", "end of it", "enter open")
        bench.screen.notice("short")
        await bench.wait_for(lambda: bench.text().splitlines()[-2].strip() == "· short")
        assert bench.text().splitlines()[-3].startswith("╰")


async def test_a_greyed_key_says_why(root: Path) -> None:
    async with workbench(root, readonly=True) as bench:
        await bench.press("s")
        await bench.sees("stacks 1")
        await bench.settled()
        await bench.press("a")
        await bench.sees("a add: the workbench is read-only")
        await bench.press("A")
        await bench.sees("A make active: ")


async def test_q_on_the_colon_line_leaves(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("q")
        await bench.press("enter")
        await bench.wait_for(lambda: bench.app._exit)


async def test_filter_counts_then_esc_clears_it_then_goes_back(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("F")
        await bench.sees("OCI layouts")
        await bench.press("slash")
        await bench.types("sqlite")
        await bench.sees("/sqlite", "1 of ")
        await bench.misses("OCI layouts")
        await bench.press("enter")
        grid = bench.screen.query_one(Grid)
        assert grid.has_focus
        await bench.press("escape")
        await bench.sees("OCI layouts")
        assert bench.screen.place == "flavors"
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, HomeScreen))


async def test_letters_in_a_text_field_are_text(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("F")
        await bench.sees("OCI layouts")
        await bench.press("slash")
        await bench.types("hsrpq12?")
        await bench.sees("/hsrpq12?")
        assert bench.screen.place == "flavors"


async def test_help_lists_every_key_of_here_and_runs_the_chosen(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("question_mark")
        await bench.sees("keys home", "Every key of where you are")
        await bench.types("findings")
        await bench.sees("1 of ")
        await bench.press("enter")
        await bench.sees("› problems")


async def test_a_greyed_key_says_why_in_help(root: Path) -> None:
    async with workbench(root, readonly=True) as bench:
        await bench.sees("READ-ONLY")
        await bench.press("n")
        assert isinstance(bench.screen, HomeScreen)
        await bench.press("question_mark")
        await bench.types("new run")
        await bench.sees("the workbench is read-only")
        await bench.press("enter")
        await bench.sees("new run: the workbench is read-only")


async def test_the_palette_finds_places_and_operations(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("ctrl+p")
        await bench.sees("anything")
        await bench.types("stack list")
        await bench.press("enter")
        await bench.sees("stack list", "default", "esc close")
        await bench.press("escape")
        await bench.press("ctrl+p")
        await bench.sees("anything")
        await bench.press("ctrl+p")
        await bench.misses("anything")


async def test_the_colon_line_goes_and_does_by_name_with_completion(root: Path) -> None:
    stack(root, "prod", "extends: default\n")
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("flav")
        await bench.sees("go to flavors")
        await bench.press("enter")
        await bench.sees("› flavors")
        await bench.press("colon")
        await bench.types("stack use p")
        await bench.wait_for(
            lambda: any(
                "prod" in row.cells[0].text for row in bench.screen.query("CommandLine Grid").first(Grid).rows
            )
        )
        await bench.press("tab", "enter")
        await bench.sees("stack prod")
        await bench.wait_for(lambda: bench.session.active().name == "prod")


async def test_the_colon_line_says_what_it_does_not_understand(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("stack validat x")
        await bench.press("enter")
        await bench.sees("did you mean stack validate")
        await bench.press("escape")
        await bench.misses("did you mean")
        assert isinstance(bench.screen, HomeScreen)


async def test_what_an_operation_lacks_is_asked_for_and_its_diff_is_shown(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("stack clone default")
        await bench.press("enter")
        await bench.sees("The copy's name")
        # As high as what it asks, not as the screen.
        assert bench.screen.query_one("Input").size.height == 1
        assert bench.screen.query_one(".dialog").size.height < 10
        await bench.types("nightly")
        await bench.press("enter")
        await bench.sees("stacks/nightly.yaml")
        assert not (root / "stacks/nightly.yaml").exists()
        await bench.press("enter")
        await bench.wait_for((root / "stacks/nightly.yaml").exists)


async def test_an_error_is_one_line_and_esc_clears_it(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("stack use nowhere")
        await bench.press("enter")
        await bench.sees("there is no stack 'nowhere'")
        await bench.press("escape")
        await bench.misses("nowhere")


async def test_read_only_refuses_operations_that_write(root: Path) -> None:
    async with workbench(root, readonly=True) as bench:
        await bench.sees("READ-ONLY")
        await bench.press("colon")
        await bench.types("stack use default")
        await bench.press("enter")
        await bench.sees("read-only")


async def test_a_protected_stack_asks_for_its_name(root: Path) -> None:
    stack(root, "prod", "extends: default\nprotected: true\n")
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("stack delete prod")
        await bench.press("enter")
        await bench.sees("Type its name")
        await bench.types("wrong")
        await bench.press("enter")
        await bench.sees("that is not prod")
        await bench.press(*("backspace",) * 5)
        await bench.types("prod")
        await bench.press("enter")
        await bench.sees("stacks/prod.yaml")
        await bench.press("enter")
        await bench.wait_for(lambda: not (root / "stacks/prod.yaml").exists())


async def test_q_leaves(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("q")
        await bench.wait_for(lambda: bench.app._exit)


async def test_no_view_of_a_screen_that_is_not_shown_loads(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("F")
        await bench.sees("worker processes")
        home = next(screen for screen in bench.app.screen_stack if isinstance(screen, HomeScreen))
        before = home.snapshot
        add_run(bench.session.store(), "while-away")
        await bench.wait_for(lambda: home._stale)
        assert home.snapshot is before
        await bench.press("h")
        await bench.sees("while-away")


def _is_at(bench: Bench, name: str) -> bool:
    return isinstance(bench.screen, WorkbenchScreen) and bench.screen.place == name


async def test_every_screen_there_is_opens(root: Path) -> None:
    from stacktui.tui.screens.registry import PLACES

    async with workbench(root) as bench:
        for name, place in PLACES.items():
            if not place.root:
                continue
            bench.app.open_place(name)
            await bench.wait_for(partial(_is_at, bench, name), name)
            await bench.settled()
            await bench.sees(place.title)
