"""A team's own materializers: by decorator, on a step, from an installed package; and what is said of broken ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import DigestMismatch
from stacktui.categories.metadata_store import ArtifactQuery
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.model.run import RunStatus, StepStatus
from stacktui.pipelines.errors import PipelineBroken
from stacktui.pipelines.materializers import MaterializerError, custom, load, materializer_for, preview, save
from stacktui.pipelines.materializers.base import Packed, Unfit
from tests.pipelines.running import HEAD, Place, place


class Image:
    """Something that pickle would keep, too."""

    def __init__(self, pixels: bytes) -> None:
        self.pixels = pixels


class Photo(Image):
    """A kind of it."""


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(custom, "_registered", {})
    monkeypatch.setattr(custom, "_objects", {})
    custom._entry_points.cache_clear()
    yield
    custom._entry_points.cache_clear()


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifactStore:
    around = Surroundings("artifacts", tmp_path, tmp_path / "state", tmp_path / "user-data")
    return LocalArtifactStore(LocalArtifactStoreConfig(), around)


class ImageAsBytes:
    """As a team writes one."""

    def pack(self, value: Image, scratch: Path) -> bytes:
        if not value.pixels:
            raise Unfit("it is empty")
        return value.pixels

    def unpack(self, source: Any) -> Image:
        return Image(source.data())


NAME = f"{__name__}:ImageAsBytes"


def test_a_decorated_one_keeps_its_types_and_their_subclasses(store: LocalArtifactStore) -> None:
    custom.materializer(Image)(ImageAsBytes)
    for value in (Image(b"px"), Photo(b"px")):
        ref = save(value, store, name="output")
        assert ref.materializer == NAME
        assert store.read_bytes(ref.uri) == b"px"
        assert load(ref, store).pixels == b"px"
    assert materializer_for({"a": 1}) == "json"
    shown = preview(ref, store)
    assert (shown.kind, "no preview" in shown.note) == ("none", True)


def test_it_goes_before_stacktuis_own_and_may_refuse(store: LocalArtifactStore) -> None:
    custom.materializer(Image, str)(ImageAsBytes)
    assert materializer_for("text") == NAME
    assert save(Image(b""), store, name="output").materializer == "pickle"


def test_another_process_finds_it_by_its_name(
    store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    custom.materializer(Image)(ImageAsBytes)
    ref = save(Image(b"px"), store, name="output")
    monkeypatch.setattr(custom, "_registered", {})
    monkeypatch.setattr(custom, "_objects", {})
    assert load(ref, store).pixels == b"px"
    monkeypatch.delattr(sys.modules[__name__], "ImageAsBytes")
    with pytest.raises(MaterializerError, match=rf"{NAME}' does not load"):
        load(ref, store)


def test_its_content_is_checked_as_all_is(store: LocalArtifactStore) -> None:
    custom.materializer(Image)(ImageAsBytes)
    ref = save(Image(b"px"), store, name="output")
    file = store.local_path(ref.uri)
    assert file is not None
    file.write_bytes(b"xp")
    with pytest.raises(DigestMismatch):
        load(ref, store)


class _File:
    def pack(self, value: Image, scratch: Path) -> Packed:
        file = scratch / "image.raw"
        file.write_bytes(value.pixels)
        return Packed(file, {"bytes": len(value.pixels)})

    def unpack(self, source: Any) -> Image:
        return Image(source.file("image.raw").read_bytes())


def test_one_may_write_a_file_and_say_facts(store: LocalArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    ref = save(
        Image(b"px"), store, name="o", materializer=custom.name_of(_File), scratch=tmp_path / "scratch"
    )
    assert ref.metadata == {"bytes": 2}
    assert load(ref, store, scratch=tmp_path / "scratch").pixels == b"px"
    assert not (tmp_path / "scratch" / "image.raw").exists()


class _Breaks(ImageAsBytes):
    def pack(self, value: Image, scratch: Path) -> bytes:
        raise KeyError("width")

    def unpack(self, source: Any) -> Image:
        raise ValueError("no header\nat all")


class _Lies(ImageAsBytes):
    def pack(self, value: Image, scratch: Path) -> Any:
        return value.pixels.decode()


class _Forgets(ImageAsBytes):
    def pack(self, value: Image, scratch: Path) -> Any:
        return scratch / "never written"


class _NeedsMore(ImageAsBytes):
    def __init__(self, quality: int) -> None:
        self.quality = quality


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_Breaks, r"output 'photo': the materializer '.*:_Breaks' fails on a .*Image: KeyError: 'width'"),
        (_Lies, r"output 'photo': .*_Lies' gives a str: pack returns bytes or a Path"),
        (_Forgets, r"output 'photo': .*_Forgets' names a file that it did not write: .*never written"),
        (_NeedsMore, r"output 'photo': .*_NeedsMore' does not load: TypeError: .*quality"),
    ],
)
def test_a_broken_one_is_named(store: LocalArtifactStore, broken: Any, said: str) -> None:
    with pytest.raises(MaterializerError, match=said) as found:
        save(Image(b"px"), store, name="photo", materializer=custom.name_of(broken))
    assert "\n" not in str(found.value)


def test_one_that_cannot_read_is_named_with_the_artifact(store: LocalArtifactStore) -> None:
    ref = save(Image(b"px"), store, name="o", materializer=NAME)
    ref = ref.model_copy(update={"materializer": custom.name_of(_Breaks)})
    with pytest.raises(MaterializerError, match=rf"_Breaks' cannot read artifact {ref.id}.*no header at all"):
        load(ref, store)


def test_something_else_is_refused_where_it_is_decorated() -> None:
    with pytest.raises(TypeError, match="no method `unpack`"):
        custom.materializer(Image)(type("Half", (), {"pack": lambda *_: b""}))
    with pytest.raises(TypeError, match="takes the types that it keeps"):
        custom.materializer("Image")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes the types that it keeps"):
        custom.materializer()


def test_an_installed_package_declares_one(
    store: LocalArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text(
        f"[stacktui.materializers]\n{__name__}.Image = {NAME}\n"
    )
    monkeypatch.syspath_prepend(str(site))
    ref = save(Photo(b"px"), store, name="output")
    assert ref.materializer == NAME
    assert load(ref, store).pixels == b"px"


IMAGES = (
    HEAD
    + """
