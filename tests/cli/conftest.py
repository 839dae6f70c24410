"""The command line in process, on a fresh workspace, for a user without settings or keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stacktui.cli.main import main
from stacktui.workspace.scaffold import init_workspace


class Answer(NamedTuple):
    """What one command said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user-config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user-state"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    for name in ("STACKTUI_STATE", "STACKTUI_STACK", "STACKTUI_READONLY", "NO_COLOR", "STACKTUI_ASCII"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    init_workspace(folder)
    return folder


@pytest.fixture
def stacktui(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`stacktui(*words)` in the workspace."""

    def run(*words: str, folder: Path = root) -> Answer:
        capsys.readouterr()
        code = main(["-C", str(folder), *words])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run
