"""What can be done with runs, on every screen that shows some: stop, resume, retry, label, note, pin, delete.

A mixin. The keys are those of the table of operations; here is what each asks first and where it leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from stacktui.tui.screens.base import WorkbenchScreen
    from stacktui.tui.widgets.grid import Grid


class Chosen(NamedTuple):
    """A run that something may be done with."""

    id: str
    name: Clean
    status: str
    pinned: bool = False
    note: str = ""
    """As it was written."""

    @property
    def ended(self) -> bool:
        return self.status not in ("queued", "running")


class _Line(Protocol):
    """A run's row in a table."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> Clean: ...
    @property
    def status(self) -> str: ...
    @property
    def pinned(self) -> bool: ...
    @property
    def raw_note(self) -> str: ...


def chosen_in(grid: Grid, lines: Iterable[_Line]) -> tuple[Chosen, ...]:
    """The marked rows of a table of runs, or the one under the cursor."""
    keys = grid.marks or {grid.cursor_key or ""}
    return tuple(
        Chosen(line.id, line.name, line.status, line.pinned, line.raw_note)
        for line in lines
        if line.id in keys
    )


def refused(operation: str, runs: Sequence[Chosen]) -> str | None:
    """Why an operation makes no sense on these runs, in a few words; None where it does for all of them."""
    if not runs:
        return "no run is chosen"
    rule = _RULES.get(operation)
    reasons = [reason for run in runs if rule is not None and (reason := rule(run))]
    if len(runs) > 1 and operation in _ONE_AT_A_TIME:
        return "one run at a time: take the marks away"
    # Of several marked ones it is done with those where it makes sense.
    return reasons[0] if len(reasons) == len(runs) else None


class RunActions:
    """Mixed into a `WorkbenchScreen` before its other bases. The screen says which runs are chosen."""

    def chosen_runs(self) -> tuple[Chosen, ...]:
        """The marked runs, or the one under the cursor."""
        raise NotImplementedError

    def other_store(self) -> bool:
        """Whether the runs are not those of the active stack's store: operations act on that one only."""
        return False

    def refusal(self, action: str) -> str | None:
        name = operation_of(action)
        if name is not None and name.startswith("runs "):
            if self.other_store():
                return "these are not runs of the active stack's store"
            if reason := refused(name, self.chosen_runs()):
                return reason
        found: str | None = super().refusal(action)  # type: ignore[misc]
        return found

    def action_operation(self, name: str) -> None:
        """Run an operation on the chosen runs; those that nothing is known of here go the usual way."""
        ways: dict[str, Callable[[tuple[Chosen, ...]], None]] = {
            "runs stop": self._stop,
            "runs resume": self._resume,
            "runs retry": self._retry,
            "runs label": self._label,
            "runs note": self._note,
            "runs pin": self._pin,
            "runs delete": self._delete,
        }
        way, runs = ways.get(name), self.chosen_runs()
        if way is None or not runs:
            super().action_operation(name)  # type: ignore[misc]
        elif reason := refused(name, runs):
            self._screen.notice(f"{name}: {reason}", error=True)
        else:
            rule = _RULES.get(name)
            way(tuple(run for run in runs if rule is None or rule(run) is None))

    @property
    def _screen(self) -> WorkbenchScreen[Any]:
        return cast("WorkbenchScreen[Any]", self)

    # Each of them.

    def _stop(self, runs: tuple[Chosen, ...]) -> None:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        stopping = self._screen.workbench.stopping
        self._screen.ask(
            ConfirmDialog("runs stop", f"stop {_called(runs)}?", "stop"),
            lambda yes: stopping.stop([(run.id, run.name) for run in runs]) if yes else None,
        )

    def _resume(self, runs: tuple[Chosen, ...]) -> None:
        screen, run = self._screen, runs[0]
        screen.notice(f"resuming {run.name}")
        screen.workbench.doing.start("runs resume", {"run_id": run.id}, lambda _: self.run_resumed(run.id))

    def run_resumed(self, run_id: str) -> None:
        """A run goes on again: look on. A screen that shows it already only says so."""
        self._screen.notice("")
        self._screen.workbench.open_place("run", run_id=run_id)

    def retry_step(self) -> str | None:
        """The step that a retry begins with; None for the whole run."""
        return None

    def _retry(self, runs: tuple[Chosen, ...]) -> None:
        self._screen.workbench.open_place("retry", run_id=runs[0].id, step=self.retry_step())

    def _label(self, runs: tuple[Chosen, ...]) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        def answered(text: str | None) -> None:
            wanted, gone = labels_typed(text or "")
            if wanted or gone:
                each = [{"run_id": run.id, "labels": wanted, "remove": gone} for run in runs]
                self._each("runs label", each, "labelled", runs)

        self._screen.ask(
            PromptDialog(
                "runs label",
                f"Labels of {_called(runs)}: key=value …, and -key takes one away.",
                check=label_problem,
            ),
            answered,
        )

    def _note(self, runs: tuple[Chosen, ...]) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        def answered(text: str | None) -> None:
            if text is not None:
                each = [{"run_id": run.id, "text": text.strip()} for run in runs]
                self._each("runs note", each, "noted", runs)

        old = runs[0].note if len(runs) == 1 else ""
        self._screen.ask(
            PromptDialog("runs note", f"A note on {_called(runs)}; an empty one takes it away.", value=old),
            answered,
        )

    def _pin(self, runs: tuple[Chosen, ...]) -> None:
        off = all(run.pinned for run in runs)
        each = [{"run_id": run.id, "off": off} for run in runs]
        self._each("runs pin", each, "unpinned" if off else "pinned", runs)

    def _delete(self, runs: tuple[Chosen, ...]) -> None:
        from stacktui.tui.screens.run_deleting import ask_delete

        ask_delete(self._screen, runs, lambda: self.runs_deleted(tuple(run.id for run in runs)))

    def runs_deleted(self, run_ids: tuple[str, ...]) -> None:
        """Runs are gone; a screen that shows one of them goes back."""

    def _each(self, name: str, each: list[dict[str, Any]], said: str, runs: tuple[Chosen, ...]) -> None:
        screen = self._screen

        def done(documents: list[Any]) -> None:
            if documents and screen.is_attached:
                screen.workbench.toast(
                    clean(
                        f"{said} {_called(runs) if len(documents) == len(runs) else f'{len(documents)} runs'}"
                    )
                )

        screen.workbench.doing.run_each(name, each, done)


