"""What happens when the workbench itself fails: a report on disk without local variables, and one line that says where."""

from __future__ import annotations

import os
import platform
import traceback
from typing import TYPE_CHECKING

from stacktui.model.base import now
from stacktui.model.text import clean

if TYPE_CHECKING:
    from stacktui.operations.session import Session


def report_crash(session: Session, error: BaseException | None) -> str:
    """Write `.stacktui/crashes/<time>.txt` (0600), and return what to print when the terminal is restored."""
    kind = type(error).__name__ if error is not None else "an unknown error"
    lines = [f"stacktui: the workbench failed ({kind}). Runs are other processes and go on."]
    try:
        lines.append(f"A report without your data is in {clean(_write(session, error))}")
    except OSError as failure:
        lines.append(f"No report could be written: {clean(failure)}")
    return "".join(f"{line}\n" for line in lines)


def _write(session: Session, error: BaseException | None) -> str:
    import stacktui

    folder = session.workspace.state_dir("crashes")
    moment = now()
    path = folder / f"{moment.strftime('%Y%m%dT%H%M%S.%fZ')}.txt"
    text = [
        f"stacktui {stacktui.__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"at {moment.isoformat()}, TERM={os.environ.get('TERM', '')}",
        "",
    ]
    if error is not None:
        # Frames only: neither local variables nor the message of the exception, which may quote a value.
        for link in _chain(error):
            text += [f"{type(link).__module__}.{type(link).__qualname__}"]
            text += [line.rstrip("\n") for line in traceback.format_tb(link.__traceback__)]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(text) + "\n")
    return str(path)


def _chain(error: BaseException) -> list[BaseException]:
    links, seen = [], set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        links.append(link)
        seen.add(id(link))
        link = link.__cause__ or link.__context__
    return links
