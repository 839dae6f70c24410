"""Remembered lists never say anything else than a fresh look would."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.operations import component as components
from stacktui.operations import stack as stacks
from stacktui.operations.session import Session
from tests.operations.support import do


def answer_file(root: Path, name: str) -> Path:
    return root / ".stacktui" / "answers" / f"{name.replace(' ', '-')}.json"


def remember(root: Path, name: str) -> None:
    """Ask until the answer is remembered: files that were written just now are not trusted yet."""
    (root / ".stacktui").mkdir(mode=0o700, exist_ok=True)
    deadline = time.monotonic() + 20
    before = answer_file(root, name).read_bytes() if answer_file(root, name).exists() else b""
    while time.monotonic() < deadline:
        with Session(root) as session:
            do(session, name)
        if answer_file(root, name).exists() and answer_file(root, name).read_bytes() != before:
            return
        time.sleep(0.02)
    raise AssertionError(f"{name} was not remembered")


def fresh_and_given(root: Path) -> tuple[object, object]:
    with Session(root) as session:
        stack_list = do(session, "stack list")
    with Session(root) as session:
        given = (stack_list, do(session, "component list"))
    with Session(root) as session:
        fresh = (stacks._listed(session), components._listed(session))
    return fresh, given


def edit_in_place(root: Path) -> None:
    file = root / "stacks" / "default.yaml"
    text = file.read_text()
    file.write_text(text.replace("local", "locla", 1))


def same_size_and_time(root: Path) -> None:
    file = root / "components" / "alerter" / "inbox.yaml"
    before = file.stat()
    file.write_text(file.read_text().replace("local", "lokal", 1))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def another_file(root: Path) -> None:
    (root / "stacks" / "more.yaml").write_text("extends: default\n")


def fewer_files(root: Path) -> None:
    (root / "components" / "alerter" / "inbox.yaml").unlink()


def another_choice(root: Path) -> None:
    another_file(root)
    with Session(root) as session:
        do(session, "stack use", name="more")


def team_flavor(root: Path) -> None:
    (root / "flavors").mkdir()
    (root / "flavors" / "x.py").write_text("raise RuntimeError\n")


def settings(root: Path) -> None:
    another_file(root)
    (root / "stacktui.yaml").write_text("version: 1\ndefault_stack: more\n")


def damaged_answer(root: Path) -> None:
    for name in ("stack list", "component list"):
        file = answer_file(root, name)
        file.write_bytes(file.read_bytes().partition(b"\n")[0] + b'\n{"version": 1')


@pytest.mark.parametrize(
    "change",
    [
        edit_in_place, same_size_and_time, another_file, fewer_files, another_choice, team_flavor, settings,
        damaged_answer,
    ],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_whatever_changes_the_answer_is_that_of_a_fresh_look(
    root: Path, change: Callable[[Path], None]
) -> None:
    remember(root, "stack list")
    remember(root, "component list")
    fresh, given = fresh_and_given(root)
    assert fresh == given
    change(root)
    fresh, given = fresh_and_given(root)
    assert fresh == given


def test_what_is_remembered_is_used_and_private(root: Path) -> None:
    remember(root, "stack list")
    file = answer_file(root, "stack list")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.write_bytes(file.read_bytes().replace(b'"name":"default"', b'"name":"marked"'))
    with Session(root) as session:
        assert do(session, "stack list").stacks[0].name == "marked"
    with Session(root, stack="other") as session:
        assert do(session, "stack list").stacks[0].name == "default"


def test_a_session_that_knows_the_last_good_version_does_not_ask_the_memory(root: Path) -> None:
    with Session(root) as session:
        assert do(session, "stack list").stacks[0].ok
        file = root / "stacks" / "default.yaml"
        file.write_text("components: [\n")
        remember(root, "stack list")
        (row,) = do(session, "stack list").stacks
        assert row.components[Category.ORCHESTRATOR] == ("local",)
        assert row.stale


def test_a_read_only_session_remembers_nothing(root: Path) -> None:
    (root / ".stacktui").mkdir(mode=0o700, exist_ok=True)
    with Session(root, readonly=True) as session:
        do(session, "stack list")
    assert not answer_file(root, "stack list").exists()


def test_a_session_for_one_stack_reads_its_files_only(root: Path) -> None:
    for number in range(20):
        (root / "components" / "alerter" / f"torn{number}.yaml").write_text("flavor: [\n")
    with Session(root) as session:
        assert session.store().name == "local"
        assert not session.has_read
        assert session.live().alerter().name == "inbox"
        narrow = session.glance()
        assert len(narrow.stacks) == 1
        assert "default" in list(narrow.stacks)
        whole = session.snapshot()
        for id_ in whole.components:
            assert narrow.components[id_] == whole.components[id_]
        assert session.glance() is session.snapshot()
        do(session, "component edit", category=Category.ALERTER, name="inbox", description="other")
        assert session.live().alerter().name == "inbox"
