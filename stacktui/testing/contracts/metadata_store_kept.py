"""The part of the metadata store's contract about what people keep of runs, find again, and delete."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.metadata_store import ArtifactQuery, MetadataStore, RunQuery
from stacktui.model.alert import InboxItem, Level
from stacktui.model.artifact import Artifact, ArtifactLink, ArtifactRef
from stacktui.model.base import now, uuid7
from stacktui.model.run import Metric, Run, RunStatus, StepAttempt, StepError, StepProgress, StepStatus
from stacktui.testing.contracts.base import needs
from stacktui.testing.contracts.nouns import a_run, a_step, an_artifact, next_id


class KeptRunsContract:
    """Included in `MetadataStoreContract`."""

    # Attempts and progress.

    def test_keeps_earlier_attempts(self, component: MetadataStore) -> None:
        run, other = a_run(status=RunStatus.RUNNING, finished_at=None), a_run()
        component.create_run(run, [a_step(run, "fit"), a_step(run, "load")])
        component.create_run(other, [])
        assert component.attempts(run.id) == ()
        first, second = (_attempt(run, "fit", number) for number in (1, 2))
        elsewhere = _attempt(run, "load", 1, status=StepStatus.LOST, error=None, finished_at=None)
        before = component.last_event()
        for attempt in (second, elsewhere, first, first):
            component.keep_attempt(attempt)
        assert component.attempts(run.id) == (first, second, elsewhere)
        assert component.attempts(run.id, "fit") == (first, second)
        assert component.attempts(run.id, "evaluate") == ()
        assert component.attempts(other.id) == ()
        told = [
            (e.kind, e.data["step"], e.data["attempt"], e.data["status"]) for e in component.events(before)
        ]
        assert told[:2] == [
            ("step_attempt_ended", "fit", 2, "failed"),
            ("step_attempt_ended", "load", 1, "lost"),
        ]

    def test_the_metrics_of_the_last_attempt_count(self, component: MetadataStore) -> None:
        run = a_run(status=RunStatus.RUNNING, finished_at=None)
        component.create_run(run, [a_step(run, "fit"), a_step(run, "load")])
        for source, key in (("fit", "loss"), ("load", "rows")):
            component.log_metrics(run.id, [Metric(key=key, value=1.0, at=now(), source=source)])
        component.keep_attempt(_attempt(run, "fit", 1))
        assert component.last_metrics(run.id) == {"rows": 1.0}
        component.log_metrics(run.id, [Metric(key="loss", value=0.5, at=now(), source="fit")])
        assert component.last_metrics(run.id) == {"loss": 0.5, "rows": 1.0}

    def test_knows_how_far_a_step_is(self, component: MetadataStore) -> None:
        run = a_run(status=RunStatus.RUNNING, finished_at=None)
        steps = [a_step(run, name, position=place) for place, name in enumerate(("load", "fit"))]
        component.create_run(run, steps)
        before = component.last_event()
        for done in (1.0, 2.5):
            component.log_progress(run.id, "fit", StepProgress(done=done, total=10, text="epoch", at=now()))
        said = StepProgress(
            done=3, text="\x1b[2K\ud800 of many".encode("utf-8", "replace").decode(), at=now()
        )
        component.log_progress(run.id, "fit", said)
        assert [step.progress for step in component.steps(run.id)] == [None, said]
        events = component.events(before)
        assert [(e.kind, e.data["step"], e.data["done"]) for e in events] == [
            ("progress", "fit", done) for done in (1.0, 2.5, 3.0)
        ]
        # A step's state is written beside it, and a new attempt starts without it.
        component.record_step(steps[1])
        assert component.steps(run.id)[1].progress == said
        component.keep_attempt(_attempt(run, "fit", 1))
        assert component.steps(run.id)[1].progress is None

    # Finding again.

    def test_filters_by_what_people_say_of_runs(self, component: MetadataStore) -> None:
        needs(component, "query")
        made = []
        for status, stack, group, team, pinned in itertools.product(
            (RunStatus.SUCCEEDED, RunStatus.FAILED), ("default", "prod"), (None, "sweep-1"), ("a", "b", None),
            (False, True),
        ):  # fmt: skip
            labels = {} if team is None else {"team": team, "a": "team"}
            made.append(
                a_run(
                    status=status, stack=stack, group=group, labels=labels, pinned=pinned, note=f"mark{team}"
                )
            )
            component.create_run(made[-1], [])
        for asked in itertools.product(
            ((), (RunStatus.FAILED,), (RunStatus.FAILED, RunStatus.SUCCEEDED)), (None, "prod"),
            (None, "sweep-1", "sweep-2"), (None, "team=a", "team", "team=", "a=team", "b=team", "nothing"),
            (None, True, False), (None, "otter", "calm marka"),
        ):  # fmt: skip
            fields = zip(("status", "stack", "group", "label", "pinned", "search"), asked, strict=True)
            query = RunQuery.model_validate({**dict(fields), "limit": 100})
            expected = [run.id for run in reversed(made) if _fits(run, query)]
            assert [run.id for run in component.runs(query).runs] == expected, query
            assert component.count_runs(query) == len(expected), query

    def test_filters_by_labels_as_they_are_now(self, component: MetadataStore) -> None:
        needs(component, "query")
        run = a_run(labels={"team": "vision core", "Stage": "é \ud83e=1"})
        component.create_run(run, [])

        def found(label: str, **more: Any) -> bool:
            return bool(component.runs(RunQuery(label=label, **more)).runs)

        assert found("team=vision core")
        assert found("team=vision core", stack="default")
        assert not found("team=Vision core")
        assert not found("team=vision")
        assert not found("stage")
        assert found("Stage=é \ud83e=1")
        assert found("Stage=é \ud83e=1", stack="default")
        component.update_run(run.id, labels={"team": "core"})
        assert not found("team=vision core")
        assert not found("Stage")
        assert found("team=core", stack="default", status=(RunStatus.SUCCEEDED,))
        component.update_run(run.id, labels={})
        assert not found("team")

    def test_finds_notes(self, component: MetadataStore) -> None:
        needs(component, "search")
        run = a_run()
        component.create_run(run, [])
        assert component.runs(RunQuery(search="baseline")).runs == ()
        component.update_run(run.id, note="the new baseline")
        assert [found.id for found in component.runs(RunQuery(search="new base")).runs] == [run.id]
        component.update_run(run.id, note="")
        assert component.runs(RunQuery(search="baseline")).runs == ()

    # Deleting.

    def test_forgets_a_run(self, component: MetadataStore) -> None:
        run, other = (a_run(labels={"team": "vision"}) for _ in range(2))
        artifact = an_artifact(run, tags=())
        for one in (run, other):
            component.create_run(one, [a_step(one)])
            _fill(component, one)
        component.record_step(a_step(run, outputs={"output": artifact.id}), [artifact])
        kept = [component.run(other.id), component.steps(other.id), component.attempts(other.id)]
        before = component.last_event()
        component.delete_run(run.id)
        told = component.events(before)
        assert [(event.kind, event.run_id) for event in told] == [("run_deleted", run.id)]
        assert component.last_event() == told[0].id > before
        for ask in (component.run, component.delete_run):
            with pytest.raises(NotFound):
                ask(run.id)
        with pytest.raises(NotFound):
            component.artifact(artifact.id)
        assert (component.steps(run.id), component.attempts(run.id), component.metrics(run.id)) == (
            (),
            (),
            (),
        )
        assert component.logged(run.id) == {"params": {}, "files": {}}
        assert component.requests(run.id) == []
        assert [event.kind for event in component.events(0, run_id=run.id)] == ["run_deleted"]
        assert [item.run_id for item in component.inbox()] == [other.id]
        for query in (RunQuery(), RunQuery(label="team=vision"), RunQuery(search="otter")):
            assert [found.id for found in component.runs(query).runs] == [other.id]
        assert kept == [component.run(other.id), component.steps(other.id), component.attempts(other.id)]
        facts = component.store_facts(check=True)
        assert (facts.counts["runs"], facts.counts["steps"], facts.integrity) == (1, 1, "ok")

    def test_keeps_artifacts_that_others_need(self, component: MetadataStore) -> None:
        maker, user, cached = a_run(), a_run(), a_run()
        for run in (maker, user, cached):
            component.create_run(run, [])
        made = {name: an_artifact(maker, name=name) for name in ("used", "stands", "tagged", "alone")}
        outputs = {name: artifact.id for name, artifact in made.items()}
        component.record_step(a_step(maker, outputs=outputs), list(made.values()))
        component.record_step(a_step(maker, "evaluate", position=1, inputs={"x": made["alone"].id}))
        component.record_step(a_step(user, "evaluate", inputs={"x": made["used"].id}))
        component.record_step(
            a_step(
                cached, status=StepStatus.CACHED, cached_from=maker.id, outputs={"stands": made["stands"].id}
            )
        )
        component.tag_artifact(made["tagged"].id, "best")
        component.delete_run(maker.id)
        assert _names(component) == {"used", "stands", "tagged"}
        assert component.links(made["used"].id)[1] == (
            ArtifactLink(run_id=user.id, step="evaluate", name="x"),
        )
        # With the last run that needs one it goes.
        component.delete_run(user.id)
        assert _names(component) == {"stands", "tagged"}
        component.delete_run(cached.id)
        assert _names(component) == {"tagged"}

    def test_does_not_delete_what_lives_or_is_pinned(self, component: MetadataStore) -> None:
        needs(component, "hold")
        pinned = a_run(pinned=True)
        running, queued = (
            a_run(status=status, started_at=None, finished_at=None)
            for status in (RunStatus.RUNNING, RunStatus.QUEUED)
        )
        for run in (pinned, running, queued):
            component.create_run(run, [])
        with pytest.raises(ComponentError, match="pinned"):
            component.delete_run(pinned.id)
        with component.hold(running.id), pytest.raises(ComponentError, match="running"):
            component.delete_run(running.id)
        with pytest.raises(ComponentError, match="queued"):
            component.delete_run(queued.id)
        assert component.count_runs(RunQuery()) == 3
        component.update_run(pinned.id, pinned=False)
        component.delete_run(pinned.id)
        # Nobody holds it any more: it is lost.
        component.delete_run(running.id)
        assert [run.id for run in component.runs(RunQuery()).runs] == [queued.id]

    def test_forgets_artifacts(self, component: MetadataStore) -> None:
        run = a_run()
        component.create_run(run, [])
        gone, kept = (an_artifact(run, name=name, tags=("best",)) for name in ("gone", "kept"))
        step = a_step(run, cache_key="key", outputs={"gone": gone.id, "kept": kept.id})
        component.record_step(step, [gone, kept])
        component.record_step(a_step(run, "evaluate", position=1, inputs={"x": gone.id, "y": kept.id}))
        assert component.cached("key") is not None
        before = component.last_event()
        component.delete_artifacts([gone.id, uuid7()])
        component.delete_artifacts([])
        assert [(event.kind, event.data["count"]) for event in component.events(before)] == [
            ("artifacts_deleted", 1)
        ]
        assert [artifact.id for artifact in component.artifacts(ArtifactQuery(tag="best"))] == [kept.id]
        with pytest.raises(NotFound):
            component.artifact(gone.id)
        assert component.steps(run.id)[0].outputs == {"gone": gone.id, "kept": kept.id}
        assert component.cached("key") is None

    def test_gives_no_version_twice(self, component: MetadataStore) -> None:
        first, second = a_run(), a_run()
        versions = []
        for run in (first, second):
            component.create_run(run, [])
            artifact = an_artifact(run)
            (recorded,) = component.record_step(a_step(run, outputs={"output": artifact.id}), [artifact])
            versions.append(recorded.version)
        component.delete_run(second.id)
        third = a_run()
        component.create_run(third, [])
        artifact = an_artifact(third)
        component.record_step(a_step(third, outputs={"output": artifact.id}), [artifact])
        assert [*versions, component.artifact(artifact.id).version] == [1, 2, 3]

    def test_tells_what_content_is_named(self, component: MetadataStore) -> None:
        assert list(component.contents()) == []
        run = a_run()
        component.create_run(run, [])
        made = [
            an_artifact(run, name=f"o{index}", uri=f"content/{index % 7}", digest=f"sha256:{index % 7}", size=index % 7)
            for index in range(20)
        ]  # fmt: skip
        component.record_step(a_step(run), made)
        expected = {(f"content/{index}", f"sha256:{index}", index) for index in range(7)}
        found = list(component.contents())
        assert len(found) == 7
        assert set(found) == expected
        component.delete_artifacts([artifact.id for artifact in made if artifact.size == 3])
        assert set(component.contents()) == expected - {("content/3", "sha256:3", 3)}
        other = a_run()
        component.create_run(other, [])
        component.record_step(a_step(other), [an_artifact(other, uri="content/5", digest="sha256:5", size=5)])
        assert {uri for uri, _, _ in component.contents(without={run.id})} == {"content/5"}
        assert list(component.contents(without={run.id, other.id})) == []

    def test_tells_who_relies_on_a_run(self, component: MetadataStore) -> None:
        made, taking, standing, apart = (a_run() for _ in range(4))
        for run in (made, taking, standing, apart):
            component.create_run(run, [])
        assert (component.users(made.id).runs, component.users(made.id).tags) == (frozenset(), ())
        artifact = an_artifact(made)
        component.record_step(a_step(made, outputs={"output": artifact.id}), [artifact])
        # Its own use of what it made is nobody else's.
        component.record_step(
            a_step(made, "evaluate", position=1, inputs={"model": artifact.id}),
            input_links={"model": artifact.id},
        )
        component.record_step(
            a_step(taking, "use", inputs={"model": artifact.id}), input_links={"model": artifact.id}
        )
        component.record_step(
            a_step(standing, status=StepStatus.CACHED, cached_from=made.id, outputs={"output": artifact.id})
        )
        component.tag_artifact(artifact.id, "best")
        found = component.users(made.id)
        assert found.runs == frozenset({taking.id, standing.id})
        assert found.tags == ("best",)
        assert component.users(apart.id).runs == frozenset()
        component.delete_run(taking.id)
        component.untag_artifact(artifact.id, "best")
        found = component.users(made.id)
        assert found.runs == frozenset({standing.id})
        assert found.tags == ()

    def test_has_an_identity_that_stays(self, component: MetadataStore) -> None:
        before = component.identity
        assert before
        component.create_run(a_run(), [])
        assert component.identity == before


def _attempt(run: Run, name: str, number: int, **fields: Any) -> StepAttempt:
    moment = now()
    return StepAttempt.model_validate(
        {
            "run_id": run.id,
            "name": name,
            "attempt": number,
            "status": StepStatus.FAILED,
            "where": "orchestrator/local",
            "started_at": moment,
            "finished_at": moment,
            "error": StepError(type="ValueError", message="bad \x1b", traceback="File …"),
            **fields,
        }
    )


def _fits(run: Run, query: RunQuery) -> bool:
    key, equals, value = (query.label or "").partition("=")
    return (
        (not query.status or run.status in query.status)
        and query.stack in (None, run.stack)
        and query.group in (None, run.group)
        and query.pinned in (None, run.pinned)
        and (not key or (key in run.labels and (not equals or run.labels[key] == value)))
        and all(word in f"{run.name} {run.note}" for word in (query.search or "").split())
    )


def _names(store: MetadataStore) -> set[str]:
    found: tuple[Artifact, ...] = store.artifacts(ArtifactQuery())
    return {artifact.name for artifact in found}


def _fill(store: MetadataStore, run: Run) -> None:
    """Something of everything that a run leaves."""
    store.keep_attempt(_attempt(run, "fit", 1))
    store.log_progress(run.id, "fit", StepProgress(done=1, at=now()))
    store.log_metrics(run.id, [Metric(key="loss", value=1, at=now(), source="fit")])
    store.log_params(run.id, {"lr": 1})
    plot = an_artifact(run, name="plot.png")
    reference = ArtifactRef.model_validate(plot.model_dump(include=set(ArtifactRef.model_fields)))
    store.log_file(run.id, "fit", "plot.png", reference)
    store.request(run.id, "stop")
    store.post(
        InboxItem(
            id=next_id(), kind="message", alerter="inbox", level=Level.INFO, text="done", run_id=run.id,
            created_at=now(),
        )
    )  # fmt: skip
