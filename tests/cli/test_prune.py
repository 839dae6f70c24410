"""Pruning: what nobody needs goes, and what anybody might need stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.metadata_store import ArtifactQuery
from stacktui.operations.session import Session
from stacktui.pipelines.retention import state as retention_state
from stacktui.workspace.scaffold import init_workspace
from tests.cli.conftest import Run
from tests.cli.pruning import (
    FLOW,
    LONG_AGO,
    age_contents,
    all_whole,
    counts,
    opened,
    patient,
    pruned,
    ran,
    runs,
)


@pytest.fixture
def flow(root: Path) -> Path:
    (root / "pipelines" / "flow.py").write_text(FLOW, "utf-8")
    return root


@pytest.fixture
def stacktui(stacktui: Run, root: Path) -> Run:
    return patient(stacktui, root)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing counts as just made: what a test leaves is looked at as if it had lain there for long."""
    monkeypatch.setattr(retention_state, "SETTLED_S", -1.0)
    monkeypatch.setattr(retention_state._settled, "__defaults__", (-1.0,))


def test_a_dry_run_says_what_and_how_much_and_the_real_one_removes_just_that(
    stacktui: Run, flow: Path
) -> None:
    ids = [
        ran(stacktui, "flow", "-p", f"lr={lr}", "-p", f"size={size}") for lr, size in ((1, 2), (2, 3), (3, 4))
    ]
    age_contents(flow)
    before = sorted(path for path in (flow / ".stacktui").rglob("*") if "metadata" not in path.name)
    said = pruned(stacktui, "--keep-runs", "1", "--dry-run")
    assert said["dry_run"]
    assert said["runs"] == sorted(ids[:2])
    assert sorted(path for path in (flow / ".stacktui").rglob("*") if "metadata" not in path.name) == before
    assert runs(flow) == ids[::-1]
    done = pruned(stacktui, "--keep-runs", "1")
    assert counts(done) == counts(said) == {"runs": 2, "contents": 4, "logs": 2, "run folders": 2}
    assert done["size"] == said["size"] > 0
    assert runs(flow) == ids[2:]
    assert all_whole(flow)
    for kind in ("logs", "runs"):
        assert [path.name for path in (flow / ".stacktui" / kind).iterdir()] == ids[2:]
    assert pruned(stacktui)["count"] == 0


def test_people_read_a_table_and_why_runs_stay(stacktui: Run, flow: Path) -> None:
    first = ran(stacktui, "flow", "-p", "lr=1")
    ran(stacktui, "flow", "-p", "lr=2")
    ran(stacktui, "flow", "-p", "size=9")
    assert stacktui("artifact", "tag", "flow/fit@1", "gold").code == 0
    answer = stacktui("prune", "--keep-runs", "1", "--dry-run")
    assert "Would remove" in answer.out
    assert "run folders" in answer.out
    assert "1 run stays: an artifact has a tag" in answer.err
    assert "without --dry-run" in answer.err
    assert first in runs(flow)


def test_without_a_policy_only_garbage_goes(stacktui: Run, flow: Path) -> None:
    first = ran(stacktui, "flow")
    second = ran(stacktui, "flow", "-p", "lr=5", "-p", "size=8")
    assert pruned(stacktui)["count"] == 0
    assert stacktui("runs", "delete", first, "--yes").code == 0
    age_contents(flow)
    assert counts(pruned(stacktui)) == {"contents": 2}
    assert runs(flow) == [second]
    assert all_whole(flow)


def test_what_a_run_that_stays_needs_stays_with_all_that_it_needs(stacktui: Run, flow: Path) -> None:
    first = ran(stacktui, "flow")
    second = ran(stacktui, "flow", "-p", "lr=2")
    ran(stacktui, "flow", "-p", "lr=3", "-p", "size=5")
    taken = ran(stacktui, "flow", "-p", "lr=4")
    used = ran(stacktui, "user")
    document = pruned(stacktui, "--keep-runs", "1")
    # `user` takes the newest `fit`, whose run took `load` from the first one.
    assert set(runs(flow)) == {first, taken, used}
    assert second not in runs(flow)
    assert {each["reason"]: each["count"] for each in document["kept"]} == {"used by a run that stays": 1}
    age_contents(flow)
    pruned(stacktui)
    assert all_whole(flow)


@pytest.mark.parametrize("how", ["pinned", "tagged", "young"])
def test_marked_and_young_runs_stay(stacktui: Run, flow: Path, how: str) -> None:
    first = ran(stacktui, "flow")
    words = ["--keep-runs", "0"]
    if how == "pinned":
        assert stacktui("runs", "pin", first).code == 0
    elif how == "tagged":
        assert stacktui("artifact", "tag", "flow/fit", "gold").code == 0
    else:
        words = ["--older-than", "1h"]
    pruned(stacktui, *words)
    assert runs(flow) == [first]
    if how == "young":
        time.sleep(0.01)
        pruned(stacktui, "--older-than", "0.01")
        assert runs(flow) == []


