"""Keys in their order: each is looked at when the one before it has had its effect.

Several keys may arrive at once, from quick hands over a slow link or from a paste. Without this the letters after `:`
would be keys of the screen beneath, because the line that is to take them does not have the focus yet, and `enter`
on a screen that has just been opened would find no row.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual import events
    from textual.dom import DOMNode
    from textual.message_pump import MessagePump

    from stacktui.tui.app import WorkbenchApp

_LONGEST_SECONDS = 1.0
"""After so long the next key goes on: an action that waits for something else must not swallow the keyboard."""

_LOAD_SECONDS = 0.5
"""So long, and once a screen, keys wait for the first rows of a screen that was opened: a store may be slow."""
_LOOK_SECONDS = 0.005

Deliver = Callable[["events.Key | events.Paste"], Awaitable[None]]


class TypeAhead:
    """Hands keys on, one by one. It is called on the event loop, by the app only."""

    def __init__(self, app: WorkbenchApp, deliver: Deliver) -> None:
        self._app = app
        self._deliver = deliver
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._turn = 0
        self._busy = False
        self._watch: asyncio.TimerHandle | None = None
        self._opened: tuple[object, float] = (None, 0.0)
        """The screen whose first rows were waited for last, and until when."""

    async def take(self, event: events.Key | events.Paste) -> None:
        """Hand a key on, now or after those before it."""
        if self._busy:
            self._waiting.append(event)
        else:
            await self._hand_on(event)

    async def _hand_on(self, event: events.Key | events.Paste) -> None:
        self._busy = True
        self._turn += 1
        taker: DOMNode = self._app.focused or self._app.screen
        self._watch = asyncio.get_running_loop().call_later(
            _LONGEST_SECONDS, self._app.call_later, self._over, self._turn
        )
        await self._deliver(event)
        # The key goes up to the app, which runs the action; what that says goes the same way once more.
        way = taker.ancestors_with_self
        self._pass(self._turn, [*way, *way])

    def _pass(self, turn: int, way: list[MessagePump]) -> None:
        """Over when each on the way, and the screen that is then on top, has worked off what lies before it."""
        while way:
            if way.pop(0).call_later(self._pass, turn, way):
                return
        if not self._app.screen_stack or not self._app.screen.call_later(self._arrived, turn):
            self._arrived(turn)

    def _arrived(self, turn: int) -> None:
        # It refuses only when it ends: then no key is for anybody.
        self._app.call_later(self._over, turn)

    async def _over(self, turn: int) -> None:
        if turn != self._turn or not self._busy:
            return
        if self._awaits_rows():
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._app.call_later, self._over, turn)
            return
        self._busy = False
        if self._watch is not None:
            self._watch.cancel()
        if self._waiting:
            await self._hand_on(self._waiting.popleft())

    def _awaits_rows(self) -> bool:
        """Whether what has the focus, or its screen, is on the way to its first rows."""
        from stacktui.tui.live import LiveView

        if not self._app.screen_stack:
            return False
        screen, at = self._app.screen, asyncio.get_running_loop().time()
        if self._opened[0] is not screen:
            self._opened = (screen, at + _LOAD_SECONDS)
        focused = self._app.focused
        views = focused.ancestors_with_self if focused is not None else [screen]
        return at < self._opened[1] and any(isinstance(view, LiveView) and view.awaited for view in views)
