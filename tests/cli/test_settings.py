"""`setting`, `key` and `theme` on the command line: what is in force and who says so, and changes that keep comments."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacktui.operations import moments
from stacktui.workspace.keymaps import keymap_file
from stacktui.workspace.setting_sources import user_file
from stacktui.workspace.settings import user_config_dir
from stacktui.workspace.themes import load_themes
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    moments.use_times(None)


def in_force(stacktui: Run, *words: str) -> dict[str, tuple[object, str, str]]:
    """Value, source and place of each setting, by scope and name."""
    rows = stacktui(*words, "setting", "list", "--json").document["settings"]
    return {f"{row['scope']}.{row['name']}": (row["value"], row["source"], row["where"]) for row in rows}


def test_each_setting_is_listed_with_who_says_it(
    stacktui: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stacktui("setting", "set", "bell", "no").code == 0
    monkeypatch.setenv("EDITOR", "nano")
    found = in_force(stacktui, "--readonly")
    assert found["yours.bell"] == (False, "yours", f"{user_file()}:1")
    assert found["yours.mouse"] == (True, "default", "")
    assert found["yours.editor"] == ("nano", "environment", "$EDITOR")
    assert found["workspace.default_stack"][1:] == ("workspace", "stacktui.yaml:3")
    assert found["workspace.readonly"] == (True, "command line", "--readonly")
    assert found["session.stack"] == ("default", "workspace", "default in stacktui.yaml")
    monkeypatch.setenv("STACKTUI_READONLY", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("STACKTUI_STATE", str(root.parent / "state"))
    found = in_force(stacktui, "--stack", "default")
    assert found["workspace.readonly"] == (True, "environment", "$STACKTUI_READONLY")
    assert found["yours.theme"] == ("terminal", "environment", "$NO_COLOR")
    assert found["workspace.state"] == (str(root.parent / "state"), "environment", "$STACKTUI_STATE")
    assert found["session.stack"] == ("default", "command line", "--stack")


def test_a_setting_is_set_and_unset_with_the_files_comments(stacktui: Run, root: Path) -> None:
    user_config_dir().mkdir(parents=True)
    user_file().write_text("# mine\nmouse: false  # in tmux\n")
    assert stacktui("setting", "set", "times", "utc").code == 0
    assert stacktui("setting", "set", "long_run", "null").code == 0
    assert user_file().read_text() == "# mine\nmouse: false  # in tmux\ntimes: utc\nlong_run: null\n"
    assert stacktui("setting", "unset", "times").code == 0
    assert user_file().read_text() == "# mine\nmouse: false  # in tmux\nlong_run: null\n"
    before = (root / "stacktui.yaml").read_text()
    answer = stacktui("setting", "set", "max_runs", "4", "--workspace")
    assert (answer.code, answer.out) == (0, "~ changed stacktui.yaml\n")
    assert in_force(stacktui)["workspace.max_runs"][:2] == (4, "workspace")
    assert stacktui("setting", "unset", "max_runs", "--workspace").code == 0
    assert (root / "stacktui.yaml").read_text() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "thme", "ember"), "did you mean 'theme'?"),
        (("set", "theme", "embr"), "did you mean 'ember'?"),
        (("set", "times", "mars"), "times: input should be 'local' or 'utc'"),
        (("set", "mouse", "perhaps"), "mouse must be true or false"),
        (("set", "long_run", "--", "-1"), "long_run:"),
        (("set", "max_runs", "4"), "set it with --workspace"),
        (("set", "mouse", "no", "--workspace"), "leave out --workspace"),
        (("set", "default_stack", "nowhere", "--workspace"), "there is no stack 'nowhere'"),
        (("set", "version", "2", "--workspace"), "workspace upgrade"),
        (("unset", "thme"), "did you mean 'theme'?"),
    ],
)
def test_what_cannot_be_set_is_refused_in_one_line(stacktui: Run, words: tuple[str, ...], says: str) -> None:
    answer = stacktui("setting", *words)
    assert answer.code == 2
    assert says in answer.err
    assert answer.err.count("\n") == 1
    assert not user_file().exists()


def test_a_broken_file_is_said_and_not_overwritten(stacktui: Run) -> None:
    user_config_dir().mkdir(parents=True)
    user_file().write_text("bell: [\n")
    answer = stacktui("setting", "set", "bell", "no")
    assert answer.code == 2
    assert "repair the file first" in answer.err
    assert user_file().read_text() == "bell: [\n"
    assert "SET001" in stacktui("setting", "list").err


def test_your_own_files_need_no_workspace(stacktui: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert stacktui("setting", "set", "theme", "ember", folder=elsewhere).code == 0
    assert stacktui("key", "set", "global.home", "f9", folder=elsewhere).code == 0
    assert stacktui("theme", "new", "mine", folder=elsewhere).code == 0
    assert "ember" in stacktui("setting", "list", folder=elsewhere).out
    assert stacktui("setting", "set", "max_runs", "2", "--workspace", folder=elsewhere).code == 2


def test_read_only_writes_none_of_them(stacktui: Run) -> None:
    for words in (
        ("setting", "set", "bell", "no"),
        ("key", "set", "global.home", "x"),
        ("theme", "new", "mine"),
    ):
        answer = stacktui("--readonly", *words)
        assert answer.code == 2
        assert "read-only" in answer.err
    assert not user_config_dir().exists()


def test_keys_are_set_listed_and_unset(stacktui: Run, root: Path) -> None:
    assert stacktui("key", "set", "grid.down", "j", "ctrl+n").code == 0
    assert stacktui("key", "set", "global.home", "F9", "--workspace").code == 0
    assert stacktui("key", "set", "global.problems").code == 2
    rows = {row["id"]: row for row in stacktui("key", "list", "--json").document["keys"]}
    assert rows["grid.down"]["keys"] == ["j", "ctrl+n"]
    assert (rows["grid.down"]["source"], rows["grid.down"]["file"]) == ("yours", str(keymap_file()))
    assert (rows["global.home"]["keys"], rows["global.home"]["source"]) == (["f9"], "workspace")
    refused = stacktui("key", "set", "grid.up", "alt+x")
    assert refused.code == 2
    assert "does not arrive" in refused.err
    assert stacktui("key", "unset", "grid.down").code == 0
    assert "grid.down" not in stacktui("key", "list").out.replace("#", "")
    assert (root / "keymap.yaml").read_text().startswith("# Keys of the workbench")


def test_a_new_theme_is_a_copy_to_change(stacktui: Run, root: Path) -> None:
    assert stacktui("theme", "new", "dusk", "--like", "ember").code == 0
    text = (user_config_dir() / "themes/dusk.yaml").read_text()
    assert "# Text." in text
    themes = load_themes(root)
    assert themes.problems == ()
    assert themes.themes["dusk"].model_dump(exclude={"name", "title"}) == themes.themes["ember"].model_dump(
        exclude={"name", "title"}
    )
    assert {row["name"]: row["source"] for row in stacktui("theme", "list", "--json").document["themes"]}[
        "dusk"
    ] == "yours"
    shown = stacktui("theme", "show", "dusk")
    assert "#14110f" in shown.out
    assert stacktui("theme", "new", "dusk").code == 2
    assert stacktui("theme", "new", "of-all", "--workspace").code == 0
    assert (root / "themes/of-all.yaml").exists()
    assert "did you mean 'dusk'?" in stacktui("theme", "show", "dusc").err


def test_times_follow_the_setting_and_json_stays_in_utc(
    stacktui: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert stacktui("alert", "post", "hello").code == 0
        there = stacktui("alert", "list")
        assert "CREATED (IST)" in there.out
        at = stacktui("alert", "list", "--json").document["alerts"][0]["created_at"]
        assert at.endswith("Z")
        assert at[11:19] not in there.out
        stacktui("setting", "set", "times", "utc")
        here = stacktui("alert", "list")
        assert "CREATED (UTC)" in here.out
        assert at[11:19] in here.out
        assert stacktui("alert", "list", "--json").document["alerts"][0]["created_at"] == at
    finally:
        monkeypatch.undo()
        time.tzset()
