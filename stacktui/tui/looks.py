"""How the workbench looks and which keys it has: themes and the keymap, loaded, checked and reloaded while it runs.

A bad file keeps what is in force and becomes a finding; colours reach styles only through a theme's variables.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.color import Color, ColorParseError
from textual.theme import Theme

from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.text import clean
from stacktui.tui import keys, marks
from stacktui.workspace.settings import UserSettings, load_settings
from stacktui.workspace.themes import load_themes

if TYPE_CHECKING:
    from stacktui.tui.app import WorkbenchApp
    from stacktui.workspace.keymaps import KeymapFile
    from stacktui.workspace.themes import ThemeFile, ThemeSet

DARK, TERMINAL = "stacktui-dark", "terminal"

_FALLBACKS: tuple[Theme, ...] = (
    Theme(
        DARK, primary="#7aa2f7", secondary="#9aa5ce", warning="#e0af68", error="#f7768e", success="#9ece6a",
        accent="#7dcfff", foreground="#c8d0e8", background="#16181f", surface="#1b1e27", panel="#22262f", dark=True,
    ),
    Theme(
        TERMINAL, primary="ansi_blue", secondary="ansi_cyan", warning="ansi_yellow", error="ansi_red",
        success="ansi_green", accent="ansi_bright_blue", foreground="ansi_default", background="ansi_default",
        surface="ansi_default", panel="ansi_default", boost="ansi_default", dark=True, ansi=True,
    ),
)  # fmt: skip
"""In force when no theme file can be read."""

_VARIABLES: dict[str, tuple[str, float]] = {
    "brand": ("primary", 1.0),
    "brand-text": ("background", 1.0),
    "quiet": ("foreground", 0.64),
    "faint": ("foreground", 0.40),
    "rule": ("foreground", 0.24),
    "row-cursor": ("primary", 0.26),
    "row-cursor-blurred": ("foreground", 0.08),
    "row-marked": ("accent", 1.0),
    "tone-accent": ("accent", 1.0),
    "tone-ok": ("success", 1.0),
    "tone-warn": ("warning", 1.0),
    "tone-error": ("error", 1.0),
    "tone-running": ("primary", 1.0),
}
"""Our own variables: which of the theme's colours each one is, laid over the background at which strength.

