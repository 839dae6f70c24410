"""Artifacts by name, version and tag: written to files, tagged, traced, and taken as inputs of other pipelines."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stacktui import load_artifact
from stacktui.pipelines.errors import PipelineBroken
from tests.cli.conftest import Run

FLOW = """
from pathlib import Path
from typing import Annotated
from stacktui import Artifact, pipeline, step


@step
def load(size: int = 3) -> tuple[Annotated[list[int], "train"], Annotated[list[int], "test"]]:
    return list(range(size)), [size]


@step
def fit(values: list[int]) -> dict[str, int]:
    return {"total": sum(values)}


@step
def folder(model: dict[str, int]) -> Path:
    place = Path("made")
    (place / "inner").mkdir(parents=True, exist_ok=True)
    (place / "inner" / "a.txt").write_text(str(model))
    (place / "run.sh").write_text("#!/bin/sh")
    (place / "run.sh").chmod(0o755)
    return place


@step
def raw() -> bytes:
    return bytes(range(256))


@step
def odd() -> complex:
    return object


@pipeline
def flow(size: int = 3):
    train, test = load(size)
    folder(fit(train))
    raw()


@step
def add(first: dict[str, int], second: dict[str, int], third: dict[str, int]) -> list[int]:
    return [first["total"], second["total"], third["total"]]


@pipeline
def taken(id: str):
    add(Artifact("flow/fit", version=1), Artifact("flow/fit", tag="gold"), Artifact(id=id))


@step
def one(values: list[int]) -> int:
    return len(values)


@pipeline
def wide(count: int):
    for number in range(count):
        one.named(f"one_{number}")(Artifact("flow/load/train"))
