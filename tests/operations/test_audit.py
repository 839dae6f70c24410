"""The audit list: who edited, ran, stopped, revealed; when, and from where. Never a secret's value."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.categories.process_mark import host_name, user_name
from stacktui.model.category import Category
from stacktui.operations.errors import OperationError
from stacktui.operations.session import Session
from stacktui.testing.contracts.base import wait_for
from stacktui.workspace.audit import audit_file, note
from stacktui.workspace.who import Who
from tests.operations.support import do

VALUE = "correct-horse-battery"


def done(session: Session, **filters: object) -> list[tuple[str, str]]:
    """What the list holds, oldest first."""
    return [(row.action, row.subject) for row in reversed(do(session, "audit list", **filters).entries)]


def test_every_kind_of_deed_is_noted_once_with_who_and_from_where(root: Path) -> None:
    environment = {"SSH_CONNECTION": "10.0.0.7 51234 10.0.0.1 22"}
    with Session(root, face="workbench", environ=environment) as session:
        do(session, "stack clone", name="default", new="copy")
        do(session, "stack use", name="copy")
        do(
            session,
            "component edit",
            category=Category.ARTIFACT_STORE,
            name="local",
            description="the team's",
        )
        do(session, "secret set", name="aws", key="region", value=VALUE)
        do(session, "secret import", name="aws", given=f"A={VALUE}\nB={VALUE}\n")
        do(session, "secret reveal", name="aws", key="region")
        do(session, "secret delete", name="aws", key="B")
        assert done(session) == [
            ("edited", "stack/copy"),
            ("used", "stack/copy"),
            ("edited", "component/artifact_store/local"),
            ("set", "secret/local/aws.region"),
            ("set", "secret/local/aws.A"),
            ("set", "secret/local/aws.B"),
            ("revealed", "secret/local/aws.region"),
            ("deleted", "secret/local/aws.B"),
        ]
        newest = do(session, "audit list", limit=1).entries[0]
    assert (newest.user, newest.host) == (user_name(), host_name())
    assert (newest.origin, newest.face) == ("10.0.0.7", "workbench")
    assert newest.place == "workbench, ssh 10.0.0.7"
    assert VALUE not in audit_file(session.workspace).read_text()


def test_what_only_looks_or_is_refused_is_not_noted(session: Session) -> None:
    do(session, "stack list")
    do(session, "secret list")
    with pytest.raises(OperationError):
        do(session, "secret reveal", name="aws", key="region")
    with pytest.raises(OperationError):
        do(session, "stack use", name="nowhere")
    assert done(session) == []


HELLO = """
from stacktui import pipeline, step

@step
def greet(fail: bool) -> str:
    if fail:
        raise ValueError("no")
    return "hello"

@pipeline
def greeting(fail: bool = False):
    greet(fail)

if __name__ == "__main__":
    print(greeting.run().id)
"""


def test_runs_are_noted_from_whichever_side_they_come(root: Path) -> None:
    file = root / "pipelines" / "greeting.py"
    file.write_text(HELLO)
    with Session(root, face="cli") as session:
        store = session.store()
        (started,) = do(session, "run", target="greeting", param=("fail=true",), detach=True)
        run_id = started.run_id
        wait_for(lambda: store.run(run_id).status.finished, "the run to fail")
        do(session, "runs resume", run_id=run_id)
        (again,) = do(session, "runs retry", run_id=run_id, detach=True)
        wait_for(lambda: store.run(again.run_id).status.finished, "the retry to fail")
        do(session, "runs delete", run_ids=(again.run_id,))
        said = subprocess.run(
            [sys.executable, str(file)], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()
        assert done(session) == [
            ("ran", f"run/{run_id}"),
            ("resumed", f"run/{run_id}"),
            ("retried", f"run/{again.run_id}"),
            ("deleted", f"run/{again.run_id}"),
            ("ran", f"run/{said}"),
        ]
        rows = do(session, "audit list").entries
        assert [row.face for row in rows] == ["python", "cli", "cli", "cli", "cli"]
        assert rows[0].text == "greeting through default"


def test_a_stop_and_each_run_of_a_sweep_are_noted(root: Path) -> None:
    (root / "pipelines" / "slow.py").write_text(
        "import time\nfrom pathlib import Path\nfrom stacktui import pipeline, step\n"
        "@step(cache=False)\ndef waits(n: int, folder: str) -> int:\n"
        "    while not Path(folder, 'go on').exists():\n        time.sleep(0.02)\n    return n\n"
        f"@pipeline\ndef slow(n: int = 1):\n    waits(n, {str(root.parent)!r})\n"
    )
    with Session(root, face="cli") as session:
        store = session.store()
        (started,) = do(session, "run", target="slow", sweep=("n=1,2",), detach=True)
        for run_id in started.run_ids:
            do(session, "runs stop", run_id=run_id)
        wait_for(
            lambda: all(store.run(run_id).status.finished for run_id in started.run_ids), "the runs to stop"
        )
        assert done(session) == [
            *(("ran", f"run/{run_id}") for run_id in started.run_ids),
            *(("stopped", f"run/{run_id}") for run_id in started.run_ids),
        ]


def test_an_undo_is_noted_as_one(session: Session) -> None:
    from stacktui.operations.changes import apply
    from stacktui.workspace.changes import Change, FileEdit

    file = session.workspace.root / "stacks" / "default.yaml"
    before = file.read_bytes()
    apply(session, Change("take it back", (FileEdit(file, before, before + b"# x\n"),), undoes="1"))
    apply(session, Change("nothing", (FileEdit(file, before + b"# x\n", before + b"# x\n"),)))
    assert done(session) == [("undid", "stack/default")]


@pytest.fixture
def busy(session: Session) -> Session:
    """A list with several people's deeds."""
    people = (Who("mira", "gpu1", "10.0.0.7"), Who("jo", "laptop"))
    for number in range(12):
        action = "revealed" if number % 4 == 0 else "edited"
        note(session.workspace, action, f"stack/s{number}", people[number % 2], face="cli")
    return session


