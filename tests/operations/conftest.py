"""A fresh workspace with the ten default components, and a user without settings or keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stacktui.operations.session import Session
from stacktui.workspace.scaffold import init_workspace


@pytest.fixture(autouse=True)
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user-config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user-state"))
    for name in ("STACKTUI_STATE", "STACKTUI_STACK", "STACKTUI_READONLY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    init_workspace(folder)
    return folder


@pytest.fixture
def session(root: Path) -> Iterator[Session]:
    with Session(root) as opened:
        yield opened
