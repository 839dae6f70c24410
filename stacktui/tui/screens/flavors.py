"""All flavors, built in and the team's own: what each is, whether its packages are there, and the line that installs
them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from stacktui.categories.flavor import FlavorId
from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, state_text, tone_of
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.categories.flavor import FlavorSource
    from stacktui.operations.session import Session


class FlavorLine(NamedTuple):
    """One flavor as shown."""

    category: Category
    name: Clean
    provider: Clean
    summary: Clean
    installed: bool
    install: Clean
    missing: Clean
    file: Path | None = None
    """Of a flavor of the workspace's own."""
    line: int | None = None
    """Where its class begins."""


class FlavorsSnapshot(NamedTuple):
    """The flavors, and what could not be read as one."""

    flavors: tuple[FlavorLine, ...]
    problems: tuple[tuple[Clean, Clean], ...]


class FlavorsScreen(WorkbenchScreen[FlavorsSnapshot]):
    """What components can be made of."""

    topics = frozenset({Topic.FILES})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind(
            "flavors.add",
            "a",
            "add",
            "new component",
            writes=True,
            rank=10,
            help="A component of this flavor.",
        ),
        bind(
            "flavors.editor",
            "E",
            "edit_flavor_file",
            "editor",
            writes=True,
            rank=12,
            help="Open the file of a flavor of your own in $EDITOR.",
        ),
        bind(
            "flavors.copy", "y", "copy", "copy install line", rank=11, help="Copy the line that installs it."
        ),
    ]

    def body(self) -> ComposeResult:
        with Panel(title="flavors", id="flavors-panel"):
            yield Grid(
                Column("name", "flavor", 14),
                Column("provider", "from", 12, drop=3),
                Column("state", "packages", 11),
                Column("summary", "what it is", 24, grow=True, drop=1),
                Column("install", "install with", 22, drop=2),
                markable=False, id="flavors", empty=Clean("No flavors were found, which is never right: :doctor."),
            )  # fmt: skip
        yield Static(id="flavor-detail")

    def load(self, session: Session) -> FlavorsSnapshot:
        from stacktui.operations.flavor import list_

        found = list_(session)
        sources = session.registry().sources
        own = {id_: source for id_, source in sources.items() if source.file is not None}
        return FlavorsSnapshot(
            tuple(
                FlavorLine(
                    row.category,
                    clean(row.name),
                    clean(row.provider),
                    clean(row.summary),
                    row.installed,
                    clean(row.install),
                    clean(", ".join(row.missing)),
                    *_place(own.get(FlavorId(row.category, row.name))),
                )
                for row in found.flavors
            ),
            tuple((clean(problem.source), clean(problem.reason)) for problem in found.problems),
        )

    def show(self, snapshot: FlavorsSnapshot) -> None:
        rows: list[Row] = []
        for category in Category:
            group = [flavor for flavor in snapshot.flavors if flavor.category is category]
            if group:
                title = Clean(f"{category.facts.key} {category.facts.title}")
                rows.append(Row(f"category:{category}", (Cell(title),), heading=True))
                rows += [_row(flavor) for flavor in group]
        if snapshot.problems:
            rows.append(Row("broken", (Cell(Clean("not readable")),), heading=True))
            rows += [
                Row(
                    f"broken:{source}",
                    (
                        Cell(source, Tone.ERROR), Cell(Clean("")), Cell(state_text("error"), Tone.ERROR),
                        Cell(reason), Cell(Clean("")),
                    ),
                )
                for source, reason in snapshot.problems
            ]  # fmt: skip
        self.query_one(Grid).set_rows(rows)
        missing = sum(1 for flavor in snapshot.flavors if not flavor.installed)
        panel = self.query_one(Panel)
        panel.set_title("flavors", len(snapshot.flavors))
        panel.set_note(f"{missing} with packages missing" if missing else "")
        self._detail()

    def subject(self) -> Subject | None:
        flavor = self._flavor()
        if flavor is None:
            return None
        arguments = {"category": flavor.category, "name": str(flavor.name)}
        return Subject("flavor", arguments, Clean(f"{flavor.category.facts.title} {flavor.name}"))

    def refusal(self, action: str) -> str | None:
        flavor = self._flavor()
        if action == "copy" and (flavor is None or not flavor.install):
            return "it needs nothing installed"
        if action == "add" and flavor is None:
            return "no flavor is chosen"
        if action == "edit_flavor_file" and (flavor is None or flavor.file is None):
            return "it is no flavor of your own"
        return super().refusal(action)

    def focus_on(self, argument: str) -> None:
        grid = self.query_one(Grid)
        if not grid.move_to(argument):
            row = next((r for r in grid.rows if r.key.partition("/")[2] == argument), None)
            if row is not None:
                grid.move_to(row.key)

    @on(Grid.Opened)
    def _opened(self, event: Grid.Opened) -> None:
        flavor = self._flavor()
        if flavor is not None:
            self.do("flavor show", category=flavor.category, name=str(flavor.name))

    @on(Grid.Moved)
    def _moved(self) -> None:
        self._detail()

    def action_add(self) -> None:
        from stacktui.tui.dialogs.component_actions import open_component_form

        flavor = self._flavor()
        if flavor is not None:
            open_component_form(self, flavor.category, None, flavor=str(flavor.name))

    def action_edit_flavor_file(self) -> None:
        from stacktui.tui.editor import open_in_editor

        flavor = self._flavor()
        if flavor is not None and flavor.file is not None:
            open_in_editor(self.workbench, flavor.file, flavor.line)

    def action_copy(self) -> None:
        flavor = self._flavor()
        if flavor is not None:
            self.app.copy_to_clipboard(flavor.install)
            self.notice(Clean(f"Copied {flavor.install}"))

    def _flavor(self) -> FlavorLine | None:
        grid = next(iter(self.query(Grid)), None)
        if grid is None or self.snapshot is None:
            return None
        return next((f for f in self.snapshot.flavors if _key(f) == grid.cursor_key), None)

    def _detail(self) -> None:
        flavor = self._flavor()
        detail = self.query_one("#flavor-detail", Static)
        if flavor is None:
            detail.update(Content(""))
            return
        state = (
            ("needs nothing more", "$quiet")
            if flavor.installed
            else (f"missing {flavor.missing}; install with: {flavor.install}", "$tone-warn")
        )
        detail.update(Content.assemble((flavor.name, "bold"), "  ", flavor.summary, "\n", state))


def _place(source: FlavorSource | None) -> tuple[Path | None, int | None]:
    """The file of a flavor and the line of its class, as far as it can be read."""
    if source is None or source.file is None:
        return None, None
    try:
        lines = source.file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return source.file, None
    head = re.compile(rf"class {re.escape(source.target.rpartition(':')[2])}\b")
    return source.file, next((number for number, line in enumerate(lines, 1) if head.match(line)), 1)


def _key(flavor: FlavorLine) -> str:
    return f"{flavor.category.value}/{flavor.name}"


def _row(flavor: FlavorLine) -> Row:
    state = "installed" if flavor.installed else "missing"
    return Row(
        _key(flavor),
        (
            Cell(flavor.name, Tone.STRONG),
            Cell(flavor.provider, Tone.MUTED),
            Cell(state_text(state), tone_of(state)),
            Cell(flavor.summary),
            Cell(Clean("") if flavor.installed else flavor.install, Tone.ACCENT),
        ),
    )
