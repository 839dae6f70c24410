"""A random walk: seeded keys on a real workspace, as somebody might press who does not know the program.

After each key the workbench must live and every file must parse. At the end `u` takes everything back that was saved,
and `ctrl+r` does it again. A walk that fails names its seed and the keys that led there.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from stacktui.model.category import Category
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.simple import NameDialog
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.workspace.journal import EditRecord
from stacktui.workspace.undo import edit_states
from stacktui.workspace.yaml_reader import read_yaml
from tests.tui.workbench import Bench, component, stack, workspace

_MOVES = (
    "j",
    "k",
    "g",
    "G",
    "down",
    "up",
    "left",
    "right",
    "tab",
    "shift+tab",
    "ctrl+d",
    "ctrl+u",
    "pagedown",
)
_PLACES = ("h", "s", "r", "p", "comma", "F", *(category.facts.key for category in Category))
_EDITS = (
    "e",
    "a",
    "c",
    "R",
    "D",
    "d",
    "b",
    "v",
    "y",
    "space",
    "minus",
    "J",
    "K",
    "x",
    "i",
    "P",
    "A",
    "backspace",
    "L",
)
_ANSWERS = ("enter", "enter", "enter", "enter", "escape", "ctrl+s", "ctrl+s", "ctrl+o", "t", "m")
_UNDO = ("u", "ctrl+r")
_POPUPS = ("slash", "colon", "question_mark", "ctrl+p")
_TEXTS = ("new-one", "other", "zz", "4", "a b", "[/x]", "{{aws.key}}", "default", "team: vision")
_LINES = (
    "artifact_store second",
    "stack use other",
    "stack rename other another",
    "component delete alerter inbox",
    "fmt",
    "edits",
    "audit",
    "undo",
    "builder default",
    "stack clone default copied",
)
_INTENTS: tuple[tuple[str, ...], ...] = (
    ("2", "e", "TEXT", "ctrl+s", "enter"),
    ("6", "c", "ctrl+s", "enter"),
    ("0", "c", "TEXT", "ctrl+s", "enter"),
    ("2", "j", "R", "TEXT", "enter", "enter"),
    ("2", "D", "NAME", "enter", "enter"),
    ("0", "j", "D", "NAME", "enter", "enter"),
    ("s", "c", "enter", "enter"),
    ("s", "j", "R", "TEXT", "enter", "enter"),
    ("s", "j", "j", "e", "tab", "j", "space", "ctrl+s", "enter"),
    ("s", "j", "e", "P", "ctrl+s", "enter"),
    ("s", "G", "D", "NAME", "enter", "enter"),
    ("2", "space", "j", "space", "D", "NAME", "enter", "enter"),
    ("u", "enter"),
    ("ctrl+r", "enter"),
)
"""What people come for. TEXT is something typed, NAME the name that a dialog asks for."""
_WEIGHTS: tuple[tuple[tuple[str, ...], int], ...] = (
    (_MOVES, 30), (_PLACES, 12), (_EDITS, 26), (_ANSWERS, 24), (_UNDO, 4), (_POPUPS, 4),
)  # fmt: skip


def walked_workspace(root: Path) -> Path:
    """A workspace with comments, an extended stack, two components of some categories, and a broken file."""
    workspace(root)
    component(root, "artifact_store", "second", "local", "  path: data  # on the big disk\n")
    component(root, "step_operator", "big", "subprocess")
    component(root, "alerter", "team", "local")
    stack(
        root,
        "other",
        "# what we try out\nextends: default\ncomponents:\n  artifact_store: second\n  alerter: []\n",
    )
    stack(root, "safe", "extends: other\nprotected: true\nlabels: {team: vision}\n")
    (root / "stacks" / "broken.yaml").write_text("extends: [\n")
    return root


def files_of(root: Path) -> dict[str, bytes]:
    """Every file of the workspace that is neither state nor exported from it, by its path."""
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file()
        and ".stacktui" not in file.relative_to(root).parts
        and not file.name.endswith(".bundle.yaml")
    }


class Walk:
    """Presses seeded keys and checks after each."""

    def __init__(self, bench: Bench, root: Path, seed: int) -> None:
        self.bench = bench
        self.root = root
        self.seed = seed
        self.first = files_of(root)
        self.keys: list[str] = []
        self._random = random.Random(seed)

    async def go(self, steps: int) -> None:
        """Press that many keys, words and lines."""
        for _ in range(steps):
            await self._press(*self._next())

    def _next(self) -> tuple[str, ...]:
        rng = self._random
        app = self.bench.app
        if app.focused is not None and app.focused.check_consume_key("a", "a"):
            # There a letter is text: a word now and then, a way out otherwise.
            if rng.random() < 0.5:
                wanted = _LINES if type(app.screen).__name__ == "CommandLine" else _TEXTS
                return tuple(_named(letter) for letter in rng.choice(wanted))
            return (rng.choice(("enter", "enter", "tab", "escape", "down", "ctrl+s", "backspace")),)
        if rng.random() < 0.12:
            return tuple(
                key
                for word in rng.choice(_INTENTS)
                for key in (map(_named, rng.choice(_TEXTS)) if word == "TEXT" else (word,))
            )
        if rng.random() < 0.02:
            return ("colon", *(_named(letter) for letter in rng.choice(_LINES)), "enter")
        groups, weights = zip(*_WEIGHTS, strict=True)
        return (rng.choice(rng.choices(groups, weights)[0]),)

    async def _press(self, *keys: str) -> None:
        try:
            for key in keys:
                for each in map(_named, self._wanted_name()) if key == "NAME" else (key,):
                    self.keys.append(each)
                    await self.bench.press(each)
                if key in _ANSWERS or key in ("e", "D", "R", "c", "u", "ctrl+r"):
                    # What was asked for is built in a thread: a person waits for it too, mostly.
                    await self._idle()
            self._check()
        except Exception as error:
            shown = " ".join(self.keys[-60:])
            raise AssertionError(
                f"walk {self.seed} broke after {len(self.keys)} keys ({error!r}); the last were: {shown}"
            ) from error

    def _wanted_name(self) -> str:
        screen = self.bench.screen
        if not isinstance(screen, NameDialog) or screen._check is None:
            return "no"
        names = (Path(path).stem for path in files_of(self.root))
        return next((name for name in names if screen._check(name) is None), "no")

    async def _idle(self) -> None:
        await self.bench.wait_for(
            lambda: self.bench.app.background._pending == 0, "what goes on in the background"
        )

    def _check(self) -> None:
        app = self.bench.app
        assert app.is_running
        assert app._exception is None
        for path, content in files_of(self.root).items():
            if path.endswith((".yaml", ".yml")) and self.first.get(path) != content:
                read_yaml(content)
            assert not path.endswith(".tmp"), f"{path} was left behind"

    async def home(self) -> None:
        """Leave every dialog and popup, throwing away what was typed, and go home."""
        bench = self.bench
        for _ in range(60):
            await bench.pilot.pause()
            if isinstance(bench.screen, WorkbenchScreen) and len(bench.app.screen_stack) == 1:
                if not _typing(bench):
                    return
                await bench.press("escape")
            elif isinstance(bench.screen, Dialog) and type(bench.screen).__name__ == "ConfirmDialog":
                await bench.press("enter" if "hrow" in bench.text() else "escape")
            else:
                await bench.press("escape")
        raise AssertionError(f"walk {self.seed}: no way home from\n{bench.text()}")

    async def take_everything_back(self) -> int:
        """Press `u` and accept each diff until nothing is left to undo; returns how often."""
        times = 0
        while (record := edit_states(self.bench.session.workspace).undo) is not None:
            await self._step("u", "undo", record)
            times += 1
        return times

    async def do_again(self, times: int) -> None:
        """Press `ctrl+r` that often and accept each diff."""
        for _ in range(times):
            record = edit_states(self.bench.session.workspace).redo
            assert record is not None, f"walk {self.seed}: there is nothing to do again"
            await self._step("ctrl+r", "redo", record)

    async def _step(self, key: str, action: str, record: EditRecord) -> None:
        bench = self.bench
        await bench.wait_for(lambda: bench.screen.refusal(action) is None, f"{action} to be offered")
        await bench.press(key)
        dialog = await bench.wait_for(lambda: _asked(bench), f"what {key} asks")
        if isinstance(dialog, NameDialog):
            await bench.types(self._wanted_name())
            await bench.press("enter")
            await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")

        def taken() -> bool:
            states = edit_states(bench.session.workspace)
            following = states.undo if action == "undo" else states.redo
            return (following is None or following.id != record.id) and not _asked(bench)

        await bench.wait_for(taken, f"the end of {action} of {record.title}")


def _asked(bench: Bench) -> Any:
    return bench.screen if isinstance(bench.screen, Dialog) else None


def _typing(bench: Bench) -> bool:
    focused = bench.app.focused
    return focused is not None and focused.check_consume_key("a", "a")


def _named(letter: str) -> str:
    from textual.keys import _character_to_key

    return _character_to_key(letter)
