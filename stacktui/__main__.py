"""The entry: the command line, or the workbench where no command is named.

The two faces never import each other; this picks one, and reads just as many words as that takes.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_WITH_VALUE = {"-C", "--stack", "--store"}
_OURS = {"--readonly"}
# A screen says that a store is busy rather than wait for it as a runner does.
_SCREEN_PATIENCE_S = 2.0


class Opening(NamedTuple):
    """What the words say about the workbench that is to open."""

    folder: str = "."
    stack: str | None = None
    store: str | None = None
    readonly: bool = False


def main() -> int:
    """Run `stacktui`; returns the exit code."""
    _open_what_is_closed()
    _start_quickly()
    arguments = sys.argv[1:]
    opening = None if os.environ.get("_STACKTUI_COMPLETE") else wants_workbench(arguments)
    if opening is not None:
        code = _workbench(opening)
    else:
        from stacktui.cli.main import main as run_cli

        code = run_cli(arguments)
    _end_quickly()
    return code


def _open_what_is_closed() -> None:
    """A stream that the caller closed, as with `>&-`, is None in Python: nothing comes, and what is said goes nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def _end_quickly() -> None:
    """Leave out that Python's end goes twice through all that the imports made."""
    if "duckdb" in sys.modules:
        # Its bindings report each object that is still there at the end, on stderr.
        gc.unfreeze()
    else:
        gc.freeze()


class _NoPlugins(ModuleType):
    """In place of the module with which pydantic looks for its plugins."""

    def get_plugins(self) -> tuple[()]:
        return ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        # A pydantic whose module has more than this: that module, then.
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def _start_quickly() -> None:
    """Leave out what takes a quarter of the start and finds nothing.

    Modules are made once and stay: looking for garbage among them finds none. Whoever has loaded what it needs calls
    `gc.freeze` and `gc.enable`. And pydantic reads the facts of every installed package to find its plugins; steps,
    which may want theirs, run in other processes.
    """
    gc.disable()
    gc.set_threshold(50_000, 20, 100)
    sys.modules.setdefault("pydantic.plugin._loader", _NoPlugins("pydantic.plugin._loader"))


def wants_workbench(arguments: Sequence[str]) -> Opening | None:
    """The workbench's options where no command and nothing else than they was given; None for the command line."""
    found: dict[str, str] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word in _OURS:
            found[word] = word
        elif name in _WITH_VALUE and (equals or words):
            found[name] = value if equals else words.pop(0)
        elif word.startswith("-C") and len(word) > 2:
            found["-C"] = word[2:]
        else:
            return None
    return Opening(found.get("-C", "."), found.get("--stack"), found.get("--store"), "--readonly" in found)


def _workbench(opening: Opening) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "") in ("", "dumb"):
        return _refused(
            "the workbench needs a terminal; use a command instead, such as: stacktui stack list "
            "(stacktui --help lists them)"
        )
    while True:
        ended = _opened(opening)
        if isinstance(ended, int):
            return ended
        # Stack and store are names of the other workspace.
        opening = Opening(str(ended), readonly=opening.readonly)
        # The app that has ended, which was kept from every look for garbage.
        gc.unfreeze()
        gc.collect()


def _opened(opening: Opening) -> int | Path:
    """The workbench on one workspace until it is left: the exit code, or the workspace that comes next."""
    from stacktui.operations.session import Session
    from stacktui.workspace.locate import WorkspaceNotFound

    session = Session(
        Path(opening.folder).absolute(),
        stack=opening.stack,
        store=opening.store,
        readonly=opening.readonly,
        patience_s=_SCREEN_PATIENCE_S,
        face="workbench",
    )
    try:
        _ = session.workspace
    except WorkspaceNotFound as missing:
        return _refused(str(missing))
    from stacktui.tui.start import run_workbench

    with session:
        return run_workbench(session)


def _refused(message: str) -> int:
    from stacktui.model.text import clean

    sys.stderr.write(f"stacktui: {clean(message)}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
