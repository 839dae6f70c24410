"""The settings in force, each with where it comes from; and the themes, shown live while you choose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from stacktui.model.base import Noun
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.operations.session import Session


class Setting(NamedTuple):
    """One setting in force."""

    group: str
    name: str
    value: Clean
    source: Clean
    help: Clean
    file: Path | None
    """Where it is changed."""
    line: int | None


class SettingsSnapshot(NamedTuple):
    """All settings, and the themes by name."""

    settings: tuple[Setting, ...]
    themes: tuple[tuple[str, Clean], ...]
    saved: str


class SettingsScreen(WorkbenchScreen[SettingsSnapshot]):
    """What is set, where, and the choice of a theme."""

    topics = frozenset({Topic.FILES, Topic.ACTIVE})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        bind(
            "settings.editor",
            "E",
            "edit_file",
            "editor",
            rank=3,
            help="Open the file that says it in $EDITOR.",
        ),
        bind("settings.next", "tab", "focus_next", "settings, themes", rank=30, help="To the other list."),
        bind(
            "settings.previous",
            "shift+tab",
            "focus_previous",
            "other list",
            rank=150,
            help="To the other list.",
        ),
    ]

    def body(self) -> ComposeResult:
        with Horizontal(id="settings"):
            with Panel(title="themes", id="themes-panel"):
                yield Grid(
                    Column("name", "", 18), Column("title", "", 12, grow=True, drop=1),
                    header=False, markable=False, id="themes", empty=Clean("No theme files were found."),
                )  # fmt: skip
            with Panel(title="settings", id="settings-panel"):
                yield Grid(
                    Column("name", "setting", 14),
                    Column("value", "in force", 16, grow=True),
                    Column("source", "says", 26, drop=1),
                    markable=False, id="settings-list",
                )  # fmt: skip

    def load(self, session: Session) -> SettingsSnapshot:
        looks = self.workbench.looks
        themes = tuple((name, clean(title)) for name, title in sorted(looks.titles.items()))
        return SettingsSnapshot(effective_settings(session), themes, looks.saved_theme())

    def show(self, snapshot: SettingsSnapshot) -> None:
        first = not self.query_one("#themes", Grid).rows
        self.query_one("#themes", Grid).set_rows(
            Row(
                name,
                (
                    Cell(clean(f"{glyph('✓') if name == snapshot.saved else ' '} {name}")),
                    Cell(title, Tone.MUTED),
                ),
            )
            for name, title in snapshot.themes
        )
        if first:
            self.query_one("#themes", Grid).move_to(snapshot.saved)
        rows: list[Row] = []
        for group in dict.fromkeys(setting.group for setting in snapshot.settings):
            rows.append(Row(f"group:{group}", (Cell(Clean(group)),), heading=True))
            rows += [
                Row(
                    f"{group}.{setting.name}",
                    (
                        Cell(Clean(setting.name), Tone.MUTED),
                        Cell(setting.value),
                        Cell(setting.source, Tone.MUTED),
                    ),
                )
                for setting in snapshot.settings
                if setting.group == group
            ]
        self.query_one("#settings-list", Grid).set_rows(rows)
        self.query_one("#themes-panel", Panel).set_title("themes", len(snapshot.themes))

    def refusal(self, action: str) -> str | None:
        if action == "edit_file" and self._chosen() is None:
            return "no setting is chosen"
        return super().refusal(action)

    @on(Grid.Moved, "#themes")
    def _theme_moved(self, event: Grid.Moved) -> None:
        if event.key is not None and event.grid.has_focus:
            self.workbench.looks.try_theme(event.key)

    @on(Grid.Moved, "#settings-list")
    def _setting_moved(self) -> None:
        chosen = self._chosen()
        self.notice(chosen.help if chosen else "")

    @on(Grid.Opened, "#themes")
    def _theme_chosen(self, event: Grid.Opened) -> None:
        """Save the theme under the cursor as the user's own."""
        name = event.key
        if self.workbench.feed.summary.readonly:
            self.notice("the workbench is read-only: the theme stays for this session", error=True)
            return

        def save() -> Any:
            from stacktui.workspace.settings import save_setting

            return save_setting("theme", name)

        def saved(result: Any, error: BaseException | None) -> None:
            from stacktui.tui.doing import one_line

            if error is not None:
                self.notice(one_line(error), error=True)
            else:
                self.workbench.looks.try_theme(None)
                self.notice(clean(f"{name} is your theme; {result} says so."))
                self.reload()

        self.workbench.background.submit(save, saved)

    def on_screen_suspend(self, _: events.ScreenSuspend) -> None:
        # A theme that was only tried does not stay.
        self.workbench.looks.try_theme(None)

    def action_edit_file(self) -> None:
        from stacktui.tui.editor import open_in_editor

        chosen = self._chosen()
        if chosen is not None and chosen.file is not None:
            open_in_editor(self.workbench, chosen.file, chosen.line)

    def _chosen(self) -> Setting | None:
        grid = next(iter(self.query("#settings-list").results(Grid)), None)
        if grid is None or self.snapshot is None or not grid.has_focus:
            return None
        return next((s for s in self.snapshot.settings if f"{s.group}.{s.name}" == grid.cursor_key), None)


def effective_settings(session: Session) -> tuple[Setting, ...]:
    """Every setting with its value in force and who says so. Reads files."""
    from stacktui.workspace.documents import WorkspaceFile
    from stacktui.workspace.settings import SETTINGS_FILE, UserSettings, load_settings, user_config_dir

    snapshot = session.snapshot()
    user_file = user_config_dir() / SETTINGS_FILE
    loaded = load_settings(session.workspace.root)
    found: list[Setting] = []
    for name, field in UserSettings.model_fields.items():
        value, source = getattr(loaded.settings, name), str(user_file)
        if name not in loaded.settings.model_fields_set:
            source = "default"
            if name == "theme" and loaded.workspace_theme:
                value, source = loaded.workspace_theme, snapshot.settings_file.name
        found.append(
            Setting(
                "yours",
                name,
                _shown(value),
                clean(_short(source)),
                clean(field.description or ""),
                user_file,
                None,
            )
        )
    active = session.active(snapshot)
    for name, field in WorkspaceFile.model_fields.items():
        said = name in snapshot.settings.model_fields_set
        found.append(
            Setting(
                "workspace",
                name,
                _shown(getattr(snapshot.settings, name)),
                Clean(snapshot.settings_file.name if said else "default"),
                clean(field.description or ""),
                snapshot.settings_file,
                None,
            )
        )
    readonly = "yes" if session.readonly else "no"
    for name, value, source, text in (
        ("stack", active.name or "none", active.reason, "The active stack."),
        (
            "readonly",
            readonly,
            "stacktui.yaml" if snapshot.settings.readonly else ("--readonly" if session.readonly else ""),
            "Whether writing is refused.",
        ),
        ("state", str(session.workspace.state), "", "Where the state of this checkout lies."),
    ):
        found.append(Setting("this session", name, clean(value), clean(source), Clean(text), None, None))
    return tuple(found)


def _shown(value: object) -> Clean:
    if value is None or value == ():
        return Clean("not set")
    if isinstance(value, bool):
        return Clean("yes" if value else "no")
    if isinstance(value, Noun):
        return clean(", ".join(f"{name} {_shown(each)}" for name, each in value))
    return clean(", ".join(value) if isinstance(value, tuple) else value)


def _short(path: str) -> str:
    from pathlib import Path

    home = str(Path.home())
    return f"~{path[len(home) :]}" if path.startswith(f"{home}/") else path
