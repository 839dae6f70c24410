"""Two editors at once: what happens on disk to a file whose form is open, and how a person decides it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.model.category import Category
from stacktui.tui.dialogs.component_actions import open_component_form
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.form import ComponentForm
from stacktui.tui.dialogs.form_widgets import FormRow
from stacktui.tui.dialogs.merge import MergeDialog
from stacktui.tui.dialogs.merging import conflicts, merged
from stacktui.tui.dialogs.model_form import ModelForm
from stacktui.tui.dialogs.simple import ChoiceDialog
from tests.tui.workbench import Bench, workbench, workspace

_STORE = """\
# who knows what this is for
flavor: local
description: features   # one line
labels: {team: vision}
config:
  views:
    - name: strokes   # of a pen
      join_keys: digit
      source: data/strokes.parquet
      timestamp: at
      ttl: 30d
    - name: clicks
      join_keys: [user, shop]
      source: data/clicks.csv
      timestamp: at
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = workspace(tmp_path / "vision")
    _file(made).write_text(_STORE)
    return made


def _file(root: Path, name: str = "local") -> Path:
    return root / f"components/feature_store/{name}.yaml"


async def _open(bench: Bench) -> ComponentForm:
    await bench.wait_for(lambda: bench.app.place is not None, "a screen")
    await bench.settled()
    assert bench.app.place is not None
    open_component_form(bench.app.place, Category.FEATURE_STORE, "local")
    await bench.wait_for(lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "the form")
    await bench.settled()
    form: ComponentForm = bench.screen
    return form


def _row(form: ComponentForm | ModelForm, key: str) -> FormRow:
    return next(row for row in form.query(FormRow) if row.spec.key == key)


async def _type_over(bench: Bench, form: ComponentForm | ModelForm, key: str, text: str) -> None:
    _row(form, key).field.focus()
    await bench.press("ctrl+u")
    await bench.types(text)


async def _merge(bench: Bench) -> MergeDialog:
    await bench.press("ctrl+o")
    await bench.wait_for(lambda: isinstance(bench.screen, MergeDialog), "both versions")
    dialog: MergeDialog = bench.screen
    return dialog


async def _accept_diff(bench: Bench) -> None:
    await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
    await bench.press("enter")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_each_field_that_both_changed_gets_a_choice(root: Path, size: tuple[int, int]) -> None:
    file = _file(root)
    async with workbench(root, size=size) as bench:
        form = await _open(bench)
        await _type_over(bench, form, "description", "mine")
        _row(form, "labels").field.focus()
        await bench.press("end", "enter")
        await bench.types("cost: low")
        theirs = (
            _STORE.replace("description: features", "description: theirs")
            .replace("{team: vision}", "{team: ranking}")
            .replace("ttl: 30d", "ttl: 7d")
        )
        file.write_text(theirs)
        await bench.sees("1 field changed on")
        await _merge(bench)
        await bench.sees("description", "! choose", "both changed it, it was features", "mine", "theirs")
        await bench.sees("1 field needs a choice", "h mine · l theirs")
        # Enter does not go on while a field is open.
        await bench.press("enter")
        assert isinstance(bench.screen, MergeDialog)
        await bench.press("h")
        await bench.sees("every field has its side")
        await bench.press("j")
        await bench.sees("labels.team", "vision", "ranking", "only they changed it")
        await bench.press("G")
        await bench.sees("views.strokes.ttl", "30d", "7d")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("-description: theirs", "+description: mine")
        assert file.read_text() == theirs
        await bench.press("enter")
        await bench.wait_for(lambda: not isinstance(bench.screen, (DiffDialog, ComponentForm)), "the end")
    expected = theirs.replace("description: theirs", "description: mine").replace(
        "{team: ranking}", "{team: ranking, cost: low}"
    )
    assert file.read_text() == expected


async def test_esc_decides_later_and_both_versions_are_still_there(root: Path) -> None:
    file = _file(root)
    async with workbench(root) as bench:
        form = await _open(bench)
        await _type_over(bench, form, "description", "mine")
        theirs = _STORE.replace("features", "theirs")
        file.write_text(theirs)
        await bench.sees("1 field changed on both sides")
        await _merge(bench)
        await bench.press("l", "escape")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("mine", "1 field changed on both sides")
        assert file.read_text() == theirs
        # All of theirs: nothing of mine is left, so there is nothing to write.
        await _merge(bench)
        await bench.press("t", "enter")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("nothing of yours is left to save")
        await bench.misses("changed on disk while you typed")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is bench.app.place, "leaving")
    assert file.read_text() == theirs


