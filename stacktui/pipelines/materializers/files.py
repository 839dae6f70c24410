"""Files and folders that a step names by a `Path`: a file as it is, a folder packed sorted and with zero times."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from stacktui.pipelines.materializers.base import MaterializerError, Packed, Source, Unfit, new_folder


class _File:
    name = "file"

    def pack(self, value: Any, scratch: Path) -> Packed:
        path = Path(value)
        if not path.is_file():
            raise MaterializerError(f"there is no file {path}")
        return Packed(path.absolute(), {"filename": path.name})

    def unpack(self, source: Source) -> Path:
        return source.file(safe_name(source.ref.metadata.get("filename")))


class _Folder:
    name = "folder"

    def pack(self, value: Any, scratch: Path) -> Packed:
        root = Path(value)
        if not root.is_dir():
            raise MaterializerError(f"there is no folder {root}")
        target = new_folder(scratch) / "folder.tar"
        files = 0
        with (
            os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out,
            tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for member, path in _members(root):
                if member.isreg():
                    files += 1
                    with path.open("rb") as content:
                        archive.addfile(member, content)
                else:
                    archive.addfile(member)
        return Packed(target, {"filename": root.name, "files": files})

    def unpack(self, source: Source) -> Path:
        packed = source.file("folder.tar")
        folder = source.folder() / safe_name(source.ref.metadata.get("filename"))
        folder.mkdir(mode=0o700)
        with tarfile.open(packed, mode="r:") as archive:
            try:
                archive.extractall(folder, filter="data")
            except tarfile.FilterError as error:
                raise MaterializerError(f"artifact {source.ref.id} is not safe to unpack: {error}") from None
        packed.unlink()
        return folder


FILE = _File()
FOLDER = _Folder()


def safe_name(name: object) -> str:
    """A recorded file name as the name of a new file: never a path, never hidden from the folder it is put in."""
    text = PurePosixPath(str(name or "").replace("\0", "")).name
    return text if text not in ("", ".", "..") else "content"


def _members(root: Path) -> Iterator[tuple[tarfile.TarInfo, Path]]:
    for path in sorted(root.rglob("*"), key=lambda item: item.relative_to(root).parts):
        member = tarfile.TarInfo(path.relative_to(root).as_posix())
        if path.is_symlink():
            member.type, member.linkname = tarfile.SYMTYPE, str(path.readlink())
            try:
                tarfile.data_filter(member, str(root.absolute()))
            except tarfile.FilterError:
                raise MaterializerError(
                    f"{path} links to {member.linkname}, outside of the folder that is kept"
                ) from None
        elif path.is_dir():
            member.type, member.mode = tarfile.DIRTYPE, 0o755
        elif path.is_file():
            facts = path.stat()
            member.size = facts.st_size
            member.mode = 0o755 if facts.st_mode & 0o100 else 0o644
        else:
            raise Unfit(f"{path} is neither a file nor a folder")
        yield member, path
