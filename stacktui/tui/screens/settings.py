"""The settings in force, each with who says so, changed in place; and the themes, shown live while you choose.

A change goes through the operations on settings: built, shown as a diff, written, read again by the watcher.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from stacktui.model.text import Clean, clean
from stacktui.operations.moments import zone
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.operations.setting import SettingRow

_SCOPES = {"yours": "yours", "workspace": "the workspace's", "session": "this session"}


class SettingsSnapshot(NamedTuple):
    """All settings, and the themes by name."""

    settings: tuple[SettingRow, ...]
    themes: tuple[tuple[str, Clean], ...]
    saved: str
    zone: str
    """What the zone of times is called now."""


class SettingsScreen(WorkbenchScreen[SettingsSnapshot]):
    """What is set, where, and the choice of a theme."""

    topics = frozenset({Topic.FILES, Topic.ACTIVE})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("settings.edit", "e", "edit_setting", "change", writes=True, rank=2, help="Change the setting under the cursor."),
        bind("settings.default", "d,backspace", "default_setting", "default", writes=True, rank=3, help="Take it out of the file: its default counts again."),
        bind("settings.editor", "E", "edit_file", "editor", writes=True, rank=4, help="Open the file that says it in $EDITOR, at the line; of a theme, its file."),
        bind("settings.new_theme", "a", "new_theme", "new theme", writes=True, rank=20, help="A theme of your own, made from the one under the cursor."),
        bind("settings.keys", "K", "keys_place", "keys", rank=10, help="Every key with its id: change one, search."),
        bind("settings.next", "tab", "focus_next", "settings, themes", rank=30, help="To the other list."),
        bind("settings.previous", "shift+tab", "focus_previous", "other list", rank=150, help="To the other list."),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        with Horizontal(id="settings"):
            with Panel(title="themes", id="themes-panel"):
                yield Grid(
                    Column("name", "", 18), Column("title", "", 12, grow=True, drop=1),
                    header=False, markable=False, marker_without_focus=False, opens="choose", id="themes",
                    empty=Clean("No theme files were found."),
                )  # fmt: skip
            with Panel(title="settings", id="settings-panel"):
                yield Grid(
                    Column("name", "setting", 13),
                    Column("value", "in force", 10, grow=True),
                    Column("source", "said by", 20, grow=True),
                    markable=False, marker_without_focus=False, opens="change", id="settings-list",
                )  # fmt: skip

    def load(self, session: Session) -> SettingsSnapshot:
        from stacktui.operations.session import run_operation
        from stacktui.operations.table import operations_of

        looks = self.workbench.looks
        themes = tuple((name, clean(title)) for name, title in sorted(looks.titles.items()))
        found = run_operation(session, operations_of("setting")["setting list"])
        return SettingsSnapshot(found.settings, themes, looks.wanted_theme(), zone())

    def show(self, snapshot: SettingsSnapshot) -> None:
        themes = self.query_one("#themes", Grid)
        first = not themes.rows
        themes.set_rows(
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
            themes.move_to(snapshot.saved)
        rows: list[Row] = []
        for scope, title in _SCOPES.items():
            mine = [setting for setting in snapshot.settings if setting.scope == scope]
            if mine:
                rows.append(Row(f"group:{scope}", (Cell(Clean(title)),), heading=True))
            rows += [self._row(setting, snapshot) for setting in mine]
        grid = self.query_one("#settings-list", Grid)
        at = grid.cursor_key
        grid.set_rows(rows)
        if at is None and len(rows) > 1:
            grid.action_cursor_to(1)
        self.query_one("#themes-panel", Panel).set_title("themes", len(snapshot.themes))

    def _row(self, setting: SettingRow, snapshot: SettingsSnapshot) -> Row:
        value = _shown(setting.value)
        if setting.scope == "yours" and setting.name == "times":
            value = clean(f"{value}, now {snapshot.zone}")
        said = setting.source != "default"
        return Row(
            f"{setting.scope}.{setting.name}",
            (
                Cell(clean(setting.name), Tone.PLAIN if said else Tone.MUTED),
                Cell(value),
                Cell(_said_by(setting), Tone.ACCENT if said else Tone.MUTED),
            ),
        )

    # Which keys apply.

    def refusal(self, action: str) -> str | None:
        chosen, theme = self._chosen(), self._theme()
        if action in ("edit_setting", "default_setting") and chosen is None:
            return "a theme is chosen with enter" if theme else "no setting is chosen"
        if action in ("edit_setting", "default_setting") and chosen is not None:
            if chosen.scope == "session":
                return f"{chosen.name} is decided for each session: {chosen.help}"
            if chosen.name == "version":
                return "stacktui workspace upgrade changes it"
            if action == "default_setting" and chosen.file is None:
                return "no file says it"
        if action == "edit_file" and self._place() is None:
            return "no file says it"
        if action == "new_theme" and theme is None:
            return "a new theme is made from one in the list of themes"
        return super().refusal(action)

    @on(Grid.Moved, "#themes")
    def _theme_moved(self, event: Grid.Moved) -> None:
        if event.key is not None and event.grid.has_focus:
            self.workbench.looks.try_theme(event.key)

    @on(Grid.Moved, "#settings-list")
    def _setting_moved(self) -> None:
        self._explain()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id == "settings-list":
            # What was tried goes back when its list is left.
            self.workbench.looks.try_theme(None)
            self._explain()
        elif event.widget.id == "themes":
            self.notice("")

    def _explain(self) -> None:
        chosen = self._chosen()
        self.notice(clean(chosen.help) if chosen else "")

    # Themes.

    @on(Grid.Opened, "#themes")
    def _theme_chosen(self, event: Grid.Opened) -> None:
        """Save the theme under the cursor as the user's own."""
        if self.workbench.feed.summary.readonly:
            self.notice("the workbench is read-only: the theme stays for this session", error=True)
            return
        self._write("setting set", name="theme", value=event.key)

    def action_new_theme(self) -> None:
        from stacktui.model.base import is_name
        from stacktui.tui.dialogs.simple import PromptDialog

        theme = self._theme()
        if theme is None:
            return

        def check(text: str) -> str | None:
            if not is_name(text):
                return "a name has lower-case letters, digits, - and _"
            return f"there is a theme {text}" if text in self.workbench.looks.titles else None

        self.ask(
            PromptDialog("a new theme", f"Its name. It begins as a copy of {theme}.", check=check),
            lambda name: self._write("theme new", name=name, like=theme) if name else None,
        )

    def on_screen_suspend(self, _: events.ScreenSuspend) -> None:
        # A theme that was only tried does not stay; while a dialog asks about it, it does.
        from stacktui.tui.dialogs.base import Dialog

        if not isinstance(self.app.screen, Dialog):
            self.workbench.looks.try_theme(None)

    # Settings.

    @on(Grid.Opened, "#settings-list")
    def _setting_opened(self) -> None:
        if reason := self.refusal("edit_setting"):
            self.notice(clean(reason))
        else:
            self.action_edit_setting()

    def action_edit_setting(self) -> None:
        """A list to choose from, or a line to type in, which says what is wrong as it is typed."""
        from stacktui.tui.dialogs.simple import ChoiceDialog, PromptDialog

        setting = self._chosen()
        if setting is None:
            return

        def answered(text: str | None) -> None:
            if text is not None and setting is not None:
                self._set(setting, text)

        if choices := self._choices(setting):
            current = str(setting.value).lower() if isinstance(setting.value, bool) else str(setting.value)
            self.ask(
                ChoiceDialog(clean(setting.name), choices, text=clean(setting.help), current=current),
                answered,
            )
            return
        prompt = f"{setting.help}\n\nEmpty: the default, {_shown(setting.default)}."
        self.ask(
            PromptDialog(
                clean(setting.name),
                prompt,
                value=typed_value(setting.value),
                check=lambda text: self._problem(setting, text),
            ),
            answered,
        )

    def _choices(self, setting: SettingRow) -> list[tuple[str, Clean, Clean]]:
        if setting.name == "theme" and self.snapshot is not None:
            return [(name, clean(name), title) for name, title in self.snapshot.themes]
        if setting.name == "default_stack":
            stacks = self.session.snapshot().stacks
            return [(name, clean(name), clean(entry.value.description)) for name, entry in stacks.items()]
        words = {"true": "yes", "false": "no"} if setting.choices == ("true", "false") else {}
        return [(each, clean(words.get(each, each)), Clean("")) for each in setting.choices]

    def _problem(self, setting: SettingRow, text: str) -> str | None:
        from stacktui.operations.errors import OperationError
        from stacktui.operations.setting import checked

        try:
            checked(self.session, setting.name, text, setting.scope == "workspace")
        except OperationError as error:
            return str(error)
        return None

    def _set(self, setting: SettingRow, text: str) -> None:
        workspace = setting.scope == "workspace"
        if text.strip():
            self._write("setting set", name=setting.name, value=text, workspace=workspace)
        elif setting.file is not None:
            self._write("setting unset", name=setting.name, workspace=workspace)

    def action_default_setting(self) -> None:
        setting = self._chosen()
        if setting is not None:
            self._write("setting unset", name=setting.name, workspace=setting.scope == "workspace")

    def _write(self, operation: str, **arguments: Any) -> None:
        """Show the diff of an operation and write it when it is accepted."""
        from stacktui.operations.table import operations_of

        self.workbench.doing.typed(operations_of(operation.partition(" ")[0])[operation], arguments)

    # Files.

    def action_edit_file(self) -> None:
        from stacktui.tui.editor import open_in_editor

        place = self._place()
        if place is not None:
            open_in_editor(self.workbench, *place)

    def action_keys_place(self) -> None:
        self.workbench.open_place("keys")

    def _place(self) -> tuple[Path, int | None] | None:
        """The file that says what the cursor is on, and the line; for a default the file where it would be said."""
        from stacktui.workspace.setting_sources import user_file

        chosen, theme = self._chosen(), self._theme()
        if theme is not None:
            file = self.workbench.looks.theme_file(theme)
            return (file, None) if file is not None else None
        if chosen is None or chosen.scope == "session":
            return None
        if chosen.file is not None:
            return Path(chosen.file), chosen.line
        if chosen.scope == "workspace":
            return self.session.workspace.file, None
        file = user_file()
        return (file, None) if file.exists() else None

    def _theme(self) -> str | None:
        grid = next(iter(self.query("#themes").results(Grid)), None)
        return grid.cursor_key if grid is not None and grid.has_focus else None

    def _chosen(self) -> SettingRow | None:
        grid = next(iter(self.query("#settings-list").results(Grid)), None)
        if grid is None or self.snapshot is None or not grid.has_focus:
            return None
        return next((s for s in self.snapshot.settings if f"{s.scope}.{s.name}" == grid.cursor_key), None)


def _said_by(setting: SettingRow) -> Clean:
    if setting.source == "yours" and setting.file is not None:
        return clean(f"your {Path(setting.file).name}:{setting.line}")
    return clean(setting.where or setting.source)


def _shown(value: object) -> Clean:
    if value is None or value in ((), []):
        return Clean("not set")
    if isinstance(value, bool):
        return Clean("yes" if value else "no")
    if isinstance(value, float):
        return Clean(f"{value:g}")
    if isinstance(value, dict):
        return clean(", ".join(f"{name} {_shown(each)}" for name, each in value.items()))
    if isinstance(value, (list, tuple)):
        return clean(", ".join(str(each) for each in value))
    return clean(value)


def typed_value(value: object) -> str:
    """A value as it is typed: text as it is, the rest as YAML on one line."""
    import json

    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