def operation_of(action: str) -> str | None:
    """The operation that a binding's action runs: `operation('runs stop')` is `runs stop`."""
    return action[len("operation('") : -len("')")] if action.startswith("operation('") else None


def labels_typed(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was typed on the line for labels: those to set, as key=value, and the keys to take away."""
    words = text.split()
    gone = tuple(word[1:] for word in words if word.startswith("-") and "=" not in word)
    return tuple(word for word in words if "=" in word), gone


def label_problem(text: str) -> str | None:
    """What is wrong with a line of labels, or None."""
    for word in text.split():
        if "=" not in word and not (word.startswith("-") and len(word) > 1):
            return f"{word} is neither key=value nor -key"
        if word.startswith("="):
            return f"{word} has no key"
    return None


def _called(runs: Sequence[Chosen]) -> str:
    return f"run {runs[0].name}" if len(runs) == 1 else f"{len(runs)} runs"


def _not_going(run: Chosen) -> str | None:
    if run.status == "lost":
        return "nobody runs it any more: T resumes it"
    return f"the run has ended: {run.status}" if run.ended else None


def _not_resumable(run: Chosen) -> str | None:
    if run.status == "succeeded":
        return "it has succeeded: there is nothing to resume"
    return None if run.ended else f"it is {run.status} already"


def _not_deletable(run: Chosen) -> str | None:
    if not run.ended:
        return f"it is {run.status}: x stops it first"
    return "it is pinned: take the pin away first" if run.pinned else None


def _not_retriable(run: Chosen) -> str | None:
    return None if run.ended else f"it is {run.status}: x stops it first"


_RULES: dict[str, Callable[[Chosen], str | None]] = {
    "runs stop": _not_going,
    "runs resume": _not_resumable,
    "runs retry": _not_retriable,
    "runs delete": _not_deletable,
}
_ONE_AT_A_TIME = frozenset({"runs resume", "runs retry"})
