"""A component's file on disk while its form is open: changed, deleted, renamed, broken, or written by somebody else in
the same moment. It is said at once, and nobody's bytes are lost.

`ComponentForm` derives from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from stacktui.model.component import Component
from stacktui.model.text import Clean, clean
from stacktui.operations.fields import MASK, shown_config
from stacktui.tui.dialogs.form_base import FieldsForm
from stacktui.tui.dialogs.form_draft import CONFIG, Built, content_of
from stacktui.tui.dialogs.form_facts import FormFacts, Opening, model_of, read_facts
from stacktui.tui.dialogs.merge import MergeDialog
from stacktui.tui.dialogs.merging import FieldConflict, Side, Unreadable, conflicts, merged
from stacktui.tui.dialogs.model_form import ModelForm
from stacktui.tui.keys import bind
from stacktui.tui.live import LiveView, Topic

if TYPE_CHECKING:
    from pydantic import BaseModel

    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change
    from stacktui.workspace.reading import Entry


class FileForm(FieldsForm[str], LiveView[FormFacts]):
    """A form that follows the file that it was made from."""

    topics = frozenset({Topic.FILES})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("form.versions", "ctrl+o", "versions", "both versions", rank=3, priority=True,
             help="What is on disk and what stands here, field by field, and a choice for each."),
    ]  # fmt: skip

    def __init__(self, title: Clean | str, opening: Opening, *, copy: bool = False) -> None:
        self.draft = opening.draft
        super().__init__(title, opening.draft, secrets=opening.facts.secrets)
        self.facts = opening.facts
        self.copying = copy
        self.base = opening.facts.entry
        """The version of the file that the draft was made from."""
        self.anew = False
        """Whether the file is gone and is to be written anew."""
        self.built = Built(None, {})
        self._nested = False
        """Whether a form of something nested is open: what it gives belongs to the fields as they are."""

    def write(self, build: Callable[[Session], Change]) -> None:
        """Show the diff of a change, and write it when it is accepted."""
        raise NotImplementedError

    # What is on disk.

    @property
    def view_visible(self) -> bool:
        # A form of something nested lies over this one and belongs to it: what happens to the file counts there too.
        stack = self.app.screen_stack
        if self not in stack:
            return False
        return all(isinstance(screen, ModelForm) for screen in stack[stack.index(self) + 1 :])

    def load(self, session: Session) -> FormFacts:
        base = self.base
        return read_facts(session, self.draft.category, base.value.name if base else None, base)

    def show(self, snapshot: FormFacts) -> None:
        self.facts = snapshot
        self.offer_secrets(snapshot.secrets)
        self._compare()
        self.check()

    def nested(self, opened: bool) -> None:
        self._nested = opened
        if not opened and self.is_attached:
            self._compare()

    @property
    def conflicting(self) -> bool:
        """Whether the file is no longer what the draft was made from."""
        if self.base is None or self.copying:
            return False
        theirs = self.facts.entry
        if theirs is None:
            return not self.anew
        return theirs.stale or theirs.raw != self.base.raw

    def _compare(self) -> None:
        """Say at once what became of the file."""
        theirs = self.facts.entry
        if self.base is None or self.copying or not self.is_mounted:
            return
        if theirs is not None:
            self.anew = False
        if not self.conflicting:
            self._tell("The file is gone; ctrl+s writes it anew." if self.anew else "")
        elif theirs is None:
            moved = self.facts.moved
            how = f"was renamed on disk to {moved.value.name}" if moved else "was deleted on disk"
            self._tell(f"The file {how}; what stands here is kept. ctrl+o decides.")
        elif theirs.stale:
            self._tell(
                "The file was changed on disk and cannot be read as it is now; what stands here is kept. ctrl+o decides."
            )
        elif not self.draft.dirty and not self._nested:
            self._follow(theirs)
            self._tell("The file was changed on disk just now; this is what it says.")
        else:
            both = sum(1 for one in self._differences() if one.only is None)
            fields = "1 field" if both == 1 else f"{both} fields"
            met = f"{fields} changed on both sides" if both else "no field changed on both sides"
            self._tell(f"The file was changed on disk while you typed: {met}. ctrl+o shows both versions.")

    def _tell(self, text: str) -> None:
        self.banner(clean(text))
        stack = self.app.screen_stack
        for screen in stack[stack.index(self) + 1 :] if self in stack else ():
            if isinstance(screen, ModelForm):
                screen.banner(clean(text.replace("ctrl+o", "the form under this one, with ctrl+o,")))

    def _follow(self, theirs: Entry[Component]) -> None:
        """Nothing was typed here: show what the file says now."""
        draft, session = self.draft, self.session
        self.base = theirs

        def loaded(model: Any, error: BaseException | None) -> None:
            if self.is_attached and error is None:
                draft.follow(theirs.value, model)
                self._again()

        self.workbench.background.submit(
            lambda: model_of(session, draft.category, theirs.value.flavor), loaded
        )

    def _again(self, then: Callable[[], Any] | None = None) -> None:
        row = self.focused_row

        async def rebuilt() -> None:
            await self.rebuild(row.spec.key if row else "description")
            if then is not None:
                then()

        self.call_later(rebuilt)

    # Deciding.

    def action_versions(self) -> None:
        """Both versions field by field; where there are no two, what can be done."""
        theirs = self.facts.entry
        if not self.conflicting:
            self.say("The file on disk is the one that you are editing.")
        elif theirs is None:
            self._decide_gone()
        elif theirs.stale:
            self._decide_broken()
        else:
            self._decide_fields(theirs)

    def _differences(self) -> tuple[FieldConflict, ...]:
        theirs, source = self.facts.entry, self.draft.source
        if theirs is None or source is None:
            return ()
        found = conflicts(content_of(source), self.draft.content(), content_of(theirs.value))
        model = self.draft.config.model
        return tuple(
            one._replace(
                label=clean(one.key.removeprefix(CONFIG)),
                masked=one.path[0] == "config" and not _may_be_shown(one, model),
            )
            for one in found
        )

    def _decide_fields(self, theirs: Entry[Component]) -> None:
        found = self._differences()
        if not found:
            # Another comment or order: nothing that a field shows.
            self._take(theirs, (), {})
            return

        def decided(choices: dict[str, Side] | None) -> None:
            if choices is not None:
                self._take(theirs, found, choices)

        name = theirs.value.name
        self.workbench.ask(MergeDialog(clean(f"{name} changed on disk"), found), decided)

    def _take(
        self, theirs: Entry[Component], found: tuple[FieldConflict, ...], choices: dict[str, Side]
    ) -> None:
        """Go on from the version on disk with what was chosen; the diff against it comes next."""
        draft, session = self.draft, self.session
        data = merged(found, content_of(theirs.value), choices)
        mine = {one.key for one in found if choices.get(one.key, one.only) == "mine"}

        def loaded(model: Any, error: BaseException | None) -> None:
            if not self.is_attached:
                return
            self.base = theirs
            draft.take_in(theirs.value, model, data, mine)
            self.banner("")
            if draft.dirty:
                self._again(self.action_save)
            else:
                self._again(
                    lambda: self.say("This is what the file says now; nothing of yours is left to save.")
                )

        flavor = str(data["flavor"])
        self.workbench.background.submit(lambda: model_of(session, draft.category, flavor), loaded)

    def _decide_gone(self) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog

        base, moved = self.base, self.facts.moved
        assert base is not None
        items = [
            ("anew", Clean("write it anew"), Clean("with what stands here; the diff is shown first")),
            ("leave", Clean("let it go"), Clean("close this form")),
        ]
        if moved is not None:
            label = clean(f"go on with {moved.value.name}")
            items.insert(0, ("follow", label, Clean("the same content stands there now")))

        def decided(choice: str | None) -> None:
            if choice == "anew":
                self.anew = True
                self._compare()
                self.action_save()
            elif choice == "leave":
                self.dismiss(None)
            elif choice == "follow" and moved is not None:
                self.base = moved
                self.draft.own["name"] = self.draft.initial["name"] = moved.value.name
                self.set_title(clean(f"{self.draft.category.facts.title} {moved.value.name}"))
                self.reload_now()
                self._tell("")

        self.workbench.ask(ChoiceDialog(clean(f"{base.value.name} is gone from disk"), items), decided)

    def _decide_broken(self) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog

        base, component = self.base, self.built.component
        assert base is not None
        items = [
            ("editor", Clean("repair it in $EDITOR"), Clean("what stands here is kept")),
            (
                "over",
                Clean("write mine in its place"),
                Clean("the diff against what is there now is shown first"),
            ),
        ]

        def build(session: Session) -> Change:
            return replaced(session, component, base)

        def decided(choice: str | None) -> None:
            if choice == "editor":
                self.locate()
            elif choice == "over" and component is None:
                self.say("Correct the fields first: what stands here cannot be written yet.", error=True)
            elif choice == "over":
                self.write(build)

        self.workbench.ask(ChoiceDialog(clean(f"{base.value.name} cannot be read"), items), decided)

    def conflicted(self) -> None:
        """The file changed between the form's last look and the write: look again, then show both versions."""
        if self.base is None or self.copying:
            self.say("Someone else has just made a component of that name; nothing was written.", error=True)
        else:
            self.say(
                "Someone else saved this file; nothing was written. ctrl+o shows both versions.", error=True
            )
        session = self.session

        def arrived(facts: Any, error: BaseException | None) -> None:
            if error is None and self.is_attached:
                self.snapshot = facts
                self.show(facts)
                if self.conflicting:
                    self.action_versions()

        self.workbench.background.submit(lambda: self.load(session), arrived)


def _may_be_shown(one: FieldConflict, model: type[BaseModel] | None) -> bool:
    """Whether no version of a config's field holds a secret's value where a reference belongs."""
    name = one.path[1] if len(one.path) > 1 else ""
    shown = (
        value.text if isinstance(value, Unreadable) else value for value in (one.mine, one.theirs, one.base)
    )
    return all(shown_config({name: value}, model)[name] != MASK for value in shown)


def replaced(session: Session, component: Component | None, base: Entry[Component]) -> Change:
    """The change that writes a component in the place of whatever its file holds now. Writes nothing. Blocks."""
    from stacktui.operations.component_edit import component_change
    from stacktui.workspace.changes import Change, FileEdit

    assert component is not None
    (edit,) = component_change(session, component, base).edits
    return Change(
        f"write {component.id} in the place of a broken file",
        (FileEdit(edit.file, edit.file.read_bytes(), edit.after),),
    )
