"""Undo and redo as operations: across files, sessions and people; and what the journal says."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.operations.changes import apply
from stacktui.operations.errors import AnswerIsNo, ConfirmationNeeded, OperationError
from stacktui.operations.session import Session
from stacktui.operations.table import ReadOnlyRefused
from stacktui.operations.undo import UndoForbidden
from stacktui.workspace.active import chosen_stack, use_stack
from stacktui.workspace.changes import Change, FileEdit
from stacktui.workspace.yaml_editor import EditImpossible
from tests.operations.support import do


def contents(root: Path) -> dict[str, bytes]:
    """Every file but the state."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".stacktui" not in path.relative_to(root).parts
    }


def describe(session: Session, text: str, name: str = "inbox") -> None:
    do(session, "component edit", category=Category.ALERTER, name=name, description=text)


def states(session: Session) -> list[tuple[str, str, str | None]]:
    return [(edit.title, edit.state, edit.next) for edit in do(session, "edits list").edits]


def test_edits_are_taken_back_one_by_one_and_done_again(session: Session, root: Path) -> None:
    bytes_then = [contents(root)]
    for text in ("one", "two", "three"):
        describe(session, text)
        bytes_then.append(contents(root))
    for before in bytes_then[-2::-1]:
        document = do(session, "undo")
        assert document.title.startswith("undo: ")
        assert contents(root) == before
    with pytest.raises(AnswerIsNo, match="nothing to undo"):
        do(session, "undo")
    for after in bytes_then[1:]:
        do(session, "redo")
        assert contents(root) == after
    with pytest.raises(AnswerIsNo, match="nothing to redo"):
        do(session, "redo")


def test_a_new_edit_ends_what_could_be_done_again(session: Session) -> None:
    describe(session, "one")
    describe(session, "two")
    do(session, "undo")
    assert states(session) == [
        ("edit alerter/inbox", "undone", "redo"),
        ("edit alerter/inbox", "done", "undo"),
    ]
    describe(session, "three")
    assert [state for _, state, _ in states(session)] == ["done", "undone", "done"]
    with pytest.raises(AnswerIsNo, match="nothing to redo"):
        do(session, "redo")
    do(session, "undo")
    do(session, "undo")
    assert [state for _, state, _ in states(session)] == ["undone"] * 3
    do(session, "redo")
    assert [(state, following) for _, state, following in states(session)] == [
        ("undone", "redo"),
        ("undone", None),
        ("done", "undo"),
    ]


