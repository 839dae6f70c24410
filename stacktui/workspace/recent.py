"""The workspaces that a person has opened, newest first: `$XDG_STATE_HOME/stacktui/workspaces.json`, theirs alone.

Written when the workbench opens one; read by `workspace list` and the workbench's switcher.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from stacktui.categories.homes import home_folder
from stacktui.categories.private import lock_file
from stacktui.workspace.files import replace_file

_MOST = 50


class Recent(NamedTuple):
    """One workspace that was opened."""

    root: Path
    opened_at: datetime


def user_state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """`$XDG_STATE_HOME/stacktui`, or `~/.local/state/stacktui`."""
    base = (os.environ if environ is None else environ).get("XDG_STATE_HOME", "")
    home = Path(base) if base and Path(base).is_absolute() else home_folder() / ".local" / "state"
    return home / "stacktui"


def recent_workspaces(environ: Mapping[str, str] | None = None) -> tuple[Recent, ...]:
    """All that are known, the latest first. A file that is missing or broken knows none."""
    try:
        data = json.loads((user_state_dir(environ) / "workspaces.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ()
    entries = data.get("workspaces") if isinstance(data, dict) else None
    found = [_recent(entry) for entry in (entries if isinstance(entries, list) else ())]
    return tuple(sorted((each for each in found if each), key=lambda each: each.opened_at, reverse=True))


def remember_workspace(root: Path, environ: Mapping[str, str] | None = None) -> None:
    """Note that a workspace is being opened. Raises OSError where it cannot be written."""
    import fcntl

    folder = user_state_dir(environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Two that start at once must not lose one another.
    descriptor = lock_file(folder / "workspaces.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        known = [each for each in recent_workspaces(environ) if each.root != root]
        entries = [
            {"path": str(each.root), "opened_at": each.opened_at.isoformat()}
            for each in [Recent(root, datetime.now(UTC)), *known][:_MOST]
        ]
        text = json.dumps({"version": 1, "workspaces": entries}, indent=1) + "\n"
        replace_file(folder / "workspaces.json", text.encode(), 0o600)
    finally:
        os.close(descriptor)


def _recent(entry: Any) -> Recent | None:
    try:
        root, at = Path(entry["path"]), datetime.fromisoformat(entry["opened_at"])
    except (TypeError, KeyError, ValueError):
        return None
    return Recent(root, at if at.tzinfo else at.replace(tzinfo=UTC)) if root.is_absolute() else None
