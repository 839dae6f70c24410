"""How the workbench looks and which keys it has: themes and the keymap, loaded, checked and reloaded while it runs.

A bad file keeps what is in force and becomes a finding; colours reach styles only through a theme's variables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.color import Color, ColorParseError
from textual.theme import Theme

from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.text import clean
from stacktui.operations import moments
from stacktui.tui import keys, marks
from stacktui.workspace.settings import UserSettings, load_settings
from stacktui.workspace.themes import load_themes

if TYPE_CHECKING:
    from stacktui.tui.app import WorkbenchApp
    from stacktui.workspace.keymaps import KeymapEntry, KeymapFile
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
    "rule": ("foreground", 0.24),
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
set any of them under `variables`. Those that text must be read on, or that are text of less weight, are worked out by
their contrast: `row-cursor`, `quiet` and `faint`.
"""
_TEXT_CONTRAST, _DISABLED_CONTRAST = 4.5, 3.0
"""What WCAG AA asks of text; and what keys that cannot be used now get, of which it asks nothing."""
_CURSOR_STRENGTHS = tuple(percent / 100 for percent in range(26, 9, -1))
_QUIET_STRENGTHS = tuple(percent / 100 for percent in range(64, 101, 2))
_FAINT_STRENGTHS = tuple(percent / 100 for percent in range(40, 101, 2))
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
    own = {
        name: _over(ground, Color.parse(colours[source]), strength)
        for name, (source, strength) in _VARIABLES.items()
    }
    texts = [Color.parse(theme.variables.get(name, own[name])) for name in own if name.startswith("tone-")]
    foreground = Color.parse(colours["foreground"])
    # The cursor's row as strong as everything on it can still be read.
    cursor = theme.variables.get("row-cursor") or next(
        (
            row
            for strength in _CURSOR_STRENGTHS
            if all(
                contrast(text, Color.parse(row := _over(ground, Color.parse(colours["primary"]), strength)))
                >= _TEXT_CONTRAST
                for text in (*texts, foreground)
            )
        ),
        own["row-cursor-blurred"],
    )
    grounds = [ground, *(Color.parse(colours[name]) for name in ("surface", "panel"))]
    return {
        "row-cursor-style": "none",
        **own,
        "row-cursor": cursor,
        "quiet": _least(foreground, [*grounds, Color.parse(cursor)], _QUIET_STRENGTHS, _TEXT_CONTRAST),
        "faint": _least(foreground, grounds, _FAINT_STRENGTHS, _DISABLED_CONTRAST),
    }