from stacktui import materializer


class Image:
    def __init__(self, pixels):
        self.pixels = pixels


@materializer(Image)
class ImageAsBytes:
    def pack(self, value, scratch):
        return b"1" + value.pixels

    def unpack(self, source):
        return Image(source.data()[1:])
"""
)
FLOW = """
from images import Image, ImageAsBytes
from stacktui import pipeline, step


@step
def draw() -> Image:
    return Image(b"px")


@step(materializer=ImageAsBytes)
def chosen() -> Image:
    return Image(b"chosen")


@step
def look(image: Image) -> str:
    return image.pixels.decode()


@pipeline
def flow():
    look(draw())
    look(chosen())
"""


@pytest.fixture
def flow(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path / "work", FLOW) as made:
        (made.root / "images.py").write_text(IMAGES, "utf-8")
        yield made


def _outcome(flow: Place) -> tuple[str, set[str]]:
    run = flow.run("flow")
    assert run.status is RunStatus.SUCCEEDED, run.error
    return run.id, {step.status.value for step in flow.steps(run.id).values()}


def test_a_run_keeps_and_loads_with_it_and_its_code_counts_in_the_cache(flow: Place) -> None:
    run_id, states = _outcome(flow)
    assert states == {"succeeded"}
    found = {each.step: each for each in flow.store.artifacts(ArtifactQuery(run_id=run_id))}
    assert found["draw"].materializer == found["chosen"].materializer == "images:ImageAsBytes"
    assert flow.value(run_id, "look_2") == "chosen"
    assert _outcome(flow)[1] == {"cached"}
    # Another way to write, and to read: everything that writes or reads so runs again.
    (flow.root / "images.py").write_text(
        IMAGES.replace('b"1" +', 'b"2" +').replace("data()[1:]", "data()[1:].upper()"), "utf-8"
    )
    run_id, states = _outcome(flow)
    assert states == {"succeeded"}
    assert flow.value(run_id, "look_2") == "CHOSEN"


def test_a_broken_one_fails_its_step_in_words(flow: Place) -> None:
    (flow.root / "images.py").write_text(IMAGES.replace('b"1" +', "value.nothing +"), "utf-8")
    run = flow.run("flow")
    assert run.status is RunStatus.FAILED
    # The others are cancelled when the first one fails.
    steps = flow.steps(run.id).values()
    errors = [step.error for step in steps if step.error is not None and step.status is StepStatus.FAILED]
    assert (
        "output 'output': the materializer 'images:ImageAsBytes' fails on a images.Image" in errors[0].message
    )
    assert "images.py" in errors[0].traceback
    assert "value.nothing" in errors[0].traceback


def test_what_is_no_materializer_is_said_when_the_graph_is_drawn(flow: Place) -> None:
    flow.edit(FLOW.replace("materializer=ImageAsBytes", "materializer=Image"))
    with pytest.raises(
        PipelineBroken, match=r"step `chosen`: Image is no materializer: it has no method `pack`"
    ):
        flow.start("flow")
