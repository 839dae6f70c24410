"""Keys: a keymap changes them while the workbench runs, what is wrong in it is a finding with its line, `?` searches
and runs them, and the list of keys changes them in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.tui import keyclash, keys
from stacktui.workspace.keymaps import KeymapEntry, keymap_file, load_keymap
from tests.tui.terminal import Terminal
from tests.tui.workbench import Bench, workbench, workspace


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    return workspace(tmp_path / "vision")


def entries(own: bool = True, **wanted: str) -> dict[str, KeymapEntry]:
    """A keymap's entries, a line each: `runs__status="z"` stands for `runs.status: z`."""
    file = Path("keymap.yaml")
    return {
        name.replace("__", "."): KeymapEntry(key, file, line, own)
        for line, (name, key) in enumerate(wanted.items(), 1)
    }


def clashes(wanted: dict[str, KeymapEntry]) -> dict[str, str]:
    """What cannot be used, by id, with the reason."""
    keyclash.load_bindings()
    return {clash.id: clash.reason for clash in keyclash.check_keys(wanted)[1]}


# What a keymap may say.


@pytest.mark.parametrize(
    ("name", "key", "other"),
    [
        ("problems.fix", "y", "problems.copy"),  # two of one screen
        ("run.runs.stop", "f", "runs.status"),  # an operation's and the screen's that it is bound on
        ("runs.group", "L", "run.runs.label"),
        ("global.problems", "f", "problems.fix"),  # a key that is to mean the same everywhere and a screen's
        ("global.home", "j", "grid.down"),  # and the list's in it
        ("grid.open", "z", "category.zoom"),
        ("category.probe", "x", "pane_models.stop"),  # a screen's and that of a pane in it
        ("run.facts", "w", "log.wrap"),  # a screen's and that of a log in a panel of it
        ("diff.accept", "j", "diff.down"),  # two of one dialog, in a base of it
        ("diff.accept", "n", "diff.refuse"),
        ("diff.accept", "escape", "dialog.leave"),
    ],
)
def test_one_key_for_two_things_is_found_wherever_they_meet(name: str, key: str, other: str) -> None:
    keyclash.load_bindings()
    taken = clashes({name: KeymapEntry(key, Path("k"), 1, True)})
    assert set(taken) == {name}
    assert "is already the key of" in taken[name]
    assert other in keyclash._neighbours()[name]
    # With the other one out of the way it may have the key, as far as those two go.
    moved = {other: KeymapEntry("f20", Path("k"), 1, True), name: KeymapEntry(key, Path("k"), 2, True)}
    assert other not in clashes(moved).get(name, "")


def test_what_ships_does_not_clash() -> None:
    keyclash.load_bindings()
    shipped = {name: KeymapEntry(facts.key, Path("k"), 1, True) for name, facts in keys.known_facts().items()}
    assert keyclash.check_keys(shipped) == ({name: entry.keys for name, entry in shipped.items()}, ())


def test_two_that_never_meet_may_have_one_key() -> None:
    assert clashes(entries(problems__fix="z", flavors__copy="z", compare__same="z")) == {}


def test_two_keys_may_be_swapped() -> None:
    wanted = entries(problems__fix="y", problems__copy="f")
    assert clashes(wanted) == {}
    assert keyclash.check_keys(wanted)[0] == {"problems.fix": "y", "problems.copy": "f"}


def test_the_earlier_line_wins_and_the_workspace_over_the_user() -> None:
    found = clashes(entries(global__home="f2", global__problems="f2"))
    assert found == {"global.problems": "f2 is already the key of global.home (home)"}
    mine, ours = entries(global__home="f2"), entries(False, global__problems="f2")
    assert set(clashes({**mine, **ours})) == {"global.home"}


def test_one_that_loses_takes_its_own_key_back() -> None:
    # The first cannot have its key, so that the second cannot have the first one's.
    wanted = entries(problems__editor="y", problems__fix="E")
    assert set(clashes(wanted)) == {"problems.editor", "problems.fix"}