async def test_what_cannot_be_read_yet_is_kept_as_it_was_typed(root: Path) -> None:
    file = _file(root)
    async with workbench(root) as bench:
        form = await _open(bench)
        _row(form, "labels").field.focus()
        await bench.press("end", "enter")
        await bench.types("cost")
        file.write_text(_STORE.replace("features", "theirs"))
        await bench.sees("changed on disk while you typed")
        await _merge(bench)
        await bench.press("enter")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("is not of the form key: value", "theirs")
        await bench.types(": low")
        await bench.press("ctrl+s")
        await _accept_diff(bench)
        await bench.wait_for(lambda: "low" in file.read_text(), "the edit")
    assert "description: theirs" in file.read_text()


async def test_a_deleted_file_is_written_anew_with_its_comments(root: Path) -> None:
    file = _file(root)
    async with workbench(root) as bench:
        form = await _open(bench)
        await _type_over(bench, form, "description", "mine")
        file.unlink()
        await bench.sees("was deleted on disk", "ctrl+o decides")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the question")
        await bench.sees("write it anew", "let it go")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        assert not file.exists()
        await bench.press("ctrl+o")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the question")
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("write feature_store/local anew", "+description: mine   # one line")
        await bench.press("enter")
        await bench.wait_for(file.exists, "the file")
    assert file.read_text() == _STORE.replace("features", "mine")


async def test_a_deleted_file_is_let_go(root: Path) -> None:
    file = _file(root)
    async with workbench(root) as bench:
        form = await _open(bench)
        await _type_over(bench, form, "description", "mine")
        file.unlink()
        await bench.sees("was deleted on disk")
        await bench.press("ctrl+o")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the question")
        await bench.press("2")
        await bench.wait_for(lambda: form not in bench.app.screen_stack, "the form to close")
    assert not file.exists()


async def test_a_renamed_file_is_followed(root: Path) -> None:
    async with workbench(root) as bench:
        form = await _open(bench)
        await _type_over(bench, form, "description", "mine")
        _file(root).rename(_file(root, "features"))
        await bench.sees("was renamed on disk to features")
        await bench.press("ctrl+o")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the question")
        await bench.sees("go on with features")
        await bench.press("enter")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("feature store features")
        await bench.misses("was renamed on disk")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("edit feature_store/features")
        await bench.press("enter")
        await bench.wait_for(lambda: "mine" in _file(root, "features").read_text(), "the edit")
    assert not _file(root).exists()


async def test_a_broken_file_keeps_what_was_typed_and_may_be_written_over(root: Path) -> None:
    file = _file(root)
    broken = _STORE.replace("config:", "config: [")
    async with workbench(root) as bench:
        form = await _open(bench)
        await _type_over(bench, form, "description", "mine")
        file.write_text(broken)
        await bench.sees("cannot be read as it is now", "ctrl+o decides")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the question")
        await bench.sees("repair it in $EDITOR", "write mine in its place")
        await bench.press("2")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("-config: [", "+config:")
        assert file.read_text() == broken
        await bench.press("enter")
        await bench.wait_for(lambda: form not in bench.app.screen_stack, "the form to close")
    assert file.read_text() == _STORE.replace("features", "mine")


async def test_another_branch_and_back_again(root: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "other")
    _file(root).write_text(_STORE.replace("ttl: 30d", "ttl: 1d"))
    git("commit", "-qam", "two")
    git("checkout", "-q", "main")
    async with workbench(root) as bench:
        form = await _open(bench)
        await _type_over(bench, form, "description", "mine")
        git("checkout", "-q", "other")
        await bench.sees("changed on disk while you typed: no field changed on both sides")
        git("checkout", "-q", "main")
        await bench.misses("changed on disk while you typed")
        assert form.draft.entry("description") == "mine"


async def test_a_change_is_told_in_a_nested_form_too(root: Path) -> None:
    file = _file(root)
    async with workbench(root) as bench:
        form = await _open(bench)
        _row(form, "config.views").field.focus()
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, ModelForm) and bench.screen.focused, "the view")
        nested: ModelForm = bench.screen
        await _type_over(bench, nested, "source", "data/pens.parquet")
        file.write_text(_STORE.replace("ttl: 30d", "ttl: 7d"))
        await bench.sees("The file was changed on disk")
        assert bench.screen is nested
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("no field changed on both sides")
        await _merge(bench)
        await bench.sees("views.strokes.source", "views.strokes.ttl")
        await bench.press("enter")
        await _accept_diff(bench)
        await bench.wait_for(lambda: "pens" in file.read_text(), "the edit")
    # Comments stay, and both edits are there.
    assert "name: strokes   # of a pen" in file.read_text()
    assert "ttl: 7d" in file.read_text()


