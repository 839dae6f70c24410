"""A workspace in a temporary folder, and a user without settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.workspace.scaffold import init_workspace
from stacktui.workspace.workspace import Workspace


@pytest.fixture(autouse=True)
def _nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user-config"))
    for name in ("STACKTUI_STATE", "STACKTUI_STACK", "STACKTUI_POLL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    init_workspace(folder)
    return folder


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return Workspace.open(root)