def test_only_runs_of_one_pipeline(stacktui: Run, flow: Path) -> None:
    kept, gone = ran(stacktui, "pipelines/hello.py:hello"), ran(stacktui, "flow")
    document = pruned(stacktui, "--keep-runs", "0", "--pipeline", "flow")
    assert document["runs"] == [gone]
    assert runs(flow) == [kept]
    refused = stacktui("prune", "--pipeline", "flow")
    assert (refused.code, refused.out) == (2, "")
    assert "--keep-runs or --older-than" in refused.err


@pytest.mark.parametrize(
    "after",
    [1, 4, *(pytest.param(number, marks=pytest.mark.long) for number in (0, 2, 3, 5, 6, 7))],
)
def test_a_prune_that_is_killed_is_finished_by_the_next(
    stacktui: Run, flow: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    for lr in (1, 2, 3):
        ran(stacktui, "flow", "-p", f"lr={lr}", "-p", f"size={lr}")
    age_contents(flow)
    done = 0

    class Killed(BaseException):
        """Ends the process's work where a signal would."""

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            if done == after:
                raise Killed
            done += 1
            return function(*arguments, **named)

        return call

    from stacktui.flavors.local.artifact_store import LocalArtifactStore
    from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore

    with monkeypatch.context() as patched:
        patched.setattr(SqliteMetadataStore, "delete_run", counted(SqliteMetadataStore.delete_run))
        patched.setattr(LocalArtifactStore, "remove_unused", counted(LocalArtifactStore.remove_unused))
        patched.setattr(retention_state, "_discarded", counted(retention_state._discarded))
        with pytest.raises(Killed):
            stacktui("prune", "--keep-runs", "1")
    assert all_whole(flow)
    pruned(stacktui, "--keep-runs", "1")
    age_contents(flow)
    with monkeypatch.context() as patched:
        patched.setattr(retention_state._settled, "__defaults__", (-1.0,))
        pruned(stacktui)
    (left,) = runs(flow)
    assert all_whole(flow)
    assert [path.name for path in (flow / ".stacktui" / "logs").iterdir()] == [left]
    assert [path.name for path in (flow / ".stacktui" / "runs").iterdir()] == [left]
    assert (
        len([path for path in (flow / ".stacktui" / "artifacts" / "blobs").rglob("*") if path.is_file()]) == 2
    )


def test_code_snapshots_that_no_run_names_go(stacktui: Run, flow: Path, settled: None) -> None:
    ran(stacktui, "flow", "-p", "lr=1")
    (flow / "pipelines" / "flow.py").write_text(FLOW + "\nCHANGED = 1\n", "utf-8")
    second = ran(stacktui, "flow", "-p", "lr=2", "-p", "size=9")
    code = flow / ".stacktui" / "code"
    objects = len(list((code / "objects").iterdir()))
    with opened(flow) as (store, _):
        kept = store.run(second).code
    assert kept is not None
    document = pruned(stacktui, "--keep-runs", "1")
    # The folder, and the one file in it that the other does not share.
    assert counts(document)["code"] == 2
    assert [path.name for path in code.iterdir() if len(path.name) == 64] == [kept.digest]
    assert len(list((code / "objects").iterdir())) == objects - 1
    assert (code / kept.digest / "pipelines" / "flow.py").read_text("utf-8").endswith("CHANGED = 1\n")
    third = ran(stacktui, "flow", "-p", "lr=3")
    assert third in runs(flow)


def test_a_snapshot_that_is_wanted_again_meanwhile_stays(
    stacktui: Run, flow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stacktui.pipelines.snapshot import take_snapshot
    from stacktui.workspace.workspace import Workspace

    taken = take_snapshot(Workspace.open(flow)).path
    os.utime(taken, (LONG_AGO, LONG_AGO))
    rename = Path.rename

    def between(path: Path, target: Path) -> Path:
        if path == taken:
            take_snapshot(Workspace.open(flow))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", between)
    assert counts(pruned(stacktui)) == {}
    assert (taken / "pipelines" / "flow.py").is_file()


def test_temporary_files_of_dead_writers_go(
    stacktui: Run, flow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(stacktui, "flow")
    blob = next(path for path in (flow / ".stacktui" / "artifacts" / "blobs").rglob("*") if path.is_file())
    left = blob.with_name(f".put-0123-{blob.name[:10]}")
    left.write_bytes(b"half")
    assert pruned(stacktui)["count"] == 0
    os.utime(left, (LONG_AGO, LONG_AGO))
    assert counts(pruned(stacktui, "--dry-run")) == {"temporary": 1}
    assert left.exists()
    assert counts(pruned(stacktui)) == {"temporary": 1}
    assert not left.exists()
    # Of processes: one that is over, and this one.
    monkeypatch.setattr(tempfile, "tempdir", str(flow))
    over = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    for pid in (int(over.stdout), os.getpid()):
        (flow / f"stacktui-{pid}-abc").mkdir()
        os.utime(flow / f"stacktui-{pid}-abc", (LONG_AGO, LONG_AGO))
    assert counts(pruned(stacktui)) == {"temporary": 1}
    assert [path.name for path in flow.glob("stacktui-*")] == [f"stacktui-{os.getpid()}-abc"]


def test_the_logs_and_folders_of_other_metadata_stores_stay(stacktui: Run, flow: Path, settled: None) -> None:
    """Two stacks of one workspace, with a metadata store each: they share the state, and each knows half the runs."""
    (flow / "components" / "metadata_store" / "second.yaml").write_text(
        "flavor: sqlite\nconfig:\n  path: second.db\n", "utf-8"
    )
    stack = (flow / "stacks" / "default.yaml").read_text("utf-8")
    (flow / "stacks" / "other.yaml").write_text(
        stack.replace("metadata_store: local", "metadata_store: second"), "utf-8"
    )
    mine, theirs = ran(stacktui, "flow"), ran(stacktui, "flow", "--stack", "other", "-p", "lr=9")
    age_contents(flow)
    assert pruned(stacktui)["count"] == 0
    gone = pruned(stacktui, "--keep-runs", "0")
    assert gone["runs"] == [mine]
    state = flow / ".stacktui"
    assert [path.name for path in (state / "logs").iterdir()] == [theirs]
    with Session(flow, stack="other") as session:
        for each in session.store().artifacts(ArtifactQuery()):
            session.live().artifact_store.read_bytes(each.uri, expect_digest=each.digest)
    # The component is gone, as on another branch: its runs are not known, and still not garbage.
    (flow / "components" / "metadata_store" / "second.yaml").unlink()
    (flow / "stacks" / "other.yaml").unlink()
    document = pruned(stacktui)
    assert counts(document) == {}
    assert any("no longer names" in note for note in document["notes"])
    assert any("shared with the metadata store" in note for note in document["notes"])
    assert [path.name for path in (state / "runs").iterdir()] == [theirs]


def test_content_that_another_metadata_store_may_name_stays(
    stacktui: Run, flow: Path, tmp_path: Path
) -> None:
    """Two workspaces with one artifact store and a metadata store each."""
    shared = f"flavor: local\nconfig:\n  path: {tmp_path / 'shared'}\n"
    other = tmp_path / "other"
    init_workspace(other)
    (other / "pipelines" / "flow.py").write_text(FLOW, "utf-8")
    for root in (flow, other):
        (root / "components" / "artifact_store" / "local.yaml").write_text(shared, "utf-8")
    mine = ran(stacktui, "flow")
    answer = stacktui("run", "flow", "-p", "lr=9", "--json", folder=other)
    assert answer.code == 0, answer.err
    for file in (tmp_path / "shared" / "blobs").rglob("*"):
        os.utime(file, (LONG_AGO, LONG_AGO))
    document = pruned(stacktui, "--keep-runs", "0")
    assert document["runs"] == [mine]
    assert "contents" not in counts(document)
    (note,) = document["notes"]
    assert str(other) in note
    assert "used-by/" in note
    assert counts(json.loads(stacktui("prune", "--json", folder=other).out)) == {}
    with Session(other) as session:
        for each in session.store().artifacts(ArtifactQuery()):
            session.live().artifact_store.read_bytes(each.uri, expect_digest=each.digest)
    # The other one is gone for good, and its place is there: only what it named is nobody's now.
    for file in (other / ".stacktui").glob("metadata.db*"):
        file.unlink()
    assert counts(pruned(stacktui)) == {"contents": 3}


def test_a_metadata_store_that_cannot_be_asked_keeps_everything_that_it_may_name(
    stacktui: Run, flow: Path, settled: None
) -> None:
    ran(stacktui, "flow")
    (flow / "components" / "metadata_store" / "broken.yaml").write_text(
        "flavor: sqlite\nconfig:\n  path: broken.db\n", "utf-8"
    )
    (flow / "broken.db").write_bytes(b"this is no database" * 100)
    age_contents(flow)
    document = pruned(stacktui, "--keep-runs", "0")
    assert counts(document) == {"runs": 1, "logs": 1, "run folders": 1}
    assert any("broken could not be asked" in note for note in document["notes"])


def test_a_protected_stack_asks_for_its_name_and_a_read_only_session_refuses(
    stacktui: Run, flow: Path
) -> None:
    ran(stacktui, "flow")
    assert stacktui("--readonly", "prune", "--keep-runs", "0").code == 2
    stack = flow / "stacks" / "default.yaml"
    stack.write_text(stack.read_text("utf-8") + "protected: true\n", "utf-8")
    assert stacktui("prune", "--keep-runs", "0", "--dry-run").code == 0
    refused = stacktui("prune", "--keep-runs", "0")
    assert (refused.code, "--confirm default" in refused.err) == (2, True)
    assert len(runs(flow)) == 1
    assert stacktui("prune", "--keep-runs", "0", "--confirm", "default").code == 0
    assert runs(flow) == []
