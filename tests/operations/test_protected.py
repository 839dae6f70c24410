"""`protected`: every operation that changes such a stack, or runs through it, asks for the name first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stacktui.model.category import Category
from stacktui.operations.errors import ConfirmationNeeded, StillUsed
from stacktui.operations.session import Session
from stacktui.operations.table import all_operations
from tests.operations.support import do

HELLO = "pipelines/hello.py:hello"


class Case(NamedTuple):
    """An operation on the protected stack `prod`, what it asks for, and a sign that it was done."""

    operation: str
    arguments: dict[str, Any]
    name: str
    done: Callable[[Path], bool] | None = None
    """Of the workspace's root; None where it is enough that it goes on with the name."""
    refused: str = ""
    """What is said behind the name for another reason."""


def _exists(name: str, there: bool = True) -> Callable[[Path], bool]:
    return lambda root: (root / name).exists() is there


def _says(name: str, text: str) -> Callable[[Path], bool]:
    return lambda root: text in (root / name).read_text()


ALERTER = {"category": Category.ALERTER, "name": "oncall"}
CASES = (
    Case("stack edit", {"name": "prod", "description": "new"}, "prod", _says("stacks/prod.yaml", "description: new")),
    Case("stack edit", {"name": "prod", "protected": False}, "prod", _says("stacks/prod.yaml", "protected: false")),
    Case("stack edit", {"name": "base", "description": "new"}, "prod", _says("stacks/base.yaml", "description: new")),
    Case("stack delete", {"name": "prod"}, "prod", _exists("stacks/prod.yaml", False)),
    Case("stack rename", {"name": "prod", "new": "live"}, "prod", _exists("stacks/live.yaml")),
    Case("stack rename", {"name": "base", "new": "root"}, "prod", _says("stacks/prod.yaml", "extends: root")),
    Case("stack label", {"name": "prod", "label": ("tier=1",)}, "prod", _says("stacks/prod.yaml", "tier")),
    Case("component edit", {**ALERTER, "description": "new"}, "prod", _says("components/alerter/oncall.yaml", "new")),
    Case(
        "component edit", {"category": Category.ORCHESTRATOR, "name": "local", "description": "new"}, "prod",
        _says("components/orchestrator/local.yaml", "description: new"),
    ),
    Case("component rename", {**ALERTER, "new": "calls"}, "prod", _says("stacks/prod.yaml", "calls")),
    Case("component delete", ALERTER, "oncall", _exists("components/alerter/oncall.yaml", False)),
    Case("run", {"target": HELLO, "stack": "prod", "detach": True, "no_probe": True}, "prod"),
    Case("run", {"target": HELLO, "stack": "prod", "sweep": ("count=1,2",), "detach": True, "no_probe": True}, "prod"),
    Case("run", {"target": HELLO, "stack": "prod", "in_process": True, "no_probe": True}, "prod"),
    Case("runs retry", {"run_id": "last", "detach": True, "no_probe": True}, "prod"),
    Case("runs resume", {"run_id": "last", "detach": True}, "prod", refused="has succeeded"),
    Case("step run", {"run_id": "last", "step": "measure"}, "prod"),
    Case("prune", {}, "prod"),
)  # fmt: skip

ELSEWHERE = {
    "stack import": "asks for the name of a protected stack that it replaces: tests of exchange",
    "undo": "asks for the names of the protected stacks whose files it changes: tests of undo",
    "redo": "as undo",
}
NOT_THE_STACK = {
    "init", "demo", "stack use", "stack add", "stack clone", "component add", "component clone", "component label",
    "flavor new", "secret set", "secret delete", "secret import", "runs delete", "runs stop", "runs label",
    "runs note", "runs pin", "artifact get", "artifact tag", "alert post", "alert answer", "store backup",
    "store compact", "model delete", "model deploy", "model start", "model stop", "image delete", "image build",
    "schema", "setting set", "setting unset", "key set", "key unset", "theme new",
    # What a file says stays the same: that is checked before it is written.
    "fmt", "workspace upgrade",
}  # fmt: skip
"""What writes and neither changes what a stack is, nor runs through it."""


