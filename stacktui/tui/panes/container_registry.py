"""The live pane of a container registry: repositories, their tags, and of the chosen image manifest and layers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, count_text, glyph, size_text
from stacktui.tui.panes.base import Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.facts import Fact, Facts, Section
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.container_registry import ContainerRegistry
    from stacktui.operations.session import Session

_INSPECTED = 60
"""Tags of which the list shows size and age: each costs a request to the registry."""
_BAR = 16


@dataclass(frozen=True)
class TagLine:
    """One tag of a repository."""

    repository: str
    tag: str
    digest: Clean
    size: int | None
    layers: int
    platform: Clean
    created: datetime | None

    @property
    def key(self) -> str:
        return f"{self.repository}\0{self.tag}"


@dataclass(frozen=True)
class Images:
    """Repositories by name with their tags."""

    repositories: tuple[tuple[str, tuple[TagLine, ...]], ...]


class ContainerRegistryPane(Pane[Images]):
    """Repositories → tags → manifest and layers."""

    topics = frozenset({Topic.RUNS, Topic.FILES, Topic.ACTIVE})
    WORD = "images"
    EMPTY = Clean("No images yet. B builds one of the workspace's code.")
    STACK_ONLY = frozenset({"build_image", "delete_image"})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_images.manifest", "m", "manifest", "manifest", rank=10, help="The manifest's JSON."),
        bind("pane_images.build", "B", "build_image", "build", writes=True, rank=11, help="Make an image of the workspace's code."),
        bind("pane_images.delete", "D", "delete_image", "delete", writes=True, rank=12, help="Delete the tag."),
        bind("pane_images.copy", "y", "copy_image", "copy", rank=30, help="Copy repository:tag."),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        yield self.main_panel(
            Grid(
                Column("tag", "tag", 12, grow=True),
                Column("digest", "digest", 12, drop=1),
                Column("layers", "layers", 6, align="right", drop=3),
                Column("size", "size", 9, align="right"),
                Column("platform", "platform", 12, drop=4),
                Column("age", "age", 4, align="right"),
                markable=False,
                marker_without_focus=False,
                id="images",
                empty=self.EMPTY,
            )
        )
        yield self.detail_panel(Facts(id="image-detail"), title="layers")

    def read(self, source: Source) -> Images:
        registry = cast("ContainerRegistry", source.live)
        left = _INSPECTED
        found = []
        for repository in registry.repositories():
            lines = []
            for tag in registry.tags(repository):
                left -= 1
                image = registry.inspect(repository, tag) if left >= 0 else None
                lines.append(
                    TagLine(
                        repository, tag, clean(image.digest.partition(":")[2][:12]), image.size,
                        len(image.layers), clean(image.platform or ""), image.created,
                    )
                    if image is not None
                    else TagLine(repository, tag, Clean(""), None, 0, Clean(""), None)
                )  # fmt: skip
            found.append((repository, tuple(lines)))
        return Images(tuple(found))

    def draw(self, data: Images) -> None:
        rows: list[Row] = []
        for repository, tags in data.repositories:
            title = clean(f"{repository}  ({len(tags)})")
            rows.append(Row(f"{repository}\0", (Cell(title),), heading=True))
            rows += [_row(line) for line in tags]
        grid = self.main_grid
        grid.set_rows(rows)
        self.entitle(sum(len(tags) for _, tags in data.repositories))
        if self._detail_key is None:
            self.look_at(self._key())

    def _key(self) -> str | None:
        key = self.main_grid.cursor_key
        return None if key is None or key.endswith("\0") else key

    def on_grid_moved(self, event: Grid.Moved) -> None:
        self.look_at(self._key())

    def read_detail(self, source: Source, key: str) -> tuple[Section, ...]:
        repository, _, tag = key.partition("\0")
        image = cast("ContainerRegistry", source.live).inspect(repository, tag)
        widest = max((layer.size for layer in image.layers), default=0)
        layers = []
        for number, layer in enumerate(image.layers, 1):
            bar = glyph("■") * max(1, round(_BAR * layer.size / widest)) if widest else ""
            title = layer.title or layer.media_type.rpartition(".")[2]
            layers.append(
                Fact(
                    Clean(""),
                    clean(f"{number:>2}  {size_text(layer.size):>9}  {bar:<{_BAR}}  {layer.digest.partition(':')[2][:12]}  {title}"),
                )
            )  # fmt: skip
        facts = [
            Fact(Clean(""), clean(image.digest), Tone.MUTED),
            Fact(Clean("tags"), clean(", ".join(image.tags) or tag)),
            Fact(
                Clean("size"),
                clean(
                    f"{size_text(image.size)}  {count_text(len(image.layers))} layer{'s' if len(image.layers) != 1 else ''}"
                ),
            ),
            Fact(Clean("platform"), clean(image.platform or "any")),
        ]
        if not image.runnable:
            facts.append(Fact(Clean("runnable"), Clean("no: it holds code only"), Tone.WARN))
        sections = [Section(Clean("layers"), tuple(layers)), Section(Clean("manifest"), tuple(facts))]
        if image.annotations:
            notes = tuple(Fact(clean(name), clean(value)) for name, value in image.annotations.items())
            sections.append(Section(Clean("annotations"), notes))
        return tuple(sections)

    def show_detail(self, sections: tuple[Section, ...]) -> None:
        super().show_detail(sections)
        line = self._line()
        self.detail_title(clean(f"{line.repository}:{line.tag}") if line else "layers")

    def _line(self) -> TagLine | None:
        key = self.main_grid.cursor_key
        found = self.data.repositories if self.data is not None else ()
        return next((line for _, tags in found for line in tags if line.key == key), None)

    def subject(self) -> Subject | None:
        line = self._line()
        if line is None or not self.in_stack:
            return None
        arguments = {"repository": line.repository, "reference": line.tag}
        return Subject("image", arguments, clean(f"image {line.repository}:{line.tag}"))

    def refusal(self, action: str) -> str | None:
        if action in ("manifest", "delete_image", "copy_image") and self._line() is None:
            return "no tag is chosen"
        return super().refusal(action)

    def action_manifest(self) -> None:
        line, name = self._line(), self.aimed_at
        if line is None or name is None:
            return
        session = self.session

        def arrived(result: Any, error: BaseException | None) -> None:
            from stacktui.tui.dialogs.simple import TextDialog
            from stacktui.tui.doing import one_line

            if error is not None:
                self.host.notice(one_line(error), error=True)
            else:
                title = clean(f"manifest of {line.repository}:{line.tag}")
                self.workbench.push_screen(TextDialog(title, clean_block(result)))

        self.workbench.background.submit(partial(self._manifest, session, name, line), arrived)

    def _manifest(self, session: Session, name: str, line: TagLine) -> str:
        with self._source(session, name) as source:
            manifest = cast("ContainerRegistry", source.live).manifest(line.repository, line.tag)
            return json.dumps(manifest, indent=2, ensure_ascii=False)

    def action_build_image(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        line = self._line()
        known = line.repository if line is not None else "workspace"
        self.host.ask(
            PromptDialog("build an image", "Of the workspace's code, as repository:tag.", value=f"{known}:latest"),
            lambda text: self._build(text) if text else None,
        )  # fmt: skip

    def _build(self, text: str) -> None:
        repository, _, tag = text.partition(":")
        self.host.notice("Building…")
        self.host.do("image build", self._built, repository=repository, tag=(tag or "latest",))

    def _built(self, document: Any) -> None:
        self.host.notice("")
        self.workbench.toast(clean(f"built {document.repository}@{document.digest[:19]}"))

    def action_delete_image(self) -> None:
        self.action_operation("image delete")

    def action_copy_image(self) -> None:
        line = self._line()
        if line is not None:
            self.copy(f"{line.repository}:{line.tag}")


def _row(line: TagLine) -> Row:
    return Row(
        line.key,
        (
            Cell(clean(line.tag)),
            Cell(line.digest, Tone.MUTED),
            Cell(Clean(str(line.layers) if line.size is not None else ""), Tone.MUTED),
            Cell(size_text(line.size)),
            Cell(line.platform, Tone.MUTED),
            Cell(ago(line.created), Tone.MUTED),
        ),
    )
