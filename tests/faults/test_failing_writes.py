"""A save of which one system call fails, for every call that it makes: the disk is full, or it does not answer.

`strace` puts the error in the place of the call. Whichever it was, afterwards there is what was there before or what
was to be saved, whole; the error is one line; and what lies about is cleared away by the next save or clean-up.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from stacktui.categories.base import Surroundings
from stacktui.flavors.local.artifact_store import LocalArtifactStore
from tests.faults.saves import BEGIN, END, NEW

REPOSITORY = Path(__file__).resolve().parents[2]
CALLS = ("openat", "write", "fsync", "close", "rename", "link", "unlink", "mkdir")
ERRORS = ("ENOSPC", "EIO")
OLD = b"flavor: local # as it was\n"


@functools.cache
def why_not() -> str:
    """Why no call can be made to fail here; empty where it can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed (Debian: apt-get install strace)"
    tried = subprocess.run(
        [strace, "-f", "-e", "trace=write", sys.executable, "-c", ""],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()[-200:]}"


class Call(NamedTuple):
    """One system call of a save."""

    name: str
    place: int
    """Among those of its name in the save, from 1."""


class Save:
    """A workspace in which a save is made again and again, each time from the same beginning."""

    calls_of: tuple[str, ...] = CALLS
    """The system calls that are counted."""
    quickly: tuple[str, ...] = ("--seccomp-bpf",)

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self.kind = kind
        self.before: Counter[str] = Counter()
        """Calls by name, before the save."""

    def begin(self) -> None:
        """As it is before the save."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / ".stacktui").mkdir(mode=0o700, parents=True)
        (self.folder / "components/artifact_store").mkdir(parents=True)
        (self.folder / "stacktui.yaml").write_text("version: 1\n")
        (self.folder / "components/artifact_store/local.yaml").write_bytes(OLD)
        (self.folder / "made").mkdir()
        for number in range(3):
            (self.folder / f"made/{number}.bin").write_bytes(bytes([number]) * 5000)

    def run(self, *options: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        """Save under strace; what came of it, and the lines of the trace."""
        trace = self.folder.with_suffix(".trace")
        # The driver's module is this package's; nothing that it loads is compiled, so that each run makes the same calls.
        driver = [sys.executable, "-B", "-m", "tests.faults.saves", self.kind, str(self.folder)]
        traced = [
            "strace",
            "-f",
            *self.quickly,
            "-o",
            str(trace),
            "-e",
            f"trace=access,{','.join(self.calls_of)}",
        ]
        done = subprocess.run(
            [*traced, *options, *driver], capture_output=True, text=True, check=False, timeout=60, cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        return done, trace.read_text(errors="replace").splitlines()

    def calls(self) -> list[Call]:
        """Every call between the marks, of a save that succeeds."""
        self.begin()
        done, lines = self.run()
        assert done.stdout == "saved\n", done.stderr
        counts: Counter[str] = Counter()
        found: list[Call] = []
        inside = False
        for line in lines:
            if BEGIN in line or END in line:
                inside = BEGIN in line
                if inside:
                    self.before = counts.copy()
                continue
            match = re.match(r"\d+ +(\w+)\(", line)
            if match and match[1] in self.calls_of:
                counts[match[1]] += 1
                if inside:
                    found.append(Call(match[1], counts[match[1]] - self.before[match[1]]))
        return found

    @staticmethod
    def is_inside(lines: list[str]) -> bool:
        """Whether a trace ends between the marks."""
        return any(BEGIN in line for line in lines) and not any(END in line for line in lines)

    def fails(self, call: Call, error: str) -> subprocess.CompletedProcess[str]:
        """Save, with an error in the place of a call."""
        for _ in range(3):
            self.begin()
            number = self.before[call.name] + call.place
            done, lines = self.run("-e", f"inject={call.name}:error={error}:when={number}")
            begins = [place for place, line in enumerate(lines) if BEGIN in line]
            if begins and sum("(INJECTED)" in line for line in lines[begins[0] :]) == 1:
                return done
            # The interpreter made more or fewer calls than before, on its way to the save: count again.
            self.calls()
        raise AssertionError(f"{call} could not be made to fail")

    def left(self) -> set[str]:
        """Files that are neither what was saved nor part of a workspace."""
        return {
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob(".*")
            if path.is_file() and (".tmp" in path.name or path.name.startswith(".put-"))
        }

    def store(self) -> LocalArtifactStore:
        around = Surroundings(
            name="local",
            workspace=self.folder,
            state=self.folder / ".stacktui",
            user_data=self.folder / "user",
        )
        return LocalArtifactStore(LocalArtifactStore.Config(), around)

    def is_whole(self) -> None:
        """Every file is as it was or as it was to be."""
        if self.kind == "config":
            one = (self.folder / "components/artifact_store/local.yaml").read_bytes()
            other = self.folder / "components/artifact_store/other.yaml"
            assert one in (OLD, NEW)
            assert other.exists() is (one == NEW)
            assert not other.exists() or other.read_bytes() == NEW
            return
        store = self.store()
        for item in store.list():
            # Content lies under its digest.
            store.read_bytes(item.path, expect_digest=f"sha256:{item.path.rpartition('/')[2]}")

    def clean(self) -> None:
        """What a clean-up clears away, as `stacktui prune` does."""
        store = self.store()
        for item in list(store.leftovers(older_than_s=-1.0)):
            store.delete(item.path)


def faults(calls: list[Call]) -> Iterator[tuple[Call, str]]:
    for call in calls:
        for error in ERRORS:
            yield call, error


@pytest.mark.long
@pytest.mark.parametrize("kind", ["config", "value", "folder"])
def test_whatever_call_fails_nothing_is_torn(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    save = Save(tmp_path / "ws", kind)
    calls = save.calls()
    assert len(calls) > 5
    outcomes: Counter[str] = Counter()
    for call, error in faults(calls):
        said = f"{kind}: {error} at {call.name} number {call.place}"
        done = save.fails(call, error)
        save.is_whole()
        if done.returncode == 0:
            # A call that may fail: what is not needed is not waited for.
            assert done.stdout == "saved\n", said
            outcomes["saved all the same"] += 1
        else:
            words = done.stderr.splitlines()
            assert len(words) == 1, (said, done.stderr)
            assert "went wrong inside" not in words[0], (said, words)
            assert words[0].startswith("stacktui: "), (said, words)
            outcomes["refused in a line"] += 1
        lies_about = save.left()
        outcomes["left something to clear away"] += bool(lies_about)
        if lies_about:
            again, _ = save.run()
            assert again.stdout == "saved\n" or "exists already" in again.stderr, (said, again.stderr)
            save.clean()
            assert not save.left(), (said, save.left())
    with capsys.disabled():
        print(f"\n{kind}: {len(calls)} calls, each failed with {' and '.join(ERRORS)}: {dict(outcomes)}")
