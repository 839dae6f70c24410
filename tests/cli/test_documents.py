"""`--json`: the documents that other programs lean on, field by field, and not a byte that is not ASCII."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacktui.cli.invoke import as_json
from stacktui.operations.documents import DoneDocument
from tests.cli.conftest import Run

# As the design's table of documents has them.
COMPONENT = {"category", "name", "flavor", "labels", "file", "ok"}
FLAVOR = {"category", "name", "provider", "summary", "installed", "install"}
STACK = {"name", "active", "components", "ok"}
DIAGNOSTIC = {"code", "severity", "message", "file", "line", "column", "fix"}
PLANNED = {"name", "after", "where", "cached", "reason", "secrets"}
RUN = {
    "id", "name", "pipeline", "stack", "status", "params", "created_at", "started_at", "finished_at", "duration_s",
}  # fmt: skip
STEP = {
    "name", "status", "attempt", "where", "started_at", "finished_at", "cached_from", "cache_reason", "inputs",
    "outputs", "error",
}  # fmt: skip
ARTIFACT = {"id", "uri", "type", "materializer", "digest", "size", "metadata", "produced_by", "used_by"}
RUNNING = (
    "run", "pipelines/hello.py:hello", "--json",
)  # fmt: skip


def test_components(stacktui: Run) -> None:
    document = stacktui("component", "list", "--json").document
    assert document["version"] == 1
    assert len(document["components"]) == 10
    assert all(set(each) >= COMPONENT for each in document["components"])
    assert document["components"][0]["file"] == "components/orchestrator/local.yaml"


def test_flavors(stacktui: Run) -> None:
    document = stacktui("flavor", "list", "--json").document
    assert document["version"] == 1
    assert len(document["flavors"]) >= 11
    assert all(set(each) >= FLAVOR for each in document["flavors"])


def test_stacks(stacktui: Run) -> None:
    document = stacktui("stack", "list", "--json").document
    assert (document["version"], document["active"]) == (1, "default")
    (stack,) = document["stacks"]
    assert set(stack) >= STACK
    assert stack["components"]["orchestrator"] == ["local"]
    assert (stack["active"], stack["ok"]) == (True, True)


def test_validation(stacktui: Run, root: Path) -> None:
    (root / "stacks" / "worse.yaml").write_text("components:\n  orchestrator: locl\n")
    answer = stacktui("stack", "validate", "worse", "--json")
    document = answer.document
    assert answer.code == 1
    assert (document["version"], document["stack"], document["ok"]) == (1, "worse", False)
    assert all(set(each) >= DIAGNOSTIC for each in document["diagnostics"])
    assert document["diagnostics"][0]["severity"] == "error"
    assert stacktui("stack", "validate", "worse", "--format", "json").document == document


def test_a_plan_a_run_and_what_it_left(stacktui: Run) -> None:
    plan = stacktui("plan", "pipelines/hello.py:hello", "--json").document
    assert (plan["version"], plan["pipeline"], plan["stack"]) == (1, "hello", "default")
    assert all(set(each) >= PLANNED for each in plan["steps"])
    assert [each["cached"] for each in plan["steps"]] == [False, None, None]

    answer = stacktui(*RUNNING)
    assert answer.code == 0, answer.err
    lines = answer.lines
    assert all({"event", "run_id", "at"} <= set(each) for each in lines)
    assert lines[0]["event"] == "run_created"
    assert (lines[-1]["event"], lines[-1]["status"]) == ("run_finished", "succeeded")
    logged = [each for each in lines if each["event"] == "log"]
    assert [each["step"] for each in logged] == ["report"]
    run_id = lines[0]["run_id"]

    again = stacktui("plan", "hello", "--json").document
    assert [each["cached"] for each in again["steps"]] == [True, True, True]

    runs = stacktui("runs", "list", "--json").document
    assert (runs["version"], runs["next"]) == (1, None)
    assert all(set(each) >= RUN for each in runs["runs"])
    assert runs["runs"][0]["id"] == run_id

    run = stacktui("runs", "show", run_id[:20], "--json").document
    assert set(run) >= RUN | {"version", "steps", "metrics", "stack_snapshot", "code"}
    assert all(set(each) >= STEP for each in run["steps"])
    assert set(run["code"]) >= {"digest", "commit", "dirty"}
    assert set(run) >= {"group", "note", "pinned", "resumes", "waits_for", "retry_of", "labels"}
    assert set(run["environment"]) >= {"host", "user", "python", "packages", "gpus", "commit", "dirty"}
    assert all((step["attempts"], step["progress"]) == ([], None) for step in run["steps"])
    produced = run["steps"][0]["outputs"]["output"]
    assert run["steps"][1]["inputs"] == {"values": produced} or produced in run["steps"][1]["inputs"].values()

    logs = stacktui("runs", "logs", run_id, "--json").lines
    assert [set(each) for each in logs] == [{"at", "step", "stream", "text"}]
    assert stacktui("runs", "logs", run_id, "measure", "--json").lines == []
    assert "did you mean 'report'" in stacktui("runs", "logs", run_id, "reprt").err

    artifacts = stacktui("artifact", "list", "--json").document["artifacts"]
    assert len(artifacts) == 3
    assert all(set(each) >= ARTIFACT for each in artifacts)
    one = stacktui("artifact", "show", produced, "--json").document
    assert set(one) >= ARTIFACT | {"version"}
    assert one["produced_by"] == {"run_id": run_id, "step": "measure", "name": "output"}
    assert [each["step"] for each in one["used_by"]] == ["summarize"]
    lineage = stacktui("artifact", "lineage", produced, "--json").document
    assert [node["direction"] for node in lineage["nodes"]] == ["self", "downstream", "downstream"]
    step = stacktui("step", "show", run_id, "summarize", "--json").document
    assert step["after"] == ["measure"]
    assert set(step["output_artifacts"]) == {"output"}
    preview = stacktui("artifact", "preview", "hello/report", "--json").document
    assert "Hello world" in preview["text"]
    assert stacktui("runs", "stop", run_id).code == 1

    page = stacktui("runs", "list", "--limit", "1", "--json").document
    assert page["next"] is None or len(page["runs"]) == 1
    other = stacktui("run", "hello", "-p", "name=you", "--json").lines[0]["run_id"]
    page = stacktui("runs", "list", "--limit", "1", "--json").document
    assert [each["id"] for each in page["runs"]] == [other]
    following = stacktui("runs", "list", "--limit", "1", "--after", page["next"], "--json").document
    assert [each["id"] for each in following["runs"]] == [run_id]
    compared = stacktui("runs", "compare", run_id, other, "--json").document
    assert {each["what"]: each["equal"] for each in compared["params"]} == {"name": False, "count": True}
    for words in (
        ("runs", "list"), ("runs", "show", run_id), ("runs", "compare", run_id, other), ("artifact", "list"),
        ("artifact", "show", produced), ("artifact", "lineage", produced), ("step", "show", run_id, "report"),
        ("runs", "wait", run_id), ("runs", "label", run_id, "a=b"), ("runs", "note", run_id, "words"),
        ("runs", "pin", run_id), ("runs", "pin", run_id, "--off"), ("runs", "logs", "last", "--tail", "3"),
        ("experiment", "list"), ("experiment", "show", run_id), ("experiment", "compare", run_id, other),
        ("store", "facts", "--check"), ("store", "compact"), ("plan", "hello"), ("runs", "logs", run_id),
        ("alert", "list"), ("runs", "show", "last"), ("runs", "delete", run_id, "--yes"),
    ):  # fmt: skip
        shown = stacktui(*words)
        assert shown.code == 0, (words, shown.err)


@pytest.mark.parametrize(
    "words",
    [
        ["component", "show", "alerter", "inbox"], ["flavor", "show", "alerter", "local"], ["stack", "show"],
        ["secret", "list"], ["runs", "list"], ["artifact", "list"], ["model", "list"], ["feature", "views"],
        ["image", "list"], ["experiment", "list"], ["alert", "list"], ["store", "facts"], ["doctor"],
        ["doctor", "--codes"], ["schema"], ["completions", "bash"], ["theme", "list"], ["init"],
        ["stack", "diff", "default", "default"], ["component", "probe", "alerter", "inbox"],
        ["stack", "clone", "default", "other"], ["component", "clone", "alerter", "inbox", "other"],
        ["stack", "use", "default"], ["flavor", "new", "alerter", "mine"], ["alert", "post", "hello"],
        ["stack", "validate", "--all", "--probe"],
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("as_document", [True, False], ids=["json", "people"])
def test_every_other_command_has_a_document_and_a_page(
    stacktui: Run, words: list[str], as_document: bool
) -> None:
    answer = stacktui(*words, *(["--json"] if as_document else []))
    assert answer.code == 0, answer.err
    if as_document:
        assert answer.document["version"] == 1
        assert answer.out.isascii()
        assert answer.out.count("\n") == 1
    else:
        assert answer.out + answer.err


@pytest.mark.parametrize(
    "text", ["\x1b]0;x\x07", "\u202eabc", "é😀", "\x7f", "\u2028", "\x9b31m", "a\nb", '"\\']
)
def test_json_is_ascii_and_says_the_same(text: str) -> None:
    import json

    written = as_json(DoneDocument(done=text))
    assert written.isascii()
    assert written.isprintable()
    found: Any = json.loads(written)
    assert found == {"version": 1, "done": text}
