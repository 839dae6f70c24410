"""Doing things from the workbench: an operation of the table by name, in a thread, and how it ended, on screen.

Screens call `WorkbenchScreen.do`; keys of operations, the palette and `:` come here too. An operation that writes
files of the workspace shows its diff first, and one on something protected asks for the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from stacktui.model.text import Clean, clean, clean_block

if TYPE_CHECKING:
    from stacktui.operations.changes import Preview
    from stacktui.operations.table import Operation, Parameter
    from stacktui.tui.app import WorkbenchApp
    from stacktui.tui.screens.base import Subject
    from stacktui.workspace.changes import Change

_STREAM_LINES = 2000
_TOLD_FIRST = frozenset({"delete", "stop", "compact"})
"""Verbs that are confirmed first where no diff stands for a confirmation."""
_EDITS = frozenset({"component", "stack", "setting", "key", "theme", "fmt", "workspace", "undo", "redo"})
"""Nouns whose operations edit YAML files: the diff is shown first."""


class Doing:
    """Runs operations of one app."""

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app

    def run(self, name: str, arguments: Mapping[str, Any], then: Callable[[Any], None] | None = None) -> None:
        """Run an operation; its document goes to `then`, or is shown. Errors are one line on the screen."""
        self._run(name, dict(arguments), then)

    def on_subject(self, name: str, subject: Subject) -> None:
        """Run an operation on an object, asking for parameters that the object does not give."""
        operation = _operation(name)
        # What is added has a name of its own, not the subject's.
        own = {"name"} if operation.verb in ("add", "new") else set()
        given = {
            parameter.name: subject.arguments[parameter.name]
            for parameter in operation.parameters
            if parameter.name in subject.arguments and parameter.name not in own
        }
        self._ask_missing(
            operation, given, lambda all_given: self._carefully(operation, all_given, subject.label)
        )

    def typed(self, operation: Operation, arguments: Mapping[str, Any]) -> None:
        """Run what was typed on the `:` line or chosen in the palette, asking for what is missing."""
        self._ask_missing(
            operation, dict(arguments), lambda given: self._carefully(operation, given, clean(operation.name))
        )

    def run_each(
        self, name: str, each: Sequence[Mapping[str, Any]], then: Callable[[list[Any]], None]
    ) -> None:
        """Run an operation several times, one after the other; `then` gets the documents of those that worked. What
        did not is one line on the screen, with how many more there are."""
        session = self._app.session

        def work() -> tuple[list[Any], list[Exception]]:
            from stacktui.operations.session import run_operation

            operation = _operation(name)
            done: list[Any] = []
            failed: list[Exception] = []
            for arguments in each:
                try:
                    result = run_operation(session, operation, **arguments)
                    done.append(
                        list(islice(result, _STREAM_LINES))[-1] if isinstance(result, Iterator) else result
                    )
                except Exception as error:
                    failed.append(error)
            return done, failed

        def arrived(result: Any, error: BaseException | None) -> None:
            if error is not None:
                self._app.say(one_line(error), error=True)
                return
            done, failed = result
            if failed:
                more = f"  (and {len(failed) - 1} more)" if len(failed) > 1 else ""
                self._app.say(clean(f"{one_line(failed[0])}{more}"), error=True)
            then(done)

        self._app.background.submit(work, arrived)

    def start(
        self,
        name: str,
        arguments: Mapping[str, Any],
        then: Callable[[Any], None],
        failed: Callable[[], None] | None = None,
    ) -> None:
        """Run an operation that starts runs, without looking on; `then` gets its document, which names them. Their
        ends are told. `failed` is called where nothing was started."""

        def started(result: Any) -> None:
            document = result[-1] if isinstance(result, list) else result
            for run_id in getattr(document, "run_ids", None) or [document.run_id]:
                self._app.endings.started(run_id)
            then(document)

        self._run(name, {**arguments, "detach": True}, started, failed)

    # Careful: ask first, show the diff first.

    def _ask_missing(
        self, operation: Operation, given: dict[str, Any], go: Callable[[dict[str, Any]], None]
    ) -> None:
        missing = next((p for p in operation.parameters if p.required and p.name not in given), None)
        if missing is None:
            go(given)
            return

        def answered(text: str | None) -> None:
            if text is not None:
                self._ask_missing(operation, {**given, missing.name: _answer(missing, text)}, go)

        from stacktui.tui.dialogs.simple import PromptDialog

        self._app.ask(
            PromptDialog(
                clean(operation.name),
                clean(missing.help),
                check=lambda text: problem_of(missing, text),
                secret=missing.kind == "asked",
            ),
            answered,
        )

    def _carefully(self, operation: Operation, given: dict[str, Any], label: Clean) -> None:
        if operation.name == "stack import":
            from stacktui.tui.dialogs.importing import open_import

            open_import(self._app, given)
        elif operation.name == "stack export":
            from stacktui.tui.dialogs.exporting import open_export

            open_export(self._app, given)
        elif operation.writes and operation.noun in _EDITS:
            self._preview(operation, given)
        elif operation.verb in _TOLD_FIRST:
            from stacktui.tui.dialogs.simple import ConfirmDialog

            self._app.ask(
                ConfirmDialog(clean(operation.name), f"{operation.verb} {label}?", operation.verb),
                lambda yes: self._run(operation.name, given, None) if yes else None,
            )
        elif operation.writes and "dry_run" in {parameter.name for parameter in operation.parameters}:
            self._look_first(operation, given)
        elif operation.streams and "detach" in {parameter.name for parameter in operation.parameters}:
            self.start(operation.name, given, lambda found: self._app.open_place("run", run_id=found.run_id))
        else:
            self._run(operation.name, given, None)

    def _look_first(self, operation: Operation, given: dict[str, Any]) -> None:
        """Say what it would do, and do it when that is accepted."""
        from stacktui.tui.dialogs.simple import ConfirmDialog

        def looked(found: Any) -> None:
            if given.get("dry_run") or not found.count:
                self._show(operation, found)
                return
            self._app.ask(
                ConfirmDialog(clean(operation.name), found.report, operation.name),
                lambda yes: self._run(operation.name, given, None) if yes else None,
            )

        self._run(operation.name, {**given, "dry_run": True}, looked)

    def edit(
        self,
        name: str,
        arguments: Mapping[str, Any],
        then: Callable[[Any], None] | None = None,
        writing: Callable[[bool], Any] | None = None,
    ) -> None:
        """Do what writes files of the workspace: ask for the name where that is needed, show the diff, write it when
        it is accepted. `then` gets the document; without it, what was done is said. `writing` is called with True
        before it is written, and with False where that failed."""
        self._preview(_operation(name), dict(arguments), then, writing)

    def _preview(
        self,
        operation: Operation,
        given: dict[str, Any],
        then: Callable[[Any], None] | None = None,
        writing: Callable[[bool], Any] | None = None,
    ) -> None:
        """Build the change without writing, show its diff, write it when accepted."""
        from stacktui.operations.changes import previewed

        session = self._app.session

        def arrived(result: Any, error: BaseException | None) -> None:
            if error is not None:
                self._failed(operation, given, error, then, writing)
            elif result.change is None:
                self._show(operation, result.document)
            elif result.change.empty:
                self._app.say(Clean("nothing differs from what is there"))
            else:
                self.accept(result.change, then, note=clean_block(result.note), again=build, writing=writing)

        def build() -> Any:
            return previewed(session, operation, **given)

        self._app.background.submit(build, arrived)

    def accept(
        self,
        change: Change,
        then: Callable[[Any], None] | None = None,
        *,
        note: Clean = Clean(""),
        again: Callable[[], Preview] | None = None,
        writing: Callable[[bool], Any] | None = None,
    ) -> None:
        """Show a change's diff; write it when it is accepted, and tell.

        `again` builds it once more before it is written, in a thread: where it comes out otherwise than it was shown,
        because somebody changed what it is about meanwhile, nothing is written. `writing` is as for `edit`.
        """
        from stacktui.tui.dialogs.diff import DiffDialog

        session = self._app.session

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            if writing is not None:
                writing(True)

            def write() -> Any:
                from stacktui.operations.changes import apply
                from stacktui.tui.confirming import as_shown

                if again is not None:
                    as_shown(session, change, again().change)
                return apply(session, change)

            def arrived(result: Any, error: BaseException | None) -> None:
                if error is not None:
                    if writing is not None:
                        writing(False)
                    self._app.say(one_line(error), error=True)
                elif then is not None:
                    then(result)
                else:
                    self._app.toast(clean(result.title))

            self._app.background.submit(write, arrived)

        self._app.ask(
            DiffDialog(clean(change.title), clean_block(change.diff(session.workspace.root)), note), answered
        )

    # Running.

    def _run(
        self,
        name: str,
        arguments: dict[str, Any],
        then: Callable[[Any], None] | None,
        failed: Callable[[], None] | None = None,
    ) -> None:
        session = self._app.session

        def work() -> Any:
            from stacktui.operations.session import run_operation

            operation = _operation(name)
            result = run_operation(session, operation, **arguments)
            return list(islice(result, _STREAM_LINES)) if isinstance(result, Iterator) else result

        def arrived(result: Any, error: BaseException | None) -> None:
            operation = _operation(name)
            if error is not None:
                if failed is not None:
                    failed()
                self._failed(operation, arguments, error, then)
            elif then is not None:
                then(result)
            else:
                self._show(operation, result)

        self._app.background.submit(work, arrived)

    def _failed(
        self,
        operation: Operation,
        arguments: dict[str, Any],
        error: BaseException,
        then: Callable[[Any], None] | None,
        writing: Callable[[bool], Any] | None = None,
    ) -> None:
        from stacktui.operations.errors import AnswerIsNo, ConfirmationNeeded, StillUsed, UserCodeError
        from stacktui.operations.undo import UndoForbidden
        from stacktui.tui.confirming import refused_undo, why_the_name
        from stacktui.tui.dialogs.simple import ConfirmDialog, NameDialog, TextDialog

        names = {parameter.name for parameter in operation.parameters}
        if isinstance(error, (ConfirmationNeeded, StillUsed)) and "confirm" in names:
            wanted = error.name
            self._app.ask(
                NameDialog(wanted, "", title=clean(operation.name), text=why_the_name(error)),
                lambda text: (
                    self._again(operation, {**arguments, "confirm": wanted}, then, writing) if text else None
                ),
            )
        elif (
            isinstance(error, AnswerIsNo)
            and "force" in names
            and operation.verb != "stop"  # There it is no answer to a finding: see `Stopping`.
            and not arguments.get("force")
        ):
            self._app.ask(
                ConfirmDialog(clean(operation.name), f"{error}\n\nDo it anyway?", "do it anyway"),
                lambda yes: (
                    self._again(operation, {**arguments, "force": True}, then, writing) if yes else None
                ),
            )
        elif isinstance(error, UndoForbidden) and error.diff:
            self._app.ask(
                refused_undo(operation.name, error),
                lambda look: self._app.open_place("edits", error.edit) if look else None,
            )
        elif isinstance(error, UserCodeError) and error.frames:
            self._app.ask(TextDialog(one_line(error), clean_block(error.frames)))
        else:
            self._app.say(one_line(error), error=True)

    def _again(
        self,
        operation: Operation,
        arguments: dict[str, Any],
        then: Callable[[Any], None] | None,
        writing: Callable[[bool], Any] | None,
    ) -> None:
        if operation.writes and operation.noun in _EDITS:
            self._preview(operation, arguments, then, writing)
        else:
            self._run(operation.name, arguments, then)

    def _show(self, operation: Operation, result: Any) -> None:
        done = done_text(result)
        if result is None or done:
            self._app.toast(done or clean(f"{operation.name}: done"))
            return
        if operation.name == "secret reveal":
            from stacktui.tui.dialogs.revealed import RevealedDialog

            self._app.push_screen(RevealedDialog(result))
            return
        from stacktui.tui.dialogs.simple import TextDialog
        from stacktui.tui.readable import readable

        self._app.ask(TextDialog(clean(operation.name), readable(result), wrap=False))


def _operation(name: str) -> Operation:
    from stacktui.operations.table import operations_of

    found = operations_of(name.partition(" ")[0])
    return found[name]


def done_text(result: Any) -> Clean:
    """What a document says was done, in one line; empty where it does not say."""
    done = getattr(result, "done", None) or getattr(result, "title", None)
    return clean(done) if isinstance(done, str) else Clean("")


def _answer(parameter: Parameter, text: str) -> Any:
    if parameter.kind != "asked":
        return convert(parameter, text)
    from stacktui.model.secretref import SecretValue

    # No repr of the arguments shows it.
    return SecretValue(text)


def convert(parameter: Parameter, text: str) -> Any:
    """A typed text as the parameter's Python value (a tuple of one where it takes several). Raises ValueError with
    what would be right."""
    from enum import Enum

    if parameter.multiple:
        return (_single(parameter, text),) if text else ()
    if issubclass(parameter.type, Enum) and text not in parameter.choices:
        raise ValueError(f"{parameter.flag} is one of {', '.join(parameter.choices)}")
    return _single(parameter, text)


def _single(parameter: Parameter, text: str) -> Any:
    if parameter.type is bool:
        return text.lower() in ("1", "true", "yes", "on")
    try:
        return parameter.type(text)
    except ValueError:
        raise ValueError(f"{parameter.flag}: {text!r} is not {parameter.type.__name__}") from None


def problem_of(parameter: Parameter, text: str) -> str | None:
    """What is wrong with a typed text, or None."""
    try:
        convert(parameter, text)
    except ValueError as error:
        return str(error)
    return None


def one_line(error: BaseException) -> Clean:
    """An error for people; the kind stands before it where it is not one of ours."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else ""
    ours = type(error).__module__.startswith("stacktui.")
    return clean(text if ours and text else f"{type(error).__name__}: {text}".rstrip(": "))


__all__ = ["Doing", "convert", "done_text", "one_line", "problem_of"]
