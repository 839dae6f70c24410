"""What the metadata store tells of runs, as OpenLineage events: built with the official client's own classes.

A run is a run of the job that its pipeline is; each attempt of a step is a run of a job of its own, with the pipeline's
run as its parent. Artifacts are datasets. Used by the consumer of the events, which imports it only where lineage was
asked for.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openlineage.client import event_v2 as ol
from openlineage.client.facet_v2 import (
    DatasetFacet,
    JobFacet,
    RunFacet,
    dataset_version_dataset,
    datasource_dataset,
    error_message_run,
    job_type_job,
    parent_run,
    processing_engine_run,
    schema_dataset,
    source_code_location_job,
)

from stacktui import __version__
from stacktui.categories.errors import NotFound
from stacktui.model.base import rfc3339
from stacktui.model.run import Event, Run, StepRun, StepStatus

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.artifact import Artifact

PRODUCER = f"https://pypi.org/project/stacktui/{__version__}"
_LOST = "the process that ran it is gone"
_ENDS = {
    "succeeded": ol.RunState.COMPLETE,
    "cached": ol.RunState.COMPLETE,
    "failed": ol.RunState.FAIL,
    "retrying": ol.RunState.FAIL,
    "cancelled": ol.RunState.ABORT,
    "lost": ol.RunState.ABORT,
}


class LineageEvents:
    """Builds events of one store's runs."""

    def __init__(self, store: MetadataStore, namespace: str, workspace: Path, repository: str = "") -> None:
        """`namespace` is that of all jobs and datasets; `repository` the address of the code's git repository."""
        self._store = store
        self._namespace = namespace
        self._workspace = workspace
        self._repository = repository

    def of(self, event: Event) -> Iterator[ol.RunEvent]:
        """What an event of the store says; nothing where it is of no interest, or its run was deleted meanwhile."""
        if event.kind not in (
            "run_started",
            "run_finished",
            "step_started",
            "step_finished",
            "step_attempt_ended",
        ):
            return
        try:
            run = self._store.run(event.run_id)
        except NotFound:
            return
        status = str(event.data.get("status", ""))
        if event.kind == "run_started":
            yield self._run_event(run, ol.RunState.START, event.at)
        elif event.kind == "run_finished":
            if status in _ENDS:
                yield self._run_event(run, _ENDS[status], event.at, str(event.data.get("error") or ""))
        else:
            yield from self._step_events(run, event, status)

    def of_lost(self, run: Run, at: datetime) -> Iterator[ol.RunEvent]:
        """The end of a run that did not come to one, and of the steps that were in flight."""
        for step in self._store.steps(run.id):
            if step.status is StepStatus.LOST and step.started_at is not None:
                yield self._step_event(run, step, step.attempt, ol.RunState.ABORT, at, (_LOST, ""))
        yield self._run_event(run, ol.RunState.ABORT, at, _LOST)

    def _step_events(self, run: Run, event: Event, status: str) -> Iterator[ol.RunEvent]:
        name, attempt = str(event.data.get("step", "")), int(event.data.get("attempt") or 1)
        step = next((each for each in self._store.steps(run.id) if each.name == name), None)
        if step is None:
            return
        if event.kind == "step_started":
            yield self._step_event(run, step, attempt, ol.RunState.START, event.at)
            return
        if status not in _ENDS or (step.started_at is None and status != "cached"):
            return
        if status == "cached":
            yield self._step_event(run, step, attempt, ol.RunState.START, event.at)
        cause = event.data.get("error")
        error = None
        if isinstance(cause, Mapping):
            frames = step.error.traceback if step.error is not None and step.attempt == attempt else ""
            error = (f"{cause.get('type')}: {cause.get('message')}", frames)
        yield self._step_event(run, step, attempt, _ENDS[status], event.at, error)

    def _run_event(self, run: Run, kind: ol.RunState, at: datetime, error: str = "") -> ol.RunEvent:
        facets = self._run_facets(run)
        if error:
            facets["errorMessage"] = _error(error, "")
        job = ol.Job(
            self._namespace, run.pipeline, self._job_facets(run, "PIPELINE", run.target.partition(":")[0])
        )
        return self._event(kind, at, ol.Run(run.id, facets), job)

    def _step_event(
        self,
        run: Run,
        step: StepRun,
        attempt: int,
        kind: ol.RunState,
        at: datetime,
        error: tuple[str, str] | None = None,
    ) -> ol.RunEvent:
        facets = self._run_facets(run, params=step.params, attempt=attempt, where=step.where)
        facets["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(run.id),
            job=parent_run.Job(self._namespace, run.pipeline),
            root=parent_run.Root(
                run=parent_run.RootRun(run.id),
                job=parent_run.RootJob(self._namespace, run.pipeline),
            ),
            producer=PRODUCER,
        )
        if error is not None:
            facets["errorMessage"] = _error(*error)
        file = run.target.partition(":")[0]
        job = ol.Job(self._namespace, f"{run.pipeline}.{step.name}", self._job_facets(run, "STEP", file))
        inputs = [
            ol.InputDataset(*self._dataset(artifact), facets=self._dataset_facets(run, artifact))
            for artifact in self._artifacts(step.inputs)
        ]
        outputs = []
        if kind is ol.RunState.COMPLETE:
            outputs = [
                ol.OutputDataset(*self._dataset(artifact), facets=self._dataset_facets(run, artifact))
                for artifact in self._artifacts(step.outputs)
            ]
        return self._event(
            kind, at, ol.Run(step_run_id(run.id, step.name, attempt), facets), job, inputs, outputs
        )

    def _event(
        self,
        kind: ol.RunState,
        at: datetime,
        run: ol.Run,
        job: ol.Job,
        inputs: list[ol.InputDataset] | None = None,
        outputs: list[ol.OutputDataset] | None = None,
    ) -> ol.RunEvent:
        return ol.RunEvent(
            eventTime=rfc3339(at),
            producer=PRODUCER,
            eventType=kind,
            run=run,
            job=job,
            inputs=inputs or [],
            outputs=outputs or [],
        )

    # Facets.

    def _run_facets(self, run: Run, **more: Any) -> dict[str, RunFacet]:
        own = RunFacet(producer=PRODUCER).with_additional_properties(
            name=run.name,
            stack=run.stack,
            user=run.user,
            host=run.host,
            params=more.pop("params", run.params),
            labels=run.labels,
            group=run.group,
            retryOf=run.retry_of,
            codeDigest=run.code.digest if run.code else None,
            **more,
        )
        engine = processing_engine_run.ProcessingEngineRunFacet(
            version=__version__, name="stacktui", openlineageAdapterVersion=__version__, producer=PRODUCER
        )
        return {"stacktui": own, "processing_engine": engine}  # type: ignore[dict-item]

    def _job_facets(self, run: Run, kind: str, file: str) -> dict[str, JobFacet]:
        facets: dict[str, JobFacet] = {
            "jobType": job_type_job.JobTypeJobFacet(
                processingType="BATCH", integration="STACKTUI", jobType=kind, producer=PRODUCER
            )
        }
        commit = run.code.commit if run.code else None
        if commit is not None:
            repository = self._repository or self._workspace.as_uri()
            facets["sourceCodeLocation"] = source_code_location_job.SourceCodeLocationJobFacet(
                type="git",
                url=f"{repository.removesuffix('.git')}/blob/{commit}/{file}"
                if self._repository
                else f"{repository}/{file}",
                repoUrl=repository,
                path=file,
                version=commit + ("-dirty" if run.code and run.code.dirty else ""),
                producer=PRODUCER,
            )
        return facets

    # Datasets.

    def _artifacts(self, ids: Mapping[str, str]) -> Iterator[Artifact]:
        for artifact_id in dict.fromkeys(ids.values()):
            try:
                yield self._store.artifact(artifact_id)
            except NotFound:
                continue

    def _dataset(self, artifact: Artifact) -> tuple[str, str]:
        return self._namespace, f"{artifact.pipeline}/{artifact.step}/{artifact.name}"

    def _dataset_facets(self, run: Run, artifact: Artifact) -> dict[str, DatasetFacet]:
        stores = run.stack_snapshot.get("components", {}).get("artifact_store") or [{}]
        content = DatasetFacet(producer=PRODUCER).with_additional_properties(
            id=artifact.id,
            digest=artifact.digest,
            size=artifact.size,
            type=artifact.type,
            materializer=artifact.materializer,
            tags=list(artifact.tags),
            producedBy=artifact.run_id,
        )
        facets: dict[str, Any] = {
            "version": dataset_version_dataset.DatasetVersionDatasetFacet(
                datasetVersion=str(artifact.version), producer=PRODUCER
            ),
            "dataSource": datasource_dataset.DatasourceDatasetFacet(
                name=str(stores[0].get("name", "")), uri=artifact.uri, producer=PRODUCER
            ),
            "stacktui_artifact": content,
        }
        columns = artifact.metadata.get("columns")
        if isinstance(columns, (list, tuple)) and columns:
            types = artifact.metadata.get("types")
            kinds = (
                types
                if isinstance(types, (list, tuple)) and len(types) == len(columns)
                else [None] * len(columns)
            )
            facets["schema"] = schema_dataset.SchemaDatasetFacet(
                fields=[
                    schema_dataset.SchemaDatasetFacetFields(
                        name=str(name), type=None if kind is None else str(kind)
                    )
                    for name, kind in zip(columns, kinds, strict=True)
                ],
                producer=PRODUCER,
            )
        return facets


def step_run_id(run_id: str, step: str, attempt: int) -> str:
    """The id of one attempt of a step: the same whoever asks."""
    return str(uuid.uuid5(uuid.UUID(run_id), f"{step}/{attempt}"))


def _error(message: str, frames: str) -> error_message_run.ErrorMessageRunFacet:
    return error_message_run.ErrorMessageRunFacet(
        message=message, programmingLanguage="PYTHON", stackTrace=frames or None, producer=PRODUCER
    )
