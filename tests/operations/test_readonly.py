"""Read-only mode, over the whole table: what writes is refused where it is done, and what reads writes nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacktui.cli.main import main
from stacktui.model.category import Category
from stacktui.operations.changes import apply
from stacktui.operations.session import Session, run_operation
from stacktui.operations.table import Operation, Parameter, ReadOnlyRefused, all_operations
from stacktui.testing.contracts.base import wait_for
from stacktui.workspace.changes import Change, FileEdit
from tests.conftest import left_running
from tests.operations.support import do

TABLE = all_operations()
WRITING = [operation for operation in TABLE.values() if operation.writes]
READING = [operation for operation in TABLE.values() if not operation.writes]
WAYS = ("option", "environment", "file")


def named(operations: list[Operation]) -> Any:
    return pytest.mark.parametrize("operation", operations, ids=[each.name for each in operations])


def tree(folder: Path, *without: str) -> dict[str, tuple[int, bytes]]:
    """Every file and folder with its mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not set(without) & set(path.relative_to(folder).parts):
            content = path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(folder))] = (path.lstat().st_mode, content)
    return found


def value_of(parameter: Parameter) -> Any:
    one = parameter.type(parameter.choices[0]) if parameter.choices else parameter.type("1")
    return (one,) if parameter.multiple else one


def words_of(operation: Operation) -> list[str]:
    """A command line with everything that the operation requires."""
    words = operation.name.split()
    for parameter in operation.parameters:
        if parameter.required and parameter.kind != "asked":
            value = value_of(parameter)
            text = str(value[0] if parameter.multiple else getattr(value, "value", value))
            words += [text] if parameter.kind == "argument" else [parameter.flag, text]
    return words


