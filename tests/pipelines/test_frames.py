"""Tracebacks show the user's own frames with the workspace's paths, and nothing of ours."""

from __future__ import annotations

import json
import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacktui.pipelines.frames import last_user_place, one_line, user_frames

WORKSPACE = Path("/home/ann/ws")


@pytest.fixture
def raised(tmp_path: Path) -> Callable[[str], tuple[BaseException, Path]]:
    """Runs source as a file of a snapshot and gives what it raised."""

    def run(source: str) -> tuple[BaseException, Path]:
        file = tmp_path / "code/steps.py"
        file.parent.mkdir()
        file.write_text(source)
        linecache.clearcache()
        names: dict[str, Any] = {"json": json}
        try:
            exec(compile(source, str(file), "exec"), names)
        except BaseException as error:
            return error, file.parent
        raise AssertionError("nothing was raised")

    return run


def test_only_the_users_frames_are_shown(raised: Any) -> None:
    error, code = raised("def f():\n    json.loads('{')\n\nf()\n")
    text = user_frames(error, code, WORKSPACE)
    assert text == (
        "Traceback (most recent call last):\n"
        '  File "/home/ann/ws/steps.py", line 4, in <module>\n'
        "    f()\n"
        '  File "/home/ann/ws/steps.py", line 2, in f\n'
        "    json.loads('{')\n"
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)\n"
    )
    assert last_user_place(error, code, WORKSPACE) == "steps.py:2"


def test_causes_come_first(raised: Any) -> None:
    error, code = raised(
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('bad') from e\n"
    )
    text = user_frames(error, code, WORKSPACE)
    assert text.index("ZeroDivisionError") < text.index("direct cause") < text.index("ValueError: bad")
    assert text.count("Traceback") == 2


def test_a_suppressed_context_is_not_shown(raised: Any) -> None:
    error, code = raised(
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError('bad') from None\n"
    )
    assert "ZeroDivisionError" not in user_frames(error, code, WORKSPACE)


def test_a_context_is_shown(raised: Any) -> None:
    error, code = raised("try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError('bad')\n")
    assert "During handling" in user_frames(error, code, WORKSPACE)


def test_a_recursion_is_short(raised: Any) -> None:
    error, code = raised("def f():\n    f()\nf()\n")
    text = user_frames(error, code, WORKSPACE)
    assert text.count("in f\n") == 3
    assert "repeated" in text


def test_an_error_without_a_user_frame_has_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        json.loads("{")
    assert user_frames(caught.value, tmp_path, WORKSPACE) == ""
    assert last_user_place(caught.value, tmp_path, WORKSPACE) == ""


def test_messages_name_the_workspace_too(raised: Any) -> None:
    error, code = raised("raise FileNotFoundError(2, 'No such file', __file__) if False else OSError('x')\n")
    wrapped = OSError(f"cannot read {code}/data.csv")
    assert one_line(wrapped, code, WORKSPACE) == "OSError: cannot read /home/ann/ws/data.csv"
    assert one_line(error, code, WORKSPACE) == "OSError: x"


def test_a_message_of_many_lines_is_cut_in_one_line(tmp_path: Path) -> None:
    error = ValueError("first\nsecond")
    assert one_line(error, tmp_path, WORKSPACE) == "ValueError: first"
    assert one_line(error, tmp_path, WORKSPACE, whole=True) == "ValueError: first\nsecond"


def test_an_exception_whose_text_fails_has_a_name(tmp_path: Path) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "Odd" in one_line(Odd(), tmp_path, WORKSPACE)
