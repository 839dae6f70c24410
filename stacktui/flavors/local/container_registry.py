"""The container registry of one host: a folder with one OCI image layout a repository, read by every OCI tool.

A repository's folder is called like it, with `+` for each `/`: `skopeo inspect oci:.stacktui/images/team+app:v1`.
"""

from __future__ import annotations

import contextlib
import difflib
import platform
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.container_registry import ContainerRegistry, Image, Layer
from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.flavor import FlavorFacts
from stacktui.categories.homes import from_home
from stacktui.flavors.local.oci_layout import TAG, Descriptor, OciLayout, is_digest
from stacktui.flavors.local.private import locked
from stacktui.flavors.local.probing import check_folder, probe_within
from stacktui.model.category import Category

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9]+")
_TITLE = "org.opencontainers.image.title"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class LocalContainerRegistryConfig(FlavorConfig):
    """Where a local registry keeps its images, and what it builds on."""

    path: str = Field(
        default="",
        description="The folder, relative to the workspace; left empty, `images` in the state folder.",
        json_schema_extra={"format": "directory-path"},
    )
    base: str | None = Field(
        default=None,
        description="The image that code is put on, from this registry, as REPOSITORY:TAG or REPOSITORY@DIGEST; "
        "without one an image holds code only and cannot be run.",
    )
    platform: str = Field(
        default="linux/amd64", description="The system and machine that images are built for, as linux/arm64."
    )

    @field_validator("platform")
    @classmethod
    def _is_a_platform(cls, value: str) -> str:
        if _PLATFORM.fullmatch(value) is None:
            raise ValueError(f"{value!r} is not a platform: write linux/amd64 or linux/arm64")
        return value

    @field_validator("base")
    @classmethod
    def _is_a_reference(cls, value: str | None) -> str | None:
        if value is not None:
            _split(value)
        return value


