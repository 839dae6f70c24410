"""Runs and questions in a workspace's real metadata store, for tests of what the workbench shows of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.alert import InboxItem, Level
from stacktui.model.base import now, uuid7
from stacktui.model.run import Run, RunStatus


def add_run(store: MetadataStore, name: str = "digits", **fields: Any) -> Run:
    """A run that succeeded a minute ago, unless told otherwise."""
    began = now() - timedelta(minutes=1)
    values: dict[str, Any] = {
        "id": uuid7(), "name": name, "pipeline": "training", "target": "pipelines/training.py:training",
        "stack": "default", "status": RunStatus.SUCCEEDED, "created_at": began, "started_at": began,
        "finished_at": began + timedelta(seconds=42),
    }  # fmt: skip
    known = Run.model_fields
    run = Run(**{key: value for key, value in {**values, **fields}.items() if key in known})
    store.create_run(run, ())
    return run


def ask(store: MetadataStore, text: str = "deploy?", choices: tuple[str, ...] = ("yes", "no")) -> InboxItem:
    """A question that waits."""
    item = InboxItem(
        id=uuid7(), kind="question", alerter="inbox", level=Level.INFO, text=text, choices=choices, created_at=now()
    )  # fmt: skip
    store.post(item)
    return item
