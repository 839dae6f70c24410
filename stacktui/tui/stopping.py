"""Stopping runs from the workbench: the request first, and once, if it has not worked, the question whether to force.

It belongs to the app and not to a screen: people go on to look at something else while a run stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stacktui.model.base import short_id
from stacktui.model.text import Clean, clean
from stacktui.tui.screens.base import WorkbenchScreen

if TYPE_CHECKING:
    from stacktui.tui.app import WorkbenchApp

FORCE_AFTER_SECONDS = 10.0
"""How long a runner may take to end its steps and clean up before anybody is asked about signals."""
_AGAIN_SECONDS = 1.0


class Stopping:
    """The runs that this workbench has asked to stop."""

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app
        self._waits: set[str] = set()
        """Runs that were asked and about which nobody has been asked yet."""

    def stop(self, runs: Sequence[tuple[str, Clean]]) -> None:
        """Ask runs, each an id and what people call it, to stop."""
        from stacktui.tui.doing import done_text

        names = dict(runs)

        def asked(done: list[Any]) -> None:
            if not done:
                return
            ids = list(names) if len(done) == len(names) else []
            self._app.toast(
                _in_names(done_text(done[0]), names)
                if len(done) == 1
                else Clean(f"asked {len(done)} runs to stop")
            )
            for run_id in ids:
                if run_id not in self._waits:
                    self._waits.add(run_id)
                    self._app.set_timer(
                        FORCE_AFTER_SECONDS, lambda run_id=run_id: self._look(run_id, names[run_id])
                    )

        self._app.doing.run_each("runs stop", [{"run_id": run_id} for run_id in names], asked)

    def _look(self, run_id: str, name: Clean) -> None:
        """Whether it has stopped meanwhile; if not, ask when nobody types."""
        session = self._app.session

        def arrived(finished: Any, error: BaseException | None) -> None:
            if error is not None or finished:
                self._waits.discard(run_id)
            elif self._nobody_types():
                self._waits.discard(run_id)
                self._ask(run_id, name)
            else:
                self._app.set_timer(_AGAIN_SECONDS, lambda: self._look(run_id, name))

        self._app.background.submit(lambda: session.store().run(run_id).status.finished, arrived)

    def _nobody_types(self) -> bool:
        focused = self._app.focused
        typing = focused is not None and focused.check_consume_key("a", "a")
        return isinstance(self._app.screen, WorkbenchScreen) and not typing

    def _ask(self, run_id: str, name: Clean) -> None:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        text = clean(
            f"{name} has not stopped in {FORCE_AFTER_SECONDS:g} s.\n\nForce it? Its processes are ended by a signal, "
            "without their own cleanup; steps that have finished keep their results."
        )
        self._app.ask(
            ConfirmDialog("runs stop --force", text, "force"),
            lambda yes: self._app.doing.run("runs stop", {"run_id": run_id, "force": True}) if yes else None,
        )


def _in_names(said: Clean, names: dict[str, Clean]) -> Clean:
    """What was done, with the names that people know the runs by in place of their ids."""
    for run_id, name in names.items():
        said = clean(said.replace(f"run {short_id(run_id)}", f"run {name}"))
    return said