@pytest.fixture
def protected(root: Path, session: Session) -> Session:
    """`prod` extends `base`, and is the active stack; a run of it is over."""
    (root / "stacks" / "base.yaml").write_text("extends: default\n")
    (root / "stacks" / "prod.yaml").write_text("extends: base\ncomponents: {alerter: [oncall]}\n")
    (root / "components" / "alerter" / "oncall.yaml").write_text("flavor: local\n")
    do(session, "stack use", name="prod")
    return session


def _protect(root: Path) -> None:
    file = root / "stacks" / "prod.yaml"
    file.write_text(file.read_text() + "protected: true\n")


def _files(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes()
        for file in root.rglob("*")
        if file.is_file() and ".stacktui" not in file.parts
    }


def _needs_run(case: Case) -> bool:
    return case.operation in ("runs retry", "runs resume", "step run", "prune")


@pytest.mark.parametrize("case", CASES, ids=[f"{case.operation} {case.name}" for case in CASES])
def test_it_asks_for_the_name_and_goes_on_with_it(protected: Session, root: Path, case: Case) -> None:
    if _needs_run(case):
        do(protected, "run", target=HELLO, no_probe=True)
    _protect(root)
    before = _files(root)
    for given in ({}, {"confirm": "default"}, {"confirm": ""}):
        runs = len(do(protected, "runs list").runs)
        with pytest.raises((ConfirmationNeeded, StillUsed)) as asked:
            do(protected, case.operation, **case.arguments, **given)
        assert isinstance(asked.value, (ConfirmationNeeded, StillUsed))
        assert asked.value.name == case.name
        assert f"--confirm {case.name}" in str(asked.value)
        assert _files(root) == before
        assert len(do(protected, "runs list").runs) == runs
    if case.refused:
        with pytest.raises(Exception, match=case.refused):
            do(protected, case.operation, **case.arguments, confirm=case.name)
    else:
        do(protected, case.operation, **case.arguments, confirm=case.name)
    if case.done is not None:
        assert case.done(root)
    if case.operation.startswith("run"):
        started = [row.id for row in do(protected, "runs list").runs]
        do(protected, "runs wait", run_ids=tuple(started), timeout=60)


EDITS = [case for case in CASES if case.done is not None and "delete" not in case.operation]


@pytest.mark.parametrize("case", EDITS, ids=[f"{case.operation} {case.name}" for case in EDITS])
def test_what_is_not_protected_does_not_ask(protected: Session, root: Path, case: Case) -> None:
    do(protected, case.operation, **case.arguments)
    assert case.done is not None
    assert case.done(root)


def test_every_operation_that_writes_is_in_one_of_the_lists() -> None:
    writing = {operation.name for operation in all_operations().values() if operation.writes}
    asking = {case.operation for case in CASES} | set(ELSEWHERE)
    assert writing == asking | NOT_THE_STACK
    assert not asking & NOT_THE_STACK


def test_what_asks_takes_the_name() -> None:
    table = all_operations()
    for name in {case.operation for case in CASES} | set(ELSEWHERE):
        assert "confirm" in {parameter.name for parameter in table[name].parameters}, name


def test_a_schedule_carries_the_name_that_its_runs_will_be_asked_for(protected: Session, root: Path) -> None:
    from stacktui.operations.schedule import Scheduler

    _protect(root)
    arguments: dict[str, Any] = {"target": HELLO, "print_": Scheduler.CRON, "at": "02:00", "stack": "prod"}
    with pytest.raises(ConfirmationNeeded):
        do(protected, "schedule", **arguments)
    assert "--confirm prod" in do(protected, "schedule", **arguments, confirm="prod").files[0].text
