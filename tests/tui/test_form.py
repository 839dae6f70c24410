"""The component form as a person uses it: add, edit, copy; what is wrong says why; no byte is written unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.tui.dialogs.component_actions import open_component_form
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.form import ComponentForm
from stacktui.tui.dialogs.form_widgets import FormRow
from stacktui.tui.dialogs.merge import MergeDialog
from stacktui.tui.dialogs.model_form import ModelForm
from stacktui.tui.dialogs.simple import ConfirmDialog
from tests.tui.workbench import Bench, component, workbench, workspace

_BUCKET = """\
# shared by two teams
flavor: local
labels: {team: vision}   # who pays
config:
  path: data/team   # on the big disk
"""

_CLOUD = """
from pydantic import Field
from typing import Literal
from stacktui.categories.alerter import Alerter
from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.flavor import FlavorFacts
from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.operations.session import Session
from stacktui.model.secretref import Secretable


class ChatConfig(FlavorConfig):
    channel: str = Field(description="The channel that messages go to.")
    token: Secretable[str] = Field(description="The bot's token.")
    tone: Literal["calm", "loud"] = Field(default="calm", description="How it speaks.")
    threads: bool = Field(default=True, description="Whether answers go in threads.")


class Chat(Alerter):
    facts = FlavorFacts(category=Category.ALERTER, name="chat", summary="a chat channel", remote=True)
    Config = ChatConfig

    def probe(self, timeout_s=5.0):
        return ProbeResult(ok=True, message="there")

    def post(self, message, level="info"): ...

    def ask(self, question, choices, timeout_s=None, default=None): ...
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = workspace(tmp_path / "vision")
    (made / "components/artifact_store/team.yaml").write_text(_BUCKET)
    return made


async def _open(bench: Bench, category: Category, name: str | None, *, clone: bool = False) -> ComponentForm:
    await bench.wait_for(lambda: bench.app.place is not None, "a screen")
    await bench.settled()
    assert bench.app.place is not None
    open_component_form(bench.app.place, category, name, clone=clone)
    await bench.wait_for(lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "the form")
    await bench.settled()
    form: ComponentForm = bench.screen
    return form


def _row(form: ComponentForm, key: str) -> FormRow:
    return next(row for row in form.query(FormRow) if row.spec.key == key)


async def test_a_component_is_added_after_its_diff_was_seen(root: Path) -> None:
    file = root / "components/artifact_store/scratch.yaml"
    async with workbench(root) as bench:
        await _open(bench, Category.ARTIFACT_STORE, None)
        await bench.sees("new artifact store", "a folder on this host", "name *")
        await bench.types("scratch")
        # Enter goes from field to field, and on the last one it saves.
        await bench.press("enter", "enter", *"mine", "enter", "enter")
        await bench.types("data/scratch")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("+flavor: local", "+  path: data/scratch")
        assert not file.exists()
        await bench.press("enter")
        await bench.wait_for(file.exists, "the file")
        await bench.wait_for(lambda: not isinstance(bench.screen, ComponentForm), "the form to close")
    assert "description: mine\nconfig:\n  path: data/scratch\n" in file.read_text()


async def test_an_edit_keeps_comments_and_what_it_does_not_touch(root: Path) -> None:
    file = root / "components/artifact_store/team.yaml"
    async with workbench(root) as bench:
        form = await _open(bench, Category.ARTIFACT_STORE, "team")
        _row(form, "config.path").field.focus()
        await bench.press("end", *"s", "ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("-  path: data/team   # on the big disk", "+  path: data/teams   # on the big disk")
        await bench.press("y")
        await bench.wait_for(lambda: "data/teams" in file.read_text(), "the edit")
    assert file.read_text() == _BUCKET.replace("data/team ", "data/teams ")


async def test_a_wrong_value_says_why_and_cannot_be_saved(root: Path) -> None:
    file = component(root, "orchestrator", "wide", "local", "  max_workers: 8\n")
    before = file.read_text()
    async with workbench(root) as bench:
        form = await _open(bench, Category.ORCHESTRATOR, "wide")
        _row(form, "config.max_workers").field.focus()
        await bench.press("end", *"00")
        await bench.sees("must be less than or equal to 256", "1 field needs another value")
        await bench.press("ctrl+s")
        await bench.sees("must be less than or equal to 256")
        assert bench.screen is form
        await bench.press("backspace", "backspace", "ctrl+s")
        await bench.sees("Nothing differs from the file")
    assert file.read_text() == before


async def test_an_empty_required_field_is_wrong_only_once_saving_was_tried(root: Path) -> None:
    async with workbench(root) as bench:
        form = await _open(bench, Category.ORCHESTRATOR, None)
        await bench.sees("* fields are required")
        await bench.press("ctrl+s")
        await bench.sees("a name is needed")
        assert bench.screen is form
        await bench.types("local")
        await bench.sees("there is a orchestrator local already")
        await bench.types("Two")
        await bench.sees("a name has lower-case letters")


async def test_esc_asks_before_it_throws_away_and_leaves_the_file(root: Path) -> None:
    file = root / "components/artifact_store/team.yaml"
    async with workbench(root) as bench:
        form = await _open(bench, Category.ARTIFACT_STORE, "team")
        await bench.press(*"x", "escape")
        await bench.wait_for(lambda: isinstance(bench.screen, ConfirmDialog), "the question")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is form, "the form again")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is form, "the form again")
        await bench.press("escape", "enter")
        await bench.wait_for(lambda: not isinstance(bench.screen, (ComponentForm, ConfirmDialog)), "leaving")
    assert file.read_text() == _BUCKET