@pytest.mark.parametrize(
    ("name", "key", "why"),
    [
        ("filter.keep", "k", "text field"),
        ("chooser.down", "ctrl+e", "text field"),
        ("dialog.leave", "q", "text field"),
        ("global.palette", "P", "could not be typed"),
        ("global.problems", "ctrl+q", "leaves the workbench"),
        ("global.problems", "ctrl+c", "copies"),
    ],
)
def test_a_key_that_would_not_arrive_or_take_letters_away_is_found(name: str, key: str, why: str) -> None:
    assert why in clashes({name: KeymapEntry(key, Path("k"), 1, True)})[name]


def test_a_key_reads_as_people_write_it() -> None:
    assert [keys.shown(key) for key in ("slash", "question_mark", "ctrl+d", "escape", "G", "shift+tab", "f5")] == [
        "/", "?", "ctrl+d", "esc", "G", "shift+tab", "f5",
    ]  # fmt: skip


# In the workbench.


async def _at(bench: Bench, place: str) -> None:
    await bench.wait_for(lambda: bench.app.place is not None and bench.app.place.place == place, place)


async def test_a_keymap_changes_keys_and_says_what_is_wrong_with_it(root: Path) -> None:
    (root / "keymap.yaml").write_text(
        "global.problems: f2\nglobal.nowhere: x\nrun.runs.stop: f\nglobal.home: q\nproblems.fix: alt+x\n"
    )
    async with workbench(root) as bench:
        await bench.settled()
        await bench.press("f2")
        await _at(bench, "problems")
        await bench.wait_for(lambda: len(bench.app.looks.problems) == 4, "four findings")
        found = {(each.code, each.line): each.message for each in bench.app.looks.problems}
        assert set(found) == {("KEY002", 2), ("KEY004", 3), ("KEY004", 4), ("KEY003", 5)}
        assert "run.runs.stop: f is already the key of" in found["KEY004", 3]
        assert all(each.file == root / "keymap.yaml" for each in bench.app.looks.problems)
        await bench.sees("keymap.yaml", "4:1", "global.home: q is already the key of global.quit")
        await bench.press("h")
        await bench.sees("› home")
        (root / "keymap.yaml").write_text("global.problems: f3\n")
        await bench.wait_for(lambda: not bench.app.looks.problems, "the keymap to be read again")
        await bench.press("f3")
        await bench.sees("› problems")


async def test_swapped_keys_do_each_others_work_and_a_bad_file_keeps_them(root: Path) -> None:
    (root / "keymap.yaml").write_text("global.problems: h\nglobal.home: p\n")
    async with workbench(root) as bench:
        await bench.wait_for(lambda: len(bench.app.looks.keymap) == 2, "the keymap")
        await bench.press("h")
        await _at(bench, "problems")
        await bench.press("p")
        await _at(bench, "home")
        (root / "keymap.yaml").write_text("global.problems: [\n")
        await bench.wait_for(lambda: bench.app.looks.problems, "the finding")
        assert [(each.code, each.line) for each in bench.app.looks.problems] == [("KEY001", 1)]
        await bench.press("h")
        await _at(bench, "problems")
        await bench.sees("keymap.yaml")


async def test_the_users_keymap_counts_below_the_workspaces(root: Path) -> None:
    keymap_file().parent.mkdir(parents=True)
    keymap_file().write_text("global.problems: f2\nglobal.runs: f5\n")
    (root / "keymap.yaml").write_text("global.runs: f6\n")
    async with workbench(root) as bench:
        await bench.wait_for(lambda: len(bench.app.looks.keymap) == 2, "the keymap")
        await bench.press("f2")
        await _at(bench, "problems")
        await bench.press("f5", "f6")
        await _at(bench, "runs")


async def test_something_may_have_no_key_and_is_still_run_from_the_list(root: Path) -> None:
    (root / "keymap.yaml").write_text("global.problems:\nglobal.runs: []\n")
    async with workbench(root) as bench:
        await bench.wait_for(lambda: len(bench.app.looks.keymap) == 2, "the keymap")
        await bench.press("p", "r")
        await _at(bench, "home")
        await bench.press("question_mark")
        await bench.types("findings")
        await bench.sees("All findings.")
        await bench.press("enter")
        await _at(bench, "problems")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_the_list_of_keys_searches_runs_and_says_why_not(root: Path, size: tuple[int, int]) -> None:
    (root / "keymap.yaml").write_text("global.runs: f6\n")
    async with workbench(root, size=size, readonly=True) as bench:
        await bench.wait_for(lambda: bench.app.looks.keymap, "the keymap")
        await bench.settled()
        await bench.press("question_mark")
        await bench.sees("type to search", "esc closes")
        await bench.types("f6")  # by its key, which is the keymap's
        await bench.sees("1 of ", "The run history.")
        await bench.press("ctrl+u")
        await bench.types("start a run")  # by what it says; it cannot be now
        await bench.sees("new run", "read-only")
        await bench.press("enter")
        await bench.sees("new run: the workbench is read-only")
        await _at(bench, "home")
        await bench.press("question_mark")
        await bench.types("stacks")  # by its name
        await bench.sees("All stacks.")
        await bench.press("enter")
        await _at(bench, "stacks")


