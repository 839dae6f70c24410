"""What every test of the workbench starts with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stacktui.operations import moments
from stacktui.tui import marks


@pytest.fixture(autouse=True)
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without settings, who has opened no workspace yet."""
    home = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))


@pytest.fixture(autouse=True)
def symbols_as_they_were() -> Iterator[None]:
    """The choice of symbols belongs to the process; a test that changes it must not change the next one."""
    before = marks.ascii_only()
    marks.ascii_only(False)
    yield
    marks.ascii_only(before)
    moments.use_times(None)
