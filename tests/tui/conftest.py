"""What every test of the workbench starts with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stacktui.tui import marks


@pytest.fixture(autouse=True)
def symbols_as_they_were() -> Iterator[None]:
    """The choice of symbols belongs to the process; a test that changes it must not change the next one."""
    before = marks.ascii_only()
    marks.ascii_only(False)
    yield
    marks.ascii_only(before)
