"""The embedded alerter: the workbench's inbox, kept in the stack's metadata store.

Inside a step messages and questions travel as events to the runner, and answers come back the same way.
Outside a step the inbox is written and read directly.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from stacktui.categories.alerter import Alerter
from stacktui.categories.base import FlavorConfig, ProbeResult, StepChannel
from stacktui.categories.errors import ComponentError
from stacktui.categories.flavor import FlavorFacts
from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.alert import InboxItem, Level
from stacktui.model.base import now, uuid7
from stacktui.model.category import Category
from stacktui.model.execution import Alert, Question

_POLL_S = 0.1


class LocalAlerterConfig(FlavorConfig):
    """Nothing to configure: the inbox is where the stack's metadata store is."""


class LocalAlerter(Alerter):
    """Messages and questions in the inbox that the workbench shows with a toast and the terminal's bell."""

    facts: ClassVar[FlavorFacts] = FlavorFacts(
        category=Category.ALERTER,
        name="local",
        summary="the workbench's inbox, a toast and the bell",
        capabilities=Alerter.CAPABILITIES,
    )
    Config = LocalAlerterConfig
    config: LocalAlerterConfig

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        """Whether there is an inbox; inside a step, whether the step is listened to."""
        if self.around.channel is not None:
            return ProbeResult(ok=True, message="messages go to the inbox through the run")
        if self.around.metadata_store is None:
            return ProbeResult(ok=False, message="the stack has no metadata store to keep an inbox in")
        found = self.around.metadata_store.probe(timeout_s)
        return found.model_copy(update={"message": f"the inbox is in the metadata store: {found.message}"})

    def post(self, message: str, level: Level = Level.INFO) -> None:
        level = Level(level)
        if self.around.channel is not None:
            alert = Alert(at=now(), alerter=self.name, level=level.value, message=message)
            self.around.channel.emit(alert)
            return
        item = InboxItem(
            id=uuid7(), kind="message", alerter=self.name, level=level, text=message, created_at=now()
        )
        self._store().post(item)

    def ask(
        self,
        question: str,
        choices: Sequence[str] = ("yes", "no"),
        timeout: float | None = None,
        default: str | None = None,
    ) -> str:
        offered = tuple(choices)
        if not offered or isinstance(choices, str):
            raise ValueError("a question needs a list of at least one choice")
        if default is not None and default not in offered:
            raise ValueError(f"the default {default!r} is not among the choices: {', '.join(offered)}")
        if self.around.channel is not None:
            answer = self._ask_through(self.around.channel, question, offered, timeout, default)
        else:
            answer = self._ask_inbox(self._store(), question, offered, timeout, default)
        if answer is not None:
            return answer
        if default is not None:
            return default
        limit = "" if timeout is None else f" within {timeout:g} s"
        raise TimeoutError(f"nobody answered{limit}, and there is no default: {question}")

    def _ask_through(
        self,
        channel: StepChannel,
        question: str,
        choices: tuple[str, ...],
        timeout_s: float | None,
        default: str | None,
    ) -> str | None:
        asked = Question(
            at=now(),
            id=uuid7(),
            alerter=self.name,
            question=question,
            choices=choices,
            default=default,
            timeout_s=timeout_s,
        )
        channel.emit(asked)
        return channel.answer(asked.id, timeout_s)

    def _ask_inbox(
        self,
        store: MetadataStore,
        question: str,
        choices: tuple[str, ...],
        timeout_s: float | None,
        default: str | None,
    ) -> str | None:
        asked_at = now()
        item = InboxItem(
            id=uuid7(),
            kind="question",
            alerter=self.name,
            level=Level.WARNING,
            text=question,
            choices=choices,
            default=default,
            created_at=asked_at,
            expires_at=None if timeout_s is None else asked_at + timedelta(seconds=timeout_s),
        )
        store.post(item)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        seen = -1
        try:
            while deadline is None or time.monotonic() < deadline:
                # The newest event's number costs microseconds: the inbox is read only when something happened.
                newest = store.last_event()
                if newest != seen:
                    seen = newest
                    current = store.inbox_item(item.id)
                    if current.closed_at is not None:
                        return current.answer
                left = _POLL_S if deadline is None else deadline - time.monotonic()
                time.sleep(max(0.0, min(_POLL_S, left)))
        finally:
            # Nobody waits any more, whatever the reason: the question must not stay open. If an answer came
            # in the last moment it counts.
            with contextlib.suppress(ComponentError):
                store.answer(item.id, None, self.name)
        return store.inbox_item(item.id).answer

    def _store(self) -> MetadataStore:
        if self.around.metadata_store is None:
            raise ComponentError(
                f"alerter {self.name} has no inbox here: it needs a stack with a metadata store, or a step"
            )
        return self.around.metadata_store