async def test_the_footer_shows_the_key_in_force(root: Path) -> None:
    (root / "keymap.yaml").write_text("problems.copy: Y\nglobal.help: f1\n")
    async with workbench(root) as bench:
        await bench.press("p")
        await bench.wait_for(lambda: len(bench.app.looks.keymap) == 2, "the keymap")
        await bench.sees("f1 keys", "Y copy")


async def test_a_key_is_changed_by_pressing_it_and_given_back(root: Path) -> None:
    async with workbench(root) as bench:
        await bench.press("comma", "K")
        await bench.sees("› keys", "global.problems", "as they ship")
        await bench.press("slash")
        await bench.types("global.problems")
        await bench.press("enter")
        await bench.wait_for(lambda: len(bench.screen.query_one("#keymap").rows) == 1)
        await bench.press("e")
        await bench.sees("Press the new key.")
        await bench.press("s")  # taken
        await bench.sees("s is already the key of global.stacks")
        await bench.press("f4")
        await bench.sees("f4 for global.problems", "+global.problems: f4")
        assert not keymap_file().exists()
        await bench.press("enter")
        await bench.sees("your keymap.yaml:", "1 changed")
        assert load_keymap(root).keys == {"global.problems": "f4"}
        assert keymap_file().read_text().startswith("# Keys of the workbench")
        await bench.press("f4")
        await _at(bench, "problems")
        await bench.press("colon")
        await bench.types("keys")
        await bench.press("enter")
        await _at(bench, "keys")
        await bench.press("d")
        await bench.sees("-global.problems: f4")
        await bench.press("enter")
        await bench.sees("as they ship")
        assert load_keymap(root).keys == {}
        await bench.press("p")
        await _at(bench, "problems")


async def test_a_workspaces_entry_is_changed_in_its_own_file(root: Path) -> None:
    (root / "keymap.yaml").write_text("# the team's\nglobal.problems: f4  # by habit\n")
    async with workbench(root) as bench:
        await bench.press("comma", "K")
        await bench.sees("› keys", "1 changed")
        await bench.press("slash")
        await bench.types("global.problems")
        await bench.press("enter", "enter")
        await bench.sees("Press the new key.")
        await bench.press("f7")
        await bench.sees("+global.problems: f7  # by habit")
        await bench.press("enter")
        await bench.wait_for(lambda: bench.app.looks.keymap["global.problems"].keys == "f7", "the key")
        assert (root / "keymap.yaml").read_text() == "# the team's\nglobal.problems: f7  # by habit\n"
        assert not keymap_file().exists()


async def test_read_only_changes_no_key(root: Path) -> None:
    async with workbench(root, readonly=True) as bench:
        await bench.press("comma", "K")
        await bench.sees("› keys")
        await bench.press("e")
        await bench.sees("e change: the workbench is read-only")


def test_the_editor_opens_the_keymap_at_the_line_and_a_new_one_says_how(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    config = tmp_path / "config"
    editor = tmp_path / "look.sh"
    editor.write_text('#!/bin/sh\necho "opened $*"\necho "global.home: f9" >> "$1"\n')
    editor.chmod(0o700)
    with Terminal(root, env={"VISUAL": str(editor), "XDG_CONFIG_HOME": str(config)}) as terminal:
        terminal.sees("› home")
        terminal.press(",K")
        terminal.sees("global.home")
        terminal.press("E")
        terminal.wait(lambda: b"opened" in terminal.raw, "the editor")
        terminal.sees("f9")
    text = (config / "stacktui/keymap.yaml").read_text()
    assert text.startswith("# Keys of the workbench")
    assert text.endswith("\nglobal.home: f9\n")
