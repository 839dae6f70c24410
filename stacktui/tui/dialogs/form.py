"""The form of one component, made from its flavor's config model. Nothing is saved before its diff was accepted.

Opened by `component_actions.open_component_form`; its result is the saved component's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stacktui.model.component import Component
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.dialogs.diff import Verdict
from stacktui.tui.dialogs.form_draft import Built
from stacktui.tui.dialogs.form_facts import FormFacts, Opening, model_of, read_facts
from stacktui.tui.dialogs.form_fields import FieldSpec, Kind
from stacktui.tui.dialogs.form_widgets import FormButton, FormRow
from stacktui.tui.dialogs.saving import errors_note, save, show_versions
from stacktui.tui.dialogs.simple import ConfirmDialog
from stacktui.tui.keys import bind
from stacktui.tui.live import LiveView, Topic
from stacktui.tui.marks import glyph

if TYPE_CHECKING:
    from stacktui.operations.documents import ChangeDocument
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change

_AROUND = 11
"""Lines of the dialog that are not fields."""
_BANNER = 3


class ComponentForm(Dialog[str], LiveView[FormFacts]):
    """Fields, what the focused one is, what is wrong, and two buttons."""

    topics = frozenset({Topic.FILES})
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("form.save", "ctrl+s", "save", "save", writes=True, rank=1, help="Show the diff, then write it."),
        bind("form.versions", "ctrl+o", "versions", "both versions", rank=3, help="What is on disk, and yours."),
        bind("form.next", "tab,down", "step(1)", "next field", rank=150),
        bind("form.previous", "shift+tab,up", "step(-1)", "previous field", rank=150),
    ]  # fmt: skip

    def __init__(self, title: Clean | str, opening: Opening, *, copy: bool = False) -> None:
        super().__init__(title, "ctrl+s save · tab next · space choose · esc back", wide=True)
        self.draft = opening.draft
        self.facts = opening.facts
        self._copy = copy
        self._base = opening.facts.entry
        """The version of the file that the draft was made from."""
        self._built = Built(None, {})
        self._findings: tuple[Diagnostic, ...] = ()
        self._checking = False
        self._check_again = False
        self._tried = False
        """Whether saving was tried: only then a field that is still empty is called wrong."""

    # What stands in it.

    def content(self) -> ComposeResult:
        note = Static(classes="form-banner")
        note.display = False
        yield note
        with VerticalScroll(id="form-fields", can_focus=False):
            yield from self._rows()
        yield Static(id="form-about")
        yield Static(id="form-status")
        with Horizontal(id="form-buttons"):
            yield FormButton("save", "ctrl+s")
            yield FormButton("back", "esc")

    def _rows(self) -> ComposeResult:
        in_config = False
        for spec in self.draft.specs:
            if spec.key.startswith("config") and not in_config:
                in_config = True
                yield Static(Content("configuration"), classes="form-heading")
            yield FormRow(spec, self.draft.texts[spec.key], self.facts.secrets if spec.secretable else ())
        if not in_config:
            yield Static(Content("This flavor has nothing to configure."), classes="form-heading -none")

    async def _rebuild(self, focus: str) -> None:
        fields = self.query_one("#form-fields", VerticalScroll)
        await fields.remove_children()
        await fields.mount(*self._rows())
        self._check()
        if (row := self._row(focus)) is not None:
            row.field.focus()

    def on_mount(self) -> None:
        self._fit()
        self._check()
        # The first that is typed in: the name, or the description; not the flavor, which a letter would change.
        rows = [row for row in self.query(FormRow) if not row.locked]
        lines = [row for row in rows if row.spec.kind is Kind.TEXT]
        (lines or rows)[0].field.focus()
        self._show_about()

    def on_resize(self, _: events.Resize) -> None:
        self._fit()

    def on_screen_resume(self, _: events.ScreenResume) -> None:
        self.workbench.feed.screen_resumed()

    def _fit(self) -> None:
        banner = self.query_one(".form-banner", Static)
        room = self.app.size.height - _AROUND - (_BANNER if banner.display else 0)
        self.query_one("#form-fields").styles.max_height = max(4, room)

    def _row(self, key: str) -> FormRow | None:
        return next((row for row in self.query(FormRow) if row.spec.key == key), None)

    @property
    def _focused_row(self) -> FormRow | None:
        focused = self.focused
        return next((n for n in focused.ancestors if isinstance(n, FormRow)), None) if focused else None

    # Files that change underneath.

    def load(self, session: Session) -> FormFacts:
        return read_facts(session, self.draft.category, self._base.value.name if self._base else None)

    def show(self, snapshot: FormFacts) -> None:
        self.facts = snapshot
        if self._base is not None and not self._copy:
            self._compare()
        self._check()

    def _compare(self) -> None:
        """Say at once that the file is no longer what the form was made from."""
        assert self._base is not None
        theirs = self.facts.entry
        if theirs is None:
            self._banner(
                "The file was deleted on disk. Saving is refused until it is back; a copy can be made with c."
            )
        elif theirs.raw == self._base.raw and not theirs.stale:
            self._banner("")
        elif theirs.stale:
            self._banner("The file was changed on disk, and cannot be read as it is now. Yours is kept here.")
        elif not self.draft.dirty:
            self._take("theirs")
            self._banner("The file was changed on disk just now; this is what it says.")
        else:
            self._banner("The file was changed on disk while you typed. ctrl+o shows both versions.")

    def _banner(self, text: str) -> None:
        banner = self.query_one(".form-banner", Static)
        banner.display = bool(text)
        banner.update(Content(f"! {text}"))
        self._fit()

    @property
    def _conflicts(self) -> bool:
        theirs = self.facts.entry
        return self._base is not None and not self._copy and (theirs is None or theirs.raw != self._base.raw)

    def action_versions(self) -> None:
        """Show what is on disk beside what would be written, and ask what to keep."""
        base, theirs = self._base, self.facts.entry
        if base is None or self._copy or not self._conflicts:
            self._say("The file on disk is the one that you are editing.")
            return
        component = self._built.component
        if theirs is None or theirs.stale:
            self._say("What is on disk cannot be read as a component; yours is kept here.", error=True)
            return
        if component is None:
            self._say("Correct the fields first: what you typed cannot be written yet.", error=True)
            return

        def build(session: Session) -> Change:
            from stacktui.operations.component_edit import component_change

            return component_change(session, component, base)

        show_versions(
            self.workbench, build, theirs, failed=lambda text: self._say(text, error=True), then=self._take
        )

    def _take(self, verdict: Verdict) -> None:
        """Go on from the version on disk, with what was typed here or without."""
        theirs = self.facts.entry
        if theirs is None:
            return
        self._base = theirs
        draft, session = self.draft, self.session
        flavor = (
            draft.texts["flavor"] if verdict == "both" and draft.touched("flavor") else theirs.value.flavor
        )

        def loaded(model: Any, error: BaseException | None) -> None:
            if verdict == "theirs":
                draft.source = theirs.value
                draft.start(theirs.value.name, theirs.value.flavor, model)
            else:
                draft.rebase(theirs.value, model)
            row = self._focused_row
            self._banner("" if verdict == "theirs" else "Their changes are taken in; what you typed is kept.")
            self.call_later(self._rebuild, row.spec.key if row else "description")

        self.workbench.background.submit(lambda: model_of(session, draft.category, flavor), loaded)

    # Typing.

    @on(FormRow.Changed)
    def _changed(self, event: FormRow.Changed) -> None:
        spec = event.row.spec
        if spec.key == "flavor":
            self._change_flavor(event.text)
            return
        self.draft.texts[spec.key] = event.text
        self._say("")
        self._check()

    def _change_flavor(self, flavor: str) -> None:
        draft, session = self.draft, self.session

        def loaded(model: Any, error: BaseException | None) -> None:
            row = self._row("flavor")
            if row is not None and row.text == flavor:
                draft.change_flavor(flavor, model)
                self.call_later(self._rebuild, "flavor")

        self.workbench.background.submit(lambda: model_of(session, draft.category, flavor), loaded)

    def _check(self) -> None:
        """What is wrong with single fields at once; what the rules say in a thread."""
        self._built = self.draft.build(self.facts.taken)
        for row in self.query(FormRow):
            key = row.spec.key
            # A field that nobody has come to yet is not wrong, only empty.
            waiting = not self._tried and not self.draft.texts[key] and not self.draft.touched(key)
            row.problem("" if waiting else self._built.problems.get(key, ""))
        component = self._built.component
        if component is None:
            self._findings = ()
        elif self._checking:
            self._check_again = True
        else:
            self._ask_rules(component)
        self._show_status()

    def _ask_rules(self, component: Component) -> None:
        self._checking, self._check_again = True, False
        session = self.session

        def arrived(found: Any, error: BaseException | None) -> None:
            self._checking = False
            if not self.is_attached:
                return
            if error is None:
                # What is wrong with a field's value stands beside the field already.
                self._findings = tuple(one for one in found if not one.code.startswith("CFG"))
            if self._check_again and self._built.component is not None:
                self._ask_rules(self._built.component)
            self._show_status()

        def ask() -> tuple[Diagnostic, ...]:
            from stacktui.operations.component_edit import component_findings

            return component_findings(session, component)

        self.workbench.background.submit(ask, arrived)

    def on_descendant_focus(self, _: events.DescendantFocus) -> None:
        here = self._focused_row
        for row in self.query(FormRow):
            row.set_class(row is here, "-here")
        self._show_about()

    def _show_about(self) -> None:
        about, row = self.query_one("#form-about", Static), self._focused_row
        if row is None:
            about.update(Content(""))
            return
        about.update(_about(row.spec, row.locked, self.facts.secrets))

    def _say(self, text: Clean | str, *, error: bool = False) -> None:
        self._said = (clean(text), error) if text else None
        self._show_status()

    _said: tuple[Clean, bool] | None = None

    def notice(self, text: Clean | str, *, error: bool = False) -> None:
        """What a failed load says."""
        self._say(text, error=error)

    def _show_status(self) -> None:
        status = self.query_one("#form-status", Static)
        problems = sum(1 for row in self.query(FormRow) if row.has_class("-wrong"))
        if self._said is not None:
            text, error = self._said
            mark, style = (glyph("✗"), "$tone-error") if error else (glyph("·"), "$quiet")
            status.update(Content.assemble((f"{mark} ", style), text))
        elif problems:
            word = "field needs" if problems == 1 else "fields need"
            status.update(Content.styled(f"{glyph('✗')} {problems} {word} another value", "$tone-error"))
        elif self._findings:
            worst = self._findings[0]
            bad = worst.severity is Severity.ERROR
            more = f"  (and {len(self._findings) - 1} more)" if len(self._findings) > 1 else ""
            mark, style = (glyph("✗"), "$tone-error") if bad else ("!", "$tone-warn")
            status.update(Content.assemble((f"{mark} ", style), clean(worst.message + more)))
        elif self._built.component is None:
            status.update(Content.styled(f"{glyph('·')} * fields are required", "$quiet"))
        else:
            verdict = "every rule passes" if self.draft.dirty or self.draft.adding else "as the file says"
            status.update(Content.assemble((f"{glyph('✓')} ", "$tone-ok"), (verdict, "$quiet")))

    # Going about.

    def action_step(self, by: int) -> None:
        if by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    @on(FormRow.Done)
    def _done(self, event: FormRow.Done) -> None:
        event.stop()
        rows = list(self.query(FormRow))
        row = self._focused_row
        if row is not None and row is rows[-1]:
            self.action_save()
        else:
            self.focus_next()

    @on(FormButton.Pressed)
    def _pressed(self, event: FormButton.Pressed) -> None:
        if event.name == "save":
            self.action_save()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        if not self.draft.dirty and not self._copy:
            super().action_leave()
            return
        self.workbench.ask(
            ConfirmDialog("unsaved", "Throw away what you typed?", "throw it away"),
            lambda yes: self.dismiss(None) if yes and self.is_current else None,
        )

    # Saving.

    def action_save(self) -> None:
        self._tried = True
        self._check()
        component = self._built.component
        if component is None or self._built.problems:
            self._say("")
            wrong = next((row for row in self.query(FormRow) if row.has_class("-wrong")), None)
            if wrong is not None:
                wrong.field.focus()
            return
        if self._conflicts:
            self.action_versions()
            return
        self._say("")
        self._save(component)

    def _save(self, component: Component) -> None:
        base, copy = self._base, self._copy

        def build(session: Session) -> Change:
            from stacktui.operations.component_edit import component_change, component_copy_change
            from stacktui.workspace.edits import new_component

            if copy and base is not None:
                return component_copy_change(session, base, component)
            # Not by what is there now: a component of that name which has just appeared is a conflict.
            return (
                component_change(session, component, base)
                if base
                else new_component(session.workspace, component)
            )

        save(
            self.workbench, build, saved=self._saved, note=errors_note(self._findings),
            failed=lambda text: self._say(text, error=True),
            unchanged=lambda: self._say("Nothing differs from the file."),
            conflict=lambda _: self._conflicted(),
        )  # fmt: skip

    def _saved(self, document: ChangeDocument) -> None:
        component = self._built.component
        self.workbench.toast(clean(document.title))
        if component is not None and self.is_attached:
            self.dismiss(component.name)

    def _conflicted(self) -> None:
        """The file changed between the form's last look and the write: look again, then show both versions."""
        self._say(
            "Someone else saved this file; nothing was written. ctrl+o shows both versions.", error=True
        )
        session = self.session

        def arrived(facts: Any, error: BaseException | None) -> None:
            if error is None and self.is_attached:
                self.snapshot = facts
                self.show(facts)
                if self._conflicts:
                    self.action_versions()

        self.workbench.background.submit(lambda: self.load(session), arrived)


def _about(spec: FieldSpec, locked: bool, secrets: tuple[str, ...]) -> Content:
    pieces: list[tuple[str, str] | str] = [(spec.label, "bold"), ("  ", ""), (spec.about(), "$quiet")]
    text = clean(spec.description)
    if locked:
        text = Clean(
            "It holds characters that cannot be typed here, and keeps them; E opens the file in your editor."
        )
    if text:
        pieces += ["\n", text]
    if spec.secretable:
        example = secrets[0] if secrets else "{{name.key}}"
        known = f" Known here: {clean(', '.join(secrets[:4]))}." if secrets else ""
        pieces += ["\n", ("A secret stands here as a reference, ", "$quiet"), (clean(example), "$tone-accent"),
                   (f", never as its value.{known}", "$quiet")]  # fmt: skip
    elif spec.multiline:
        pieces += [("  (enter adds a line; on an empty last line it goes on)", "$quiet")]
    return Content.assemble(*pieces)
