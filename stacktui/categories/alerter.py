"""Alerters: tell people, through their channel, and ask them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from stacktui.categories.base import StackComponent
from stacktui.model.alert import Level


class Alerter(StackComponent):
    """Messages are plain text. Errors of the channel raise `ComponentError`; a lost message is never silent."""

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset({"ask", "post"})

    @abstractmethod
    def post(self, message: str, level: Level = Level.INFO) -> None:
        """Tell people. Returns when the channel has taken the message."""

    @abstractmethod
    def ask(
        self,
        question: str,
        choices: Sequence[str] = ("yes", "no"),
        timeout: float | None = None,
        default: str | None = None,
    ) -> str:
        """Ask people and wait for one of `choices`; a step's own timeout pauses meanwhile.

        After `timeout` seconds the answer is `default`; without a default that raises `TimeoutError`.
        Raises `Unsupported` where the channel is one way, and ValueError if `default` is not among the choices.
        """
