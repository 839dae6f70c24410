"""Keymaps and the user's settings: what is wrong in them is a finding, the rest is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacktui.workspace.keymaps import load_keymap, normal_key
from stacktui.workspace.own_files import REMOVED, apply_own, edit_keys
from stacktui.workspace.setting_sources import user_file
from stacktui.workspace.settings import load_settings, user_config_dir
from stacktui.workspace.yaml_reader import YamlProblem


def save(key: str, value: Any) -> Path:
    """Write one of the user's settings; `REMOVED` takes it out."""
    apply_own(edit_keys(user_file(), "", {key: value}))
    return user_file()


KNOWN = {"home", "run.start", "run.stop"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("n", "n"),
        ("N", "N"),
        ("?", "question_mark"),
        (":", "colon"),
        ("5", "5"),
        ("é", "é"),
        ("F5", "f5"),
        ("pagedown", "pagedown"),
        ("ctrl+s", "ctrl+s"),
        ("Ctrl+S", "ctrl+shift+s"),
        ("shift+ctrl+s", "ctrl+shift+s"),
        ("shift+a", "A"),
        ("shift+tab", "shift+tab"),
        ("question_mark", "question_mark"),
        ("ctrl+up", "ctrl+up"),
    ],
)
def test_keys_in_textuals_spelling(text: str, key: str) -> None:
    assert normal_key(text) == key


@pytest.mark.parametrize(
    "text", ["", "ctrl+h", "ctrl+i", "ctrl+m", "alt+x", "hyper+x", "pgdown", "\x1b", "ctrl+é"]
)
def test_keys_that_no_terminal_sends(text: str) -> None:
    assert normal_key(text) is None


def test_a_keymap(root: Path) -> None:
    (root / "keymap.yaml").write_text("home: [h, home]\nrun.start: N\nrun.stop:\n")
    loaded = load_keymap(root, KNOWN)
    assert loaded.problems == ()
    assert loaded.keys == {"home": "h,home", "run.start": "N", "run.stop": ""}


def test_wrong_entries_are_findings_and_the_others_count(root: Path) -> None:
    file = root / "keymap.yaml"
    file.write_text("home: g\nrun.strat: n\nrun.stop: [alt+x, X]\n")
    loaded = load_keymap(root, KNOWN)
    assert loaded.keys == {"home": "g", "run.stop": "X"}
    unknown, unsent = loaded.problems
    assert (unknown.code, unknown.line) == ("KEY002", 2)
    assert "did you mean run.start?" in unknown.message
    assert (unsent.code, unsent.line) == ("KEY003", 3)
    assert "alt+x" in unsent.message


def test_the_workspaces_keys_are_over_the_users(root: Path) -> None:
    user_config_dir().mkdir(parents=True)
    (user_config_dir() / "keymap.yaml").write_text("home: h\nrun.start: n\n")
    (root / "keymap.yaml").write_text("home: g\n")
    assert load_keymap(root, KNOWN).keys == {"home": "g", "run.start": "n"}


@pytest.mark.parametrize("bad", ["home: [", "- home\n", "\x00"])
def test_a_broken_keymap_keeps_the_old_one(root: Path, bad: str) -> None:
    file = root / "keymap.yaml"
    file.write_text("home: g\n")
    before = load_keymap(root, KNOWN)
    file.write_text(bad)
    after = load_keymap(root, KNOWN, before)
    assert after.keys == before.keys
    assert [problem.code for problem in after.problems] == ["KEY001"]
    assert after.problems[0].line == 1


def test_settings_have_defaults_and_are_kept_with_comments(root: Path) -> None:
    assert load_settings().theme is None
    file = save("theme", "terminal")
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("# mine\ntheme: terminal  # at night\nmouse: false\n")
    save("theme", "ember")
    assert file.read_text() == "# mine\ntheme: ember  # at night\nmouse: false\n"
    loaded = load_settings(root)
    assert (loaded.theme, loaded.settings.mouse) == ("ember", False)
    save("theme", REMOVED)
    assert file.read_text() == "# mine\nmouse: false\n"


def test_the_workspaces_theme_is_for_who_has_not_chosen(root: Path) -> None:
    (root / "stacktui.yaml").write_text("theme: high-contrast\n")
    assert load_settings(root).theme == "high-contrast"
    save("theme", "ember")
    assert load_settings(root).theme == "ember"


def test_a_broken_settings_file_keeps_what_was_and_is_not_overwritten() -> None:
    file = save("bell", False)
    before = load_settings()
    file.write_text("bell: [\n")
    after = load_settings(previous=before.settings)
    assert after.settings == before.settings
    assert [problem.code for problem in after.problems] == ["SET001"]
    with pytest.raises(YamlProblem):
        save("bell", True)
    assert file.read_text() == "bell: [\n"


def test_the_last_setting_leaves_no_braces_behind() -> None:
    file = save("times", "utc")
    save("times", REMOVED)
    assert file.read_bytes() == b""
    file.write_text("# mine\n{}\n")
    save("times", "utc")
    assert file.read_text() == "# mine\ntimes: utc\n"


def test_a_link_to_the_settings_stays_one(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.yaml"
    kept.write_text("mouse: false\n")
    user_config_dir().mkdir(parents=True)
    user_file().symlink_to(kept)
    save("times", "utc")
    assert user_file().is_symlink()
    assert kept.read_text() == "mouse: false\ntimes: utc\n"


def test_a_broken_keymap_leaves_the_other_one_in_force(root: Path) -> None:
    user_config_dir().mkdir(parents=True)
    (user_config_dir() / "keymap.yaml").write_text("home: [\n")
    (root / "keymap.yaml").write_text("run.start: g\n")
    loaded = load_keymap(root, KNOWN)
    assert loaded.keys == {"run.start": "g"}
    assert [problem.code for problem in loaded.problems] == ["KEY001"]


def test_an_entry_knows_its_line_and_whose_it_is(root: Path) -> None:
    user_config_dir().mkdir(parents=True)
    (user_config_dir() / "keymap.yaml").write_text("# mine\nhome: h\n")
    (root / "keymap.yaml").write_text("run.start: g\nrun.stop: [x, X]\n")
    entries = load_keymap(root, KNOWN).entries
    assert {name: (entry.line, entry.own) for name, entry in entries.items()} == {
        "home": (2, True), "run.start": (1, False), "run.stop": (2, False),
    }  # fmt: skip


def test_an_id_that_stands_twice_is_a_finding(root: Path) -> None:
    (root / "keymap.yaml").write_text("home: h\nhome: g\n")
    loaded = load_keymap(root, KNOWN)
    assert loaded.keys == {"home": "g"}
    assert [(problem.code, problem.line) for problem in loaded.problems] == [("KEY001", 2)]
