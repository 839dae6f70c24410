"""Where a workspace keeps its state, and how folders there are made: private to one user from the first moment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stacktui.categories.homes import from_home

STATE_DIR = ".stacktui"
STATE_VARIABLE = "STACKTUI_STATE"


def resolve_state(root: Path, configured: str | None, environ: Mapping[str, str]) -> Path:
    """The state folder: `STACKTUI_STATE`, or `state:` in `stacktui.yaml` (relative to it), or `.stacktui`."""
    chosen = environ.get(STATE_VARIABLE) or configured or STATE_DIR
    return (root / from_home(chosen)).absolute()


def journal_name(root: Path, state: Path) -> str:
    """The name of the folder in the state that holds the edits of one workspace: two of them may have one state."""
    if state.is_relative_to(root):
        return "journal"
    import hashlib

    return f"journal-{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]}"


def make_private(state: Path, parts: tuple[str, ...], group: str | None = None) -> Path:
    """The folder `state/parts…`, each level that is missing made 0700 (2770 for a group that shares the state).

    Raises ValueError for a part that leads out, OSError if a folder cannot be made.
    """
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\0" in part:
            raise ValueError(f"{part!r} is not the name of a folder in the state")
    folder = state
    if not state.is_dir():
        state.parent.mkdir(parents=True, exist_ok=True)
        _make(state, group)
    for part in parts:
        folder = folder / part
        _make(folder, group)
    return folder


def _make(folder: Path, group: str | None) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return
    if group:
        import shutil

        shutil.chown(folder, group=group)
        # mkdir ignores the set-group-id bit; the folder was private until here.
        folder.chmod(0o2770)
