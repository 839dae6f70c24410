"""Answers of lists, remembered until a file that they were made from changes: used by `stack list` and `component list`.

To say whether a thousand components are valid takes half a second; to see that none of their files changed takes
ten milliseconds. What is remembered is thrown away on any doubt: it is never needed, only quick.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import stacktui
from stacktui.categories.private import create_file, make_folder
from stacktui.operations.documents import Document

if TYPE_CHECKING:
    from stacktui.operations.session import Session

D = TypeVar("D", bound=Document)

# A file that changed this shortly before it was looked at may change again under the same time stamp. Some file
# systems count whole seconds.
_FINE_CLOCK_NS, _COARSE_CLOCK_NS = 50_000_000, 2_000_000_000
_MOVED_STATE = re.compile(rb"""^[^#\n]*\b(state|shared)["']?[ \t]*:""", re.MULTILINE)
_KEPT_IN = ("components", "stacks", "flavors")


def remembered(session: Session, name: str, kind: type[D], make: Callable[[], D]) -> D:
    """The document that `make` gives, or gave when every file was as it is now."""
    # One that has read the workspace knows more than its files say now: the last good version of a broken one.
    found = None if session.has_read else _state_of(session, name)
    if found is None:
        return make()
    place, state, settled = found
    try:
        kept, _, text = place.read_bytes().partition(b"\n")
        if kept == state:
            return kind.model_validate_json(text)
    except (OSError, ValueError):
        pass
    document = make()
    if settled and not session.asked_readonly and _decided_by_files():
        _keep(place, state + b"\n" + document.model_dump_json().encode())
    return document


def _state_of(session: Session, name: str) -> tuple[Path, bytes, bool] | None:
    """Where the answer is kept, what it depends on, and whether that is known for certain; None where it is not."""
    from stacktui.workspace.locate import WorkspaceNotFound, find_root

    try:
        root = find_root(session.start)
        settings = (root / "stacktui.yaml").read_bytes()
        own = root / ".stacktui"
        # State that lies elsewhere or is shared has rules of its own, and a team's flavors run code of their own.
        if _MOVED_STATE.search(settings) or session.environ.get("STACKTUI_STATE"):
            return None
        if not own.is_dir() or any(entry.suffix == ".py" for entry in _entries(root / "flavors")):
            return None
        chosen = own / "active" / "stack"
        digest = hashlib.sha256(settings)
        for fact in (
            stacktui.__version__, sys.version, sys.prefix, name, session.stack_override,
            session.environ.get("STACKTUI_STACK"), chosen.read_bytes() if chosen.exists() else None,
            *_installed(),
        ):  # fmt: skip
            digest.update(f"{fact!r}\n".encode())
        newest = 0
        for path, status in _files(root):
            changed = max(status.st_mtime_ns, status.st_ctime_ns)
            newest = max(newest, changed)
            digest.update(
                f"{path}\0{status.st_mtime_ns} {status.st_ctime_ns} {status.st_size} {status.st_ino}\n".encode(
                    "utf-8", "surrogateescape"
                )
            )
    except (OSError, WorkspaceNotFound):
        return None
    clock = _FINE_CLOCK_NS if newest % 1_000_000_000 else _COARSE_CLOCK_NS
    settled = time.time_ns() - newest > clock
    return own / "answers" / f"{name.replace(' ', '-')}.json", digest.hexdigest().encode(), settled


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Everything that stands in the workspace's own folders, whatever it is called."""
    todo = [str(root / name) for name in _KEPT_IN]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                todo.append(entry.path)
            yield entry.path, entry.stat()


def _installed() -> Iterator[tuple[str, int]]:
    """The folders of installed packages and of this one, with the time at which something in them came or went."""
    own = Path(stacktui.__file__).parent
    rooms = [
        own,
        *(own / room for room in ("flavors", "flavors/local", "flavors/sqlite", "validation/rules")),
    ]
    for folder in (*filter(None, sys.path), *map(str, rooms)):
        try:
            yield folder, Path(folder).stat().st_mtime_ns
        except OSError:
            yield folder, 0


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _decided_by_files() -> bool:
    """Whether no rule of the team's took part: what such a rule looks at is not known here."""
    from stacktui.validation.team import team_rules

    rules = team_rules()
    return not rules.rules and not rules.problems


def _keep(place: Path, data: bytes) -> None:
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        make_folder(place.parent)
        with os.fdopen(create_file(draft), "wb") as stream:
            stream.write(data)
        draft.rename(place)
    except OSError:
        # A full disk or a read-only one: the next call works it out again.
        draft.unlink(missing_ok=True)
