"""The questions that wait for people: choose one, choose an answer. Opened by `!` on every screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stacktui.model.base import short_id
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.dialogs.simple import ChoiceDialog

if TYPE_CHECKING:
    from stacktui.model.alert import InboxItem
    from stacktui.tui.app import WorkbenchApp


def open_questions(app: WorkbenchApp) -> None:
    """List the pending questions; one alone is asked at once."""

    def arrived(result: Any, error: BaseException | None) -> None:
        from stacktui.tui.doing import one_line

        if error is not None:
            app.say(one_line(error), error=True)
        elif not result:
            app.say(Clean("No question waits for an answer."))
        elif len(result) == 1:
            ask_question(app, result[0])
        else:
            by_id = {item.id: item for item in result}
            app.ask(
                ChoiceDialog(
                    "questions", [(item.id, clean(item.text), clean(_whence(item))) for item in result]
                ),
                lambda key: ask_question(app, by_id[key]) if key else None,
            )

    app.background.submit(lambda: app.session.store().inbox(pending=True), arrived)


def ask_question(app: WorkbenchApp, item: InboxItem) -> None:
    """Show one question with its choices; the answer goes through the operation `alert answer`."""
    choices = [
        (choice, clean(choice), Clean("the default") if choice == item.default else Clean(""))
        for choice in item.choices
    ]
    text = clean_block(item.text) + Clean(f"\n{clean(_whence(item))}")
    app.ask(
        ChoiceDialog(f"question from {clean(item.alerter)}", choices, text=text, current=item.default),
        lambda choice: _answer(app, item, choice) if choice else None,
    )


def _answer(app: WorkbenchApp, item: InboxItem, choice: str) -> None:
    told = clean(f"answered {choice}: {item.text}")
    app.doing.run("alert answer", {"id": item.id, "choice": choice}, lambda _: app.toast(told))


def _whence(item: InboxItem) -> str:
    return " · ".join(
        part
        for part in (item.step and f"step {item.step}", item.run_id and f"run {short_id(item.run_id)}")
        if part
    )
