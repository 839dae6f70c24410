"""The user's own editor, at a line. Used by every screen's `E`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from stacktui.model.text import Clean, clean
from stacktui.tui.live import Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacktui.tui.app import WorkbenchApp


def editor_command(
    file: Path, line: int | None, column: int | None, environ: Mapping[str, str] = os.environ
) -> list[str]:
    """The command that opens `file` at a line in `$VISUAL`, `$EDITOR` or vi. Raises LookupError without an editor."""
    wanted = environ.get("VISUAL") or environ.get("EDITOR") or ""
    words = shlex.split(wanted) if wanted else []
    if not words:
        found = next((name for name in ("vi", "nano") if shutil.which(name)), None)
        if found is None:
            raise LookupError("no editor is known; set EDITOR, as in: export EDITOR=vim")
        words = [found]
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


def open_in_editor(app: WorkbenchApp, file: Path, line: int | None = None, column: int | None = None) -> None:
    """Hand the terminal to the editor until it ends; what it saved is read again."""
    try:
        command = editor_command(file, line, column)
        with app.suspend():
            code = subprocess.run(command, check=False).returncode
    except SuspendNotSupported:
        app.say(Clean("an editor cannot be opened here: there is no terminal"), error=True)
        return
    except (LookupError, OSError) as error:
        app.say(clean(error), error=True)
        return
    if code:
        app.say(clean(f"{command[0]} ended with {code}"), error=True)
    app.feed.publish(Topic.FILES, Topic.ACTIVE)
