"""The panes that people act in: secrets, the inbox, experiments, features, models."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from stacktui.model.base import now
from stacktui.operations.session import run_operation
from stacktui.operations.table import all_operations
from stacktui.tui.panes import secrets_manager
from stacktui.tui.screens.category import CategoryScreen
from stacktui.tui.widgets.curve import Curves
from tests.tui.pane_data import curve, falling, feature_file
from tests.tui.stores import add_run, ask
from tests.tui.workbench import Bench, component, workbench, workspace

VALUE = "correct-horse-battery"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return workspace(tmp_path / "vision")


def screen_of(bench: Bench) -> CategoryScreen:
    screen = bench.screen
    assert isinstance(screen, CategoryScreen)
    return screen


async def test_a_secret_is_set_masked_revealed_for_a_while_and_deleted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workbench(root) as bench:
        await bench.press("5")
        await bench.sees("No secrets yet")
        await bench.press("enter", "a")
        await bench.sees("add a secret")
        await bench.types("aws.region")
        await bench.press("enter")
        await bench.sees("value of aws.region")
        await bench.types(VALUE)
        assert VALUE not in bench.text()
        await bench.press("enter")
        await bench.sees("aws.region", "••••••••", "nothing")
        assert VALUE not in bench.text()
        assert VALUE not in repr(screen_of(bench).pane.snapshot)

        await bench.press("v")
        await bench.sees(VALUE)
        assert VALUE not in repr(screen_of(bench).pane.snapshot)
        await bench.press("v")
        await bench.misses(VALUE)
        monkeypatch.setattr(secrets_manager, "REVEAL_SECONDS", 0.05)
        await bench.press("v")
        await bench.wait_for(lambda: screen_of(bench).pane._hide_timer is None)  # type: ignore[attr-defined]
        await bench.misses(VALUE)

        await bench.press("D")
        await bench.sees("Delete aws.region from local?")
        await bench.press("enter")
        await bench.sees("No secrets yet")


async def test_leaving_the_screen_hides_a_revealed_secret(root: Path) -> None:
    async with workbench(root) as bench:
        bench.session.live().secrets_manager.set("aws", {"region": VALUE})
        await bench.press("5")
        await bench.sees("aws.region")
        await bench.press("enter", "v")
        await bench.sees(VALUE)
        await bench.press("p", "5")
        await bench.sees("••••••••")
        assert VALUE not in bench.text()


async def test_missing_secrets_come_first_with_who_needs_them(root: Path) -> None:
    component(root, "model_deployer", "shared", "local", '  first_port: "{{ports.first}}"\n')
    async with workbench(root) as bench:
        bench.session.live().secrets_manager.set("aws", {"region": VALUE})
        await bench.press("5")
        await bench.sees("1 missing", "ports.first", "✗ missing", "model_deployer/shared")
        assert [row.key for row in screen_of(bench).pane.main_grid.rows] == ["ports.first", "aws.region"]
        await bench.sees("who uses ports.first", "first_port")


async def test_a_secrets_manager_that_only_reads_refuses_to_write(root: Path) -> None:
    component(root, "secrets_manager", "environment", "env")
    async with workbench(root) as bench:
        await bench.press("5", "j")
        await bench.sees("secrets of environment")
        assert screen_of(bench).pane.refusal("new_secret") == "environment can only be read"


async def test_a_question_that_waits_is_first_and_enter_answers_it(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("0")
        await bench.sees("Nobody has said anything yet")
        store = bench.session.store()
        first = ask(store, "deploy digits 3?", ("yes", "no"))
        run_operation(bench.session, all_operations()["alert post"], text="nightly is late")
        await bench.sees("nightly is late", "1 to answer", "messages of inbox 2")
        assert screen_of(bench).pane.main_grid.rows[0].key == first.id
        await bench.press("enter", "g", "enter")
        await bench.sees("question from inbox", "1  yes")
        await bench.press("1")
        await bench.wait_for(lambda: store.inbox_item(first.id).answer == "yes")
        await bench.misses("1 to answer")


async def test_what_others_wrote_is_shown_as_text_and_does_nothing(root: Path) -> None:
    async with workbench(root) as bench:
        text = "done \x1b[2J\x1b]52;c;aGk=\x07 [bold]now[/bold] [/a/b]"
        run_operation(bench.session, all_operations()["alert post"], text=text)
        await bench.press("0")
        await bench.sees("[bold]now[/bold] [/a/b]", "␛[2J")
        assert "\x1b" not in bench.text()


async def test_a_test_message_is_posted(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("0", "enter")
        await bench.sees("P test post")
        await bench.press("P")
        await bench.sees("post through inbox", "a test from stacktui")
        await bench.press("enter")
        await bench.sees("messages of inbox 1")


async def test_experiments_by_metric_with_the_curves_of_the_marked_ones(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("9")
        await bench.sees("Nothing is tracked yet")
        store = bench.session.store()
        began = now() - timedelta(minutes=3)
        runs = [
            add_run(store, f"try-{number}", params={"lr": 0.1 * number}, created_at=began + timedelta(minutes=number))
            for number in (1, 2, 3)
        ]  # fmt: skip
        for run, start in zip(runs, (0.9, 0.5, 0.7), strict=True):
            curve(store, run, "loss", falling(start))
            curve(store, run, "accuracy", [0.5 + start / 4])
        await bench.sees("try-1", "try-2", "try-3", "loss of try-3", "20 points", "┤")
        pane = screen_of(bench).pane
        await bench.press("enter", "o")
        await bench.sees("greatest first")
        await bench.press("o")
        await bench.sees("least first")
        assert [row.key for row in pane.main_grid.rows] == [runs[1].id, runs[2].id, runs[0].id]
        await bench.press("g", "space", "space")
        await bench.sees("loss of 3 runs", "a try-2", "b try-3", "c try-1")
        await bench.wait_for(lambda: [row.cells[1].text for row in pane.main_grid.rows] == ["a", "b", "c"])
        assert len(pane.query_one(Curves).series) == 3
        await bench.press("equals_sign")
        await bench.sees("2 experiments", "! lr", "loss", "accuracy")
        await bench.press("escape", "m")
        await bench.sees("What is listed and drawn.")
        await bench.press("k", "enter")
        await bench.sees("accuracy of ")


async def test_feature_views_say_how_fresh_they_are_and_give_an_entitys_values(root: Path) -> None:
    fresh = now() - timedelta(minutes=5)
    feature_file(
        root,
        [
            {"customer": 41, "at": fresh.isoformat(), "total_30d": 12.5},
            {"customer": 42, "at": fresh.isoformat(), "total_30d": 99.25},
        ],
    )
    component(
        root,
        "feature_store",
        "local",
        "local",
        "  views:\n"
        "    - {name: spending, join_keys: [customer], source: data/spending.csv, timestamp: at, ttl: 1d}\n",
    )
    async with workbench(root) as bench:
        await bench.press("8")
        await bench.sees("views of local 1", "spending", "customer", "total_30d", "5m")
        await bench.press("enter", "enter")
        await bench.sees("values of spending", "customer=", "join_keys:")
        await bench.press("backspace")
        await bench.press("equals_sign")
        await bench.types("42")
        await bench.press("enter")
        await bench.sees("now, of customer=42", "99.25")


async def test_a_view_whose_newest_row_is_too_old_is_marked(root: Path) -> None:
    feature_file(root, [{"customer": 41, "at": "2020-01-05T00:00:00Z", "total_30d": 12.5}])
    component(
        root,
        "feature_store",
        "local",
        "local",
        "  views:\n"
        "    - {name: spending, join_keys: [customer], source: data/spending.csv, timestamp: at, ttl: 1d}\n",
    )
    async with workbench(root) as bench:
        await bench.press("8")
        await bench.sees("1 out of date", "! 2020-01-05", "older than its ttl of 1d")
