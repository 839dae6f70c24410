"""Pruning while runs go on: nothing that they have, or are about to have, is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stacktui.categories.metadata_store import ArtifactQuery
from stacktui.model.run import RunStatus
from stacktui.operations.session import Session
from tests.cli.conftest import Run
from tests.cli.pruning import (
    FLOW,
    LONG_AGO,
    age_contents,
    all_whole,
    counts,
    ended,
    opened,
    patient,
    pruned,
    ran,
    runs,
    waiting,
)


@pytest.fixture
def flow(root: Path) -> Path:
    (root / "pipelines" / "flow.py").write_text(FLOW, "utf-8")
    return root


@pytest.fixture
def stacktui(stacktui: Run, root: Path) -> Run:
    return patient(stacktui, root)


def test_nothing_of_a_run_that_goes_on_is_touched(stacktui: Run, flow: Path) -> None:
    run_id, sign = waiting(stacktui, flow, "slow")
    try:
        with opened(flow) as (_, artifacts):
            # As a step does just before its runner records what came out.
            unrecorded = artifacts.put_bytes(b"put a moment ago")
            old = artifacts.put_bytes(b"nobody's for long")
        os.utime(flow / ".stacktui" / "artifacts" / old.path, (LONG_AGO, LONG_AGO))
        document = pruned(stacktui, "--keep-runs", "0")
        assert document["runs"] == []
        assert {each["reason"] for each in document["kept"]} == {"goes on"}
        assert counts(document) == {"contents": 1}
        assert any(run_id[:13] in note for note in document["notes"])
        with opened(flow) as (_, artifacts):
            assert artifacts.exists(unrecorded.path)
            assert not artifacts.exists(old.path)
    finally:
        sign.touch()
    assert ended(flow, run_id) is RunStatus.SUCCEEDED
    assert all_whole(flow)


def test_old_garbage_that_a_run_makes_again_is_its_own(stacktui: Run, flow: Path) -> None:
    with opened(flow) as (_, artifacts):
        garbage = artifacts.put_bytes(b"[0,1,2,3,4,5,6]")
    age_contents(flow)
    run_id, sign = waiting(stacktui, flow, "slow")
    try:
        with Session(flow) as session:
            store = session.store()
            (loaded,) = [
                each for each in store.artifacts(ArtifactQuery(run_id=run_id)) if each.step == "load"
            ]
            assert loaded.uri == garbage.path
            # As if it were not recorded yet.
            store.delete_artifacts([loaded.id])
        pruned(stacktui)
        with opened(flow) as (_, artifacts):
            assert artifacts.exists(garbage.path)
    finally:
        sign.touch()
    ended(flow, run_id)


def test_what_a_run_that_goes_on_has_chosen_stays(stacktui: Run, flow: Path) -> None:
    """It has looked up an artifact, and the step that takes it has not begun."""
    made = ran(stacktui, "flow")
    run_id, sign = waiting(stacktui, flow, "takes")
    try:
        document = pruned(stacktui, "--keep-runs", "0")
        assert made in runs(flow)
        assert {each["reason"] for each in document["kept"]} == {"goes on", "needed by a run that goes on"}
    finally:
        sign.touch()
    assert ended(flow, run_id) is RunStatus.SUCCEEDED


def test_content_that_was_just_forgotten_waits_while_a_run_goes_on(stacktui: Run, flow: Path) -> None:
    ran(stacktui, "flow")
    age_contents(flow)
    run_id, sign = waiting(stacktui, flow, "slow", "-p", "lr=3")
    try:
        document = pruned(stacktui, "--keep-runs", "0", "--pipeline", "flow")
        assert counts(document)["runs"] == 1
        assert "contents" not in counts(document)
        assert any("prune again when it has ended" in note for note in document["notes"])
    finally:
        sign.touch()
    ended(flow, run_id)
    assert counts(pruned(stacktui)) == {"contents": 2}


@pytest.mark.long
def test_runs_and_clean_ups_side_by_side(stacktui: Run, flow: Path) -> None:
    """Runs find results of earlier ones, make the same content again, and look on while those are forgotten."""
    started: list[str] = []
    for number in range(30):
        answer = stacktui("run", "flow", "-p", f"lr={number % 3}", "--detach", "--json")
        assert answer.code == 0, answer.err
        started.append(str(answer.document["run_id"]))
        # A failed one would be forgotten like the others.
        assert stacktui("runs", "list", "--status", "failed", "--json").document["runs"] == []
        pruned(stacktui, "--keep-runs", str(number % 2))
    with opened(flow) as (store, _):
        for run_id in set(started) & set(runs(flow)):
            assert ended(flow, run_id) is RunStatus.SUCCEEDED, store.run(run_id).error
    assert all_whole(flow)
    failed = stacktui("runs", "list", "--status", "failed", "--json").document["runs"]
    assert failed == []
