"""Deleting runs: what refers to them is looked for first, and named in the question. Used by `run_actions`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from stacktui.model.base import short_id
from stacktui.model.text import Clean, clean
from stacktui.tui.doing import one_line

if TYPE_CHECKING:
    from stacktui.operations.runs_marks import RunUse
    from stacktui.operations.session import Session
    from stacktui.tui.screens.base import WorkbenchScreen
    from stacktui.tui.screens.run_actions import Chosen

_MOST_NAMED = 8


def ask_delete(screen: WorkbenchScreen[Any], runs: Sequence[Chosen], deleted: Callable[[], None]) -> None:
    """Ask whether runs shall go, with what refers to them; then delete them and call `deleted`."""
    from stacktui.tui.dialogs.simple import ConfirmDialog

    session, ids = screen.session, tuple(run.id for run in runs)

    def answered(yes: bool | None) -> None:
        if yes:
            screen.do("runs delete", done, run_ids=ids, yes=True)

    def done(_: Any) -> None:
        said = f"deleted run {runs[0].name}" if len(runs) == 1 else f"deleted {len(runs)} runs"
        screen.workbench.toast(clean(said))
        deleted()

    def arrived(uses: Any, error: BaseException | None) -> None:
        if error is not None:
            screen.notice(one_line(error), error=True)
        else:
            screen.ask(ConfirmDialog("runs delete", question(runs, uses), "delete"), answered)

    screen.workbench.background.submit(lambda: _uses(session, ids), arrived)


def question(runs: Sequence[Chosen], uses: Sequence[RunUse]) -> Clean:
    """The whole question: what goes, and what stays because others rely on it."""
    whose = f"run {runs[0].name}" if len(runs) == 1 else f"these {len(runs)} runs"
    lines = [f"Delete {whose}? Steps, metrics, logs and the run's folder go for good."]
    if len(runs) > 1:
        lines += ["", *_named([run.name for run in runs])]
    if uses:
        lines += ["", "Others rely on what they made; that stays:", *_named([_use(each) for each in uses])]
    return clean_lines(lines)


def clean_lines(lines: Sequence[str]) -> Clean:
    """Lines of which each is cleaned by itself."""
    return Clean("\n".join(clean(line) for line in lines))


def _named(names: Sequence[str]) -> list[str]:
    more = [f"  and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return [f"  {name}" for name in names[:_MOST_NAMED]] + more


def _use(use: RunUse) -> str:
    tagged = [f"tag {', '.join(use.tags)}"] if use.tags else []
    by = [f"used by run {', '.join(short_id(each) for each in use.used_by[:3])}"] if use.used_by else []
    others = [f"and {len(use.used_by) - 3} more"] if len(use.used_by) > 3 else []
    return "  ".join([use.artifact, *tagged, *by, *others])


def _uses(session: Session, ids: Sequence[str]) -> tuple[RunUse, ...]:
    from stacktui.operations.runs_marks import uses_of

    store, besides = session.store(), set(ids)
    return tuple(use for run_id in ids for use in uses_of(store, store.run(run_id), besides))
