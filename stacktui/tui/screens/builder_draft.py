"""What is being built: the draft, the version of the file that it was made from, and the steps that led to it.

Used by the stack builder. Nothing here draws or writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stacktui.model.stack import Stack
from stacktui.tui.snapshots.builder_edits import same

if TYPE_CHECKING:
    from stacktui.workspace.workspace import Entry


class _Step(NamedTuple):
    """A draft as it was before something was done to it."""

    draft: Stack
    done: str


class Draft:
    """One stack while it is being built."""

    def __init__(self, name: str, *, new: bool, extends: str | None) -> None:
        """`new` begins a stack that has no file yet."""
        self.name = name
        self.fresh = (
            Stack.model_validate({"name": name, "extends": extends} if extends else {"name": name})
            if new
            else None
        )
        """What a stack without a file starts as; None where a file is edited."""
        self.stack = self.fresh
        """As it is now; None until the file was read."""
        self.base: Entry[Stack] | None = None
        """The version of the file that it was made from; None for a new one."""
        self._past: list[_Step] = []
        self._future: list[_Step] = []

    @property
    def is_new(self) -> bool:
        """Whether it has no file yet."""
        return self.base is None and self.fresh is not None

    @property
    def dirty(self) -> bool:
        """Whether it differs from what it was made from."""
        return self.stack is not None and not same(self.stack, self.base.value if self.base else self.fresh)

    @property
    def last_done(self) -> str:
        """What was done to it last and can be taken back; empty for nothing."""
        return self._past[-1].done if self._past else ""

    @property
    def last_taken_back(self) -> str:
        """What was taken back last and can be done again; empty for nothing."""
        return self._future[-1].done if self._future else ""

    def start(self, stack: Stack, base: Entry[Stack] | None) -> None:
        """Begin with what the file says."""
        self.stack, self.base = stack, base
        self._past, self._future = [], []

    def forget(self) -> None:
        """Begin anew with the file, once it was read again."""
        self.stack, self.base, self.fresh = None, None, None
        self._past, self._future = [], []

    def put(self, stack: Stack, done: str) -> bool:
        """What was done to it, in a few words; whether that changed anything."""
        if self.stack is None or same(stack, self.stack):
            return False
        self._past.append(_Step(self.stack, done))
        self._future = []
        self.stack = stack
        return True

    def take_back(self) -> str:
        """Take the last step back, and say what it was; empty where there is none."""
        return self._walk(self._past, self._future)

    def do_again(self) -> str:
        """Do again what was taken back last, and say what it was; empty where there is none."""
        return self._walk(self._future, self._past)

    def _walk(self, away: list[_Step], into: list[_Step]) -> str:
        if not away or self.stack is None:
            return ""
        step = away.pop()
        into.append(_Step(self.stack, step.done))
        self.stack = step.draft
        return step.done

    def become(self, name: str, base: Entry[Stack]) -> None:
        """Its file has another name now; what was built goes on there."""
        self.name, self.base = name, base
        self._past = [_rename(step, name) for step in self._past]
        self._future = [_rename(step, name) for step in self._future]
        if self.stack is not None:
            self.stack = self.stack.model_copy(update={"name": name})

    def lose_file(self) -> None:
        """Its file is gone: from here on it is a new stack."""
        self.fresh, self.base = Stack(name=self.name), None


def _rename(step: _Step, name: str) -> _Step:
    return step._replace(draft=step.draft.model_copy(update={"name": name}))
