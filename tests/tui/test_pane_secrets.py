"""Secrets in the workbench: every manager, what is missing and where it is used, a value for five seconds and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from stacktui.operations.session import Session, run_operation
from stacktui.operations.table import operations_of
from stacktui.tui.dialogs import revealed
from stacktui.tui.dialogs.secret_actions import ask_value
from stacktui.tui.dialogs.simple import ConfirmDialog
from stacktui.tui.widgets.secretinput import SecretInput
from tests.operations.test_components import PAGER
from tests.tui.test_pane_people import screen_of
from tests.tui.workbench import Bench, component, workbench, workspace

VALUE = "correct-horse-battery"
PEM = "-----BEGIN KEY-----\nabcdefghijkl\n-----END KEY-----"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = workspace(tmp_path / "vision")
    component(folder, "secrets_manager", "second", "local")
    return folder


@pytest.fixture
def missing(root: Path) -> Path:
    """The same, with a component of the stack that wants a secret, and a step that wants another."""
    (root / "flavors").mkdir()
    (root / "flavors" / "pager.py").write_text(PAGER)
    component(root, "alerter", "oncall", "pager", '  token: "{{pager.token}}"\n')
    file = root / "stacks" / "default.yaml"
    file.write_text(file.read_text().replace("alerter: inbox", "alerter: [inbox, oncall]"))
    (root / "pipelines" / "training.py").write_text(
        'from stacktui import step\n\n@step(secrets=["vault.token"])\ndef fit() -> int:\n    return 1\n'
    )
    return root


def held(bench: Bench, manager: str = "local") -> dict[str, str]:
    """What a manager keeps."""
    operation = operations_of("secret")["secret list"]
    found = run_operation(bench.session, operation, manager=manager)
    reveal = operations_of("secret")["secret reveal"]
    return {
        f"{row.name}.{key}": run_operation(
            bench.session, reveal, name=row.name, key=key, manager=manager
        ).value
        for row in found.secrets
        for key in row.keys
    }


async def test_every_manager_is_listed_with_the_stacks_one_marked_and_all_can_be_used(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("5")
        await bench.sees("secrets managers 2", "● in default", "secrets of local")
        assert [row.cells[0].text for row in screen_of(bench).components.rows] == ["●", ""]
        await bench.press("j")
        await bench.sees("secrets of second")
        await bench.press("enter", "a")
        await bench.types("aws.region")
        await bench.press("enter")
        await bench.sees("kept in second")
        await bench.types(VALUE)
        await bench.press("enter")
        await bench.sees("aws.region", "••••••••")
        await bench.press("v")
        await bench.sees(VALUE)
        await bench.press("v")
        await bench.misses(VALUE)
        assert held(bench, "second") == {"aws.region": VALUE}
        assert held(bench) == {}


async def test_a_value_that_is_shown_goes_when_another_manager_is_looked_at(root: Path) -> None:
    async with workbench(root) as bench:
        bench.session.live().secrets_manager.set("aws", {"region": VALUE})
        await bench.press("5")
        await bench.sees("aws.region")
        with Session(root) as other:
            run_operation(
                other,
                operations_of("secret")["secret set"],
                name="aws",
                key="region",
                value="another",
                manager="second",
            )
        await bench.press("enter", "v")
        await bench.sees(VALUE)
        await bench.press("escape", "j")
        await bench.sees("secrets of second")
        await bench.sees("••••••••")
        assert VALUE not in bench.text()
        await bench.press("k")
        await bench.sees("secrets of local", "••••••••")
        assert VALUE not in bench.text()


async def test_a_picture_of_the_screen_has_no_revealed_value(root: Path) -> None:
    async with workbench(root) as bench:
        bench.session.live().secrets_manager.set("aws", {"region": VALUE})
        await bench.press("5")
        await bench.sees("aws.region")
        await bench.press("enter", "v")
        await bench.sees(VALUE)
        assert VALUE not in bench.app.export_screenshot()
        await bench.misses(VALUE)


async def test_a_dialog_over_it_hides_the_value(root: Path) -> None:
    async with workbench(root) as bench:
        bench.session.live().secrets_manager.set("aws", {"region": VALUE})
        await bench.press("5")
        await bench.sees("aws.region")
        await bench.press("enter", "v")
        await bench.sees(VALUE)
        await bench.press("a")
        await bench.sees("add a secret")
        assert VALUE not in bench.text()
        await bench.press("escape")
        await bench.sees("••••••••")
        assert VALUE not in bench.text()


async def test_the_field_keeps_what_is_pasted_and_gives_it_to_no_clipboard(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workbench(root) as bench:
        told: list[str] = []
        monkeypatch.setattr(bench.app, "copy_to_clipboard", told.append)
        await bench.press("5")
        await bench.sees("No secrets yet")
        await bench.press("enter", "a")
        await bench.types("ssh.private")
        await bench.press("enter")
        await bench.sees("value of ssh.private")
        field = bench.screen.query_one(SecretInput)
        field.post_message(events.Paste(PEM.replace("\n", "\r\n") + "\r\n"))
        await bench.wait_for(lambda: field.value == PEM, "the paste")
        assert "abcdefghijkl" not in bench.text()
        assert "abcdefghijkl" not in repr(field.value)
        await bench.press("ctrl+a", "ctrl+c")
        field.select_all()
        field.action_copy()
        field.action_cut()
        assert field.value == ""
        field.post_message(events.Paste(PEM))
        await bench.wait_for(lambda: field.value == PEM, "the paste")
        await bench.press("enter")
        await bench.sees("ssh.private", "••••••••")
        assert held(bench) == {"ssh.private": PEM}
        assert told == []
        # Nor does what is told of it hold the value.
        assert "abcdefghijkl" not in "".join(str(note.message) for note in bench.app._notifications)


async def test_esc_and_an_empty_value_set_nothing(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("5")
        await bench.sees("No secrets yet")
        for last in ("enter", "escape"):
            await bench.press("enter", "a")
            await bench.types("aws.region")
            await bench.press("enter")
            await bench.sees("value of aws.region")
            await bench.press(last)
            await bench.misses("value of aws.region")
        assert held(bench) == {}


async def test_a_name_that_cannot_be_is_refused_while_it_is_typed(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("5")
        await bench.sees("No secrets yet")
        await bench.press("enter", "a")
        await bench.types("aws")
        await bench.sees("write it as name.key")
        await bench.types(".my key")
        await bench.sees("a key has letters")
        await bench.press("enter")
        await bench.sees("add a secret")


async def test_missing_ones_of_components_and_steps_are_set_on_one_key(missing: Path) -> None:
    async with workbench(missing) as bench:
        await bench.press("5")
        await bench.sees("2 missing, e sets it", "pager.token", "alerter/oncall:token", "vault.token")
        await bench.sees("pipelines/training.py:3")
        await bench.press("enter", "j")
        await bench.sees("who uses vault.token", "step fit")
        await bench.press("e")
        await bench.sees("value of vault.token")
        await bench.types(VALUE)
        await bench.press("enter")
        await bench.sees("1 missing")
        assert held(bench) == {"vault.token": VALUE}


@pytest.mark.parametrize("key", ["f", "enter"])
async def test_the_problems_screen_asks_for_what_is_missing_and_the_finding_goes(
    missing: Path, key: str
) -> None:
    async with workbench(missing) as bench:
        await bench.press("p")
        await bench.sees("SEC005", "set pager.token")
        screen = bench.screen
        screen.focus_on("SEC005")
        await bench.sees("f set pager.token")
        await bench.press(key)
        await bench.sees("value of pager.token", "kept in local")
        await bench.types(VALUE)
        await bench.press("enter")
        await bench.misses("SEC005")
        assert held(bench) == {"pager.token": VALUE}
        assert VALUE not in bench.text()


async def test_several_missing_secrets_of_one_finding_are_asked_for_one_after_the_other(
    missing: Path,
) -> None:
    component(missing, "alerter", "oncall", "pager", '  token: "{{pager.user}}:{{pager.token}}"\n')
    async with workbench(missing) as bench:
        await bench.press("p")
        await bench.sees("SEC005", "set pager.user and 1 more")
        bench.screen.focus_on("SEC005")
        await bench.press("f")
        for name in ("pager.user", "pager.token"):
            await bench.sees(f"value of {name}")
            await bench.types(VALUE)
            await bench.press("enter")
        await bench.misses("SEC005")
        assert set(held(bench)) == {"pager.user", "pager.token"}


async def test_a_manager_that_only_reads_is_greyed_with_the_reason_on_both_screens(missing: Path) -> None:
    component(missing, "secrets_manager", "local", "env")
    async with workbench(missing) as bench:
        await bench.press("5")
        await bench.sees("2 missing; read only")
        await bench.press("enter", "e")
        await bench.sees("local can only be read")
        await bench.press("p")
        await bench.sees("SEC005")
        bench.screen.focus_on("SEC005")
        await bench.press("f")
        await bench.sees("it can only be read")


async def test_readonly_reveals_and_sets_nothing(missing: Path) -> None:
    with Session(missing) as session:
        session.live().secrets_manager.set("vault", {"token": VALUE})
    async with workbench(missing, readonly=True) as bench:
        await bench.press("5")
        await bench.sees("1 missing")
        await bench.press("enter", "e")
        await bench.sees("read-only")
        await bench.press("j", "v")
        await bench.sees(VALUE)
        # Whatever calls it, the operation refuses.
        await bench.press("v")
        from stacktui.model.secretref import SecretRef

        ask_value(screen_of(bench), SecretRef("pager", "token"))
        await bench.sees("value of pager.token")
        await bench.types("x")
        await bench.press("enter")
        await bench.sees("secret set writes, and this session is read-only")


async def test_what_another_process_sets_is_there_at_once(missing: Path) -> None:
    async with workbench(missing) as bench:
        bench.session.live().secrets_manager.set("first", {"one": VALUE})
        await bench.press("5")
        await bench.sees("pager.token", "first.one")
        await bench.settled()
        with Session(missing) as other:
            other.live().secrets_manager.set("pager", {"token": VALUE})
        await bench.sees("1 missing")
        await bench.press("p")
        await bench.misses("SEC005")


async def test_the_command_line_takes_no_value_and_asks_for_it_unseen(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("colon")
        await bench.types("secret set aws region oops")
        await bench.press("enter")
        await bench.sees("the value is never part of this line")
        await bench.press("escape", "colon")
        await bench.types("secret set aws region")
        await bench.press("enter")
        await bench.sees("The value:")
        await bench.types(VALUE)
        assert VALUE not in bench.text()
        await bench.press("enter")
        await bench.sees("set aws.region in local")
        assert held(bench) == {"aws.region": VALUE}


async def test_a_value_asked_for_by_name_is_shown_for_a_while_too(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workbench(root) as bench:
        bench.session.live().secrets_manager.set("aws", {"region": VALUE})

        async def reveal() -> None:
            await bench.press("colon")
            await bench.types("secret reveal aws region")
            await bench.press("enter")
            await bench.sees(VALUE, "gone in")

        await reveal()
        assert VALUE not in bench.app.export_screenshot()
        await bench.misses(VALUE, "gone in")
        # Something that comes over it takes it away for good.
        await reveal()
        bench.app.ask(ConfirmDialog("a question", "Is it?"), lambda _: None)
        await bench.sees("Is it?")
        assert VALUE not in bench.text()
        await bench.press("n")
        await bench.misses("Is it?", VALUE, "gone in")
        monkeypatch.setattr(revealed, "REVEAL_SECONDS", 0.05)
        await bench.press("colon")
        await bench.types("secret reveal aws region")
        await bench.press("enter")
        await bench.wait_for(
            lambda: (
                [
                    row.action
                    for row in run_operation(bench.session, operations_of("audit")["audit list"]).entries
                ].count("revealed")
                == 3
            )
        )
        await bench.misses(VALUE, "gone in")
