"""Which face opens: words that name no command open the workbench, all others the command line."""

from __future__ import annotations

import pytest

from stacktui.__main__ import Opening, wants_workbench


@pytest.mark.parametrize(
    ("words", "opening"),
    [
        ([], Opening()),
        (["-C", "x"], Opening(folder="x")),
        (["-Cx"], Opening(folder="x")),
        (["--stack", "prod", "--readonly"], Opening(stack="prod", readonly=True)),
        (["--stack=prod", "--store=old"], Opening(stack="prod", store="old")),
        (["stack", "list"], None),
        (["-C", "x", "stack", "list"], None),
        (["--help"], None),
        (["--version"], None),
        (["--json"], None),
        (["--stack"], None),
        (["--stak", "x"], None),
        (["--", "x"], None),
    ],
)
def test_what_opens(words: list[str], opening: Opening | None) -> None:
    assert wants_workbench(words) == opening