Textual does not resolve a variable inside another one's value, so they are worked out per theme. A theme file may
set any of them under `variables`.
"""
_ANSI_VARIABLES = {
    "brand": "ansi_blue", "brand-text": "ansi_bright_white", "quiet": "ansi_default", "faint": "ansi_bright_black",
    "rule": "ansi_bright_black", "row-cursor": "ansi_default", "row-cursor-blurred": "ansi_default",
    "row-marked": "ansi_cyan", "tone-accent": "ansi_cyan", "tone-ok": "ansi_green", "tone-warn": "ansi_yellow",
    "tone-error": "ansi_red", "ansi-background": "ansi_default", "ansi-foreground": "ansi_default", "tone-running": "ansi_blue", "row-cursor-style": "reverse",
}  # fmt: skip
"""The same where the terminal's own colours rule: the cursor's row is reversed."""


def own_variables(theme: Theme) -> dict[str, str]:
    """Our variables for a theme that does not set them itself."""
    if theme.ansi:
        return dict(_ANSI_VARIABLES)
    colours = theme.to_color_system().generate()
    ground = Color.parse(colours["background"])
    return {
        "row-cursor-style": "none",
        **{
            name: _over(ground, Color.parse(colours[source]), strength)
            for name, (source, strength) in _VARIABLES.items()
        },
    }


def _over(ground: Color, colour: Color, strength: float) -> str:
    # Blending with all of a colour is off by one.
    return colour.hex if strength == 1.0 else ground.blend(colour, strength, 1.0).hex


class Looks:
    """Themes, keymap and the user's settings of one app."""

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app
        self.problems: tuple[Diagnostic, ...] = ()
        """Findings of theme files, of the keymap and of the settings."""
        self.settings: UserSettings = UserSettings()
        """The user's own settings in force."""
        self.titles: dict[str, str] = {}
        """What each theme to choose from says of itself, raw."""
        self._themes: ThemeSet | None = None
        self._keymap: KeymapFile | None = None
        self._by_part: dict[str, tuple[Diagnostic, ...]] = {}
        self._trying = False

    def start(self) -> None:
        """Register the themes and put the chosen one in force. Called once, before the first frame."""
        self._load_themes()
        self._app.theme = self._load_settings()

    def variables(self) -> dict[str, str]:
        """Our own variables for the theme in force."""
        return own_variables(self._app.current_theme)

    def files_changed(self, paths: Iterable[Path]) -> None:
        """Files changed: read themes, settings and the keymap again if they are among them."""
        changed = tuple(paths)
        if any(path.parent.name == "themes" for path in changed):
            self._load_themes()
            # Registered under the same name alone they would change nothing; this applies the new colours.
            self._app.mutate_reactive(App.theme)
        if any(path.name in ("settings.yaml", "stacktui.yaml") for path in changed):
            wanted = self._load_settings()
            if not self._trying:
                self._app.theme = wanted
        if any(path.name == "keymap.yaml" for path in changed):
            self.apply_keymap()

    def try_theme(self, name: str | None) -> None:
        """Show a theme while it is being chosen; None goes back to the one that the settings name."""
        self._trying = name is not None
        wanted = name if name in self.titles else self._load_settings()
        if wanted != self._app.theme:
            self._app.theme = wanted

    def saved_theme(self) -> str:
        """The theme that the settings name, whichever is being tried."""
        return self._load_settings()

    def apply_keymap(self) -> None:
        """Load the keymap and put the usable part of it in force."""
        from stacktui.workspace.keymaps import load_keymap

        root = self._app.session.workspace.root
        loaded = load_keymap(root, None, self._keymap)
        problems = loaded.problems
        usable: dict[str, str] = {}
        if loaded.keys:
            from stacktui.tui.screens.registry import load_all

            # Only now, because it imports every screen: without a keymap nobody asks which ids there are.
            load_all()
            loaded = load_keymap(root, keys.known_ids(), self._keymap)
            usable, findings = keys.check_keymap(loaded.keys)
            clashes = (
                Diagnostic(
                    code="KEY004",
                    severity=Severity.WARNING,
                    message=f"{clean(found.id)}: {clean(found.reason)}; its own key is kept",
                    file=root / "keymap.yaml",
                )
                for found in findings
            )
            problems = (*loaded.problems, *clashes)
        self._keymap = loaded
        self._app.set_keymap(usable)
        self._found("keymap", problems)

    # The machinery.

    def _found(self, part: str, problems: Iterable[Diagnostic]) -> None:
        self._by_part[part] = tuple(problems)
        self.problems = tuple(problem for part in self._by_part.values() for problem in part)

    def _load_settings(self) -> str:
        """Read the user's settings; the name of the theme that is to be in force."""
        loaded = load_settings(self._app.session.workspace.root, self.settings)
        self.settings = loaded.settings
        self._found("settings", loaded.problems)
        symbols = loaded.settings.symbols
        marks.ascii_only(marks.terminal_is_ascii() if symbols == "auto" else symbols == "ascii")
        self._app.set_class(marks.ascii_only(), "-ascii")
        if "NO_COLOR" in os.environ:
            return TERMINAL
        return loaded.theme if loaded.theme in self.titles else DARK

    def _load_themes(self) -> None:
        loaded = load_themes(self._app.session.workspace.root, self._themes)
        self._themes = loaded
        problems = list(loaded.problems)
        themes: dict[str, Theme] = {theme.name: theme for theme in _FALLBACKS}
        titles = {DARK: "dark", TERMINAL: "the terminal's own colours"}
        for name, file in loaded.themes.items():
            theme = theme_of(file)
            reason = unusable(theme)
            if reason is None:
                themes[name], titles[name] = theme, file.title
            else:
                problems.append(
                    Diagnostic(code="THM001", severity=Severity.ERROR, message=f"theme {name}: {reason}")
                )
        for theme in themes.values():
            self._app.register_theme(theme)
        self.titles = titles
        self._found("themes", problems)


def theme_of(file: ThemeFile) -> Theme:
    """A theme file as Textual's theme."""
    fields = file.model_dump(exclude={"title"})
    return Theme(ansi=file.ansi, **fields)


def unusable(theme: Theme) -> str | None:
    """Why a theme would crash Textual later; None if it is sound."""
    try:
        theme.to_color_system().generate()
        for name, value in theme.variables.items():
            if value.startswith(("#", "rgb", "hsl")):
                try:
                    Color.parse(value)
                except ColorParseError:
                    return f"{name}: {value!r} is not a colour"
    except (ColorParseError, ValueError, AttributeError) as error:
        return str(error).splitlines()[0]
    return None
