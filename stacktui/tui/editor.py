"""The user's own editor, at a line. Used by every screen's `E`.

The terminal is the editor's until it ends; then the workbench is where it was, with what was saved read again.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported

from stacktui.model.diagnostic import Severity
from stacktui.model.text import Clean, clean
from stacktui.tui.live import Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacktui.model.diagnostic import Diagnostic
    from stacktui.tui.app import WorkbenchApp

_NOT_FOUND = 127
"""What a shell script ends with whose command is not there."""


def editor_command(
    file: Path,
    line: int | None,
    column: int | None,
    environ: Mapping[str, str] = os.environ,
    setting: str | None = None,
) -> list[str]:
    """The command that opens `file` at a line: the user's setting, `$VISUAL`, `$EDITOR`, or vi or nano.

    Raises LookupError, in words, where none is known or what is said is not a command.
    """
    said_by, wanted = next(
        (
            (name, text)
            for name, text in (
                ("the setting editor", setting),
                ("VISUAL", environ.get("VISUAL")),
                ("EDITOR", environ.get("EDITOR")),
            )
            if text and text.strip()
        ),
        ("", ""),
    )
    try:
        words = shlex.split(wanted)
    except ValueError:
        raise LookupError(f"{said_by} says {wanted!r}, where a quote is not closed; correct it") from None
    if not words:
        found = next((name for name in ("vi", "nano") if shutil.which(name)), None)
        if found is None:
            raise LookupError("no editor is known; set EDITOR, as in: export EDITOR=vim")
        words = [found]
    words[0] = os.path.expanduser(words[0])  # noqa: PTH111 - a word of a command, not always a path
    name = Path(words[0]).name
    if line is None:
        return [*words, str(file)]
    at = column or 1
    if name in ("code", "codium", "code-insiders"):
        waiting = [] if "--wait" in words or "-w" in words else ["--wait"]
        return [*words, *waiting, "--goto", f"{file}:{line}:{at}"]
    if name in ("hx", "helix", "subl", "zed", "micro"):
        return [*words, f"{file}:{line}:{at}"]
    if name == "nano":
        return [*words, f"+{line},{at}", str(file)]
    if name in ("emacs", "emacsclient", "kak"):
        return [*words, f"+{line}:{at}", str(file)]
    if name in ("vim", "nvim", "gvim", "view"):
        return [*words, f"+call cursor({line},{at})", str(file)]
    return [*words, f"+{line}", str(file)]


def worst_in(file: Path, findings: Iterable[Diagnostic]) -> tuple[int | None, int | None]:
    """Where in a file the first of its worst findings stands; its beginning without any."""
    order = list(Severity)
    found = sorted(
        (each for each in findings if each.file == file), key=lambda each: order.index(each.severity)
    )
    return (found[0].line, found[0].column) if found else (1, 1)


def open_in_editor(app: WorkbenchApp, file: Path, line: int | None = None, column: int | None = None) -> None:
    """Hand the terminal to the editor until it ends; what it saved is read again, and said if it cannot be."""
    if app.feed.summary.readonly and file.is_relative_to(app.session.workspace.root):
        # What the editor saves does not go through an operation, which would refuse it.
        app.say(Clean("the workbench is read-only: an editor could write the file"), error=True)
        return
    try:
        command = editor_command(file, line, column, setting=app.looks.settings.editor)
        if shutil.which(command[0]) is None:
            raise LookupError(f"there is no editor {command[0]}; set EDITOR, or `editor` in your settings")
    except LookupError as error:
        app.say(clean(error), error=True)
        return
    before = _content(file)
    ended: int | OSError
    try:
        with app.suspend():
            # Whatever happens in here must not leave it: the terminal would stay the editor's.
            try:
                with _deaf_to_ctrl_c():
                    ended = subprocess.run(command, check=False).returncode
            except OSError as error:
                ended = error
    except SuspendNotSupported:
        app.say(Clean("an editor cannot be opened here: there is no terminal"), error=True)
        return
    after = _content(file)
    if after != before:
        app.files_changed([file])
    app.feed.publish(Topic.FILES, Topic.ACTIVE)
    if isinstance(ended, OSError):
        app.say(
            clean(f"{command[0]} cannot be started: {(ended.strerror or str(ended)).lower()}"), error=True
        )
    elif ended:
        app.say(clean(_ending(Path(command[0]).name, ended, saved=after != before)), error=True)
    elif after is None and before is not None:
        app.say(clean(f"{_shown(app, file)} is gone: it was deleted or renamed"), error=True)
    else:
        _say_what_is_wrong(app, file, saved=after != before)


def _ending(editor: str, code: int, *, saved: bool) -> str:
    what = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    if code == _NOT_FOUND:
        what += ": it did not find a command"
    return f"{editor} {what}; {'what it had saved was read' if saved else 'nothing was saved'}"


def _say_what_is_wrong(app: WorkbenchApp, file: Path, *, saved: bool) -> None:
    """Say at once where the file can no longer be read; the finding stands among the problems too."""
    session = app.session

    def look() -> Any:
        problems = session.snapshot().problems
        return next((problem for problem in problems if problem.file == file), None)

    def looked(problem: Any, error: BaseException | None) -> None:
        if error is None and problem is not None:
            place = "" if problem.line is None else f":{problem.line}"
            app.say(clean(f"{_shown(app, file)}{place}: {problem.message}"), error=True)
        elif saved:
            # Not above the keys: the list would be a row shorter than it was.
            app.toast(clean(f"saved {_shown(app, file)}"))

    app.background.submit(look, looked)


def _shown(app: WorkbenchApp, file: Path) -> str:
    from stacktui.operations.documents import relative

    return relative(file, app.session.workspace.root)


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What is typed to interrupt the editor is not meant for the workbench, which shares its terminal.

    A handler that does nothing, unlike a signal that is ignored, is not inherited by the editor.
    """
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
