"""Made-up pipeline projects of several modules, and edits of them. Used by the oracle of the cache.

A project is a text with knobs in it. A knob is one place that an edit may change: it has a kind and some texts to
choose from. So every project that any edits lead to is whole, and an edit can be taken back.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_TOKEN = re.compile(r"⟦(\d+)⟧")


class Knob(NamedTuple):
    """One place that an edit may change."""

    kind: str
    """What the edit is called: `helper`, `constant`, `unrelated comment` …"""
    texts: tuple[str, ...]


class Project(NamedTuple):
    """A project with all of its knobs."""

    files: dict[str, str]
    """By path; with a token for each knob."""
    knobs: tuple[Knob, ...]
    plain: bool
    """Whether everything in it can be resolved by reading."""

    def render(self, choice: Sequence[int]) -> dict[str, str]:
        """The files, with a text chosen for each knob."""
        found: dict[str, str] = {}
        for path, text in self.files.items():
            # A knob's text may hold other knobs.
            while _TOKEN.search(text):
                text = _TOKEN.sub(lambda match: self.knobs[int(match[1])].texts[choice[int(match[1])]], text)  # noqa: PLW2901
            found[path] = text
        return found


class Edit(NamedTuple):
    """One knob turned."""

    knob: int
    text: int


def random_edit(draw: random.Random, project: Project, choice: Sequence[int], kinds: Sequence[str]) -> Edit:
    """An edit of a kind that is drawn first, so that every kind comes often."""
    kind = draw.choice([kind for kind in kinds if any(knob.kind == kind for knob in project.knobs)])
    knob = draw.choice([place for place, knob in enumerate(project.knobs) if knob.kind == kind])
    others = [text for text in range(len(project.knobs[knob].texts)) if text != choice[knob]]
    return Edit(knob, draw.choice(others))


def write_project(folder: Path, files: dict[str, str]) -> None:
    """Write what changed; the package `toolkit` is installed in the version that it says."""
    for name, text in files.items():
        path = folder / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    site = folder / "site"
    wanted = site / f"toolkit-{files['site/VERSION']}.dist-info"
    if not wanted.exists():
        for old in site.glob("toolkit-*"):
            (old / "METADATA").unlink()
            old.rmdir()
        wanted.mkdir()
        (wanted / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: toolkit\nVersion: {files['site/VERSION']}\n"
        )