async def test_esc_leaves_at_once_where_nothing_was_typed(root: Path) -> None:
    async with workbench(root) as bench:
        form = await _open(bench, Category.ARTIFACT_STORE, "team")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is not form and bench.screen is bench.app.place, "leaving")


async def test_another_flavor_brings_its_own_fields_and_the_old_ones_come_back(root: Path) -> None:
    (root / "flavors").mkdir()
    (root / "flavors/chat.py").write_text(_CLOUD)
    async with workbench(root) as bench:
        form = await _open(bench, Category.ALERTER, "inbox")
        await bench.sees("nothing to configure")
        _row(form, "flavor").field.focus()
        await bench.press("left")
        await bench.sees("a chat channel", "channel *", "token *", "calm (default)", "yes (default)")
        _row(form, "config.channel").field.focus()
        await bench.sees("The channel that messages go to", "text · required")
        await bench.types("#ops")
        _row(form, "config.token").field.focus()
        await bench.sees("A secret stands here as a reference")
        await bench.types("hunter2")
        await bench.sees("this will stand in the file for everyone to read")
        await bench.misses("hunter2")
        _row(form, "flavor").field.focus()
        await bench.press("right")
        await bench.sees("nothing to configure")
        await bench.press("left")
        await bench.sees("#ops")
        _row(form, "config.threads").field.focus()
        await bench.press("space", "space", "ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("+flavor: chat", "+  threads: false")


async def test_a_copy_keeps_the_comments_under_another_name(root: Path) -> None:
    file = root / "components/artifact_store/team-copy.yaml"
    async with workbench(root) as bench:
        await _open(bench, Category.ARTIFACT_STORE, "team", clone=True)
        await bench.sees("copy of artifact store team", "team-copy")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.wait_for(file.exists, "the copy")
    assert file.read_text() == _BUCKET


async def test_a_file_that_changes_underneath_is_said_at_once_and_never_written_over(root: Path) -> None:
    file = root / "components/artifact_store/team.yaml"
    theirs = _BUCKET.replace("data/team", "data/moved")
    async with workbench(root) as bench:
        form = await _open(bench, Category.ARTIFACT_STORE, "team")
        await bench.types("ours")
        file.write_text(theirs)
        await bench.sees("changed on disk while you typed: no field changed on both sides")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, MergeDialog), "both versions")
        await bench.sees(
            "description", "ours", "only you changed it", "path", "data/moved", "only they changed it"
        )
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is form, "the form again")
        assert file.read_text() == theirs
        # Each field has its side already; the diff against what is on disk comes next.
        await bench.press("ctrl+o")
        await bench.wait_for(lambda: isinstance(bench.screen, MergeDialog), "both versions")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("+description: ours")
        await bench.misses("-  path")
        await bench.press("enter")
        await bench.wait_for(lambda: "ours" in file.read_text(), "the edit")
    assert "path: data/moved   # on the big disk" in file.read_text()


async def test_a_file_that_changes_between_diff_and_write_is_not_written_over(root: Path) -> None:
    file = root / "components/artifact_store/team.yaml"
    theirs = _BUCKET.replace("vision", "ranking")
    async with workbench(root) as bench:
        form = await _open(bench, Category.ARTIFACT_STORE, "team")
        await bench.press(*"x", "ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        file.write_text(theirs)
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, MergeDialog), "both versions")
        await bench.press("t", "enter")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("team: ranking", "nothing of yours is left to save")
        await bench.press("escape")
    assert file.read_text() == theirs


async def test_an_untouched_form_follows_the_file(root: Path) -> None:
    file = root / "components/artifact_store/team.yaml"
    async with workbench(root) as bench:
        form = await _open(bench, Category.ARTIFACT_STORE, "team")
        file.write_text(_BUCKET.replace("data/team", "data/moved"))
        await bench.sees("data/moved")
        await bench.wait_for(lambda: not form.draft.dirty, "a clean form")


async def test_read_only_opens_no_form(root: Path) -> None:
    async with workbench(root, readonly=True) as bench:
        await bench.wait_for(lambda: bench.app.feed.summary.readonly, "the header")
        assert bench.app.place is not None
        open_component_form(bench.app.place, Category.ARTIFACT_STORE, "team")
        await bench.sees("the workbench is read-only")
        assert bench.screen is bench.app.place