def test_filters_say_who_what_and_about(busy: Session) -> None:
    assert [subject for _, subject in done(busy, action=("revealed",))] == [
        "stack/s0",
        "stack/s4",
        "stack/s8",
    ]
    mine = [f"stack/s{number}" for number in range(0, 12, 2)]
    for wanted in ("mira", "mira@gpu1", "gpu1", "10.0.0.7"):
        assert [subject for _, subject in done(busy, who=(wanted,))] == mine
    assert len(done(busy, who=("mira", "jo"))) == 12
    assert done(busy, who=("mir",)) == []
    assert done(busy, about="s11") == [("edited", "stack/s11")]
    assert len(done(busy, since="1h")) == 12
    assert len(done(busy, since="2020-01-01")) == 12
    assert done(busy, since="2999-01-01T00:00:00Z") == []
    with pytest.raises(OperationError, match=r"neither an age nor a date; write 12h"):
        do(busy, "audit list", since="last week")
    with pytest.raises(OperationError, match="--limit must be at least 1"):
        do(busy, "audit list", limit=0)


def test_pages_follow_each_other_while_others_go_on(busy: Session) -> None:
    found: list[str] = []
    after: str | None = None
    while True:
        page = do(busy, "audit list", limit=5, after=after)
        found += [row.subject for row in page.entries]
        note(busy.workspace, "edited", "stack/late", Who("jo", "laptop"))
        after = page.next
        if after is None:
            break
    assert found == [f"stack/s{number}" for number in range(11, -1, -1)]
    with pytest.raises(OperationError, match="is not on the list any more"):
        do(busy, "audit list", after="0193")


def test_what_cannot_be_noted_breaks_nothing_and_the_doctor_says_it(session: Session) -> None:
    session.workspace.state_dir()
    audit_file(session.workspace).mkdir()
    do(session, "secret set", name="aws", key="region", value=VALUE)
    do(session, "stack clone", name="default", new="copy")
    assert "copy" in session.snapshot().stacks
    check = next(each for each in do(session, "doctor").checks if each.name == "audit list")
    assert check.verdict == "warning"
    assert "is not a regular file" in check.value
    assert check.advice


def test_damaged_lines_are_counted_for_people(busy: Session) -> None:
    with audit_file(busy.workspace).open("ab") as file:
        file.write(b"{broken\n")
    found = do(busy, "audit list")
    assert (len(found.entries), found.damaged) == (12, 1)
    check = next(each for each in do(busy, "doctor").checks if each.name == "audit list")
    assert (check.verdict, check.value) == ("warning", "12 entries, 1 damaged line")


def test_a_readonly_session_notes_what_it_reveals_and_changes_no_file_of_the_workspace(root: Path) -> None:
    with Session(root) as session:
        do(session, "secret set", name="aws", key="region", value=VALUE)
    state = root / ".stacktui"
    before = {
        file: file.read_bytes()
        for file in root.rglob("*")
        if file.is_file() and not file.is_relative_to(state)
    }
    with Session(root, readonly=True, face="cli") as session:
        assert do(session, "secret reveal", name="aws", key="region").value == VALUE
        assert done(session)[-1] == ("revealed", "secret/local/aws.region")
    assert {
        file: file.read_bytes()
        for file in root.rglob("*")
        if file.is_file() and not file.is_relative_to(state)
    } == before


@pytest.mark.parametrize("by_file", [True, False])
def test_a_readonly_session_makes_no_state_to_note_in(
    root: Path, monkeypatch: pytest.MonkeyPatch, by_file: bool
) -> None:
    import shutil

    (root / "components" / "secrets_manager" / "local.yaml").write_text("flavor: env\n")
    monkeypatch.setenv("STACKTUI_SECRET_AWS__REGION", VALUE)
    shutil.rmtree(root / ".stacktui", ignore_errors=True)
    if by_file:
        with (root / "stacktui.yaml").open("a") as file:
            file.write("readonly: true\n")
    with Session(root, readonly=not by_file) as session:
        assert do(session, "secret reveal", name="aws", key="region").value == VALUE
    assert not (root / ".stacktui").exists()


def test_an_edit_of_several_files_is_one_deed_about_what_it_makes(session: Session, tmp_path: Path) -> None:
    do(session, "stack clone", name="default", new="copy")
    do(session, "stack rename", name="copy", new="prod")
    do(session, "undo")
    do(session, "redo")
    do(session, "stack export", name="prod", output=tmp_path / "prod.yaml")
    do(session, "stack delete", name="prod")
    do(session, "stack import", file=tmp_path / "prod.yaml")
    found = [each for each in done(session) if each[0] != "exported"]
    assert found == [
        ("edited", "stack/copy"),
        ("edited", "stack/prod"),
        ("undid", "stack/copy"),
        ("redid", "stack/prod"),
        ("edited", "stack/prod"),
        ("imported", "stack/prod"),
    ]
    assert do(session, "audit list", about="stack/copy").entries[0].text.startswith("undo")