async def test_a_change_in_the_moment_of_the_write_leads_to_both_versions(root: Path) -> None:
    file = _file(root)
    theirs = _STORE.replace("features", "theirs")
    async with workbench(root) as bench:
        form = await _open(bench)
        await _type_over(bench, form, "description", "mine")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        file.write_text(theirs)
        await bench.press("enter")
        await bench.wait_for(lambda: isinstance(bench.screen, MergeDialog), "both versions")
        assert file.read_text() == theirs
        await bench.press("m", "enter")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.sees("-description: theirs", "+description: mine")
        await bench.press("enter")
        await bench.wait_for(lambda: form not in bench.app.screen_stack, "the form to close")
    assert file.read_text() == _STORE.replace("features", "mine")


async def test_only_a_comment_was_changed_on_disk(root: Path) -> None:
    file = _file(root)
    async with workbench(root) as bench:
        form = await _open(bench)
        await _type_over(bench, form, "description", "mine")
        file.write_text(_STORE.replace("# who knows what this is for", "# for the pens"))
        await bench.sees("changed on disk while you typed")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, (MergeDialog, DiffDialog)), "what comes next")
        if isinstance(bench.screen, MergeDialog):
            await bench.press("enter")
        await _accept_diff(bench)
        await bench.wait_for(lambda: "mine" in file.read_text(), "the edit")
    assert file.read_text().startswith("# for the pens\n")


_DATA = st.recursive(
    st.integers(0, 2) | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
        | st.lists(st.fixed_dictionaries({"name": st.sampled_from("pqr"), "v": inner}), max_size=3)
    ),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(st.sampled_from("abc"), _DATA, max_size=3)


@settings(max_examples=300, deadline=None)
@given(_OBJECTS, _OBJECTS, _OBJECTS)
def test_all_mine_is_mine_and_all_theirs_is_theirs(
    base: dict[str, object], mine: dict[str, object], theirs: dict[str, object]
) -> None:
    found = conflicts(base, mine, theirs)
    as_mine = merged(found, theirs, {one.key: "mine" for one in found})
    assert not conflicts(base, mine, as_mine)
    assert merged(found, theirs, {one.key: "theirs" for one in found}) == theirs
    # What one side did not change is never an open question, and the other side's version comes out by itself.
    assert merged(conflicts(base, base, theirs), theirs, {}) == theirs
    assert not conflicts(base, mine, merged(conflicts(base, mine, base), base, {}))


async def test_a_name_that_somebody_takes_meanwhile_is_not_written_over(root: Path) -> None:
    file = _file(root, "scratch")
    async with workbench(root) as bench:
        await bench.wait_for(lambda: bench.app.place is not None, "a screen")
        await bench.settled()
        assert bench.app.place is not None
        open_component_form(bench.app.place, Category.FEATURE_STORE, None)
        await bench.wait_for(
            lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "the form"
        )
        form: ComponentForm = bench.screen
        await bench.types("scratch")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        file.write_text("flavor: local\ndescription: theirs\n")
        await bench.press("enter")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("there is a feature store scratch already", "nothing was written")
        assert file.read_text() == "flavor: local\ndescription: theirs\n"
        _row(form, "name").field.focus()
        await bench.types("2")
        await bench.press("ctrl+s")
        await _accept_diff(bench)
        await bench.wait_for(_file(root, "scratch2").exists, "the file")


_CHAT = """
from pydantic import Field
from stacktui.categories.alerter import Alerter
from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.flavor import FlavorFacts
from stacktui.model.category import Category
from stacktui.model.secretref import Secretable


class ChatConfig(FlavorConfig):
    token: Secretable[str] = Field(description="The bot's token.")


class Chat(Alerter):
    facts = FlavorFacts(category=Category.ALERTER, name="chat", summary="a chat channel", remote=True)
    Config = ChatConfig

    def probe(self, timeout_s=5.0):
        return ProbeResult(ok=True, message="there")

    def post(self, message, level="info"): ...

    def ask(self, question, choices, timeout_s=None, default=None): ...
"""


async def test_a_secret_in_clear_is_not_shown_side_by_side(root: Path) -> None:
    (root / "flavors").mkdir()
    (root / "flavors/chat.py").write_text(_CHAT)
    file = root / "components/alerter/chat.yaml"
    file.write_text("flavor: chat\nconfig:\n  token: hunter2\n")
    async with workbench(root) as bench:
        await bench.wait_for(lambda: bench.app.place is not None, "a screen")
        await bench.settled()
        assert bench.app.place is not None
        open_component_form(bench.app.place, Category.ALERTER, "chat")
        await bench.wait_for(
            lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "the form"
        )
        await _type_over(bench, bench.screen, "config.token", "{{chat.token}}")
        file.write_text("flavor: chat\nconfig:\n  token: hunter3\n")
        await bench.sees("1 field changed on both sides")
        await _merge(bench)
        await bench.sees("token", "! choose", "******")
        await bench.misses("hunter")
