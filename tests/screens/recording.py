"""A history that the real demo recorded once, kept as text, and how a workspace gets it back.

`python -m tests.screens.recording` makes the demo, runs its pipelines and writes `recorded/`. The screenshots and
some tests of the workbench restore it, so that they show real runs without running anything.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "recorded"
ROOT_MARK = "{workspace}"
"""Stands for the workspace's folder in what is kept."""
HOST_MARK, USER_MARK = "gpu-box", "ml"
"""Stand for the host and the user who recorded it."""

RUNS: tuple[tuple[str, ...], ...] = (
    ("pipelines/digits.py:digits",),
    ("pipelines/digits.py:digits", "-p", "epochs=20", "-p", "alpha=0.0001"),
    ("pipelines/digits.py:digits", "-p", "test_share=1.5"),
    ("pipelines/hello.py:hello",),
    ("pipelines/digits.py:digits", "-p", "trees=40", "-p", "alpha=0.01"),
    ("pipelines/digits.py:digits", "-p", "epochs=20", "-p", "alpha=0.0001"),
)
"""What was run, in this order; the third fails and the last one is mostly cached."""
TABLES = (
    "runs", "run_details", "steps", "artifacts", "artifact_links", "artifact_tags", "metrics", "logged_params",
    "logged_files", "events", "inbox",
)  # fmt: skip


def stacktui(root: Path, *words: str, check: bool = True) -> str:
    """Run the command line on a workspace and return what it printed."""
    command = [sys.executable, "-m", "stacktui", "-C", str(root), *words]
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout


def record(target: Path = RECORDED) -> None:
    """Make the demo in a temporary folder, run everything, and keep what the store, the logs and small artifacts say."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "demo"
        stacktui(Path(folder), "demo", str(root), "--no-run")
        for words in RUNS:
            stacktui(root, "run", *words, check=False)
        stacktui(root, "model", "stop", "digits")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        _write_tables(root, target)
        logs = {
            str(file.relative_to(root / ".stacktui" / "logs")): _scrubbed(file.read_text(), root)
            for file in sorted((root / ".stacktui" / "logs").rglob("*.jsonl"))
        }
        _write(target / "logs.json", logs)
        server = json.loads((root / ".stacktui/models/digits/server.json").read_text())
        server["process"] = None
        _write(target / "server.json", json.loads(_scrubbed(json.dumps(server), root)))
        blobs = {}
        for file in sorted((root / ".stacktui" / "artifacts").rglob("*")):
            if file.is_file() and file.stat().st_size < 4000:
                try:
                    blobs[str(file.relative_to(root / ".stacktui" / "artifacts"))] = file.read_text("utf-8")
                except UnicodeDecodeError:
                    continue
        _write(target / "artifacts.json", blobs)


def restore(root: Path) -> Path:
    """The demo's workspace in `root`, with the recorded history in its state folder."""
    from stacktui.demo.build import create_demo
    from tests.stores.generate import fill

    create_demo(root)
    state = root / ".stacktui"
    fill(state / "metadata.db", 0)
    tables = json.loads((RECORDED / "history.json").read_text().replace(ROOT_MARK, str(root)))
    connection = sqlite3.connect(state / "metadata.db")
    with connection:
        for table in TABLES:
            for row in tables[table]:
                names = ", ".join(f'"{name}"' for name in row)
                holes = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} ({names}) VALUES ({holes})", list(row.values()))
    connection.close()
    for place, text in json.loads((RECORDED / "logs.json").read_text()).items():
        _put(state / "logs" / place, text.replace(ROOT_MARK, str(root)))
    for place, text in json.loads((RECORDED / "artifacts.json").read_text()).items():
        _put(state / "artifacts" / place, text)
    server = (RECORDED / "server.json").read_text().replace(ROOT_MARK, str(root))
    _put(state / "models" / "digits" / "server.json", server)
    return root


def _write_tables(root: Path, target: Path) -> None:
    connection = sqlite3.connect(root / ".stacktui" / "metadata.db")
    connection.row_factory = sqlite3.Row
    kept: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        kept[table] = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
    for row in kept["runs"]:
        # Who recorded it and on which machine is nobody's business.
        row["host"], row["user"], row["holder"] = HOST_MARK, USER_MARK, None
    for row in kept["run_details"]:
        row["environment"] = json.dumps({"python": "3.11", "platform": "Linux"})
    connection.close()
    (target / "history.json").write_text(_scrubbed(json.dumps(kept, indent=1, sort_keys=True), root) + "\n")


def _scrubbed(text: str, root: Path) -> str:
    return text.replace(str(root), ROOT_MARK).replace(str(Path(sys.prefix)), "/venv")


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(text)


if __name__ == "__main__":
    record()
