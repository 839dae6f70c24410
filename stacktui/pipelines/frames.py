"""A traceback as its author wants it: only the frames of their own files, with the workspace's paths.

Used by the describing child for a pipeline that does not import, and by the worker for a step that fails.
"""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_CHAIN = 8
"""How many exceptions of a chain are shown."""
_SAME = 3
"""How often one frame is shown in a row: a recursion without end has a thousand."""


def user_frames(error: BaseException, code: Path, workspace: Path) -> str:
    """The traceback of `error` with the frames under the snapshot `code`, their paths in `workspace`.

    Causes come first, as in Python's own. Empty if no frame is the user's. Secrets are masked by the caller.
    """
    blocks: list[str] = []
    shown = False
    for index, (one, link) in enumerate(_chain(error)):
        frames = list(_frames(one.__traceback__, code, workspace))
        shown = shown or bool(frames) or _own_syntax_error(one, code)
        text = "Traceback (most recent call last):\n" + "".join(frames) if frames else ""
        text += one_line(one, code, workspace, whole=True) + "\n"
        blocks.append((f"\n{link}\n\n" if index else "") + text)
    return "".join(blocks) if shown else ""


def one_line(error: BaseException, code: Path, workspace: Path, *, whole: bool = False) -> str:
    """`ValueError: what it says`, with the workspace's paths; one line, or with `whole` all that Python would print."""
    try:
        text = "".join(traceback.format_exception_only(type(error), error)).rstrip("\n")
    except Exception:
        text = f"{type(error).__name__}: (its text cannot be made)"
    text = in_workspace(text, code, workspace)
    if whole:
        return text
    if isinstance(error, SyntaxError):
        place = (
            in_workspace(f"{error.filename}, line {error.lineno}: ", code, workspace)
            if error.filename
            else ""
        )
        return f"{place}{type(error).__name__}: {error.msg}"
    return text.partition("\n")[0]


def last_user_place(error: BaseException, code: Path, workspace: Path) -> str:
    """`pipelines/training.py:12`, where the user's own code was when `error` came; empty if it was not in it."""
    place = ""
    step = error.__traceback__
    while step is not None:
        file = Path(step.tb_frame.f_code.co_filename)
        if file.is_relative_to(code):
            place = f"{file.relative_to(code).as_posix()}:{step.tb_lineno}"
        step = step.tb_next
    if isinstance(error, SyntaxError) and _own_syntax_error(error, code):
        place = f"{Path(error.filename or '').relative_to(code).as_posix()}:{error.lineno}"
    return place


def in_workspace(text: str, code: Path, workspace: Path) -> str:
    """`text` with the snapshot's folder replaced by the workspace's."""
    for prefix in {str(code), str(code.resolve())}:
        text = text.replace(prefix, str(workspace))
    return text


def _own_syntax_error(error: BaseException, code: Path) -> bool:
    return (
        isinstance(error, SyntaxError)
        and bool(error.filename)
        and Path(error.filename or "").is_relative_to(code)
    )


def _chain(error: BaseException) -> list[tuple[BaseException, str]]:
    found: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    link = ""
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(found) < _CHAIN:
        seen.add(id(current))
        found.append((current, link))
        if current.__cause__ is not None:
            current, link = (
                current.__cause__,
                "The above exception was the direct cause of the following exception:",
            )
        elif current.__context__ is not None and not current.__suppress_context__:
            current, link = (
                current.__context__,
                "During handling of the above exception, another exception occurred:",
            )
        else:
            current = None
    # The link stands above the later of two exceptions.
    ordered = [one for one, _ in reversed(found)]
    links = ["", *(link for _, link in reversed(found[1:]))]
    return list(zip(ordered, links, strict=True))


def _frames(step: TracebackType | None, code: Path, workspace: Path) -> Iterator[str]:
    before: tuple[str, int, str] | None = None
    repeated = 0
    while step is not None:
        name = step.tb_frame.f_code.co_filename
        file = Path(name)
        if file.is_relative_to(code):
            here = (name, step.tb_lineno, step.tb_frame.f_code.co_name)
            repeated = repeated + 1 if here == before else 0
            if repeated < _SAME:
                yield f'  File "{workspace / file.relative_to(code)}", line {here[1]}, in {here[2]}\n'
                line = linecache.getline(name, here[1]).strip()
                if line:
                    yield f"    {line}\n"
            elif repeated == _SAME:
                yield "  [this frame is repeated]\n"
            before = here
        step = step.tb_next
