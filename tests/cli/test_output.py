"""What people see: aligned, fitted to the terminal, clean of control bytes, coloured only where that helps."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.cli.errors import report
from stacktui.cli.invoke import _view_of
from stacktui.cli.terminal import Column, Out, Span, Tone, cell_width, shortened
from stacktui.cli.words import duration, size
from stacktui.operations.documents import Document, Part
from stacktui.operations.table import all_operations
from tests.cli.conftest import Run

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\x7f[red]x[/red]"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def table(width: int | None, rows: list[list[str]], *columns: Column) -> list[str]:
    stream = io.StringIO()
    Out(stream, width=width).table(columns, rows)
    return stream.getvalue().splitlines()


def test_no_control_byte_of_a_file_reaches_people(stacktui: Run, root: Path) -> None:
    escaped = "".join(f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in EVIL)
    (root / "components" / "alerter" / "evil.yaml").write_text(
        f'flavor: "local{escaped}"\ndescription: "{escaped}"\nlabels: {{"k{escaped}": "{escaped}"}}\n'
    )
    (root / "stacks" / "evil.yaml").write_text(
        f'description: "{escaped}"\nlabels: {{a: "{escaped}"}}\ncomponents: {{alerter: "{escaped}"}}\n'
    )
    for words in (
        ["component", "list"],
        ["component", "show", "alerter", "evil"],
        ["stack", "list"],
        ["stack", "show", "evil"],
        ["stack", "validate", "--all"],
        ["stack", "validate", "evil"],
        ["stack", "diff", "default", "evil"],
        ["component", "show", "alerter", EVIL],
        ["run", EVIL],
    ):
        answer = stacktui(*words)
        shown = answer.out + answer.err
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown), (words, shown)


@given(
    st.lists(st.lists(st.text(max_size=30), min_size=4, max_size=4), max_size=6),
    st.integers(min_value=40, max_value=200),
)
@settings(max_examples=100, deadline=None)
def test_a_table_fits_and_is_aligned(rows: list[list[str]], width: int) -> None:
    columns = (
        Column("a", least=5),
        Column("b", least=5),
        Column("c", least=5, drop=1),
        Column("d", least=5, drop=2),
    )
    lines = table(width, rows, *columns)
    assert len(lines) == len(rows) + 1
    assert all(cell_width(line) <= width for line in lines)


def test_columns_are_shortened_first_and_the_least_needed_left_out_then() -> None:
    columns = (
        Column("name", least=8),
        Column("state"),
        Column("text", least=10, drop=1),
        Column("more", drop=2),
    )
    rows = [["a-rather-long-name", "✓ ok", "words that go on and on", "x" * 30]]
    assert table(None, rows, *columns)[1] == f"a-rather-long-name  ✓ ok   words that go on and on  {'x' * 30}"
    wide = table(58, rows, *columns)
    assert "MORE" not in wide[0]
    assert "words" in wide[1]
    narrow = table(18, rows, *columns)
    assert narrow[0].split() == ["NAME", "STATE"]
    assert narrow[1] == "a-rather-l…  ✓ ok"


def test_a_run_that_waited_in_vain_and_measured_nothing(stacktui: Run, root: Path) -> None:
    (root / "pipelines" / "asks.py").write_text(
        """
from stacktui import context, pipeline, step


@step(cache=False)
def ask() -> str:
    context().experiment_tracker.log_metric("loss", float("nan"))
    return context().alerter.ask("go on?", choices=["yes", "no"], timeout=0.1, default="no")


@pipeline
def asks():
    ask()
""",
        "utf-8",
    )
    said = stacktui("run", "asks").out
    assert "nobody answered in time" in said
    assert "None" not in said
    stacktui("run", "asks")
    first, second = (run["id"] for run in stacktui("runs", "list", "--json").document["runs"])
    compared = stacktui("runs", "compare", first, second, "--json").document
    assert [each["equal"] for each in compared["metrics"]] == [True]
    assert "\u2260" not in stacktui("experiment", "compare", first, second).out


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_takes_nothing_more_is_said_with_what_to_do(number: int) -> None:
    stream = io.StringIO()
    assert report(OSError(number, os.strerror(number)), Out(stream, width=None)) == 2
    said = stream.getvalue()
    assert os.strerror(number).lower() in said
    assert "STACKTUI_STATE" in said
    assert said.count("\n") == 1


def test_wide_letters_count_twice() -> None:
    assert cell_width("模型") == 4
    assert shortened("模型模型", 5) == "模型…"
    lines = table(None, [["模型", "x"], ["a", "y"]], Column("n"), Column("v"))
    assert [cell_width(line) for line in lines[1:]] == [7 - 0, 7] or lines[1].index("x") == 4


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Screen(), {"TERM": "xterm"}, True),
        (Screen(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Screen(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    stream: io.StringIO, environ: dict[str, str], coloured: bool
) -> None:
    Out(stream, width=80, environ=environ).line(Span("✗ failed", Tone.ERROR))
    assert ("\x1b[31m" in stream.getvalue()) is coloured
    assert "✗ failed" in stream.getvalue()


def test_states_have_words_and_ascii_twins() -> None:
    stream = io.StringIO()
    Out(stream, environ={"TERM": "xterm", "STACKTUI_ASCII": "1"}).line("✓ ok", "│ → …")
    assert stream.getvalue().isascii()
    assert "ok" in stream.getvalue()


def _kinds(kind: type[Part]) -> set[type[Part]]:
    return {kind, *(below for each in kind.__subclasses__() for below in _kinds(each))}


def test_every_document_that_an_operation_returns_has_a_view() -> None:
    import typing

    missing = []
    for operation in all_operations().values():
        returned = typing.get_type_hints(operation.function, localns={"Session": object})["return"]
        for kind in typing.get_args(returned) or (returned,):
            if kind is not Part:
                try:
                    _view_of(kind.model_construct())
                except LookupError:
                    missing.append((operation.name, kind.__name__))
    assert missing == []
    assert Document in _kinds(Part)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, ""), (0.041, "0.04 s"), (12.34, "12.3 s"), (184, "3 m 04 s"), (7800, "2 h 10 m")],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(("count", "shown"), [(812, "812 B"), (4200, "4.1 KiB"), (3 << 40, "3.0 TiB")])
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


def test_a_reader_that_leaves_is_no_error(root: Path) -> None:
    import subprocess

    command = f"{sys.executable} -m stacktui -C {root} stack list | true; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "0"
    assert result.stderr == ""
