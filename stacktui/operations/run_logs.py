"""The log lines of a run as they come, from whichever of its files grew. Used by `runs logs` and by `following`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stacktui.operations.run_documents import LogPart

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.execution import LogLine
    from stacktui.operations.session import Session

_POLL_S = 0.1
_PAGE = 5_000
"""Lines of one file that are held at once: a log of any size passes through little memory."""
_CLOCK_NS = 50_000_000


class _File:
    """One attempt's log, and how far it was read."""

    def __init__(self, step: str, attempt: int, path: Path, offset: int) -> None:
        self.step = step
        self.attempt = attempt
        self.offset = offset
        self.lines: deque[LogPart] = deque()
        self.unread = False
        """Whether more stands in it than was read."""
        self.ended = False
        self.not_ended: list[LogPart] = []
        """What stands at its end and may still be drawn over, like progress bars."""
        self._path = path

    def fill(self, state: Path, run_id: str) -> None:
        """Read the next page, once the lines of the last one are gone."""
        from stacktui.pipelines.logs import read_log

        if self.lines:
            return
        self.unread = False
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            # The run was deleted while it was read.
            return
        if size <= self.offset:
            return
        page = read_log(state, run_id, self.step, self.attempt, self.offset, _PAGE)
        # Where nothing came, the last line is half written.
        self.unread = self.offset < page.next_offset < size
        if page.next_offset != self.offset:
            self.not_ended = [self._part(line) for line in page.open]
        self.offset = page.next_offset
        self.lines.extend(map(self._part, page.lines))

    def _part(self, line: LogLine) -> LogPart:
        return LogPart(at=line.at, step=self.step, stream=line.stream, text=line.text)


class Logs:
    """The logs of a run, of all its steps or of one, from the place where they were last read.

    A look costs what is new: the folder is listed when something came into it, and a file is read when it grew.
    `tail` begins that many lines before the end of each file that is there at the first look.
    """

    def __init__(
        self,
        session: Session,
        run_id: str,
        step: str | None,
        attempt: int | None = None,
        *,
        tail: int | None = None,
    ) -> None:
        self._state = session.workspace.state
        self._run_id = run_id
        self._step = step
        self._attempt = attempt
        self._tail = tail
        self._listed_at = 0
        self._open: dict[tuple[str, int], _File] = {}
        self._known: set[tuple[str, int]] = set()
        """Those that ended too."""

    @property
    def more(self) -> bool:
        """Whether another look finds lines that were there at the last one."""
        return any(file.unread or file.lines for file in self._open.values())

    def new(self) -> list[LogPart]:
        """The next lines since the last call, in the order of their times; `more` says whether these are all."""
        self._list()
        for file in self._open.values():
            file.fill(self._state, self._run_id)
        # What one file still holds back may be older than what another one has shown.
        until = min(
            (
                max(line.at for line in file.lines)
                for file in self._open.values()
                if file.unread and file.lines
            ),
            default=None,
        )
        found: list[LogPart] = []
        for file in self._open.values():
            while file.lines and (until is None or file.lines[0].at <= until):
                found.append(file.lines.popleft())
        for key in [key for key, file in self._open.items() if file.ended and not file.lines]:
            if not self._open[key].unread:
                del self._open[key]
        # A stable sort: lines of one step with the same time stay in order.
        found.sort(key=lambda line: line.at)
        return found

    def not_ended(self) -> list[LogPart]:
        """What was not ended when it was last read, in its last state; see `LogLine.partial`."""
        return [line for file in self._open.values() for line in file.not_ended]

    def ended(self, step: str, attempt: int) -> None:
        """Nothing more comes from this attempt: once all of it was read, it is not looked at again."""
        self._known.add((step, attempt))
        if (file := self._open.get((step, attempt))) is not None:
            file.ended = True

    def _list(self) -> None:
        from stacktui.pipelines.logs import log_folder, log_of, tail_offset

        folder = log_folder(self._state, self._run_id)
        tail, self._tail = self._tail, None
        try:
            changed = folder.stat().st_mtime_ns
            if changed == self._listed_at:
                return
            files = list(folder.iterdir())
        except FileNotFoundError:
            return
        # Files that come within the clock's grain of this look are seen by another one.
        self._listed_at = changed if time.time_ns() - changed > _CLOCK_NS else 0
        for log in filter(None, map(log_of, files)):
            key = (log.step, log.attempt)
            if key in self._known or self._step not in (None, log.step):
                continue
            if self._attempt in (None, log.attempt):
                self._known.add(key)
                offset = 0
                if tail is not None:
                    offset = tail_offset(log.path, tail) if tail else log.path.stat().st_size
                self._open[key] = _File(log.step, log.attempt, log.path, offset)


def log_lines(
    session: Session,
    store: MetadataStore,
    run_id: str,
    step: str | None,
    *,
    attempt: int | None = None,
    follow: bool = False,
    tail: int | None = None,
    raw: bool = False,
) -> Iterator[LogPart]:
    """A run's log lines, all or the last `tail`; with `follow` until it ends."""
    logs = Logs(session, run_id, step, attempt, tail=tail)
    ended = False
    # Each file gives its last lines: of all of them, the last ones.
    lines: Iterable[LogPart] = () if tail is None else deque(_all(logs), maxlen=tail)
    while True:
        done = ended and not logs.more
        for line in (*lines, *logs.not_ended()) if done else lines:
            yield line.model_copy(update={"raw": raw}) if raw else line
        if done:
            return
        # Asked first: what is written before the end is then read for certain.
        ended = not follow or store.run(run_id).status.finished
        lines = logs.new()
        if follow and not ended and not lines:
            session.attention.pause(_POLL_S)


def _all(logs: Logs) -> Iterator[LogPart]:
    while True:
        yield from logs.new()
        if not logs.more:
            return
