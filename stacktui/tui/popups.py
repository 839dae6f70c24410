"""What opens over a screen without leaving it: the `:` line, `?`, the palette, the questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stacktui.model.text import clean

if TYPE_CHECKING:
    from stacktui.tui.app import WorkbenchApp
    from stacktui.tui.screens.base import WorkbenchScreen


class Popups:
    """Opens the popups of one app; each module is imported when it is first opened."""

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app

    async def command_line(self, screen: WorkbenchScreen[Any]) -> None:
        """The `:` line at the bottom."""
        from stacktui.tui.widgets.commandline import CommandLine

        await screen.mount_popup(CommandLine(screen))

    async def keys(self, screen: WorkbenchScreen[Any]) -> None:
        """Every key of where you are."""
        from stacktui.tui.widgets.chooser import Chooser, key_entries

        entries = key_entries(screen)
        await screen.mount_popup(Chooser(clean(f"keys {screen.crumb}"), entries))

    async def palette(self, screen: WorkbenchScreen[Any]) -> None:
        """Every place and operation."""
        from stacktui.tui.widgets.chooser import Chooser, key_entries, operation_entries, place_entries

        entries = [*key_entries(screen), *place_entries(self._app), *operation_entries(self._app, screen)]
        await screen.mount_popup(Chooser(clean("anything"), entries))

    def workspaces(self, screen: WorkbenchScreen[Any]) -> None:
        """The workspaces that were opened, to go to another one."""
        from stacktui.tui.switching import open_switcher

        open_switcher(self._app, screen)

    def questions(self) -> None:
        """The questions that wait, to answer one."""
        from stacktui.tui.dialogs.questions import open_questions

        open_questions(self._app)
