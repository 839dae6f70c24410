"""Lines of a log by their number, and searched, however its records are cut and while it grows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacktui.model.execution import LogLine
from stacktui.pipelines import log_index
from stacktui.pipelines.log_index import LogIndex, LogSearch
from stacktui.pipelines.logs import LogWriter

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)
Record = tuple[str, bool]


def write(writer: LogWriter, records: Sequence[Record], stream: str = "stdout") -> None:
    for text, partial in records:
        writer.write(LogLine(at=AT, stream=stream, text=text, partial=partial))


def texts(index: LogIndex, first: int = 0, count: int = 1 << 40) -> list[str]:
    return [line.text for line in index.read(first, count)]


def whole(index: LogIndex) -> LogIndex:
    while not index.grow(64):
        pass
    return index


records = st.lists(
    st.tuples(st.text('ab\n\\"né\t\x1b', max_size=12), st.sampled_from([False, False, False, True])),
    max_size=30,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(records, max_size=4),
    first=st.integers(0, 40),
    count=st.integers(0, 40),
    word=st.text('abB\\"né', min_size=1, max_size=2),
    top=st.integers(0, 40),
)
def test_any_lines_and_all_hits_while_it_grows(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    batches: list[list[Record]],
    first: int,
    count: int,
    word: str,
    top: int,
) -> None:
    monkeypatch.setattr(log_index, "_BLOCK", 300)
    path = tmp_path_factory.mktemp("log") / "fit.1.jsonl"
    writer, index = LogWriter(path), LogIndex(path)
    search = LogSearch(word, index, top)
    wanted: list[str] = []
    open_text = ""
    for batch in batches:
        write(writer, batch)
        for text, partial in batch:
            open_text = text if partial else ""
            if not partial:
                wanted += text.split("\n")
        whole(index)
        while not search.step(64):
            pass
        hits = [number for number, line in enumerate(wanted) if word.casefold() in line.casefold()]
        assert index.lines == len(wanted)
        assert texts(index) == wanted
        assert texts(index, first, count) == wanted[first : first + count]
        assert "\n".join(line.text for line in index.open) == open_text
        assert search.count == len(hits)
        assert search.at_or_after(top) == next((hit for hit in hits if hit >= top), None)
        assert search.before(top) == next((hit for hit in reversed(hits) if hit < top), None)
        assert [search.number_of(hit) for hit in hits] == list(range(1, len(hits) + 1))
        assert (search.first(), search.last()) == ((hits[0], hits[-1]) if hits else (None, None))


def test_a_file_that_comes_late_is_cut_off_or_replaced(tmp_path: Path) -> None:
    path = tmp_path / "fit.1.jsonl"
    index = LogIndex(path)
    search = LogSearch("x", index, 0)
    assert index.grow()
    assert search.step(1 << 20)
    assert (index.lines, texts(index)) == (0, [])
    writer = LogWriter(path)
    write(writer, [("x1\nx2", False), ("y", False)])
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    assert (whole(index).lines, search.step(1 << 20), search.count) == (2, True, 2)
    path.write_bytes(data)
    assert texts(whole(index)) == ["x1", "x2", "y"]
    path.write_bytes(data[-data[::-1].index(b"\n", 1) :])
    assert texts(whole(index)) == ["y"]
    assert (search.step(1 << 20), search.count, search.first()) == (True, 0, None)
    path.unlink()
    assert texts(index) == []


def test_what_is_no_record_of_ours_is_a_line_without_a_text(tmp_path: Path) -> None:
    path = tmp_path / "fit.1.jsonl"
    write(LogWriter(path), [("one", False)])
    with path.open("ab") as file:
        file.write(b"\xff not json\n")
    write(LogWriter(path), [("two", False)])
    index = whole(LogIndex(path))
    assert texts(index) == ["one", "", "two"]
    assert texts(index, 2, 1) == ["two"]


def test_a_glance_at_the_end_before_all_is_known(tmp_path: Path) -> None:
    path = tmp_path / "fit.1.jsonl"
    writer = LogWriter(path)
    for number in range(2000):
        write(writer, [(f"{number} a\n{number} b", False), ("30%", True)])
    index = LogIndex(path)
    assert index.glance(3)[1][-1].text == "1999 b"
    assert not index.grow(10_000)
    about, lines = index.glance(3)
    assert [line.text for line in lines] == ["1998 b", "1999 a", "1999 b"]
    assert 3000 < about < 5000
    assert whole(index).lines == 4000
    assert LogIndex(tmp_path / "nowhere").glance(3) == (0, [])


def test_what_only_colours_is_not_in_the_way_of_a_search(tmp_path: Path) -> None:
    path = tmp_path / "fit.1.jsonl"
    write(LogWriter(path), [("\x1b[32mINFO\x1b[0m epoch \x1b[1;38;5;9m7\x1b[m/9", False), ("[1m31", False)])
    index = whole(LogIndex(path))
    for word, first in (("info EPOCH 7/9", 0), ("[1m", 1), ("31", 1)):
        search = LogSearch(word, index, 0)
        assert (search.step(1 << 20), search.count, search.first()) == (True, 1, first)


def test_a_record_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_index, "_BLOCK", 100)
    path = tmp_path / "fit.1.jsonl"
    write(LogWriter(path), [("short", False), ("x" * 5000 + "\nneedle", False), ("end", False)])
    index = whole(LogIndex(path))
    assert [len(text) for text in texts(index)] == [5, 5000, 6, 3]
    search = LogSearch("NEEDLE", index, 0)
    assert (search.step(1 << 20), search.first()) == (True, 2)
