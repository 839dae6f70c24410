"""The embedded alerter: the contract, and how it waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.flavors.local.alerter import LocalAlerter, LocalAlerterConfig
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.alert import Level
from stacktui.model.execution import Alert, Question
from stacktui.testing.contracts.alerter import AlerterContract
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.steps import StepInside


@pytest.fixture
def store(stacktui_surroundings: Surroundings) -> Iterator[SqliteMetadataStore]:
    with SqliteMetadataStore(SqliteMetadataStoreConfig(), stacktui_surroundings) as made:
        yield made


@pytest.fixture
def alerter(stacktui_surroundings: Surroundings, store: SqliteMetadataStore) -> LocalAlerter:
    return LocalAlerter(LocalAlerterConfig(), replace(stacktui_surroundings, metadata_store=store))


class TestLocalAlerter(AlerterContract):
    @pytest.fixture
    def component(self, alerter: LocalAlerter) -> LocalAlerter:
        return alerter


@pytest.fixture
def channel() -> StepInside:
    return StepInside("a-run")


@pytest.fixture
def inside(stacktui_surroundings: Surroundings, channel: StepInside) -> LocalAlerter:
    return LocalAlerter(LocalAlerterConfig(), replace(stacktui_surroundings, channel=channel))


def test_a_step_sends_events_and_waits_for_the_channel(inside: LocalAlerter, channel: StepInside) -> None:
    assert inside.probe().ok
    inside.post("half way", Level.WARNING)
    answers: list[str] = []
    waiting = threading.Thread(
        target=lambda: answers.append(inside.ask("Go on?", ["go", "stop"], timeout=60.0, default="stop"))
    )
    waiting.start()
    asked = channel.question()
    channel.reply(asked.id, "go")
    waiting.join()
    assert answers == ["go"]
    alert, question = channel.events
    assert isinstance(alert, Alert)
    assert (alert.alerter, alert.level, alert.message) == ("tested", "warning", "half way")
    assert isinstance(question, Question)
    assert (question.choices, question.default, question.timeout_s) == (("go", "stop"), "stop", 60.0)
    assert channel.waited == [60.0]


def test_a_step_is_told_that_the_time_is_up(inside: LocalAlerter, channel: StepInside) -> None:
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            inside.ask("Go on?")
        except TimeoutError as error:
            errors.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    channel.reply(channel.question().id, None)
    waiting.join()
    assert "Go on?" in str(errors[0])


def test_a_question_in_the_inbox_is_whole(alerter: LocalAlerter, store: SqliteMetadataStore) -> None:
    answers: list[str] = []
    waiting = threading.Thread(
        target=lambda: answers.append(alerter.ask("Deploy?", timeout=60.0, default="no"))
    )
    waiting.start()
    (item,) = wait_for(lambda: store.inbox(pending=True), "the question")
    assert (item.alerter, item.choices, item.default) == ("tested", ("yes", "no"), "no")
    assert item.expires_at is not None
    assert 59 < (item.expires_at - item.created_at).total_seconds() <= 60
    # Withdrawn, it takes its default.
    store.answer(item.id, None, "somebody")
    waiting.join()
    assert answers == ["no"]
    assert store.inbox_item(item.id).answered_by == "somebody"


def test_a_question_that_nobody_waits_for_is_closed(
    alerter: LocalAlerter, store: SqliteMetadataStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "last_event", interrupted)
    with pytest.raises(KeyboardInterrupt):
        alerter.ask("Deploy?")
    (item,) = store.inbox()
    assert not item.pending


def test_says_that_there_is_no_inbox(stacktui_surroundings: Surroundings) -> None:
    alone = LocalAlerter(LocalAlerterConfig(), stacktui_surroundings)
    assert not alone.probe().ok
    with pytest.raises(ComponentError, match="metadata store"):
        alone.post("x")
    with pytest.raises(ComponentError, match="metadata store"):
        alone.ask("x?", timeout=0.0)


def test_a_level_may_be_a_word(alerter: LocalAlerter, store: SqliteMetadataStore) -> None:
    alerter.post("x", "error")  # type: ignore[arg-type]
    assert store.inbox()[0].level is Level.ERROR
    with pytest.raises(ValueError, match="loud"):
        alerter.post("x", "loud")  # type: ignore[arg-type]