"""


@pytest.fixture
def flow(root: Path, stacktui: Run) -> Path:
    (root / "pipelines" / "flow.py").write_text(FLOW, "utf-8")
    for size in (3, 4, 5):
        answer = stacktui("run", "flow", "-p", f"size={size}", "--json")
        assert answer.code == 0, answer.err
    return root


def said(stacktui: Run, *words: str) -> Any:
    answer = stacktui(*words, "--json")
    assert answer.code == 0, answer.err
    return answer.document


def test_names_versions_and_tags(stacktui: Run, flow: Path) -> None:
    newest = said(stacktui, "artifact", "show", "flow/fit")
    assert newest["artifact_version"] == 3
    assert said(stacktui, "artifact", "show", "flow/fit@latest") == newest
    assert said(stacktui, "artifact", "show", newest["id"][:20])["id"] == newest["id"]
    assert said(stacktui, "artifact", "show", "flow/load/test@2")["artifact_version"] == 2
    assert "v2 is gold now" in stacktui("artifact", "tag", "flow/fit@2", "gold").out
    assert said(stacktui, "artifact", "show", "flow/fit:gold")["artifact_version"] == 2
    # Of one output's versions a tag names one.
    said(stacktui, "artifact", "tag", "flow/fit@1", "gold")
    assert [
        each["artifact_version"] for each in said(stacktui, "artifact", "list", "--tag", "gold")["artifacts"]
    ] == [1]
    assert "v1 is no longer gold" in stacktui("artifact", "tag", "flow/fit:gold", "gold", "--remove").out
    assert said(stacktui, "artifact", "list", "--tag", "gold")["artifacts"] == []


WRONG = [
    (["show", "flow/load"], "several outputs; write one of flow/load/test, flow/load/train"),
    (["show", "flow/fit@9"], "no earlier run has left `flow/fit` in version 9"),
    (["show", "flow/fit:gold"], "no earlier run has left `flow/fit` with tag `gold`"),
    (["show", "flow/nothing"], "there is no artifact 'flow/nothing'; stacktui artifact list"),
    (["show", "flow/fit@x"], "version 'x' is neither a number from 1 nor 'latest'"),
    (["show", "flow/fit@1:gold"], "names no artifact; write its id, or pipeline/step"),
    (["show", "flow//fit"], "names no artifact; write its id, or pipeline/step"),
    (["tag", "flow/fit", "a b"], "cannot be a tag: a tag has letters"),
    (["tag", "flow/fit", "latest"], "cannot be a tag: every newest version is that"),
    (["tag", "flow/fit", "gold", "--remove"], "has no tag 'gold'; it has none"),
    (["get", "flow/fit", "-o", "nowhere/x.json"], "there is no folder"),
]


def test_what_is_wrong_is_one_line(stacktui: Run, flow: Path) -> None:
    for words, expected in WRONG:
        answer = stacktui("artifact", *words)
        assert answer.code == 2
        assert expected in answer.err
        assert answer.err.count("\n") == 1


def test_a_file_is_written_where_it_is_asked_for(stacktui: Run, flow: Path) -> None:
    document = said(stacktui, "artifact", "get", "flow/fit@1")
    assert document["path"] == str(flow / "fit.json")
    assert json.loads((flow / "fit.json").read_bytes()) == {"total": 3}
    assert document["load"] == 'stacktui.load_artifact("flow/fit/output@1")'
    assert eval(document["read"], {"json": json, "open": open}) == {"total": 3}
    refused = stacktui("artifact", "get", "flow/fit@2")
    assert (refused.code, "--force" in refused.err) == (1, True)
    assert json.loads((flow / "fit.json").read_bytes()) == {"total": 3}
    assert stacktui("artifact", "get", "flow/fit@2", "--force").code == 0
    assert json.loads((flow / "fit.json").read_bytes()) == {"total": 6}
    # Into a folder that is there.
    (flow / "out").mkdir()
    assert said(stacktui, "artifact", "get", "flow/raw", "-o", "out")["path"] == str(flow / "out" / "raw.bin")
    assert (flow / "out" / "raw.bin").read_bytes() == bytes(range(256))
    assert [path.name for path in (flow / "out").iterdir()] == ["raw.bin"]


def test_a_folder_is_unpacked(stacktui: Run, flow: Path) -> None:
    answer = stacktui("artifact", "get", "flow/folder@2", "-o", "model")
    assert answer.code == 0, answer.err
    assert (flow / "model" / "inner" / "a.txt").read_text() == "{'total': 6}"
    assert os.access(flow / "model" / "run.sh", os.X_OK)
    (flow / "model" / "mine.txt").write_text("mine")
    assert stacktui("artifact", "get", "flow/folder", "-o", "model").code == 1
    assert stacktui("artifact", "get", "flow/folder", "-o", "model", "--force").code == 0
    assert (flow / "model" / "inner" / "a.txt").read_text() == "{'total': 10}"
    assert (flow / "model" / "mine.txt").read_text() == "mine"
    assert not [path for path in flow.iterdir() if path.name.startswith(".model")]


def test_torn_content_is_not_written(stacktui: Run, flow: Path) -> None:
    document = said(stacktui, "artifact", "show", "flow/raw")
    blob = flow / ".stacktui" / "artifacts" / document["uri"]
    blob.write_bytes(b"torn")
    for words in (["-o", "x.bin"], ["-o", "-"]):
        answer = stacktui("artifact", "get", "flow/raw", *words)
        assert (answer.code, answer.out) == (2, "")
        assert "has changed since it was made" in answer.err
    assert not (flow / "x.bin").exists()
    assert not [path for path in flow.iterdir() if path.name.startswith(".x")]


def test_bytes_go_to_a_pipe_and_not_to_a_terminal(flow: Path) -> None:
    command = [sys.executable, "-m", "stacktui", "-C", str(flow), "artifact", "get", "flow/raw", "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.stdout == bytes(range(256))
    assert (done.returncode, done.stderr) == (0, b"")
    # A document has no room for them, and says so.
    done = subprocess.run([*command, "--json"], capture_output=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["path"]) == (1, None)
    main, terminal = os.openpty()
    done = subprocess.run(command, stdout=terminal, stderr=subprocess.PIPE, check=False)
    os.close(terminal)
    os.close(main)
    assert done.returncode == 2
    assert b"not for a terminal" in done.stderr


def test_what_is_written_is_the_users_file(stacktui: Run, flow: Path) -> None:
    before = os.umask(0o022)
    try:
        assert stacktui("artifact", "get", "flow/raw", "-o", "raw.bin").code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((flow / "raw.bin").stat().st_mode) == 0o644


def test_an_earlier_runs_output_is_an_input_by_version_tag_and_id(stacktui: Run, flow: Path) -> None:
    stacktui("artifact", "tag", "flow/fit@2", "gold")
    newest = said(stacktui, "artifact", "show", "flow/fit")["id"]
    answer = stacktui("run", "taken", "-p", f"id={newest}", "--json")
    assert answer.code == 0, answer.err
    assert load_artifact("taken/add", workspace=flow) == [3, 6, 10]
    document = said(stacktui, "artifact", "lineage", "taken/add")
    assert {node["label"] for node in document["nodes"]} == {
        "taken/add/output v1", *(f"flow/fit/output v{number}" for number in (1, 2, 3)),
        *(f"flow/load/train v{number}" for number in (1, 2, 3)),
    }  # fmt: skip
    assert document["complete"]


def test_lineage_is_a_tree_up_and_down(stacktui: Run, flow: Path) -> None:
    answer = stacktui("artifact", "lineage", "flow/fit@1")
    lines = [line.split("  0")[0].rstrip() for line in answer.out.splitlines()]
    assert lines == [
        "flow/fit/output v1",
        "Made from",
        "  ↳ flow/load/train v1",
        "Made into",
        "  ↳ flow/folder/output v1",
    ]
    near = said(stacktui, "artifact", "lineage", "flow/folder@1", "--depth", "1")
    assert [node["label"] for node in near["nodes"]] == ["flow/folder/output v1", "flow/fit/output v1"]
    assert not near["complete"]


def test_a_wide_lineage_is_cut_with_a_count(
    stacktui: Run, flow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stacktui.operations import lineage

    assert stacktui("run", "wide", "-p", "count=5", "--json").code == 0
    monkeypatch.setattr(lineage, "WIDEST", 3)
    answer = stacktui("artifact", "lineage", "flow/load/train@3")
    assert answer.out.count("wide/one_") + answer.out.count("flow/fit") == 3
    assert "and 3 more" in answer.out
    assert "there is more" in answer.err


def test_what_was_removed_stands_in_the_lineage_as_that(stacktui: Run, flow: Path) -> None:
    from stacktui.operations.session import Session

    made = said(stacktui, "artifact", "show", "flow/load/train@1")["id"]
    with Session(flow) as session:
        session.store().delete_artifacts([made])
    document = said(stacktui, "artifact", "lineage", "flow/fit@1")
    assert [node["label"] for node in document["nodes"] if node["direction"] == "upstream"] == [
        "removed since"
    ]
    assert "removed since" in stacktui("artifact", "lineage", "flow/fit@1").out


def test_a_notebook_loads_a_value(flow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(flow / "pipelines")
    assert load_artifact("flow/load/train@2") == [0, 1, 2, 3]
    assert (load_artifact("flow/folder") / "inner" / "a.txt").read_text() == "{'total': 10}"
    for name, why in (("flow/none", "no earlier run"), ("flow/fit@x", "neither a number")):
        with pytest.raises(PipelineBroken, match=why):
            load_artifact(name)
    with pytest.raises(PipelineBroken, match="workspace"):
        load_artifact("flow/fit", workspace="/")
