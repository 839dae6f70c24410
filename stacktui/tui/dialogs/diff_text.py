"""A unified diff as people read it: which files, how many lines each gains and loses, and its lines in colours.

Used by the dialogs that show diffs and by the list of edits.
"""

from __future__ import annotations

from typing import NamedTuple

from textual.content import Content

from stacktui.model.text import Clean
from stacktui.tui.marks import glyph

_HEAD = (
    "--- ", "+++ ", "diff --git ", "rename from ", "rename to ", "similarity index ", "new file mode ",
    "deleted file mode ", "index ",
)  # fmt: skip
_STYLES = {"head": "bold", "+": "$tone-ok", "-": "$tone-error", "@": "$tone-accent", " ": "$quiet"}


class FileDiff(NamedTuple):
    """The part of a diff that is about one file."""

    name: str
    """Its path; `old → new` for a rename."""
    what: str
    """`new`, `deleted`, `renamed`, or empty for a change."""
    lines: tuple[tuple[str, str], ...]
    """Each line with its kind: `head`, `@`, `+`, `-` or a space."""

    @property
    def added(self) -> int:
        """How many lines it gains."""
        return sum(kind == "+" for kind, _ in self.lines)

    @property
    def removed(self) -> int:
        """How many lines it loses."""
        return sum(kind == "-" for kind, _ in self.lines)

    def heading(self) -> Content:
        """`stacks/prod.yaml  renamed  +1 -1`; a pure rename has no counts."""
        pieces: list[tuple[str, str] | str] = [(f"{glyph('●')} {self.name}", "bold")]
        if self.what:
            pieces += [("  ", ""), (self.what, "$tone-accent")]
        if self.added or self.removed:
            pieces += [
                ("  ", ""),
                (f"+{self.added}", "$tone-ok"),
                (" ", ""),
                (f"-{self.removed}", "$tone-error"),
            ]
        return Content.assemble(*pieces)

    def body(self) -> Content:
        """Its hunks, without the lines that name it."""
        return _coloured([(kind, line) for kind, line in self.lines if kind != "head"])


def files_of(diff: Clean) -> list[FileDiff]:
    """The files of a diff, in its order."""
    parts: list[list[tuple[str, str]]] = []
    before = ""
    for kind, line in _lines(diff):
        starts = kind == "head" and (before != "head" or line.startswith("diff --git "))
        if starts or not parts:
            parts.append([])
        parts[-1].append((kind, line))
        before = kind
    return [_file(part) for part in parts if any(line for _, line in part)]


def _file(part: list[tuple[str, str]]) -> FileDiff:
    heads = [line for kind, line in part if kind == "head"]
    old, new = _named(heads, "--- ", "rename from "), _named(heads, "+++ ", "rename to ")
    if old == "/dev/null":
        name, what = new, "new"
    elif new == "/dev/null":
        name, what = old, "deleted"
    elif old != new:
        name, what = f"{old} {glyph('→')} {new}", "renamed"
    else:
        name, what = new, ""
    return FileDiff(name, what, tuple(part))


def _named(heads: list[str], *starts: str) -> str:
    """The path in the first of the head lines that begin so."""
    for start in starts:
        for line in heads:
            if line.startswith(start):
                found = line[len(start) :].rstrip("\t ")
                return found[2:] if found.startswith(("a/", "b/")) else found
    return ""


def counts(diff: Clean) -> tuple[int, int]:
    """How many lines a unified diff adds and removes."""
    kinds = [kind for kind, _ in _lines(diff)]
    return kinds.count("+"), kinds.count("-")


def coloured(diff: Clean) -> Content:
    """A unified diff with its additions and removals in the theme's colours; `+` and `-` say it without."""
    return _coloured(_lines(diff))


def _coloured(lines: list[tuple[str, str]]) -> Content:
    return Content("\n").join(Content.styled(line, _STYLES[kind]) for kind, line in lines)


def _lines(diff: Clean) -> list[tuple[str, str]]:
    """Each line with its kind. Only before the first `@@` of a file do `---` and `+++` name it."""
    found, in_head = [], True
    lines = diff.split("\n")
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if line.startswith("diff --git ") or (line.startswith("--- ") and following.startswith("+++ ")):
            in_head = True
        if in_head and line.startswith(_HEAD):
            kind = "head"
        else:
            kind = line[:1] if line[:1] in ("+", "-", "@") else " "
            in_head = in_head and kind != "@"
        found.append((kind, line))
    return found[:-1] if found and not found[-1][1] else found
