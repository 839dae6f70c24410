"""Themes as YAML files: those that ship, the user's and the workspace's, the later over the earlier by name.

Used by the workbench, which makes its own themes of them, and by `theme list`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from stacktui.model.base import Name, Noun
from stacktui.model.diagnostic import Diagnostic
from stacktui.workspace.documents import finding
from stacktui.workspace.forms import read_form
from stacktui.workspace.listing import THEMES
from stacktui.workspace.settings import user_config_dir

DEFAULT_THEME = "stacktui-dark"
ANSI_COLORS = frozenset(
    f"ansi_{brightness}{color}"
    for brightness in ("", "bright_")
    for color in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
) | {"ansi_default"}
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_HEX_OR_ALPHA = re.compile(r"#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?")
_VARIABLE = re.compile(r"[a-z][a-z0-9-]*")


def _color(value: Any) -> str:
    if isinstance(value, str) and (_HEX.fullmatch(value) or value in ANSI_COLORS):
        return value.lower()
    hint = '; quote it: "#rrggbb"' if value is None else ""
    raise ValueError(f'{value!r} is not a color: write "#rrggbb" or a name such as ansi_blue{hint}')


def _variables(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for name, text in value.items():
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} is not a variable's name: lower-case letters, digits and '-'")
        if not isinstance(text, str) or not text or not text.isprintable() or set(text) & set("{};$\\"):
            raise ValueError(f"{name} must be a color or a style such as bold")
        if text.startswith("#") and not _HEX_OR_ALPHA.fullmatch(text):
            raise ValueError(f"{name}: {text!r} is not a color: write #rrggbb or #rrggbbaa")
    return value


Color = Annotated[str, BeforeValidator(_color)]


class ThemeFile(Noun):
    """What a theme's file holds. Colors are `#rrggbb`, or the terminal's own: `ansi_blue`, `ansi_default`."""

    name: Name = Field(description="What the theme is called; the file's name if left out.")
    title: str = Field(default="", description="One line for the list of themes.")
    dark: bool = Field(description="Whether its background is dark.")
    primary: Color = Field(description="Titles, the breadcrumbs' last part, borders with focus.")
    secondary: Color = Field(description="Names of kinds, less than primary.")
    accent: Color = Field(description="The cursor, what has focus, keys.")
    foreground: Color = Field(description="Text.")
    background: Color = Field(description="Behind everything.")
    surface: Color = Field(description="Behind lists and forms.")
    panel: Color = Field(description="Behind headers, footers and dialogs.")
    success: Color = Field(description="What went well.")
    warning: Color = Field(description="What needs a look.")
    error: Color = Field(description="What failed.")
    variables: Annotated[dict[str, str], BeforeValidator(_variables)] = Field(
        default_factory=dict, description="The workbench's own variables, by name."
    )

    @property
    def ansi(self) -> bool:
        """Whether it uses the terminal's own colors."""
        return self.background.startswith("ansi_")


@dataclass(frozen=True)
class ThemeSet:
    """All themes by name, and what is wrong with files of themes."""

    themes: dict[str, ThemeFile]
    problems: tuple[Diagnostic, ...]
    files: dict[Path, ThemeFile] = field(default_factory=dict)
    """Which file each theme in force came from, overridden ones too."""

    def get(self, name: str | None) -> ThemeFile:
        """A theme by name; the default where there is none of that name."""
        return self.themes.get(name or DEFAULT_THEME) or self.themes[DEFAULT_THEME]

    def file_of(self, name: str) -> Path | None:
        """The file that a theme in force stands in; None if there is no theme of that name."""
        return next((file for file, theme in reversed(self.files.items()) if theme.name == name), None)


def built_in_folder() -> Path:
    """The themes that ship: `stacktui/themes` in a wheel, `themes/` beside the package in a checkout."""
    package = Path(__file__).parent.parent
    shipped = package / THEMES
    return shipped if shipped.is_dir() else package.parent / THEMES


def load_themes(root: Path | None, previous: ThemeSet | None = None) -> ThemeSet:
    """Every theme. A bad file is a finding, and what `previous` read from it stays in force."""
    themes: dict[str, ThemeFile] = {}
    files: dict[Path, ThemeFile] = {}
    problems: list[Diagnostic] = []
    for file in _files(root):
        try:
            theme, found = read_form(file, ThemeFile, "THM001", partial(_named, file))
        except FileNotFoundError:
            continue
        problems.extend(found)
        if theme is not None and (mixed := _mixed(theme)):
            problems.append(finding("THM002", mixed, file))
            theme = None
        if theme is None and previous is not None:
            theme = previous.files.get(file)
        if theme is not None:
            files[file] = theme
            themes[theme.name] = theme
    return ThemeSet(themes, tuple(problems), files)


def starter(like: ThemeFile, name: str) -> bytes:
    """A new theme's file: another one's colors, each with what it is for."""
    from stacktui.workspace.yaml_writer import document

    lines = [
        f"# A theme, begun as a copy of {like.name}. The workbench shows each save at once; what is wrong is a finding.\n"
    ]
    data = like.model_dump(exclude={"name"}) | {"title": f"mine, begun as {like.name}"}
    for field_name, value in data.items():
        if field_name == "variables":
            lines.append(f"# {ThemeFile.model_fields[field_name].description}\n")
            lines.append(document({field_name: value}) if value else "")
            continue
        text = document({field_name: value}).rstrip("\n")
        about = ThemeFile.model_fields[field_name].description or ""
        lines.append(f"{text.ljust(24)}  # {about}\n" if field_name != "title" else f"{text}\n")
    return "".join(lines).encode()


def _files(root: Path | None) -> Iterator[Path]:
    for folder in (built_in_folder(), user_config_dir() / THEMES, root / THEMES if root else None):
        if folder is not None and folder.is_dir():
            yield from sorted(file for file in folder.glob("*.yaml") if not file.name.startswith((".", "#")))


def _named(file: Path, data: dict[Any, Any]) -> dict[Any, Any]:
    return data if "name" in data else {"name": file.stem, **data}


def _mixed(theme: ThemeFile) -> str:
    """Why a theme's colors do not go together; empty if they do."""
    grounds = {
        value.startswith("ansi_")
        for value in (theme.background, theme.surface, theme.panel, theme.foreground)
    }
    if len(grounds) > 1:
        return (
            "foreground, background, surface and panel must all be #rrggbb, or all the terminal's own colors"
        )
    return ""
