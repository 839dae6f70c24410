"""The contract of alerters."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from stacktui.categories.alerter import Alerter
from stacktui.categories.errors import NotFound, Unsupported
from stacktui.model.alert import Level
from stacktui.model.base import uuid7
from stacktui.model.category import Category
from stacktui.testing.contracts.base import ComponentContract, lacks, needs, wait_for
from stacktui.testing.contracts.steps import StepInside


class AlerterContract(ComponentContract):
    """Override the fixture `component` with an `Alerter` outside of a step, and `received` where messages go
    elsewhere than to the inbox of the surroundings' metadata store; with `ask`, `reply` too."""

    category = Category.ALERTER

    def received(self, component: Alerter) -> Sequence[tuple[Level, str]]:
        """What people have got, oldest first."""
        store = component.around.metadata_store
        assert store is not None, "override `received`"
        return [(item.level, item.text) for item in reversed(store.inbox())]

    def reply(self, component: Alerter, choice: str) -> None:
        """Answer the one question that waits, as a person does; waits for it."""
        store = component.around.metadata_store
        assert store is not None, "override `reply`"
        (item,) = wait_for(lambda: store.inbox(pending=True), "the question")
        store.answer(item.id, choice, "somebody")

    def test_posts(self, component: Alerter) -> None:
        needs(component, "post")
        component.post("training is done")
        for level in Level:
            component.post(f"a message [b]of[/b] {level}\nwith \u2713", level)
        wait_for(lambda: len(self.received(component)) == 1 + len(Level), "the messages")
        texts = [text for _, text in self.received(component)]
        assert "training is done" in texts[0]
        for level, text in zip(Level, texts[1:], strict=True):
            assert f"a message [b]of[/b] {level}" in text

    def test_asks_and_gets_the_answer(self, component: Alerter) -> None:
        needs(component, "ask")
        person = threading.Thread(target=self.reply, args=(component, "later"))
        person.start()
        try:
            assert component.ask("Deploy?", ["now", "later", "never"], timeout=30.0) == "later"
        finally:
            person.join()

    def test_takes_the_default_when_the_time_is_up(self, component: Alerter) -> None:
        needs(component, "ask")
        assert component.ask("Deploy?", timeout=0.05, default="no") == "no"

    def test_raises_without_a_default(self, component: Alerter) -> None:
        needs(component, "ask")
        with pytest.raises(TimeoutError, match="Deploy"):
            component.ask("Deploy?", timeout=0.05)

    def test_refuses_a_default_that_is_no_choice(self, component: Alerter) -> None:
        needs(component, "ask")
        with pytest.raises(ValueError, match="maybe"):
            component.ask("Deploy?", timeout=0.05, default="maybe")
        with pytest.raises(ValueError, match="choice"):
            component.ask("Deploy?", [], timeout=0.05)

    def test_a_step_can_post_and_ask(self, component: Alerter) -> None:
        """In a step there is no metadata store: everything goes through the channel, or to people directly."""
        needs(component, "ask")
        channel = StepInside(uuid7())
        inside = type(component)(
            component.config, replace(component.around, metadata_store=None, channel=channel)
        )
        with inside:
            inside.post("from a step", Level.WARNING)
            assert inside.ask("Go on?", timeout=0.05, default="yes") == "yes"

    def test_cannot_ask(self, component: Alerter) -> None:
        lacks(component, "ask")
        with pytest.raises(Unsupported):
            component.ask("Deploy?", timeout=0.05, default="no")

    def test_forgets_nothing_that_was_asked(self, component: Alerter) -> None:
        """A question whose time is up does not wait for an answer any more."""
        needs(component, "ask")
        component.ask("Deploy?", timeout=0.05, default="no")
        store = component.around.metadata_store
        if store is None:
            pytest.skip("its questions are not in the inbox")
        assert store.inbox(pending=True) == ()
        with pytest.raises(NotFound):
            store.inbox_item(uuid7())
