"""A line that asks for a file: what is typed is completed from the folders, and tab takes the completion. Used where a
stack is imported or exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.dialogs.form_lines import Completion, LineField, paths_like
from stacktui.tui.dialogs.simple import PromptDialog

if TYPE_CHECKING:
    from stacktui.tui.app import WorkbenchApp


class FilePrompt(PromptDialog):
    """A path, relative to where the workbench was opened."""

    def __init__(
        self, title: Clean | str, label: Clean | str, *, value: str = "", problem: Clean | str = ""
    ) -> None:
        """`problem` is why the path of a moment ago could not be taken."""
        super().__init__(title, label, value=value)
        self._keys = "tab complete · enter accept · esc back"
        self._text = clean_block(label)
        self._path = value
        self._problem = clean(problem)

    def content(self) -> ComposeResult:
        yield Static(Content(self._text), classes="dialog--text")
        yield LineField(self._path, completion=Completion(paths=self._paths))
        yield Static(id="prompt-problem", classes="dialog--problem")
        if self._problem:
            yield Static(Content(self._problem), id="file-problem", classes="dialog--problem")

    def on_mount(self) -> None:
        for problem in self.query("#file-problem"):
            # A line of any length.
            problem.styles.height = "auto"
        self.query_one(LineField).cursor_position = len(self._path)

    async def _paths(self, begun: str) -> list[str]:
        app = cast("WorkbenchApp", self.app)
        return await app.background.run(lambda: paths_like(app.session.start, begun))
