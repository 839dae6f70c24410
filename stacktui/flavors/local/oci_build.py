"""Building an image of a code folder without an engine: one layer, and the same input gives the same digest.

Entries are sorted, have no times, no owner and one of two modes; the compression has no time either.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from stacktui.categories.errors import ComponentError
from stacktui.flavors.local.oci_layout import (
    CONFIG_TYPE,
    LAYER_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    NewBlob,
    OciLayout,
    as_json,
)

CODE = "code"
"""The folder at the image's root that holds the code, and that a container starts in."""
RUNNABLE = "dev.stacktui.runnable"
"""The annotation that says `false` on an image that holds code only."""

_LEFT_OUT = {"__pycache__", ".git"}
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class Base(NamedTuple):
    """The image that code is put on."""

    config: dict[str, Any]
    layers: list[Descriptor]
    runnable: bool


def build_image(
    layout: OciLayout, code: Path, platform: str, base: Base | None, labels: Mapping[str, str]
) -> Descriptor:
    """Keep an image of `code` in a layout, whose blobs hold those of `base` already; returns its descriptor."""
    layer, diff_id = _layer(layout, code)
    system, _, architecture = platform.partition("/")
    config: dict[str, Any] = {"os": system, "architecture": architecture, "rootfs": {"type": "layers"}}
    config |= base.config if base else {}
    # When it was made would make each build another image.
    config.pop("created", None)
    rootfs = config["rootfs"]
    config["rootfs"] = {**rootfs, "diff_ids": [*rootfs.get("diff_ids", []), diff_id]}
    config["history"] = [*config.get("history", []), {"created_by": "stacktui image build"}]
    settings = dict(config.get("config") or {})
    settings["WorkingDir"] = f"/{CODE}"
    settings["Labels"] = {**(settings.get("Labels") or {}), **labels}
    settings["Env"] = [
        *(line for line in settings.get("Env") or [] if not line.startswith("PYTHONPATH=")),
        f"PYTHONPATH=/{CODE}",
    ]
    config["config"] = settings
    layers = [_as_oci(part) for part in base.layers] if base else []
    annotations = dict(labels)
    if base is None or not base.runnable:
        annotations[RUNNABLE] = "false"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": layout.put(as_json(config), CONFIG_TYPE),
        "layers": [*layers, layer],
        "annotations": annotations,
    }
    return layout.put(as_json(manifest), MANIFEST_TYPE)


def _as_oci(layer: Descriptor) -> Descriptor:
    # The bytes are the same in both formats; a manifest should not mix their names.
    return {**layer, "mediaType": LAYER_TYPE} if layer["mediaType"] == _DOCKER_LAYER else layer


def _layer(layout: OciLayout, code: Path) -> tuple[Descriptor, str]:
    """The code as a layer, and the digest of its uncompressed form."""
    with layout.new_blob() as blob:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=blob, mtime=0) as packed:
            plain = _Hashed(packed)
            with tarfile.TarFile(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[arg-type]
                archive.addfile(_entry(CODE, tarfile.DIRTYPE, 0o755))
                for path, inside in _files(code, PurePosixPath(CODE)):
                    _add(archive, path, inside, code)
        blob.keep(layout.blob(blob.digest))
    annotations = {"org.opencontainers.image.title": CODE}
    descriptor = {
        "mediaType": LAYER_TYPE,
        "digest": blob.digest,
        "size": blob.size,
        "annotations": annotations,
    }
    return descriptor, f"sha256:{plain.hash.hexdigest()}"


def _files(folder: Path, inside: PurePosixPath) -> Iterator[tuple[Path, str]]:
    """Everything below a folder with its path in the image; a folder before what is in it, by name."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name in _LEFT_OUT or path.suffix == ".pyc":
            continue
        yield path, str(inside / path.name)
        if path.is_dir() and not path.is_symlink():
            yield from _files(path, inside / path.name)


def _add(archive: tarfile.TarFile, path: Path, inside: str, code: Path) -> None:
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        target = os.readlink(path)  # noqa: PTH115 - as it is written, not made a path of
        reached = os.path.normpath(Path(path).parent / target)
        if Path(target).is_absolute() or not Path(reached).is_relative_to(os.path.normpath(code)):
            raise ComponentError(
                f"{path} is a link that leads out of the code folder: it would lead nowhere in an image"
            )
        entry = _entry(inside, tarfile.SYMTYPE, 0o777)
        entry.linkname = target
        archive.addfile(entry)
    elif stat.S_ISDIR(facts.st_mode):
        archive.addfile(_entry(inside, tarfile.DIRTYPE, 0o755))
    elif stat.S_ISREG(facts.st_mode):
        entry = _entry(inside, tarfile.REGTYPE, 0o755 if facts.st_mode & stat.S_IXUSR else 0o644)
        with path.open("rb") as file:
            entry.size = os.fstat(file.fileno()).st_size
            archive.addfile(entry, file)
    else:
        raise ComponentError(f"{path} is neither a file nor a folder: it cannot be put in an image")


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, 0
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


class _Hashed:
    """A writer that hashes what passes through it, and counts it for `tarfile`."""

    def __init__(self, inner: gzip.GzipFile | NewBlob) -> None:
        self._inner = inner
        self.hash = hashlib.sha256()
        self._position = 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self._position += len(data)
        return self._inner.write(data)

    def tell(self) -> int:
        return self._position
