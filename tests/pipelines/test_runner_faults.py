"""A run ends properly when the disk or the metadata store does not go along."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from stacktui.model.base import now
from stacktui.model.execution import LogLine
from stacktui.model.masking import Masker
from stacktui.model.run import RunStatus, StepStatus
from stacktui.pipelines import launch
from stacktui.pipelines.intake import StepSink
from stacktui.pipelines.logs import LogWriter, log_folder, log_path, read_log
from stacktui.runtime.flavors import flavor_registry
from tests.pipelines.running import Make

TALKS = """
@step
def talks() -> int:
    for number in range(100):
        print("line", number)
    return 1

@step
def after(x: int) -> int:
    return x + 1

@pipeline
def main():
    after(talks())
"""


def _line(text: str) -> LogLine:
    return LogLine(at=now(), stream="stdout", text=text)


def test_a_log_says_what_a_full_disk_has_kept_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log_path(tmp_path, "run", "step", 1)
    path.parent.mkdir(parents=True)
    sink = StepSink(LogWriter(path), Masker(), lambda event: None)
    write = os.write
    room = 10_000

    def limited(descriptor: int, data: Any) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, bytes(data)[:room])
        room -= written
        return written

    monkeypatch.setattr(os, "write", limited)
    sink(_line("before"))
    room = 20
    for number in range(3):
        sink(_line(f"lost {number}\nand more"))
    room = 10_000
    sink(_line("after"))
    room = 0
    sink(_line("the last one"))
    sink.close()
    said = "line{} missing here, which could not be written: No space left on device"
    assert [line.text for line in read_log(tmp_path, "run", "step", 1).lines] == [
        "before",
        "WARNING stacktui.run: 6 " + said.format("s are"),
        "after",
    ]


def test_a_run_whose_logs_cannot_be_written_goes_on(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make(TALKS)
    spawn = launch.spawn_runner

    def spawned(folder: Path, *options: str, **more: Any) -> int:
        # A folder in the log's place: every attempt to write it fails.
        log_path(here.workspace.state, folder.name, "talks", 1).mkdir(parents=True)
        return spawn(folder, *options, **more)

    monkeypatch.setattr(launch, "spawn_runner", spawned)
    run = here.run()
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert here.value(run.id, "after") == 2


STORE = """
from stacktui.categories.errors import ComponentError
from stacktui.categories.flavor import FlavorFacts
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.category import Category

class Failing(SqliteMetadataStore):
    '''Fails when a step has succeeded, and once more.'''
    facts = FlavorFacts(category=Category.METADATA_STORE, name="failing", summary="fails",
                        capabilities=SqliteMetadataStore.CAPABILITIES)
    Config = SqliteMetadataStoreConfig
    left = 2

    def record_changes(self, changes):
        if any(each.step.name == "talks" and each.step.status == "succeeded" for each in changes):
            raise ComponentError("the disk with the runs is full")
        return super().record_changes(changes)

    def update_run(self, run_id, **changes):
        if changes.get("status") == "failed" and Failing.left:
            Failing.left -= 1
            raise ComponentError("the disk with the runs is still full")
        return super().update_run(run_id, **changes)
"""


def test_a_store_that_fails_in_the_middle_is_why_the_run_failed(make: Make) -> None:
    here = make(TALKS)
    (here.root / "flavors").mkdir()
    (here.root / "flavors" / "failing.py").write_text(STORE)
    (here.root / "components" / "metadata_store" / "local.yaml").write_text("flavor: failing\n")
    here.registry = flavor_registry(here.root)
    run = here.run()
    assert run.status is RunStatus.FAILED
    assert run.error == "the disk with the runs is full"
    assert {name: step.status for name, step in here.steps(run.id).items()} == {
        "talks": StepStatus.CANCELLED,
        "after": StepStatus.SKIPPED,
    }
    assert log_folder(here.workspace.state, run.id).is_dir()
