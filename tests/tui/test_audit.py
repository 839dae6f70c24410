"""The audit list in the workbench: what was done here and elsewhere, and from there to what it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.tui.screens import audit
from stacktui.workspace.audit import note
from stacktui.workspace.who import Who
from stacktui.workspace.workspace import Workspace
from tests.tui.stores import add_run
from tests.tui.workbench import Bench, stack, workbench, workspace

MIRA = Who("mira", "gpu1", "10.0.0.7")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return workspace(tmp_path / "vision")


def noted(root: Path, action: str, subject: str, text: str = "", who: Who = MIRA) -> None:
    assert note(Workspace.open(root), action, subject, who, face="cli", text=text)


async def opened(bench: Bench) -> None:
    await bench.press("colon")
    await bench.types("audit")
    await bench.press("enter")
    await bench.sees("› audit")


async def test_an_empty_list_says_what_will_be_on_it(root: Path) -> None:
    async with workbench(root) as bench:
        await opened(bench)
        await bench.sees("Nothing was done yet. Edits, runs and revealed secrets are noted here")


async def test_who_did_what_when_and_from_where(root: Path) -> None:
    noted(root, "edited", "stack/default", "set alerter of stack default")
    noted(root, "revealed", "secret/local/aws.region", who=Who("jo", "laptop"))
    async with workbench(root) as bench:
        await opened(bench)
        await bench.sees("audit 2", "mira@gpu1", "cli, ssh 10.0.0.7", "stack default", "revealed")
        await bench.sees("secret aws.region in local", "by jo@laptop, cli")
        await bench.press("j")
        await bench.sees("set alerter of stack default", "by mira@gpu1, cli, ssh 10.0.0.7")


async def test_a_narrow_screen_leaves_out_columns_and_says_them_below(root: Path) -> None:
    noted(root, "edited", "component/artifact_store/team-bucket", "set config.path")
    async with workbench(root, size=(80, 24)) as bench:
        await opened(bench)
        await bench.sees("mira@gpu1", "edited", "artifact_store/team-bucket", "set config.path")
        row = next(line for line in bench.text().splitlines() if "mira@gpu1  edited" in line)
        assert "ssh" not in row
        # What is filtered for may stand in a column that has no room.
        await bench.press("slash")
        await bench.types("10.0.0.7")
        await bench.press("enter")
        await bench.sees("mira@gpu1  edited")


async def test_what_others_do_appears_by_itself(root: Path) -> None:
    noted(root, "edited", "stack/default")
    async with workbench(root) as bench:
        await opened(bench)
        await bench.sees("audit 1")
        noted(root, "ran", "run/0193a1b2-c3d4-7000-8000-000000000000", "training through default")
        await bench.sees("audit 2", "training through")


async def test_what_is_done_here_is_on_it_with_the_workbench_as_the_way(root: Path) -> None:
    async with workbench(root, face="workbench") as bench:
        bench.session.live().secrets_manager.set("aws", {"region": "eu"})
        await bench.press("5")
        await bench.sees("aws.region")
        await bench.press("enter", "v")
        await bench.sees("eu ")
        await opened(bench)
        await bench.sees("revealed", "secret aws.region in local", "workbench")


async def test_enter_goes_to_what_it_is_about_and_esc_comes_back(root: Path) -> None:
    stack(root, "prod", "extends: default\n")
    noted(root, "set", "secret/local/aws.region")
    noted(root, "edited", "component/alerter/inbox")
    noted(root, "edited", "stack/prod")
    noted(root, "edited", "stack/gone")
    noted(root, "ran", "run/0193a1b2-c3d4-7000-8000-000000000000")
    async with workbench(root) as bench:
        run = add_run(bench.session.store(), "nightly")
        noted(root, "ran", f"run/{run.id}")
        await opened(bench)
        await bench.sees("audit 6")
        await bench.press("enter")
        await bench.sees("› nightly")
        await bench.press("escape")
        await bench.sees("› audit")
        await bench.press("j", "enter")
        await bench.sees("run 0193a1b2-c3d4 is not there any more")
        await bench.press("j", "enter")
        await bench.sees("stack gone is not there any more")
        for place, text in (
            ("stacks", "prod"),
            ("alerters", "inbox"),
            ("secrets managers", "secrets of local"),
        ):
            keys = {"stacks": 3, "alerters": 4, "secrets managers": 5}[place]
            await bench.press(*["g", *["j"] * keys, "enter"])
            await bench.sees(f"› {place}", text)
            await opened(bench)
            await bench.sees("audit 6")


async def test_only_one_action_or_one_person_on_a_key(root: Path) -> None:
    noted(root, "revealed", "secret/local/aws.region")
    noted(root, "edited", "stack/default", who=Who("jo", "laptop"))
    async with workbench(root) as bench:
        await opened(bench)
        await bench.sees("audit 2")
        await bench.press("o")
        await bench.misses("aws.region")
        await bench.press("o")
        await bench.sees("aws.region")
        await bench.press("j", "w")
        await bench.misses("jo@laptop")
        await bench.press("escape")
        await bench.sees("jo@laptop")


async def test_older_pages_come_when_the_cursor_nears_the_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PAGE", 40)
    for number in range(100):
        noted(root, "edited", f"stack/s{number:03}")
    async with workbench(root) as bench:
        await opened(bench)
        await bench.sees("audit 40", "and older ones", "stack s099")
        for count in (80, 100):
            await bench.press("G")
            await bench.sees(f"audit {count}")
        await bench.press("G")
        await bench.sees("stack s000")


async def test_what_a_line_holds_is_text_and_damage_is_told(root: Path) -> None:
    noted(root, "edited", "stack/default", "\x1b[2J [bold]x[/bold] [/a]")
    with (root / ".stacktui" / "audit.jsonl").open("ab") as file:
        file.write(b"{broken\n")
    async with workbench(root) as bench:
        await opened(bench)
        await bench.sees("[bold]x[/bold] [/a]", "1 damaged line left out")
        assert "\x1b" not in bench.text()