class LocalContainerRegistry(ContainerRegistry):
    """Images in OCI layouts on this host's disk. One writer at a time changes a repository."""

    facts = FlavorFacts(
        category=Category.CONTAINER_REGISTRY,
        name="local",
        summary="OCI layouts in a folder, no engine",
        capabilities=ContainerRegistry.CAPABILITIES,
    )
    Config = LocalContainerRegistryConfig
    config: LocalContainerRegistryConfig

    def repositories(self) -> list[str]:
        try:
            folders = [path for path in self._root.iterdir() if OciLayout(path).exists]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(path.name.replace("+", "/") for path in folders)

    def tags(self, repository: str) -> list[str]:
        return sorted({tag for tag in map(_tag_of, self._existing(repository).index()) if tag is not None})

    def inspect(self, repository: str, reference: str) -> Image:
        layout = self._existing(repository)
        return self._image(repository, layout, self._found(repository, layout, reference))

    def manifest(self, repository: str, reference: str) -> Mapping[str, Any]:
        layout = self._existing(repository)
        return layout.document(self._found(repository, layout, reference))

    def push(self, layout: Path, repository: str, tags: Sequence[str]) -> Image:
        """See `ContainerRegistry.push`. An image that loses its tag to this one stays, by its digest."""
        source = OciLayout(layout)
        descriptor = _only_image(source, tags)
        with self._changing(repository, tags) as target:
            target.take(source, descriptor)
            self._name(target, descriptor, tags)
            return self._image(repository, target, descriptor)

    def pull(self, repository: str, reference: str, layout: Path) -> Image:
        source = self._existing(repository)
        with self._locked(repository):
            descriptor = self._found(repository, source, reference)
            target = OciLayout(layout)
            target.create()
            target.take(source, descriptor)
            self._name(target, descriptor, [] if is_digest(reference) else [reference])
            return self._image(repository, source, descriptor)

    def delete(self, repository: str, reference: str) -> None:
        """See `ContainerRegistry.delete`. With its last tag an image goes, with its last image a repository."""
        layout = self._existing(repository)
        with self._locked(repository):
            found = self._found(repository, layout, reference, top=True)
            kept = [
                descriptor
                for descriptor in layout.index()
                if (
                    descriptor["digest"] != found["digest"]
                    if is_digest(reference)
                    else _tag_of(descriptor) != reference
                )
            ]
            # The index first: a crash in between leaves blobs too many, never one too few.
            layout.write_index(kept)
            if kept:
                layout.collect_garbage()
            else:
                shutil.rmtree(layout.path)

    def build(
        self, code: Path, repository: str, tags: Sequence[str], *, labels: Mapping[str, str] | None = None
    ) -> Image:
        from stacktui.flavors.local.oci_build import RUNNABLE, Base, build_image

        if not code.is_dir():
            raise ComponentError(f"{code} is not a folder with code")
        with self._changing(repository, tags) as layout:
            base = None
            if self.config.base is not None:
                name, reference = _split(self.config.base)
                origin = self._existing(name)
                found = self._of_platform(origin, self._found(name, origin, reference), self.config.platform)
                layout.take(origin, found)
                config, layers = layout.parts(found)
                notes = layout.document(found).get("annotations") or {}
                base = Base(layout.document(config), layers, notes.get(RUNNABLE) != "false")
            descriptor = build_image(layout, code, self.config.platform, base, labels or {})
            self._name(layout, descriptor, tags)
            # The base's own manifest came along and is not needed here.
            layout.collect_garbage()
            return self._image(repository, layout, descriptor)

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        def look() -> str:
            said = check_folder(self._root)
            count = len(self.repositories())
            return (
                f"{count} {'repository' if count == 1 else 'repositories'} in {self._root}" if count else said
            )

        return probe_within(timeout_s, look)

    @property
    def _root(self) -> Path:
        if self.config.path:
            return self.around.workspace / from_home(self.config.path)
        return self.around.state / "images"

    def _layout(self, repository: str) -> OciLayout:
        if _REPOSITORY.fullmatch(repository) is None or len(repository) > 200:
            raise ComponentError(
                f"{repository!r} cannot name a repository: use lower-case letters and digits, joined by "
                f"'.', '_' or '-', with '/' between the parts"
            )
        return OciLayout(self._root / repository.replace("/", "+"))

    def _existing(self, repository: str) -> OciLayout:
        layout = self._layout(repository)
        if not layout.exists:
            close = difflib.get_close_matches(repository, self.repositories(), n=1)
            raise NotFound(
                f"there is no repository {repository!r} in {self._root}"
                + (f"; did you mean {close[0]!r}?" if close else "")
            )
        return layout

    def _locked(self, repository: str) -> contextlib.AbstractContextManager[None]:
        name = self._layout(repository).path.name
        return locked(self._root / ".locks" / f"{name}.lock", f"repository {repository!r}", timeout_s=60)

    @contextlib.contextmanager
    def _changing(self, repository: str, tags: Sequence[str]) -> Iterator[OciLayout]:
        """The repository's layout to add to; one that is new and stays empty, because that failed, is removed."""
        for tag in tags:
            if _TAG.fullmatch(tag) is None:
                raise ComponentError(
                    f"{tag!r} cannot be a tag: use letters, digits, '_', '.' and '-', at most 128, "
                    f"not starting with '.' or '-'"
                )
        layout = self._layout(repository)
        with self._locked(repository):
            new = not layout.exists
            try:
                layout.create()
                yield layout
            except OSError as error:
                raise ComponentError(f"cannot write to {layout.path}: {error.strerror or error}") from error
            finally:
                if new and layout.exists and not layout.index():
                    shutil.rmtree(layout.path)

    def _name(self, layout: OciLayout, descriptor: Descriptor, tags: Sequence[str]) -> None:
        """Put an image in the index under `tags`; others that had one of them stay, by digest."""
        plain = {key: value for key, value in descriptor.items() if key != "annotations"}
        notes = {key: value for key, value in descriptor.get("annotations", {}).items() if key != TAG}
        index: list[Descriptor] = []
        for other in layout.index():
            if _tag_of(other) in tags:
                without = {key: value for key, value in other["annotations"].items() if key != TAG}
                other = {**other, "annotations": without}  # noqa: PLW2901
            index.append(other)
        index += [{**plain, "annotations": {**notes, TAG: tag}} for tag in dict.fromkeys(tags)]
        if not tags:
            index.append({**plain, "annotations": notes})
        named = {entry["digest"] for entry in index if _tag_of(entry) is not None}
        kept: dict[tuple[str, str | None], Descriptor] = {}
        for entry in index:
            if _tag_of(entry) is not None or entry["digest"] not in named:
                kept[entry["digest"], _tag_of(entry)] = entry
        layout.write_index(list(kept.values()))

    def _found(self, repository: str, layout: OciLayout, reference: str, *, top: bool = False) -> Descriptor:
        """The image of a tag or digest, `top`: not one inside of an index."""
        index = layout.index()
        for descriptor in index:
            if reference in (_tag_of(descriptor), descriptor["digest"]):
                return descriptor
        if is_digest(reference) and not top:
            for descriptor in index:
                if layout.is_index(descriptor):
                    for child in layout.children(descriptor):
                        if child["digest"] == reference:
                            return child
        tags = sorted({tag for tag in map(_tag_of, index) if tag is not None})
        close = difflib.get_close_matches(reference, tags, n=1)
        raise NotFound(
            f"there is no image {reference!r} in repository {repository!r}"
            + (f"; did you mean {close[0]!r}?" if close else f"; its tags: {', '.join(tags) or 'none'}")
        )

    def _of_platform(self, layout: OciLayout, descriptor: Descriptor, wanted: str) -> Descriptor:
        """The image for a platform: itself where it is not an index of several."""
        if not layout.is_index(descriptor):
            return descriptor
        children = layout.children(descriptor)
        for child in children:
            if _platform_of(child.get("platform")) == wanted:
                return child
        known = ", ".join(filter(None, (_platform_of(child.get("platform")) for child in children)))
        raise NotFound(f"{descriptor['digest']} has no image for {wanted}; it has {known or 'none'}")

    def _image(self, repository: str, layout: OciLayout, descriptor: Descriptor) -> Image:
        shown, platforms = descriptor, ""
        if layout.is_index(descriptor):
            children = layout.children(descriptor)
            platforms = ", ".join(filter(None, (_platform_of(child.get("platform")) for child in children)))
            machine = f"linux/{_MACHINES.get(platform.machine(), platform.machine())}"
            mine = [child for child in children if _platform_of(child.get("platform")) == machine]
            shown = (mine or children or [descriptor])[0]
        manifest = layout.document(shown)
        layers: list[Descriptor] = []
        config: dict[str, Any] = {}
        if not layout.is_index(shown):
            about, layers = layout.parts(shown)
            # An artifact that is no container image has a config of a kind of its own.
            with contextlib.suppress(ComponentError):
                config = layout.document(about)
        parts = {part["digest"]: part for part in layout.walk(descriptor)}
        documents = {descriptor["digest"], shown["digest"]}
        notes = {str(key): str(value) for key, value in (manifest.get("annotations") or {}).items()}
        return Image(
            repository=repository,
            digest=descriptor["digest"],
            tags=tuple(
                sorted(
                    tag
                    for entry in layout.index()
                    if entry["digest"] == descriptor["digest"] and (tag := _tag_of(entry)) is not None
                )
            ),
            media_type=descriptor["mediaType"],
            size=sum(part["size"] for digest, part in parts.items() if digest not in documents),
            layers=tuple(
                Layer(
                    digest=layer["digest"],
                    size=layer["size"],
                    media_type=layer["mediaType"],
                    title=str(layer.get("annotations", {}).get(_TITLE, "")),
                )
                for layer in layers
            ),
            created=_time(config.get("created")),
            platform=platforms or _platform_of(config) or "",
            annotations=notes,
            runnable=notes.get("dev.stacktui.runnable") != "false",
        )