@pytest.fixture
def asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Ask for read-only mode in one of the three ways; returns the options of the command line."""

    def ask(way: str) -> list[str]:
        if way == "environment":
            monkeypatch.setenv("STACKTUI_READONLY", "1")
        if way == "file":
            file = root / "stacktui.yaml"
            file.write_text(file.read_text() + "readonly: true\n")
        return ["--readonly"] if way == "option" else []

    return ask


@named(WRITING)
def test_what_writes_is_refused_by_the_one_door(root: Path, tmp_path: Path, operation: Operation) -> None:
    arguments = {each.name: value_of(each) for each in operation.parameters if each.required}
    before = tree(tmp_path)
    with Session(root, readonly=True) as session, pytest.raises(ReadOnlyRefused, match=operation.name):
        run_operation(session, operation, **arguments)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("way", WAYS)
@named(WRITING)
def test_what_writes_is_refused_on_the_command_line_in_one_line(
    root: Path,
    tmp_path: Path,
    asked: Callable[[str], list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    operation: Operation,
    way: str,
) -> None:
    options = asked(way)
    before = tree(tmp_path)
    # Nothing is asked for before it is refused: there would be nobody to answer.
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["-C", str(root), *options, *words_of(operation)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    because = {
        "option": "--readonly",
        "environment": "STACKTUI_READONLY",
        "file": "`readonly: true` in stacktui.yaml",
    }
    assert f"read-only because of {because[way]}" in captured.err
    assert operation.name in captured.err
    assert tree(tmp_path) == before


def test_the_writer_of_files_refuses_by_itself(root: Path) -> None:
    file = root / "stacks" / "default.yaml"
    change = Change("by hand", (FileEdit(file, file.read_bytes(), b"{}\n"),))
    with Session(root, readonly=True) as session, pytest.raises(ReadOnlyRefused, match="by hand"):
        apply(session, change)
    assert file.read_bytes() == change.edits[0].before


def test_a_line_in_the_file_is_taken_out_in_the_file_only(
    root: Path, asked: Callable[[str], list[str]]
) -> None:
    asked("file")
    with Session(root) as session:
        assert session.readonly_because == "`readonly: true` in stacktui.yaml"
        for arguments in (
            {"name": "readonly", "value": "false"},
            {"name": "theme", "value": "stacktui-dark"},
        ):
            with pytest.raises(ReadOnlyRefused):
                do(session, "setting set", **arguments, in_workspace=True)
        file = root / "stacktui.yaml"
        file.write_text(file.read_text().replace("readonly: true\n", ""))
        assert not session.readonly
        do(session, "stack use", name="default")


@pytest.mark.parametrize("text", ["", "0"])
def test_a_variable_that_says_nothing_asks_for_nothing(root: Path, text: str) -> None:
    assert not Session(root, environ={"STACKTUI_READONLY": text}).readonly


# Looks of what writes, and writes of what looks

LOOKS: dict[str, dict[str, Any]] = {
    "prune": {},
    "fmt": {},
    "workspace upgrade": {},
    "undo": {},
    "redo": {},
    "stack import": {},
}


def test_every_look_is_tried() -> None:
    assert {operation.name for operation in WRITING if operation.looks} == set(LOOKS)
    # What promises to write nothing may be used where nothing may be written.
    promising = {"dry_run", "check", "diff"}
    for operation in WRITING:
        flags = promising & {parameter.name for parameter in operation.parameters if parameter.type is bool}
        assert flags == set(operation.looks), operation.name


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_allowed_and_changes_nothing(root: Path, tmp_path: Path, name: str) -> None:
    (root / "stacks" / "unformed.yaml").write_text("components: {}\nextends: default\n")
    file = root / "stacktui.yaml"
    with Session(root) as session:
        do(session, "stack edit", name="unformed", description="so that there is an edit")
        (tmp_path / "bundle.yaml").write_text(do(session, "stack export", name="default").bundle)
        do(session, "runs list")
    if name == "redo":
        with Session(root) as session:
            do(session, "undo")
    file.write_text(file.read_text().replace("version: 1\n", ""))
    arguments = dict(LOOKS[name])
    if name == "stack import":
        arguments = {"file": tmp_path / "bundle.yaml"}
    before = tree(tmp_path)
    for flag in TABLE[name].looks:
        with Session(root, readonly=True) as session:
            do(session, name, **arguments, **{flag: True})
        assert tree(tmp_path) == before, flag


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("stack export", {"name": "default"}),
        ("schedule", {"target": "pipelines/hello.py:hello", "print_": "systemd", "at": "03:30"}),
    ],
)
def test_an_option_that_writes_a_file_is_refused(
    root: Path, tmp_path: Path, name: str, arguments: Any
) -> None:
    if "print_" in arguments:
        from stacktui.operations.schedule import Scheduler

        arguments = {**arguments, "print_": Scheduler(arguments["print_"])}
    with Session(root) as session:
        do(session, name, **arguments)
    before = tree(tmp_path)
    with Session(root, readonly=True) as session:
        do(session, name, **arguments)
        with pytest.raises(ReadOnlyRefused, match=f"{name} --output writes"):
            do(session, name, **arguments, output=tmp_path / "out")
    assert tree(tmp_path) == before


def test_every_option_that_writes_a_file_is_declared() -> None:
    writing = {each.name for each in READING if "output" in {parameter.name for parameter in each.parameters}}
    assert writing == {each.name for each in READING if each.writes_with}


# What reads

LOCAL = {"category": Category.ARTIFACT_STORE, "name": "local"}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "stack show": {"name": "default"},
    "stack validate": {"all_": True, "probe": True},
    "stack diff": {"a": "default", "b": "default"},
    "component show": LOCAL,
    "component probe": LOCAL,
    "flavor show": LOCAL,
    "secret reveal": {"name": "vault", "key": "token"},
    "edits show": {"edit": "last"},
    "plan": {"target": "pipelines/hello.py:hello"},
    "runs show": {"run_id": "last"},
    "runs compare": {"run_id": "last", "other": "last"},
    "runs logs": {"run_id": "last"},
    "runs wait": {"run_ids": ("last",)},
    "schedule": {"target": "pipelines/hello.py:hello", "print_": "cron", "at": "03:30"},
    "step show": {"run_id": "last", "step": "measure"},
    "artifact show": {"artifact_id": "hello/measure"},
    "artifact preview": {"artifact_id": "hello/measure"},
    "artifact lineage": {"artifact_id": "hello/measure"},
    "experiment show": {"run_id": "last"},
    "experiment compare": {"run_ids": ("last",)},
    "experiment curve": {"run_id": "last", "key": "loss"},
    "store facts": {"check": True},
    "model show": {"name": "none"},
    "model predict": {"name": "none", "inputs": "[]"},
    "model logs": {"name": "none"},
    "feature online": {"entities": ("user=1",)},
    "feature historical": {"entities": Path("entities.csv")},
    "image tags": {"repository": "none"},
    "image inspect": {"repository": "none"},
    "theme show": {"name": "stacktui-dark"},
    "completions": {"shell": "bash"},
}
NOT_THERE = {"edits show", "model show", "model predict", "model logs", "feature online", "feature historical",
             "image tags", "image inspect", "experiment curve", "experiment show", "experiment compare"}  # fmt: skip
"""Where the workspace has no such object: the answer is one line."""
CACHES = {"answers", "schemas", "descriptions", "code", "metadata.db-wal", "metadata.db-shm"}
"""Of the state, what a reading operation may write where writing is allowed: what spares the next one some work."""
NOTED = {"secret reveal": {"audit.jsonl"}}
"""Who looked at a secret is noted in any mode."""
NEEDED = {"plan": {"code", "descriptions"}}
"""What a pipeline is described from, and the description: in the state, in any mode."""


@pytest.fixture
def used(root: Path, session: Session) -> Path:
    """A workspace in use: a run, a secret, an edit."""
    do(session, "run", target="pipelines/hello.py:hello", no_probe=True)
    do(session, "secret set", name="vault", key="token", value="s3cr3t-value")
    do(session, "stack clone", name="default", new="second")
    session.close()
    # The runner puts its folders away.
    wait_for(lambda: not left_running(root), "the runner to be gone")
    return root


def read(session: Session, operation: Operation) -> None:
    arguments = dict(ARGUMENTS.get(operation.name, {}))
    for parameter in operation.parameters:
        if (
            parameter.name in arguments
            and parameter.choices
            and not isinstance(arguments[parameter.name], parameter.type)
        ):
            arguments[parameter.name] = parameter.type(arguments[parameter.name])
    if operation.name not in NOT_THERE:
        do(session, operation.name, **arguments)
        return
    with pytest.raises(Exception) as refused:
        do(session, operation.name, **arguments)
    assert type(refused.value).__module__.startswith("stacktui."), refused.value


def test_what_reads_writes_nothing_at_all_in_read_only_mode(used: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    for operation in READING:
        with Session(used, readonly=True) as session:
            read(session, operation)
        after = tree(tmp_path)
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        parts = {Path(name).relative_to("team/.stacktui").parts[0] for name in changed}
        allowed = NOTED.get(operation.name, set()) | NEEDED.get(operation.name, set())
        assert parts == allowed, (operation.name, changed)
        before = after


def test_what_reads_leaves_the_workspace_s_files_alone_in_any_mode(used: Path, tmp_path: Path) -> None:
    before = tree(used, ".stacktui")
    state = tree(used / ".stacktui")
    for operation in READING:
        with Session(used) as session:
            read(session, operation)
        assert tree(used, ".stacktui") == before, operation.name
        after = tree(used / ".stacktui")
        changed = {name for name in {*state, *after} if state.get(name) != after.get(name)}
        kept = {name for name in changed if Path(name).parts[0] not in CACHES}
        assert kept == NOTED.get(operation.name, set()), (operation.name, kept)
        state = after
