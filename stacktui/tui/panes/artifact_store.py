"""The live pane of an artifact store: artifacts by pipeline and name, a safe preview of each, and its lineage.

Of a store that is not in the active stack it lists the files: the records of its artifacts lie elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.categories.homes import from_home
from stacktui.categories.metadata_store import ArtifactQuery
from stacktui.model.base import short_id
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, glyph, size_text
from stacktui.tui.panes.base import Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.facts import Fact, Facts, Section
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.texttable import text_table

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.artifact_store import ArtifactStore
    from stacktui.operations.artifact import ArtifactPreview
    from stacktui.operations.lineage import Lineage

_AT_MOST = 2000
_FILES = 1000
_PREVIEW_ROWS = 12


@dataclass(frozen=True)
class ArtifactLine:
    """One artifact, or one file."""

    id: str
    pipeline: Clean
    label: Clean
    """`step/output`."""
    version: int
    type: Clean
    size: int
    created_at: datetime | None
    tags: Clean
    run_id: str
    newest: bool
    file: Clean = Clean("")
    """What a file of it is called where nobody says so."""


@dataclass(frozen=True)
class Artifacts:
    """What is in the store."""

    root: Clean
    lines: tuple[ArtifactLine, ...]
    files: bool
    """Whether these are files of a store that is not in the active stack."""
    more: bool
    """Whether there is more than is listed."""


class ArtifactStorePane(Pane[Artifacts]):
    """Artifacts by pipeline and name."""

    topics = frozenset({Topic.RUNS, Topic.FILES, Topic.ACTIVE})
    WORD = "artifacts"
    EMPTY = Clean("No artifacts yet: every output of a step is kept here. n starts a run.")
    STACK_ONLY = frozenset({"operation('model deploy')"})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_artifacts.older", "o", "older", "older versions", rank=10, help="Show every version of each, or the newest."),
        bind("pane_artifacts.run", "w", "open_run", "its run", rank=11, help="Open the run that made it."),
        bind("pane_artifacts.deploy", "d", "operation('model deploy')", "deploy", writes=True, rank=12, help="Serve it with the stack's model deployer."),
        bind("pane_artifacts.tag", "t", "tag_artifact", "tag", writes=True, rank=13, help="Give it a tag, or take one away."),
        bind("pane_artifacts.get", "S", "save_artifact", "save", writes=True, rank=14, help="Write its content to a file or folder."),
        bind("pane_artifacts.copy", "y", "copy_artifact", "copy id", rank=30, help="Copy the artifact's id."),
    ]  # fmt: skip

    _older = False

    def body(self) -> ComposeResult:
        yield self.main_panel(
            Grid(
                Column("label", "step/output", 16, grow=True),
                Column("version", "ver", 4, align="right"),
                Column("type", "type", 10, drop=3),
                Column("size", "size", 9, align="right", drop=2),
                Column("age", "age", 4, align="right"),
                Column("tags", "tags", 8, drop=1),
                markable=False,
                marker_without_focus=False,
                id="artifacts",
                empty=self.EMPTY,
            )
        )
        yield self.detail_panel(Facts(id="artifact-detail"), title="preview")

    def read(self, source: Source) -> Artifacts:
        store = cast("ArtifactStore", source.live)
        root = clean(store.root)
        if not source.in_stack:
            found = list(islice(store.list(), _FILES + 1))
            lines = tuple(
                ArtifactLine(
                    each.path, Clean(""), clean(each.path), 0, Clean(""), each.size, each.modified, Clean(""), "", True
                )
                for each in found[:_FILES]
            )  # fmt: skip
            return Artifacts(root, lines, True, len(found) > _FILES)
        from stacktui.pipelines.materializers.export import file_name

        artifacts = source.session.store().artifacts(ArtifactQuery(limit=_AT_MOST))
        seen: set[tuple[str, str, str]] = set()
        listed = []
        for each in artifacts:
            place = (each.pipeline, each.step, each.name)
            listed.append(
                ArtifactLine(
                    each.id, clean(each.pipeline), clean(f"{each.step}/{each.name}"), each.version,
                    clean(each.type.rpartition(".")[2]), each.size, each.created_at, clean(" ".join(each.tags)),
                    each.run_id, place not in seen, clean(file_name(each)),
                )
            )  # fmt: skip
            seen.add(place)
        listed.sort(key=lambda line: (line.pipeline, line.label, -line.version))
        return Artifacts(root, tuple(listed), False, len(artifacts) == _AT_MOST)

    def draw(self, data: Artifacts) -> None:
        rows: list[Row] = []
        pipeline: Clean | None = None
        shown = 0
        for line in data.lines:
            if not (line.newest or self._older):
                continue
            if line.pipeline != pipeline and not data.files:
                pipeline = line.pipeline
                rows.append(Row(f"pipeline:{pipeline}", (Cell(pipeline),), heading=True))
            rows.append(_row(line))
            shown += 1
        grid = self.main_grid
        if data.files:
            grid.empty = Clean("No file lies under its root yet.")
        grid.set_rows(rows)
        note = "" if not data.more else f"the newest {len(data.lines):,}"
        if data.files:
            note = "files: it is not in the active stack"
        elif not self._older and shown < len(data.lines):
            note = f"o shows {len(data.lines) - shown:,} older"
        self.entitle(shown, note)
        if self._detail_key is None:
            self.look_at(self._key())

    def _key(self) -> str | None:
        key = self.main_grid.cursor_key
        return None if key is None or key.startswith("pipeline:") else key

    def on_grid_moved(self, event: Grid.Moved) -> None:
        self.look_at(self._key())

    def read_detail(self, source: Source, key: str) -> tuple[Section, ...]:
        if not source.in_stack:
            return (Section(Clean(""), (Fact(Clean("file"), clean(key)),)),)
        from stacktui.operations.artifact import lineage, preview, show

        session = source.session
        found = show(session, key)
        facts = [
            Fact(Clean("type"), clean(found.type)),
            Fact(
                Clean("kept as"),
                clean(found.materializer),
                Tone.WARN if found.materializer == "pickle" else Tone.PLAIN,
            ),
            Fact(Clean("size"), clean(f"{size_text(found.size)}  {found.digest[:19]}")),
            Fact(
                Clean("made by"),
                clean(f"{found.pipeline}/{found.produced_by.step}  run {short_id(found.run_id)}"),
            ),
        ]
        if found.tags:
            facts.append(Fact(Clean("tags"), clean(", ".join(found.tags)), Tone.ACCENT))
        if found.metadata:
            words = " ".join(f"{name}={value}" for name, value in found.metadata.items())
            facts.append(Fact(Clean("about"), clean(words if len(words) < 160 else words[:159] + glyph("…"))))
        users = [f"{link.step} ({link.run_id[:8]})" for link in found.used_by]
        facts.append(
            Fact(Clean("used by"), clean(", ".join(users[:6]) + (f" and {len(users) - 6} more" if len(users) > 6 else "") or "no step"), Tone.PLAIN if users else Tone.MUTED)
        )  # fmt: skip
        try:
            looked = _preview_section(preview(session, key, limit=_PREVIEW_ROWS), self._width)
        except Exception as error:
            from stacktui.tui.doing import one_line

            looked = Section(Clean("preview"), (Fact(Clean(""), one_line(error), Tone.WARN),))
        return (
            looked,
            Section(clean(f"{found.step}/{found.name} v{found.artifact_version}"), tuple(facts)),
            *_lineage_sections(lineage(session, key, depth=3)),
        )

    @property
    def _width(self) -> int:
        return max(20, self.size.width - 6)

    def show_detail(self, sections: tuple[Section, ...]) -> None:
        super().show_detail(sections)
        line = self._line()
        self.detail_title(clean(f"preview of {line.label}") if line else "preview")

    def _line(self) -> ArtifactLine | None:
        lines = self.data.lines if self.data is not None else ()
        key = self.main_grid.cursor_key
        return next((line for line in lines if line.id == key), None)

    def subject(self) -> Subject | None:
        line = self._line()
        if line is None or not self.in_stack:
            return None
        return Subject("artifact", {"artifact_id": line.id}, clean(f"artifact {line.label} v{line.version}"))

    def refusal(self, action: str) -> str | None:
        if action in _OF_ONE and self._line() is None:
            return "no artifact is chosen"
        if action in _OF_ONE - {"copy_artifact"} and not self.in_stack:
            return f"{self.component_name} is not in the active stack: who made its files is not known here"
        return super().refusal(action)

    def action_older(self) -> None:
        self._older = not self._older
        if self.data is not None:
            self.draw(self.data)

    def action_open_run(self) -> None:
        line = self._line()
        if line is not None and line.run_id:
            self.workbench.open_place("run", line.run_id)

    def action_tag_artifact(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        line = self._line()
        if line is None:
            return
        has = line.tags.split()
        label = f"A tag for {line.label} v{line.version}."
        if has:
            label += f" It has {', '.join(has)}: one that it has is taken away."

        def answered(text: str | None) -> None:
            if text:
                arguments = {"artifact_id": line.id, "tag": text.strip(), "remove": text.strip() in has}
                self.host.do(
                    "artifact tag", lambda found: self.workbench.toast(clean(found.done)), **arguments
                )

        self.host.ask(PromptDialog("tag", label), answered)

    def action_save_artifact(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        line = self._line()
        if line is None:
            return

        def answered(text: str | None) -> None:
            if text and text.strip() != "-":
                target = from_home(text.strip())
                self.host.do(
                    "artifact get",
                    lambda found: self.workbench.toast(clean(found.done)),
                    artifact_id=line.id,
                    output=target,
                )

        label = f"Write {line.label} v{line.version} to this file or folder, from {self.session.start}:"
        self.host.ask(PromptDialog("save", label, value=str(line.file)), answered)

    def action_copy_artifact(self) -> None:
        line = self._line()
        if line is not None:
            self.copy(line.id)


_OF_ONE = frozenset({"open_run", "copy_artifact", "tag_artifact", "save_artifact"})


def _preview_section(found: ArtifactPreview, width: int) -> Section:
    if found.kind == "none":
        return Section(Clean(""), (Fact(Clean(""), clean(found.note), Tone.MUTED),))
    if found.columns:
        text = text_table(found.columns, found.rows, width)
    else:
        text = Clean("\n".join(line[:width] for line in clean_block(found.text).split("\n")))
    return Section(clean(found.note), (Fact(Clean(""), text),))


def _lineage_sections(found: Lineage) -> list[Section]:
    sections = []
    for direction, title, arrow in (("upstream", "made from", "←"), ("downstream", "made into", "→")):
        nodes = sorted(
            (node for node in found.nodes if node.direction == direction), key=lambda node: node.distance
        )
        if nodes:
            facts = tuple(
                Fact(Clean(""), clean(f"{'  ' * (node.distance - 1)}{glyph(arrow)} {node.label}")) for node in nodes
            )  # fmt: skip
            sections.append(Section(Clean(title), facts))
    return sections


def _row(line: ArtifactLine) -> Row:
    return Row(
        line.id,
        (
            Cell(line.label),
            Cell(Clean(f"v{line.version}" if line.version else ""), Tone.MUTED),
            Cell(line.type, Tone.MUTED),
            Cell(size_text(line.size)),
            Cell(ago(line.created_at), Tone.MUTED),
            Cell(line.tags, Tone.ACCENT),
        ),
        dim=not line.newest,
    )