def test_what_is_undone_in_one_process_is_done_again_in_another(session: Session, root: Path) -> None:
    first = contents(root)
    describe(session, "one")
    last = contents(root)

    def stacktui(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stacktui", "-C", str(root), *words],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    dry = stacktui("undo", "--dry-run")
    assert (dry.returncode, "-description: one" in dry.stdout) == (0, True)
    assert contents(root) == last
    assert stacktui("undo").returncode == 0
    assert contents(root) == first
    do(session, "redo")
    assert contents(root) == last
    (root / "components/alerter/inbox.yaml").write_bytes(b"flavor: local\n# mine\n")
    refused = stacktui("undo")
    assert refused.returncode == 1
    assert "+# mine" in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith(
        "stacktui: cannot undo 'edit alerter/inbox': components/"
    )
    listed = stacktui("edits", "list")
    assert "edit alerter/inbox" in listed.stdout
    shown = stacktui("edits", "show", "1")
    assert "+# mine" in shown.stdout
    assert stacktui("edits", "show", "99").returncode == 2


@pytest.mark.parametrize("what", ["changed", "deleted", "made"])
def test_undo_refuses_what_was_written_since_and_loses_nothing(
    session: Session, root: Path, what: str
) -> None:
    inbox = root / "components/alerter/inbox.yaml"
    describe(session, "one")
    if what == "changed":
        inbox.write_bytes(inbox.read_bytes() + b"# mine\n")
    elif what == "deleted":
        inbox.unlink()
    else:
        do(session, "component delete", category=Category.ALERTER, name="inbox", force=True)
        inbox.write_bytes(b"# mine\n")
    before = contents(root)
    with pytest.raises(
        UndoForbidden, match=rf"inbox.yaml was {what} since, and that would be lost"
    ) as caught:
        do(session, "undo")
    assert contents(root) == before
    assert ("-description: one" if what == "deleted" else "+# mine") in caught.value.diff
    assert do(session, "edits show", edit=caught.value.edit).since == caught.value.diff


def test_what_others_saved_is_theirs(session: Session, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    describe(session, "by ada")
    monkeypatch.setenv("LOGNAME", "grace")
    with pytest.raises(AnswerIsNo, match="nothing to undo"):
        do(session, "undo")
    listed = do(session, "edits list")
    assert (listed.edits, listed.others) == ((), 1)
    assert [edit.user for edit in do(session, "edits list", all_=True).edits] == ["ada"]
    do(session, "component clone", category=Category.ALERTER, name="inbox", new="oncall")
    monkeypatch.setenv("LOGNAME", "ada")
    # The edit of one does not stand in the way of the other's, in another file.
    do(session, "undo")
    assert b"by ada" not in (root / "components/alerter/inbox.yaml").read_bytes()
    assert (root / "components/alerter/oncall.yaml").exists()
    monkeypatch.setenv("LOGNAME", "grace")
    do(session, "undo")
    assert not (root / "components/alerter/oncall.yaml").exists()


def test_a_file_that_was_deleted_comes_back_as_it_was(session: Session, root: Path) -> None:
    file = root / "components/alerter/inbox.yaml"
    file.chmod(0o640)
    before = contents(root)
    do(session, "component delete", category=Category.ALERTER, name="inbox", force=True)
    do(session, "undo")
    assert contents(root) == before
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_protected_stack_is_undone_with_its_name(session: Session, root: Path) -> None:
    (root / "stacks/prod.yaml").write_text("extends: default\nprotected: true\n")
    before = contents(root)
    do(session, "stack edit", name="prod", description="nightly", confirm="prod")
    with pytest.raises(ConfirmationNeeded):
        do(session, "undo")
    do(session, "undo", confirm="prod")
    assert contents(root) == before


def test_a_read_only_session_looks_and_writes_nothing(session: Session, root: Path) -> None:
    describe(session, "one")
    before = contents(root)
    with Session(root, readonly=True) as looker:
        with pytest.raises(ReadOnlyRefused):
            do(looker, "undo")
        assert "-description: one" in do(looker, "undo", dry_run=True).diff
        assert do(looker, "edits list").edits
    assert contents(root) == before


def test_the_active_stack_follows_a_rename_and_its_undo(session: Session, root: Path) -> None:
    do(session, "stack clone", name="default", new="prod")
    use_stack(session.workspace, "prod")
    old, new = root / "stacks/prod.yaml", root / "stacks/live.yaml"
    raw = old.read_bytes()
    apply(session, Change("rename stack/prod to live", (FileEdit(old, raw, None), FileEdit(new, None, raw))))
    assert chosen_stack(session.workspace) == "live"
    do(session, "undo")
    assert chosen_stack(session.workspace) == "prod"
    do(session, "redo")
    assert chosen_stack(session.workspace) == "live"
    # A stack that is merely deleted, or another one that is renamed, changes no choice.
    use_stack(session.workspace, "default")
    do(session, "undo")
    assert chosen_stack(session.workspace) == "default"


def test_the_list_is_bounded_and_says_so(session: Session) -> None:
    for number in range(4):
        describe(session, f"{number}")
    listed = do(session, "edits list", limit=3)
    assert (len(listed.edits), listed.more) == (3, 1)
    with pytest.raises(OperationError, match="the journal has no edit '77'; they are 1 to 4"):
        do(session, "edits show", edit="77")


def test_doctor_names_an_edit_that_was_interrupted_and_a_damaged_journal(
    session: Session, root: Path
) -> None:
    def journal(session: Session) -> tuple[str, str]:
        (found,) = [check for check in do(session, "doctor").checks if check.name == "edits"]
        return found.verdict, found.value

    describe(session, "one")
    assert journal(session) == ("ok", "1 in the journal")
    kept = session.workspace.journal
    pending = kept.pending
    record = (kept.folder / "00000001.edit").read_bytes()
    (kept.folder / "00000001.edit").rename(pending)
    with Session(root, readonly=True) as looker:
        verdict, value = journal(looker)
    assert verdict == "warning"
    assert "one was interrupted: edit alerter/inbox" in value
    assert journal(session) == ("ok", "1 in the journal")
    pending.write_bytes(record[:200])
    verdict, value = journal(session)
    assert verdict == "warning"
    assert "damaged: damaged-1" in value


# Whatever is edited, undoing all of it gives the first bytes and doing all again the last ones.


def edit_at_random(session: Session, chance: random.Random, number: int) -> None:
    """One edit through an operation; some are refused, and change nothing."""
    workspace = session.workspace
    snapshot = workspace.read()
    components = list(snapshot.components)
    stacks = list(snapshot.stacks)
    id_ = chance.choice(components)
    stack = chance.choice(stacks)
    new = f"n{number}"
    on = {"category": id_.category, "name": id_.name}
    choices: list[Callable[[], object]] = [
        lambda: do(session, "component edit", **on, description=f"d{number} # not a comment"),
        lambda: do(session, "component edit", **on, label=(f"k{chance.randrange(3)}=v{number}",)),
        lambda: do(session, "component clone", **on, new=new),
        lambda: do(session, "component add", category=Category.ALERTER, name=new, flavor="local"),
        lambda: do(session, "component delete", **on, force=True),
        lambda: do(session, "component rename", **on, new=new),
        lambda: do(session, "stack edit", name=stack, description=f"s{number}"),
        lambda: do(session, "stack clone", name=stack, new=new),
        lambda: do(session, "stack rename", name=stack, new=new),
        lambda: apply(session, several(workspace.root, chance, number)),
    ]
    try:
        chance.choice(choices)()
    except (OperationError, EditImpossible):
        return


def several(root: Path, chance: random.Random, number: int) -> Change:
    """Comments in some files, a new file, and one that goes."""
    files = sorted(root.glob("components/*/*.yaml"))
    edits = [
        FileEdit(file, file.read_bytes(), file.read_bytes() + b"# c%d\n" % number)
        for file in chance.sample(files, 3)
    ]
    edits.append(FileEdit(root / "notes" / f"{number}.yaml", None, os.urandom(20)))
    return Change(f"several {number}", tuple(edits))


def walk(session: Session, root: Path, seed: int, many: int) -> None:
    chance = random.Random(seed)
    first = contents(root)
    for number in range(many):
        edit_at_random(session, chance, number)
        if chance.random() < 0.15:
            # To and fro on the way, which leaves nothing to do again.
            now = contents(root)
            try:
                do(session, "undo")
            except AnswerIsNo:
                continue
            do(session, "redo")
            assert contents(root) == now, (seed, number)
    last = contents(root)
    undone = 0
    while any(edit.next == "undo" for edit in do(session, "edits list", limit=1000).edits):
        do(session, "undo")
        undone += 1
    assert contents(root) == first, seed
    for _ in range(undone):
        do(session, "redo")
    assert contents(root) == last, seed
    assert undone == sum(edit.state == "done" for edit in do(session, "edits list", limit=1000).edits)


@pytest.mark.parametrize("seed", [1, 2])
def test_undoing_everything_gives_the_first_bytes(session: Session, root: Path, seed: int) -> None:
    walk(session, root, seed, 15)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 112))
def test_undoing_everything_gives_the_first_bytes_at_length(session: Session, root: Path, seed: int) -> None:
    walk(session, root, seed, 60)


@pytest.mark.parametrize("seed", [3, 4])
def test_foreign_edits_in_between_are_never_lost(session: Session, root: Path, seed: int) -> None:
    """Somebody writes by hand between the edits: undo goes as far as it can, and keeps what they wrote."""
    chance = random.Random(seed)
    theirs: set[bytes] = set()
    for number in range(12):
        edit_at_random(session, chance, number)
        edited = [root / file.path for file in session.workspace.journal.records(1)[0].files]
        if chance.random() < 0.4 and (there := [file for file in edited if file.exists()]):
            mark = b"# by hand %d\n" % number
            there[0].write_bytes(there[0].read_bytes() + mark)
            theirs.add(mark)
    assert theirs
    kept = {mark for mark in theirs if mark in b"".join(contents(root).values())}

    def undo_all() -> None:
        while True:
            do(session, "undo")
            found = b"".join(contents(root).values())
            assert all(mark in found for mark in kept)

    with pytest.raises(UndoForbidden) as caught:
        undo_all()
    assert any(mark.strip() in caught.value.diff.encode() for mark in theirs)
