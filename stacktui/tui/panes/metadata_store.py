"""The live pane of a metadata store: its size, what it holds, its health; check, backup and compact by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.text import Clean, clean
from stacktui.operations.moments import stamp_minutes
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, count_text, glyph, size_text
from stacktui.tui.panes.base import Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.facts import Fact, Facts, Section

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.metadata_store import MetadataStore


@dataclass(frozen=True)
class StoreNow:
    """What is known about the store."""

    location: Clean
    size: int
    counts: tuple[tuple[str, int], ...]
    version: Clean
    journal: Clean
    oldest: datetime | None
    newest: datetime | None
    search: bool
    capabilities: frozenset[str]


class MetadataStorePane(Pane[StoreNow]):
    """A store's facts."""

    topics = frozenset({Topic.RUNS, Topic.INBOX, Topic.FILES, Topic.ACTIVE})
    WORD = "store"
    STACK_ONLY = frozenset({"prune_store"})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_store.check", "i", "check_store", "check", rank=10, help="Check the integrity, which reads everything."),
        bind("pane_store.backup", "o", "operation('store backup')", "backup", writes=True, rank=11, help="Write a consistent copy, while runs go on."),
        bind("pane_store.prune", "P", "prune_store", "prune", writes=True, rank=13, help="Remove old runs, and what nothing names any more; says first what."),
        bind("pane_store.compact", "C", "compact_store", "compact", writes=True, rank=12, help="Give unused space back to the disk."),
    ]  # fmt: skip

    def __init__(self, category: Any) -> None:
        super().__init__(category)
        self._checked: dict[str, Clean] = {}

    def body(self) -> ComposeResult:
        yield self.main_panel(Facts(id="store-facts", empty=Clean("")))

    def read(self, source: Source) -> StoreNow:
        found = cast("MetadataStore", source.live).store_facts()
        return StoreNow(
            clean(found.location), found.size, tuple(found.counts.items()), clean(found.version),
            clean(found.journal), found.oldest_run, found.newest_run, found.search,
            frozenset(source.live.facts.capabilities),
        )  # fmt: skip

    def draw(self, data: StoreNow) -> None:
        widest = max((count for _, count in data.counts), default=0)
        digits = len(count_text(widest))
        counts = tuple(
            Fact(clean(name), Clean(f"{count_text(count):>{digits}}  {_bar(count, widest)}")) for name, count in data.counts
        )  # fmt: skip
        checked = self._checked.get(self.component_name)
        if checked is None:
            health = Fact(Clean("integrity"), Clean("not checked; i checks it"), Tone.MUTED)
        elif checked == "ok":
            health = Fact(Clean("integrity"), Clean(f"{glyph('✓')} ok"), Tone.OK)
        else:
            health = Fact(Clean("integrity"), clean(f"{glyph('✗')} {checked}"), Tone.ERROR)
        search = ("there", Tone.PLAIN) if data.search else ("missing: a search reads every row", Tone.WARN)
        runs = (
            Fact(Clean("oldest"), _moment(data.oldest)),
            Fact(Clean("newest"), _moment(data.newest)),
        )
        sections = [
            Section(
                Clean(""),
                (
                    Fact(Clean("location"), data.location),
                    Fact(Clean("size"), size_text(data.size), Tone.STRONG),
                    Fact(Clean("journal"), data.journal or Clean("-")),
                    Fact(Clean("version"), data.version),
                    Fact(Clean("full-text search"), Clean(search[0]), search[1]),
                    health,
                ),
            ),
            Section(Clean("rows"), counts),
            Section(Clean("runs"), runs if data.oldest else (Fact(Clean(""), Clean("none yet; n starts one"), Tone.MUTED),)),
        ]  # fmt: skip
        cast(Facts, self.main).show_sections(sections)
        self.entitle()

    def subject(self) -> Subject | None:
        name = self.aimed_at
        return Subject("metadata_store", {"name": name}, clean(f"metadata store {name}")) if name else None

    def refusal(self, action: str) -> str | None:
        if action in _NEEDS:
            if self.data is None:
                return "the store cannot be read"
            if not self.data.size:
                return "nothing has been recorded in it yet"
            if _NEEDS[action] not in self.data.capabilities:
                return f"this store does not {_NEEDS[action]}"
        return super().refusal(action)

    def action_check_store(self) -> None:
        name = self.component_name
        self.host.notice("Checking…")

        def arrived(document: Any) -> None:
            self._checked[name] = clean(document.integrity)
            self.host.notice("" if document.integrity == "ok" else document.integrity, error=True)
            if self.data is not None and self.component_name == name:
                self.draw(self.data)

        self.host.do("store facts", arrived, name=name, check=True)

    def action_compact_store(self) -> None:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        name = self.component_name
        text = f"Give unused space in {name} back to the disk?\n\nThe whole file is written anew; runs wait meanwhile."
        self.host.ask(
            ConfirmDialog("compact", text, "compact"),
            lambda yes: self.host.do("store compact", self._compacted, name=name) if yes else None,
        )

    def action_prune_store(self) -> None:
        from stacktui.operations.table import operations_of
        from stacktui.tui.dialogs.simple import PromptDialog

        def answered(text: str | None) -> None:
            if text is not None:
                keep = {"keep_runs": int(text)} if text.strip() else {}
                self.workbench.doing.typed(operations_of("prune")["prune"], keep)

        label = (
            "How many of the newest runs of each pipeline stay? Without a number no run goes, only what nothing\n"
            "names any more. It is shown first, and asked again. :prune knows more, by age and by pipeline."
        )
        self.host.ask(PromptDialog("prune", label, check=_no_number), answered)

    def _compacted(self, document: Any) -> None:
        self.workbench.toast(clean(document.done))
        self.reload()


def _no_number(text: str) -> str | None:
    return None if not text.strip() or text.strip().isdecimal() else f"{text!r} is not a number"


_NEEDS = {"operation('store backup')": "backup", "compact_store": "compact"}


def _bar(count: int, widest: int) -> str:
    cells = round(20 * count / widest) if widest else 0
    return glyph("■") * max(cells, 1 if count else 0)


def _moment(moment: datetime | None) -> Clean:
    if moment is None:
        return Clean("-")
    return Clean(f"{stamp_minutes(moment)}  {ago(moment)}")
