"""What can be done with components and stacks, with one or with all that are marked: rename, delete, label; and what
happened to the one under the cursor when it is gone.

A mixin of the category screens and the stacks screen. What is done is an operation of the table each time: it asks for
a name where that is needed, shows its diff, and is written as one change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.text import Clean, clean
from stacktui.tui.screens.run_actions import label_problem, labels_typed

if TYPE_CHECKING:
    from stacktui.tui.screens.base import WorkbenchScreen
    from stacktui.tui.widgets.grid import Grid


class Objects(NamedTuple):
    """Components of one category, or stacks, that something is to be done with."""

    noun: str
    """Of the operations: `component` or `stack`."""
    names: tuple[str, ...]
    one: Clean
    """What people call one of them: `artifact store`."""
    many: Clean
    given: Mapping[str, Any]
    """Arguments beside the names: the category."""

    @property
    def label(self) -> Clean:
        """`stack prod`, or `3 stacks`."""
        if len(self.names) == 1:
            return Clean(f"{self.one} {clean(self.names[0])}")
        return Clean(f"{len(self.names)} {self.many}")

    @property
    def arguments(self) -> dict[str, Any]:
        """For an operation that takes several."""
        return {**self.given, "name": self.names[0], "more": self.names[1:]}


class ObjectActions:
    """Mixed into a `WorkbenchScreen` before its other bases."""

    _seen: Mapping[str, int] | None = None
    """What each object's file held when the list was drawn last: a hash of its bytes."""
    _wanted: str | None = None
    """Where the cursor goes as soon as it is there."""
    _gone: tuple[str, str | None] | None = None
    """The object that went from under the cursor, and the one that the cursor has been on since."""
    _ours: frozenset[str] = frozenset()
    """Those that go because of what was done here."""

    # What the screen gives.

    @property
    def grid(self) -> Grid:
        """The list."""
        raise NotImplementedError

    def objects(self, names: tuple[str, ...]) -> Objects:
        """Those of these names."""
        raise NotImplementedError

    @property
    def marked(self) -> tuple[str, ...]:
        """The marked ones that the filter shows: nothing is done with what nobody sees."""
        # Asked for each key of the footer: without marks thousands of rows are not gone through.
        if not self.grid.marks:
            return ()
        return tuple(row.key for row in self.grid.rows if row.key in self.grid.marks)

    def chosen(self) -> Objects | None:
        """The marked ones, or the one under the cursor."""
        key = self.grid.cursor_key
        names = self.marked or ((key,) if key is not None else ())
        return self.objects(names) if names else None

    def marks_note(self, note: Clean) -> Clean:
        """A panel's note, with the number of marked rows before it."""
        count = len(self.marked)
        return Clean(" · ".join(part for part in (f"{count} marked" if count else "", note) if part))

    @property
    def _screen(self) -> WorkbenchScreen[Any]:
        return cast("WorkbenchScreen[Any]", self)

    # What can be done.

    def several_marked(self) -> str | None:
        """Why what is done with one object cannot be done now."""
        return "one at a time: space takes a mark away" if len(self.marked) > 1 else None

    def name_problem(self, name: str) -> str | None:
        """What is wrong with a name for a new object; None if nothing is."""
        if not name:
            return "a name is needed"
        if not is_name(name):
            return f"a name has {NAME_RULE}"
        kind = self.objects((name,))
        return (
            f"there is {_article(kind.one)} {kind.one} {name} already" if name in (self._seen or ()) else None
        )

    def rename_one(self) -> None:
        """Ask for another name of the one under the cursor, then show every file that changes with it."""
        from stacktui.tui.dialogs.simple import PromptDialog

        old = self.grid.cursor_key
        if old is None:
            return
        chosen = self.objects((old,))

        def named(new: str | None) -> None:
            if new is None or new == old:
                return

            def renamed(document: Any) -> None:
                self.move_when_there(new)
                screen.workbench.toast(clean(document.title))

            arguments = {**chosen.given, "name": old, "new": new}
            screen.workbench.doing.edit(
                f"{chosen.noun} rename", arguments, renamed, lambda begins: self._go_with(begins, (old,), new)
            )

        screen = self._screen
        screen.ask(
            PromptDialog(
                Clean(f"rename {chosen.label}"),
                "Its new name. What names it in YAML is changed with it; the diff comes next.",
                value=old,
                check=lambda name: None if name == old else self.name_problem(name),
            ),
            named,
        )

    def delete_chosen(self) -> None:
        """Name who refers to them, then show the diff."""
        chosen = self.chosen()
        if chosen is None:
            return

        self._screen.workbench.doing.edit(
            f"{chosen.noun} delete",
            chosen.arguments,
            lambda document: self._screen.workbench.toast(clean(document.title)),
            lambda begins: self._go_with(begins, chosen.names),
        )

    def label_chosen(self) -> None:
        """Ask for labels to set and to take away."""
        from stacktui.tui.dialogs.simple import PromptDialog

        chosen = self.chosen()
        if chosen is None:
            return

        def answered(text: str | None) -> None:
            wanted, gone = labels_typed(text or "")
            if wanted or gone:
                arguments = {**chosen.arguments, "label": wanted, "remove": gone}
                self._screen.workbench.doing.edit(f"{chosen.noun} label", arguments)

        self._screen.ask(
            PromptDialog(
                Clean(f"label {chosen.label}"),
                "Labels: key=value …, and -key takes one away.",
                check=label_problem,
            ),
            answered,
        )

    def copy_chosen(self) -> None:
        """Copy their names: of several with spaces between, as the command line takes them."""
        chosen = self.chosen()
        if chosen is not None:
            text = " ".join(chosen.names)
            self._screen.app.copy_to_clipboard(text)
            self._screen.notice(clean(f"Copied {text}"))

    # What happened.

    def move_when_there(self, name: str) -> None:
        """Put the cursor on an object now, or when it comes into the list."""
        self._wanted = None if self.grid.move_to(name) else name

    def _go_with(self, begins: bool, gone: tuple[str, ...], new: str | None = None) -> None:
        """What is written here takes `gone` away, and the cursor goes to `new`; or it came to nothing."""
        self._ours = frozenset(gone if begins else ())
        self._wanted = new if begins else None

    def list_changed(self, cursor: str | None, now: Mapping[str, int]) -> None:
        """The list was drawn anew: `cursor` is where the cursor was. Says it if that one is gone, and keeps near."""
        before, self._seen = self._seen, now
        if self._wanted is not None and self.grid.move_to(self._wanted):
            self._wanted = None
        if before is None:
            return
        if self._gone is not None and self._gone[0] in now:
            # Gone for a moment only, as when an editor puts another file in its place.
            name, since = self._gone
            self._gone = None
            if self.grid.cursor_key == since:
                self.grid.move_to(name)
                self._screen.notice("")
        ours, self._ours = self._ours, self._ours & now.keys()
        if cursor is None or cursor in now or cursor not in before or cursor in ours:
            return
        new = renamed_to(cursor, before, now)
        if new is not None:
            self.grid.move_to(new)
            self._screen.notice(clean(f"{cursor} was renamed to {new} on disk."))
            return
        self._gone = (cursor, self.grid.cursor_key)
        others = len(before.keys() - now.keys()) - 1
        also = f", and {others} more with it" if others else ""
        self._screen.notice(clean(f"{cursor} was deleted on disk{also}."))


def renamed_to(name: str, before: Mapping[str, int], now: Mapping[str, int]) -> str | None:
    """The one new object whose file holds what that of `name` held; None where there is none, or several."""
    alike = [each for each, held in now.items() if each not in before and held == before[name]]
    return alike[0] if len(alike) == 1 else None


def _article(word: Clean) -> str:
    return "an" if word[:1] in "aeiou" else "a"