def _tag_of(descriptor: Descriptor) -> str | None:
    tag = descriptor.get("annotations", {}).get(TAG)
    return tag if isinstance(tag, str) else None


def _platform_of(facts: Any) -> str | None:
    if not isinstance(facts, Mapping) or not facts.get("os") or not facts.get("architecture"):
        return None
    return f"{facts['os']}/{facts['architecture']}"


def _time(text: Any) -> datetime | None:
    with contextlib.suppress(TypeError, ValueError):
        return datetime.fromisoformat(text)
    return None


def _only_image(layout: OciLayout, tags: Sequence[str]) -> Descriptor:
    """The image that a layout is about: its only one, or the one of a tag that was asked for."""
    index = layout.index()
    for choice in (index, [entry for entry in index if _tag_of(entry) in tags]):
        if len({entry["digest"] for entry in choice}) == 1:
            return choice[0]
    known = ", ".join(sorted({_tag_of(entry) or entry["digest"] for entry in index}))
    raise ComponentError(
        f"{layout.path} holds {'several images' if index else 'no image'}"
        + (f" ({known}): push under the tag of one of them" if index else "")
    )


def _split(reference: str) -> tuple[str, str]:
    """Repository and reference of `repository:tag` or `repository@sha256:…`."""
    name, at, rest = reference.partition("@")
    if not at:
        name, _, rest = reference.rpartition(":")
    if not name or not rest or (at and not is_digest(rest)):
        raise ValueError(f"{reference!r} does not name an image: write REPOSITORY:TAG or REPOSITORY@sha256:…")
    return name, rest