async def test_what_cannot_be_shown_is_kept_and_never_reaches_the_terminal(root: Path) -> None:
    file = root / "components/artifact_store/team.yaml"
    file.write_text('flavor: local\ndescription: "bell\\a [b]x[/b]"\nconfig:\n  path: "a\\eb"\n')
    async with workbench(root) as bench:
        form = await _open(bench, Category.ARTIFACT_STORE, "team")
        await bench.sees("a␛b", "[b]x[/b]")
        assert not any(ord(letter) < 32 and letter != "\n" for letter in bench.text())
        _row(form, "labels").field.focus()
        await bench.press(*"a:b", "ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        await bench.wait_for(lambda: "labels" in file.read_text(), "the edit")
    assert '"bell\\a [b]x[/b]"' in file.read_text()
    assert 'path: "a\\eb"' in file.read_text()


async def test_it_fits_a_small_terminal(root: Path) -> None:
    async with workbench(root, size=(80, 24)) as bench:
        form = await _open(bench, Category.STEP_OPERATOR, "subprocess")
        await bench.sees("step operator subprocess", "flavor *", "save", "ctrl+s save")
        row = _row(form, "config.gpus")
        row.field.focus()
        await bench.sees("gpus", "a list, one item a line")
        await bench.types("0")
        await bench.press("enter", *"1", "ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("gpus:")


async def test_a_new_component_starts_with_the_flavor_that_was_chosen(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.settled()
        await bench.press("F")
        await bench.sees("environment variables, read only")
        bench.screen.focus_on("secrets_manager/env")
        await bench.press("a")
        await bench.wait_for(
            lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "the form"
        )
        await bench.sees("new secrets manager", "environment variables, read only", "STACKTUI_SECRET_")


def _tree(root: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in root.rglob("*") if file.is_file()}


async def test_what_is_not_saved_yet_is_probed_and_nothing_is_written(root: Path) -> None:
    async with workbench(root) as bench:
        form = await _open(bench, Category.ARTIFACT_STORE, None)
        await bench.press("ctrl+t")
        await bench.sees("only a whole component can be probed", "a name is needed")
        await bench.types("scratch")
        _row(form, "config.path").field.focus()
        await bench.types("data/none")
        before = _tree(root)
        await bench.press("ctrl+t")
        await bench.sees(" ms: ", "data/none")
        assert "✓" in next(line for line in bench.text().splitlines() if " ms: " in line)
        assert _tree(root) == before
        assert not (root / "data").exists()
        assert bench.session.probes.kept(ComponentId(Category.ARTIFACT_STORE, "scratch")) is None
        # What is typed afterwards takes the answer away: it was about something else.
        await bench.types("x")
        await bench.misses(" ms: ")


async def test_a_probe_that_fails_says_why(root: Path) -> None:
    (root / "flavors").mkdir()
    (root / "flavors/chat.py").write_text(
        _CLOUD.replace(
            'ProbeResult(ok=True, message="there")', 'ProbeResult(ok=False, message="no such channel")'
        )
    )
    component(root, "alerter", "oncall", "chat", "  channel: '#ops'\n  token: x\n")
    async with workbench(root) as bench:
        await _open(bench, Category.ALERTER, "oncall")
        await bench.press("ctrl+t")
        await bench.sees(" ms: no such channel")
        assert "✗" in next(line for line in bench.text().splitlines() if " ms: " in line)


async def test_the_editor_opens_at_the_field_and_comes_back_to_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[Path, int | None]] = []
    monkeypatch.setattr(
        "stacktui.tui.editor.open_in_editor",
        lambda app, file, line=None, column=None, **_: opened.append((file, line)),
    )
    file = component(
        root, "feature_store", "views", "local",
        "  views:\n    - name: v\n      join_keys: [k]\n      source: a.csv\n      timestamp: at\n",
    )  # fmt: skip
    async with workbench(root) as bench:
        form = await _open(bench, Category.FEATURE_STORE, "views")
        _row(form, "config.views").field.focus()
        await bench.press("ctrl+e")
        await bench.wait_for(lambda: opened, "the editor")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, ModelForm) and bench.screen.focused, "the view")
        next(row for row in bench.screen.query(FormRow) if row.spec.key == "source").field.focus()
        await bench.press("ctrl+e")
        await bench.wait_for(lambda: len(opened) == 2, "the editor")
        assert bench.screen.focused_row.spec.key == "source"
    assert opened == [(file, 3), (file, 6)]


async def test_a_field_of_a_number_says_its_bounds_and_steps(root: Path) -> None:
    component(root, "orchestrator", "wide", "local", "  max_workers: 255\n")
    async with workbench(root) as bench:
        form = await _open(bench, Category.ORCHESTRATOR, "wide")
        _row(form, "config.max_workers").field.focus()
        await bench.sees(
            "whole number · 1 to 256 · optional, 1 by default", "How many steps run at the same time"
        )
        await bench.press("plus")
        await bench.sees("256")
        await bench.press("plus")
        await bench.sees("must be less than or equal to 256")
