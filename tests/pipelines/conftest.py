"""Fixtures of whole runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.running import HEAD, Make, place


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes the test's workspace with a pipeline file of the given source, in which runs really run."""
    monkeypatch.setenv("STACKTUI_DATA", str(tmp_path / "user-data"))
    with contextlib.ExitStack() as stack:
        yield lambda source: stack.enter_context(place(tmp_path / "ws", HEAD + source))
