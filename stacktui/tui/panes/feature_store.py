"""The live pane of a feature store: views with their freshness, their features, and values of an entity as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.base import now
from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.operations.moments import stamp_minutes
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone, ago, count_text, elapsed, glyph
from stacktui.tui.panes.base import Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.facts import Fact, Facts, Section
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.feature_store import FeatureStore


@dataclass(frozen=True)
class ViewLine:
    """One feature view."""

    name: str
    join_keys: tuple[str, ...]
    timestamp: Clean
    ttl_s: float | None
    features: tuple[tuple[str, Clean], ...]
    """Name and type."""
    source: Clean
    rows: int | None
    newest: datetime | None

    @property
    def expired(self) -> bool:
        """Whether even its newest row is too old to count."""
        if self.newest is None or self.ttl_s is None:
            return False
        return (now() - self.newest).total_seconds() > self.ttl_s


@dataclass(frozen=True)
class Views:
    """The views by name."""

    views: tuple[ViewLine, ...]
    capabilities: frozenset[str]


class FeatureStorePane(Pane[Views]):
    """Views with their freshness."""

    WORD = "views"
    EMPTY = Clean(
        "No feature views. e on the component describes the first: a name, join keys and a Parquet or CSV file."
    )
    STACK_ONLY = frozenset({"ask_entity"})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_views.entity", "i", "ask_entity", "values of", rank=2, help="The features of an entity, as they are now."),
        bind("pane_views.copy", "y", "copy_features", "copy", rank=30, help="Copy the view's features, as steps name them."),
    ]  # fmt: skip

    def __init__(self, category: Category) -> None:
        super().__init__(category)
        self._asked: dict[str, str] = {}
        self._values: dict[str, tuple[Section, ...]] = {}

    def body(self) -> ComposeResult:
        yield self.main_panel(
            Grid(
                Column("name", "view", 12, grow=True),
                Column("keys", "join keys", 14, grow=True),
                Column("features", "features", 8, align="right", drop=2),
                Column("rows", "rows", 9, align="right"),
                Column("newest", "newest row", 12),
                Column("ttl", "ttl", 6, align="right", drop=1),
                markable=False,
                marker_without_focus=False,
                id="views",
                empty=self.EMPTY,
            )
        )
        yield self.detail_panel(Facts(id="view-detail"), title="features")

    def read(self, source: Source) -> Views:
        store = cast("FeatureStore", source.live)
        return Views(
            tuple(
                ViewLine(
                    view.name, view.join_keys, clean(view.timestamp), view.ttl_s,
                    tuple((each.name, clean(each.type)) for each in view.features),
                    clean(view.source), view.rows, view.newest,
                )
                for view in store.views()
            ),
            frozenset(store.facts.capabilities),
        )  # fmt: skip

    def draw(self, data: Views) -> None:
        self.main_grid.set_rows(_row(view) for view in data.views)
        old = sum(view.expired for view in data.views)
        self.entitle(len(data.views), f"{old} out of date" if old else "")
        self._draw_view()

    def on_grid_moved(self, event: Grid.Moved) -> None:
        self._draw_view()

    def _draw_view(self) -> None:
        view = self._view()
        if view is None:
            self.show_detail(())
            self.detail_title("features")
            return
        facts = [
            Fact(Clean("source"), view.source),
            Fact(Clean("time"), clean(f"{view.timestamp}  {stamp_minutes(view.newest)}" if view.newest else view.timestamp)),
        ]  # fmt: skip
        if view.expired:
            text = f"{glyph('!')} older than its ttl of {_span(view.ttl_s)}: online values are null"
            facts.append(Fact(Clean(""), clean(text), Tone.WARN))
        features = tuple(Fact(clean(name), kind, Tone.MUTED) for name, kind in view.features)
        hint = (
            Fact(
                Clean(""),
                clean(f"enter asks for the values of one {' and '.join(view.join_keys)}, as they are now"),
                Tone.MUTED,
            ),
        )
        values = self._values.get(view.name, (Section(Clean("values"), hint),))
        sections = (*values, Section(Clean("features"), features), Section(Clean("data"), tuple(facts)))
        self.show_detail(sections)
        self.detail_title(clean(f"view {view.name}"))

    def _view(self) -> ViewLine | None:
        key = self.main_grid.cursor_key
        return next((view for view in self.data.views if view.name == key), None) if self.data else None

    def opened(self, key: str) -> None:
        if self.refusal("ask_entity") is None:
            self.action_ask_entity()
        else:
            self.open_detail()

    def subject(self) -> Subject | None:
        view = self._view()
        if view is None or not self.in_stack:
            return None
        names = tuple(f"{view.name}:{name}" for name, _ in view.features)
        return Subject("feature_view", {"features": names}, clean(f"feature view {view.name}"))

    def refusal(self, action: str) -> str | None:
        if action in ("ask_entity", "copy_features") and self._view() is None:
            return "no view is chosen"
        if action == "ask_entity" and self.data is not None and "online" not in self.data.capabilities:
            return "this store does not serve online values"
        return super().refusal(action)

    def action_ask_entity(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        view = self._view()
        if view is None:
            return
        keys = ",".join(f"{key}=" for key in view.join_keys)
        self.host.ask(
            PromptDialog(
                clean(f"values of {view.name}"),
                clean(f"Which entity? As {keys.replace('=', '=42')}; several with a space between."),
                value=self._asked.get(view.name, keys),
                check=partial(_entity_problem, view),
            ),
            lambda text: self._ask(view, text) if text else None,
        )

    def _ask(self, view: ViewLine, text: str) -> None:
        self._asked[view.name] = text
        self.host.do(
            "feature online",
            partial(self._answered, view),
            entities=tuple(text.split()),
            features=tuple(f"{view.name}:{name}" for name, _ in view.features),
        )

    def _answered(self, view: ViewLine, document: Any) -> None:
        sections = []
        keys = len(document.columns) - len(document.features)
        for row in document.rows:
            title = " ".join(
                f"{name}={value}" for name, value in zip(document.columns[:keys], row, strict=False)
            )
            facts = tuple(
                Fact(
                    clean(name.partition(":")[2]), _value(value), Tone.MUTED if value is None else Tone.STRONG
                )
                for name, value in zip(document.features, row[keys:], strict=True)
            )
            sections.append(Section(clean(f"now, of {title}"), facts))
        self._values[view.name] = tuple(sections)
        self._draw_view()
        self.open_detail()

    def action_copy_features(self) -> None:
        view = self._view()
        if view is not None:
            self.copy(" ".join(f"{view.name}:{name}" for name, _ in view.features))


def _entity_problem(view: ViewLine, text: str) -> str | None:
    for entity in text.split():
        given = [part.partition("=")[0] for part in entity.split(",")]
        missing = [key for key in view.join_keys if key not in given]
        if missing:
            return f"{missing[0]} is missing: write {','.join(f'{key}=…' for key in view.join_keys)}"
        if any(not part.partition("=")[2] for part in entity.split(",")):
            return "write a value behind each ="
    return None if text.split() else "name an entity"


def _value(value: Any) -> Clean:
    if value is None:
        return Clean("null")
    return Clean(f"{value:.6g}") if isinstance(value, float) else clean(value)


def _span(seconds: float | None) -> Clean:
    """How old a row may be: `30d`, `12h00`, `ever`."""
    if seconds is None:
        return Clean("ever")
    return Clean(f"{int(seconds // 86400)}d") if seconds % 86400 == 0 and seconds else elapsed(seconds)


def _row(view: ViewLine) -> Row:
    age = ago(view.newest)
    newest = Clean(f"{glyph('!')} {age}") if view.expired else age
    ttl = _span(view.ttl_s)
    return Row(
        view.name,
        (
            Cell(clean(view.name)),
            Cell(clean(", ".join(view.join_keys)), Tone.ACCENT),
            Cell(Clean(str(len(view.features))), Tone.MUTED),
            Cell(count_text(view.rows) if view.rows is not None else Clean("-")),
            Cell(newest or Clean("no rows"), Tone.WARN if view.expired or not age else Tone.OK),
            Cell(ttl, Tone.MUTED),
        ),
    )