def _least(text: Color, grounds: Sequence[Color], strengths: Sequence[float], least: float) -> str:
    """A text's colour over the first ground, as weak as it can be read on all of them."""
    for strength in strengths:
        colour = _over(grounds[0], text, strength)
        if all(contrast(Color.parse(colour), ground) >= least for ground in grounds):
            return colour
    return text.hex


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2, from 1 to 21."""

    def luminance(colour: Color) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


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
        self._bindings_known = False
        self.keymap: dict[str, KeymapEntry] = {}
        """What of the keymaps is in force, by id."""
        self._by_part: dict[str, tuple[Diagnostic, ...]] = {}
        self._trying = False
        self._wanted = DARK
        self._few_colours = False

    def start(self) -> None:
        """Register the themes and put the chosen one in force. Called once, before the first frame."""
        self._few_colours = self._app.console.color_system == "standard"
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
            before = (self.settings.symbols, self.settings.times)
            wanted = self._load_settings()
            if not self._trying:
                self._app.theme = wanted
            if before != (self.settings.symbols, self.settings.times):
                # Symbols and times stand in what the views hold.
                self._app.show_anew()
        if any(path.name == "keymap.yaml" for path in changed):
            self.apply_keymap()

    def try_theme(self, name: str | None) -> None:
        """Show a theme while it is being chosen; None goes back to the one that the settings name."""
        self._trying = name is not None
        wanted = name if name in self.titles else self._wanted
        if wanted != self._app.theme:
            self._app.theme = wanted

    def wanted_theme(self) -> str:
        """The theme that the settings name, whichever is being tried."""
        return self._wanted

    def theme_file(self, name: str) -> Path | None:
        """Where a theme stands; None for one of those that need no file."""
        return self._themes.file_of(name) if self._themes else None

    def apply_keymap(self) -> None:
        """Load the keymap and put the usable part of it in force.

        The first time only ids of what is loaded are known, and count at once; the others follow from a thread, because
        to know them every screen and dialog is imported: without a keymap nobody asks which ids there are.
        """
        from stacktui.workspace.keymaps import load_keymap

        self._keymap = load_keymap(self._app.session.workspace.root, None, self._keymap)
        self._check_keymap()
        if self._keymap.entries:
            self.know_bindings(self._check_keymap)

    def know_bindings(self, then: Callable[[], Any]) -> None:
        """Call `then` on the event loop once all ids are known."""
        if self._bindings_known:
            then()
            return
        from stacktui.tui.keyclash import load_bindings

        def arrived(_: Any, error: BaseException | None) -> None:
            self._bindings_known = error is None
            then()

        self._app.background.submit(load_bindings, arrived)

    def _check_keymap(self) -> None:
        from stacktui.workspace.keymaps import load_keymap

        loaded = self._keymap
        if loaded is None or not loaded.entries:
            self.keymap = {}
            self._app.set_keymap({})
            self._found("keymap", loaded.problems if loaded else ())
            return
        from stacktui.tui.keyclash import check_keys

        if self._bindings_known:
            loaded = load_keymap(self._app.session.workspace.root, keys.known_ids(), loaded)
            self._keymap = loaded
        usable, clashes = check_keys(loaded.entries)
        self.keymap = {name: loaded.entries[name] for name in usable}
        self._app.set_keymap(keys.for_textual(usable))
        found = (
            Diagnostic(
                code="KEY004",
                severity=Severity.WARNING,
                message=f"{clean(clash.id)}: {clean(clash.reason)}; its own key is kept",
                file=loaded.entries[clash.id].file,
                line=loaded.entries[clash.id].line,
                column=1 if loaded.entries[clash.id].line else None,
            )
            for clash in clashes
        )
        self._found("keymap", (*loaded.problems, *found))
        self._app.keymap_changed()

    # The machinery.

    def _found(self, part: str, problems: Iterable[Diagnostic]) -> None:
        self._by_part[part] = tuple(problems)
        self.problems = tuple(problem for part in self._by_part.values() for problem in part)

    def _load_settings(self) -> str:
        """Read the user's settings; the name of the theme that is to be in force."""
        loaded = load_settings(self._app.session.workspace.root, self.settings)
        self.settings = loaded.settings
        self._found("settings", (*loaded.problems, *self._unknown_theme(loaded.settings)))
        symbols = loaded.settings.symbols
        marks.ascii_only(
            marks.terminal_is_ascii()
            if symbols == "auto" or os.environ.get("STACKTUI_ASCII")
            else symbols == "ascii"
        )
        self._app.set_class(marks.ascii_only(), "-ascii")
        moments.use_times(loaded.settings.times)
        self._wanted = loaded.theme if loaded.theme in self.titles else DARK
        if "NO_COLOR" in os.environ:
            self._wanted = TERMINAL
        return self._wanted

    def _unknown_theme(self, settings: UserSettings) -> tuple[Diagnostic, ...]:
        if settings.theme is None or settings.theme in self.titles:
            return ()
        from stacktui.workspace.setting_sources import unknown_theme

        return unknown_theme(settings, tuple(self.titles))

    def _load_themes(self) -> None:
        loaded = load_themes(self._app.session.workspace.root, self._themes)
        self._themes = loaded
        problems = list(loaded.problems)
        themes: dict[str, Theme] = {theme.name: theme for theme in _FALLBACKS}
        titles = {DARK: "dark", TERMINAL: "the terminal's own colours"}
        for name, file in loaded.themes.items():
            theme = theme_of(file)
            if self._few_colours:
                theme = for_few_colours(theme)
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


def for_few_colours(theme: Theme) -> Theme:
    """A theme for a terminal of sixteen colours: none of them is a ground between two others, so that the cursor's row is
    reversed. (Texts and states take the nearest of the sixteen.)"""
    if theme.ansi:
        return theme
    grounds = {"row-cursor": theme.background or "", "row-cursor-style": "reverse"}
    return replace(theme, variables={**theme.variables, **grounds})


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
