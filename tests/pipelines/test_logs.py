"""Logs on disk: written as they come, read whole, from an offset and from the end."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacktui.model.execution import LogLine
from stacktui.pipelines.logs import LogWriter, log_folder, log_path, read_log, step_logs, tail_offset

RUN = "0193e2b0-0000-7000-8000-000000000000"
START = datetime(2024, 5, 1, 12, tzinfo=UTC)


def write(state: Path, step: str, texts: list[str], attempt: int = 1, at: datetime = START) -> Path:
    path = log_path(state, RUN, step, attempt)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = LogWriter(path)
    for number, text in enumerate(texts):
        log.write(LogLine(at=at + timedelta(microseconds=number), stream="stdout", text=text))
    log.close()
    return path


def texts_of(state: Path, step: str, offset: int = 0, limit: int = 10_000) -> tuple[list[str], int]:
    page = read_log(state, RUN, step, 1, offset, limit)
    return [line.text for line in page.lines], page.next_offset


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(), max_size=8), limit=st.integers(1, 4))
def test_what_was_written_is_read_page_by_page(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], limit: int
) -> None:
    state = tmp_path_factory.mktemp("state")
    write(state, "fit", texts)
    found: list[str] = []
    offset = 0
    while True:
        lines, offset = texts_of(state, "fit", offset, limit)
        if not lines:
            break
        found += lines
    # A record is read whole, whatever number of lines it holds.
    assert found == [line for text in texts for line in text.split("\n")]
    if texts:
        assert read_log(state, RUN, "fit", 1).lines[0].at == START


def test_a_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = write(tmp_path, "fit", ["x"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_is_half_written_waits(tmp_path: Path) -> None:
    path = write(tmp_path, "fit", ["one"])
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(whole[:20])
    lines, offset = texts_of(tmp_path, "fit")
    assert (lines, offset) == (["one"], len(whole))
    with path.open("ab") as file:
        file.write(whole[20:])
    assert texts_of(tmp_path, "fit", offset)[0] == ["one"]


def test_what_is_no_line_of_ours_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path, "fit", ["one"])
    with path.open("ab") as file:
        file.write(b"\xff not json\n{}\n[1]\n")
    write(tmp_path, "fit", ["two"])
    assert texts_of(tmp_path, "fit")[0] == ["one", "two"]


def test_nothing_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert read_log(tmp_path, RUN, "fit", None, 7)[:2] == ([], 7)
    assert step_logs(tmp_path, RUN) == []


def test_a_file_that_was_replaced_is_read_from_its_start(tmp_path: Path) -> None:
    write(tmp_path, "fit", ["one"]).unlink()
    write(tmp_path, "fit", ["new"])
    assert texts_of(tmp_path, "fit", 10_000)[0] == ["new"]


def test_steps_and_attempts_in_the_order_of_their_first_line(tmp_path: Path) -> None:
    write(tmp_path, "zeta", ["a"])
    write(tmp_path, "alpha", ["b"], at=START + timedelta(seconds=1))
    write(tmp_path, "zeta", ["c"], attempt=2, at=START + timedelta(seconds=2))
    write(tmp_path, "odd/../name.1", ["d"], at=START + timedelta(seconds=3))
    assert [(log.step, log.attempt) for log in step_logs(tmp_path, RUN)] == [
        ("zeta", 1),
        ("alpha", 1),
        ("zeta", 2),
        ("odd/../name.1", 1),
    ]
    assert [log.attempt for log in step_logs(tmp_path, RUN, "zeta")] == [1, 2]
    assert [line.text for line in read_log(tmp_path, RUN, "zeta").lines] == ["c"]
    folder = log_folder(tmp_path, RUN)
    assert all(path.parent == folder for path in tmp_path.rglob("*.jsonl"))


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "../../etc", "a\0b"])
def test_what_is_no_runs_id_names_no_folder(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(ValueError, match="not the id"):
        log_folder(tmp_path, run_id)


@pytest.mark.parametrize(("wanted", "total"), [(1, 1), (3, 10), (10, 10), (50, 10), (2000, 5000)])
def test_the_last_lines(tmp_path: Path, wanted: int, total: int) -> None:
    path = write(tmp_path, "fit", [f"line {number}" for number in range(total)])
    lines, _ = texts_of(tmp_path, "fit", tail_offset(path, wanted))
    assert lines == [f"line {number}" for number in range(total)][-wanted:]
    assert tail_offset(tmp_path / "nowhere", 3) == 0
