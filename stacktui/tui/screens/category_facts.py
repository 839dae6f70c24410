"""What the category screen says about one component: configuration, findings, who uses it. No widgets here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.marks import Tone, glyph, symbol_of, tone_of
from stacktui.tui.widgets.facts import Fact, Section

if TYPE_CHECKING:
    from stacktui.model.category import Category
    from stacktui.operations.session import Session

_LONG = 200
_LINES = 24


def about_component(session: Session, category: Category, name: str) -> tuple[Section, ...]:
    """A component in sections. Blocks: reads files, may import its flavor. Secrets stay references."""
    from stacktui.operations.component import show

    found = show(session, category, name)
    head = [
        Fact(Clean("flavor"), clean(found.flavor)),
    ]
    if found.description:
        head.insert(0, Fact(Clean(""), clean(found.description)))
    if found.labels:
        labels = " ".join(f"{key}={value}" for key, value in found.labels.items())
        head.append(Fact(Clean("labels"), clean(labels)))
    if found.stale:
        text = f"{glyph('!')} its file is broken: the last good version is in use"
        head.append(Fact(Clean(""), Clean(text), Tone.WARN))
    head.append(Fact(Clean(""), clean(found.file), Tone.MUTED))
    sections = [Section(Clean(""), tuple(head))]
    if found.diagnostics:
        sections.append(
            Section(
                Clean("findings"),
                tuple(
                    Fact(
                        Clean(""),
                        clean(f"{symbol_of(each.severity)} {each.code} {each.message}"),
                        tone_of(each.severity),
                    )
                    for each in found.diagnostics
                ),
            )
        )
    config = tuple(fact for key, value in found.config.items() for fact in _field(key, value))
    none = (Fact(Clean(""), Clean("the flavor's defaults"), Tone.MUTED),)
    sections.append(Section(Clean("configuration"), config or none))
    used = tuple(
        Fact(
            Clean(""),
            clean(
                _place(use.file, use.line) + ("" if use.how == f"components.{category}" else f"  {use.how}")
            ),
        )
        for use in found.used_by
    )
    nobody = (Fact(Clean(""), Clean("no stack"), Tone.MUTED),)
    sections.append(Section(Clean("used by"), used or nobody))
    return tuple(sections)


def _place(file: str, line: int | None) -> str:
    return file if line is None else f"{file}:{line}"


def _field(key: str, value: Any) -> Iterator[Fact]:
    """A field of the config: on its line, or below its name as the file would write it."""
    if value and isinstance(value, (dict, list, tuple)):
        import yaml

        plain = list(value) if isinstance(value, tuple) else value
        lines = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=_LONG).splitlines()
        if len(lines) > _LINES:
            lines = [*lines[:_LINES], f"{glyph('…')} {len(lines) - _LINES} more lines"]
        yield Fact(Clean(""), clean(key), Tone.MUTED)
        yield Fact(Clean(""), clean_block("\n".join(f"  {line}" for line in lines)))
    else:
        text = "-" if value is None else str(value)
        yield Fact(clean(key), clean(text if len(text) <= _LONG else text[: _LONG - 1] + glyph("…")))
