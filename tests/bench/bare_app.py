"""The reference for start-up: a bare Textual app with a header, a table and a footer."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import DataTable, Footer, Header


class BareApp(App[None]):
    """Forty rows of four columns: what fits on a screen."""

    def compose(self) -> ComposeResult:
        yield Header()
        yield DataTable()
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("name", "flavor", "state", "age")
        for number in range(40):
            table.add_row(f"component-{number}", "local", "ready", "2m")


if __name__ == "__main__":
    BareApp().run()
