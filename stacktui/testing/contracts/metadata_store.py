"""The contract of metadata stores. What several processes see of one store is in `metadata_store_shared`, what people
keep and delete in `metadata_store_kept`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.metadata_store import ArtifactQuery, MetadataStore, RunQuery, StepChange
from stacktui.model.alert import InboxItem, Level
from stacktui.model.artifact import ArtifactLink, ArtifactRef
from stacktui.model.base import now, uuid7
from stacktui.model.category import Category
from stacktui.model.run import CodeState, Metric, RunStatus, StepDefinition, StepError, StepStatus
from stacktui.testing.contracts.base import ComponentContract, needs
from stacktui.testing.contracts.metadata_store_kept import KeptRunsContract
from stacktui.testing.contracts.metadata_store_shared import SharedStoreContract
from stacktui.testing.contracts.nouns import a_run, a_step, an_artifact, next_id

_LATER = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)


class MetadataStoreContract(ComponentContract, SharedStoreContract, KeptRunsContract):
    """Override the fixture `component` with an empty `MetadataStore`."""

    category = Category.METADATA_STORE

    def test_an_empty_store_has_empty_answers(self, component: MetadataStore) -> None:
        needs(component, "query")
        assert component.runs(RunQuery()).runs == ()
        assert component.count_runs(RunQuery()) == 0
        assert component.pipelines() == []
        assert component.steps("none") == ()
        assert component.metrics("none") == ()
        assert component.last_metrics("none") == {}
        assert component.logged("none") == {"params": {}, "files": {}}
        assert component.artifacts(ArtifactQuery()) == ()
        assert component.cached("none") is None
        assert component.last_event() == 0
        assert component.events(0) == []
        assert component.inbox() == ()
        for ask in (component.run, component.artifact, component.links, component.inbox_item):
            with pytest.raises(NotFound) as caught:
                ask("none")
            assert "none" in str(caught.value)
            assert "\n" not in str(caught.value)

    def test_gives_a_run_back_whole(self, component: MetadataStore) -> None:
        run = a_run(
            name="naïve – \u4f8b \x1b[31m",
            target="pipelines/training.py:training",
            params={
                "lr": 0.1,
                "layers": [1, 2],
                "text": "ä\ud800",
                "nothing": None,
                "deep": {"a": {"b": True}},
            },
            labels={"team": "vision"},
            created_at=_LATER,
            error="step fit failed: \ud83e is half a pair".encode("utf-8", "replace").decode(),
            user="dev",
            host="gpu-box",
            code=CodeState(digest="sha256:1", commit="abc", dirty=True),
            stack_snapshot={"orchestrator": [{"name": "local", "config": {"max_workers": 2}}]},
            environment={"python": "3.11"},
            graph=(StepDefinition(name="load"), StepDefinition(name="fit", after=("load",))),
            retry_of=uuid7(),
            group=uuid7(),
            note="better than the one before \x1b",
            pinned=True,
            resumes=2,
            waits_for="waits for 2 runs: max_runs is 1",
        )
        component.create_run(run, [a_step(run)])
        assert component.run(run.id) == run
        listed = component.runs(RunQuery()).runs[0]
        assert listed == run.model_copy(update={"graph": (), "stack_snapshot": {}, "environment": {}})

    def test_refuses_a_run_twice(self, component: MetadataStore) -> None:
        run = a_run()
        component.create_run(run, [])
        with pytest.raises(ComponentError, match=run.id):
            component.create_run(run, [])
        assert component.count_runs(RunQuery()) == 1

    def test_finds_a_run_by_the_beginning_of_its_id(self, component: MetadataStore) -> None:
        first, second = (
            a_run(id="0193a000-0000-7000-8000-000000000001"),
            a_run(id="0193a000-0000-7000-8000-000000000002"),
        )
        for run in (first, second):
            component.create_run(run, [])
        assert component.run(second.id[:-1] + "2") == second
        other = a_run(id="0194b000-0000-7000-8000-000000000001")
        component.create_run(other, [])
        assert component.run("0194") == other
        with pytest.raises(NotFound, match="several"):
            component.run("0193a")
        with pytest.raises(NotFound):
            component.run("")
        with pytest.raises(NotFound):
            component.run("%")

    def test_changes_a_run(self, component: MetadataStore) -> None:
        run = a_run(status=RunStatus.QUEUED, started_at=None, finished_at=None)
        component.create_run(run, [])
        before = component.last_event()
        component.update_run(run.id, status=RunStatus.CANCELLED, finished_at=_LATER, error="stopped by dev")
        component.update_run(run.id, labels={"kept": "yes"})
        found = component.run(run.id)
        assert (found.status, found.finished_at, found.error) == (
            RunStatus.CANCELLED,
            _LATER,
            "stopped by dev",
        )
        assert found.labels == {"kept": "yes"}
        component.update_run(run.id, note="kept", pinned=True, resumes=1, waits_for="waits for 1 run")
        found = component.run(run.id)
        assert (found.note, found.pinned, found.resumes, found.waits_for) == (
            "kept",
            True,
            1,
            "waits for 1 run",
        )
        kinds = [(event.kind, event.data.get("status")) for event in component.events(before)]
        assert kinds == [("run_finished", "cancelled"), ("run_changed", None), ("run_changed", None)]
        with pytest.raises(NotFound):
            component.update_run(uuid7(), error="x")
        with pytest.raises(TypeError, match="statsu"):
            component.update_run(run.id, statsu=RunStatus.FAILED)

    def test_pages_forward_and_back(self, component: MetadataStore) -> None:
        made = [a_run(name=f"run-{index}") for index in range(23)]
        for run in made:
            component.create_run(run, [])
        newest_first = [run.id for run in reversed(made)]
        for oldest_first, expected in ((False, newest_first), (True, newest_first[::-1])):
            query = RunQuery(limit=5, oldest_first=oldest_first)
            pages = list(_pages(component, query))
            assert [run_id for page in pages for run_id in page] == expected
            assert [len(page) for page in pages] == [5, 5, 5, 5, 3]
            back = component.runs(query.model_copy(update={"before": pages[3][0]}))
            assert [run.id for run in back.runs] == pages[2]
            again = component.runs(query.model_copy(update={"after": back.next}))
            assert [run.id for run in again.runs] == pages[3]
            assert component.runs(query.model_copy(update={"before": expected[0]})).runs == ()
        with pytest.raises(NotFound):
            component.runs(RunQuery(after=uuid7()))

    def test_filters_runs(self, component: MetadataStore) -> None:
        made = [
            a_run(pipeline=pipeline, stack=stack, status=status)
            for pipeline in ("training", "inference")
            for stack in ("default", "prod")
            for status in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.SUCCEEDED)
        ]
        for run in made:
            component.create_run(run, [])
        assert component.pipelines() == ["inference", "training"]
        for pipeline in (None, "training", "none"):
            for stack in (None, "prod"):
                for status in ((), (RunStatus.FAILED,), (RunStatus.CANCELLED, RunStatus.SUCCEEDED)):
                    expected = [
                        run.id
                        for run in reversed(made)
                        if pipeline in (None, run.pipeline)
                        and stack in (None, run.stack)
                        and (not status or run.status in status)
                    ]
                    query = RunQuery(pipeline=pipeline, stack=stack, status=status, limit=3)
                    found = [run_id for page in _pages(component, query) for run_id in page]
                    assert found == expected, query
                    assert component.count_runs(query) == len(expected)
                    assert component.count_runs(query, at_most=2) == min(2, len(expected))

    def test_searches_runs(self, component: MetadataStore) -> None:
        needs(component, "search")
        made = {
            "name": a_run(name="amber-falcon"),
            "params": a_run(params={"optimizer": "adamw", "lr": 0.25}),
            "error": a_run(error="ValueError: NaN in column Größe", status=RunStatus.FAILED),
            "labels": a_run(labels={"team": "Vision_Core"}),
            "pipeline": a_run(pipeline="churn-weekly"),
        }
        for run in made.values():
            component.create_run(run, [])
        for text, expected in {
            "falcon": ["name"], "AMBER falc": ["name"], "adamw": ["params"], "lr 0.25": ["params"],
            "größe": ["error"], "valueerror nan": ["error"], "vision": ["labels"], "churn-weekly": ["pipeline"],
            "churn": ["pipeline"], "falcon adamw": [], "nowhere": [], '"falcon': ["name"],
        }.items():  # fmt: skip
            found = component.runs(RunQuery(search=text)).runs
            assert [run.id for run in found] == [made[name].id for name in expected], text
            assert component.count_runs(RunQuery(search=text)) == len(expected)
        for text in ("*", '"', "NOT", "a OR", "name:", "(", "^x", "-", "%", "' --", "\x00"):
            component.runs(RunQuery(search=text))
        assert component.runs(RunQuery(search="nan", status=(RunStatus.SUCCEEDED,))).runs == ()
        component.update_run(made["error"].id, error="KeyError: label")
        assert component.runs(RunQuery(search="nan")).runs == ()
        assert len(component.runs(RunQuery(search="keyerror", status=(RunStatus.FAILED,))).runs) == 1
        assert len(component.runs(RunQuery(search="  ")).runs) == len(made)

    def test_records_steps(self, component: MetadataStore) -> None:
        run = a_run(status=RunStatus.SUCCEEDED)
        pending = [
            a_step(run, name, position=place, status=StepStatus.PENDING, started_at=None, finished_at=None)
            for place, name in enumerate(("load", "fit", "evaluate"))
        ]
        component.create_run(run, pending)
        assert component.steps(run.id) == tuple(pending)
        before = component.last_event()
        failed = a_step(
            run, "fit", position=1, status=StepStatus.FAILED, attempt=2, params={"lr": 0.1}, cache_key="k",
            cache_reason="the code of fit changed",
            error=StepError(type="ValueError", message="bad \x1b", traceback="File …"),
        )  # fmt: skip
        running = a_step(run, "load", status=StepStatus.RUNNING, finished_at=None)
        component.record_step(running)
        component.record_step(failed)
        skipped = pending[2].model_copy(update={"status": StepStatus.SKIPPED})
        component.record_steps([skipped])
        component.record_steps([])
        assert component.steps(run.id)[1:] == (failed, skipped)
        told = [(event.kind, event.data["step"], event.data["status"]) for event in component.events(before)]
        assert told == [
            ("step_started", "load", "running"),
            ("step_finished", "fit", "failed"),
            ("step_finished", "evaluate", "skipped"),
        ]

    def test_records_several_changes_in_their_order(self, component: MetadataStore) -> None:
        run = a_run(status=RunStatus.SUCCEEDED)
        component.create_run(run, [])
        before = component.last_event()
        ended = a_step(run, "load", outputs={"output": "made"}, inputs={})
        made = an_artifact(run, step="load", id="made", version=0)
        begun = a_step(
            run, "fit", position=1, status=StepStatus.RUNNING, finished_at=None, inputs={"x": "made"}
        )
        component.record_changes([StepChange(ended, [made], (), {}), StepChange(begun)])
        component.record_changes([])
        assert component.steps(run.id) == (ended, begun)
        assert component.artifact("made").version == 1
        assert [(each.step, each.name) for each in component.links("made")[1]] == [("fit", "x")]
        told = [(event.kind, event.data["step"]) for event in component.events(before)]
        assert told == [("step_finished", "load"), ("step_started", "fit")]

    def test_numbers_versions_and_keeps_lineage(self, component: MetadataStore) -> None:
        first, second = a_run(), a_run()
        for run in (first, second):
            component.create_run(run, [])
        one, two = an_artifact(first), an_artifact(second, version=7)
        other = an_artifact(second, name="report", tags=("checked",))
        assert component.record_step(a_step(first, outputs={"output": one.id}), [one])[0].version == 1
        kept = component.record_step(
            a_step(second, outputs={"output": two.id, "report": other.id}), [two, other]
        )
        assert [artifact.version for artifact in kept] == [2, 1]
        user = a_step(second, "evaluate", position=1, inputs={"model": one.id})
        component.record_step(user, input_links={"model": one.id})
        component.record_step(user, input_links={"model": one.id})
        assert component.artifact(one.id) == one
        assert component.links(one.id) == (
            ArtifactLink(run_id=first.id, step="fit", name="output"),
            (ArtifactLink(run_id=second.id, step="evaluate", name="model"),),
        )
        component.tag_artifact(one.id, "best")
        assert component.artifact(one.id).tags == ("best",)
        component.tag_artifact(two.id, "best")
        assert component.artifact(one.id).tags == ()
        for query, expected in (
            (ArtifactQuery(), {one.id, two.id, other.id}),
            (ArtifactQuery(pipeline="training", step="fit", name="output"), {one.id, two.id}),
            (ArtifactQuery(pipeline="training", step="fit", name="output", version=2), {two.id}),
            (ArtifactQuery(run_id=second.id), {two.id, other.id}),
            (ArtifactQuery(tag="best"), {two.id}),
            (ArtifactQuery(tag="checked"), {other.id}),
            (ArtifactQuery(pipeline="none"), set()),
        ):
            assert {artifact.id for artifact in component.artifacts(query)} == expected, query
        newest = component.artifacts(ArtifactQuery(pipeline="training", step="fit", name="output", limit=1))
        assert newest[0].id == two.id
        following = component.artifacts(ArtifactQuery(name="output", after=two.id))
        assert [artifact.id for artifact in following] == [one.id]
        component.untag_artifact(two.id, "best")
        assert component.artifact(two.id).tags == ()
        with pytest.raises(NotFound, match="no tag"):
            component.untag_artifact(two.id, "best")

    def test_finds_what_a_cache_key_left(self, component: MetadataStore) -> None:
        old, new, broken = a_run(), a_run(), a_run()
        for run in (old, new, broken):
            component.create_run(run, [])
        made = {run.id: an_artifact(run) for run in (old, new)}
        point = Metric(key="loss", value=0.5, step=3, at=now(), source="fit")
        for run, finished_at in ((new, _LATER + timedelta(hours=1)), (old, _LATER)):
            artifact = made[run.id]
            step = a_step(run, cache_key="key", outputs={"output": artifact.id}, finished_at=finished_at)
            component.record_step(step, [artifact], [point])
        component.record_step(a_step(broken, cache_key="key", status=StepStatus.FAILED))
        component.record_step(a_step(broken, "again", cache_key="key", status=StepStatus.CACHED))
        found = component.cached("key")
        assert found is not None
        assert (found.run_id, found.step, found.finished_at) == (new.id, "fit", _LATER + timedelta(hours=1))
        assert found.outputs["output"].id == made[new.id].id
        assert found.metrics == (point,)
        assert component.cached("other") is None

    def test_keeps_curves(self, component: MetadataStore) -> None:
        run = a_run()
        component.create_run(run, [])
        points = [Metric(key="loss", value=1 / step, step=step, at=now(), source="fit") for step in (3, 1, 2)]
        odd = [
            Metric(key="odd", value=value, step=step, at=now())
            for step, value in enumerate((math.nan, math.inf, -math.inf))
        ]
        before = component.last_event()
        component.log_metrics(run.id, points)
        component.log_metrics(run.id, odd)
        component.log_metrics(run.id, [])
        assert [event.kind for event in component.events(before)] == ["metric", "metric"]
        assert [point.step for point in component.metrics(run.id, "loss")] == [1, 2, 3]
        assert [point.key for point in component.metrics(run.id)] == ["loss"] * 3 + ["odd"] * 3
        values = [point.value for point in component.metrics(run.id, "odd")]
        assert math.isnan(values[0])
        assert values[1:] == [math.inf, -math.inf]
        assert component.last_metrics(run.id) == {"loss": 1 / 3, "odd": -math.inf}
        assert component.metrics(run.id, "none") == ()

    def test_keeps_what_steps_log(self, component: MetadataStore) -> None:
        run = a_run()
        component.create_run(run, [])
        component.log_params(run.id, {"lr": 0.1, "depth": 3})
        component.log_params(run.id, {"depth": 4, "path": Path("data")})
        plot = an_artifact(run, name="plot.png")
        reference = ArtifactRef.model_validate(plot.model_dump(include=set(ArtifactRef.model_fields)))
        component.log_file(run.id, "fit", "plot.png", reference)
        logged = component.logged(run.id)
        assert logged == {"params": {"lr": 0.1, "depth": 4, "path": "data"}, "files": {"plot.png": plot.id}}
        assert component.artifact(plot.id).uri == plot.uri

    def test_tails_events(self, component: MetadataStore) -> None:
        needs(component, "tail")
        first, second = a_run(), a_run()
        component.create_run(first, [])
        component.create_run(second, [])
        start = component.last_event()
        component.request(first.id, "stop", {"by": "dev"})
        component.log_metrics(second.id, [Metric(key="x", value=1, at=now())])
        events = component.events(start)
        assert [event.run_id for event in events] == [first.id, second.id]
        assert events[-1].id == component.last_event()
        assert [event.id for event in component.events(0)] == sorted({e.id for e in component.events(0)})
        assert component.events(start, limit=1) == events[:1]
        assert component.events(start, run_id=second.id) == events[1:]
        assert component.events(component.last_event()) == []
        (asked,) = component.requests(first.id)
        assert (asked.kind, asked.data["what"], asked.data["by"]) == ("request", "stop", "dev")
        assert component.requests(first.id, after=asked.id) == []
        assert component.requests(second.id) == []
        with pytest.raises(NotFound):
            component.request(uuid7(), "stop")

    def test_keeps_an_inbox(self, component: MetadataStore) -> None:
        run = a_run()
        message = _item(kind="message", text="done \x1b]0;x\x07")
        question = _item(choices=("yes", "no"), default="no", run_id=run.id, step="fit")
        past = _item(choices=("yes",), expires_at=now() - timedelta(seconds=1))
        for item in (message, question, past):
            component.post(item)
        assert component.inbox() == (past, question, message)
        assert component.inbox(limit=1) == (past,)
        assert component.inbox(pending=True) == (question,)
        assert component.inbox_item(question.id) == question
        before = component.last_event()
        with pytest.raises(ComponentError, match="yes, no"):
            component.answer(question.id, "maybe", "dev")
        with pytest.raises(ComponentError, match="ran out"):
            component.answer(past.id, "yes", "dev")
        with pytest.raises(ComponentError, match="message"):
            component.answer(message.id, "yes", "dev")
        answered = component.answer(question.id, "yes", "dev")
        assert (answered.answer, answered.answered_by, answered.pending) == ("yes", "dev", False)
        assert component.answer(past.id, None, "runner").answer is None
        with pytest.raises(ComponentError, match="'yes' by dev"):
            component.answer(question.id, "no", "other")
        assert component.inbox_item(question.id) == answered
        assert component.inbox(pending=True) == ()
        told = component.events(before)
        assert [(event.kind, event.data["id"]) for event in told] == [
            ("answer", question.id),
            ("answer", past.id),
        ]
        with pytest.raises(NotFound):
            component.answer(uuid7(), "yes", "dev")


def _pages(store: MetadataStore, query: RunQuery) -> Iterator[list[str]]:
    while True:
        page = store.runs(query)
        if page.runs:
            yield [run.id for run in page.runs]
        if page.next is None:
            return
        query = query.model_copy(update={"after": page.next})


def _item(**fields: Any) -> InboxItem:
    return InboxItem.model_validate(
        {
            "id": next_id(),
            "kind": "question",
            "alerter": "inbox",
            "level": Level.INFO,
            "text": "Deploy?",
            "created_at": now(),
            **fields,
        }
    )
