"""What every form does: rows of fields, what the focused one is, what is wrong, and two buttons.

`ModelForm` and `ComponentForm` derive from it. It knows what is edited only as `Held`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.dialogs.form_about import about_field
from stacktui.tui.dialogs.form_entries import same_entry
from stacktui.tui.dialogs.form_fields import ABSENT, FieldSpec, Kind
from stacktui.tui.dialogs.form_lines import Done, LineField, LinesField, paths_like
from stacktui.tui.dialogs.form_nested import Nest, NewKey, RowsField
from stacktui.tui.dialogs.form_state import WHOLE, Held, Wrong
from stacktui.tui.dialogs.form_widgets import ChoiceField, FormButton, FormRow
from stacktui.tui.dialogs.simple import ConfirmDialog
from stacktui.tui.keys import bind
from stacktui.tui.marks import glyph, symbol_of

if TYPE_CHECKING:
    from stacktui.tui.app import WorkbenchApp

R = TypeVar("R")

_AROUND = 11
"""Lines of the dialog that are not fields."""
_BANNER = 3
_HIGH = 30
"""Lines of the screen from which on there is room for longer descriptions."""


class FieldsForm(Dialog[R]):
    """Fields, what the focused one is, what is wrong, and two buttons."""

    AUTO_FOCUS = ""
    KEYS = "ctrl+s save · tab next · ctrl+l choose · esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("form.save", "ctrl+s", "save", "save", writes=True, rank=1, help="Save; a file's diff is shown first.", priority=True),
        bind("form.choose", "ctrl+l", "choose", "choose", rank=4, priority=True,
             help="List what can stand in the field: values, secrets by name and key, files and folders."),
        bind("form.next", "tab,down", "step(1)", "next field", rank=150),
        bind("form.previous", "shift+tab,up", "step(-1)", "previous field", rank=150),
    ]  # fmt: skip

    def __init__(
        self, title: Clean | str, held: Held, *, secrets: tuple[str, ...] = (), keys: str = ""
    ) -> None:
        super().__init__(title, keys or self.KEYS, wide=True)
        self.held = held
        self.secrets = secrets
        """References that the stack's secrets manager can resolve: `{{aws.key}}`."""
        self.wrong: Mapping[str, Wrong] = {}
        self.tried = False
        """Whether saving was tried: only then a field that is still empty is called wrong."""
        self._said: tuple[Clean, str] | None = None

    @property
    def workbench(self) -> WorkbenchApp:
        """The app, typed."""
        return cast("WorkbenchApp", self.app)

    # What a form says.

    def check(self) -> None:
        """Look at what stands in the fields: set `wrong`, then call `show_wrong`."""
        raise NotImplementedError

    def verdict(self) -> Content:
        """What the status line says when no field is wrong and nothing else is to be said."""
        raise NotImplementedError

    def save(self) -> None:
        """Nothing is wrong: save."""
        raise NotImplementedError

    def changed(self, spec: FieldSpec) -> None:
        """What stands in a field changed."""
        self.check()

    def nested_title(self, spec: FieldSpec, row: int | str | None) -> Clean:
        """What a nested form is called."""
        which = "" if row is None else f" {row + 1}" if isinstance(row, int) else f" {row}"
        return clean(f"{self._title} {glyph('›')} {spec.label}{which}")

    def path_of(self, spec: FieldSpec) -> tuple[str | int, ...]:
        """The path of keys to a field in what `locate` opens."""
        return (spec.name,)

    def locate(self, *path: str | int) -> str:
        """Open the file at what stands under a path of keys, in the user's editor; returns why that cannot be done."""
        return "there is no file behind this form"

    @property
    def has_file(self) -> bool:
        """Whether there is a file that `locate` opens."""
        return False

    # What stands in it.

    def content(self) -> ComposeResult:
        note = Static(classes="form-banner")
        note.display = False
        yield note
        with VerticalScroll(id="form-fields", can_focus=False):
            yield from self.rows()
        yield Static(id="form-about")
        yield Static(id="form-status")
        with Horizontal(id="form-buttons"):
            yield FormButton("save", "ctrl+s")
            yield FormButton("back", "esc")

    def rows(self) -> Iterable[Widget]:
        """A row for each field, and headings."""
        for spec in self.held.specs:
            yield self.row_for(spec)

    def row_for(self, spec: FieldSpec) -> FormRow:
        """The row of a field."""
        return FormRow(spec, self.held.entry(spec.key), self.secrets, self._paths)

    async def rebuild(self, focus: str) -> None:
        """Make all rows anew: the fields are others, or hold something else."""
        fields = self.query_one("#form-fields", VerticalScroll)
        before = self.row(focus)
        at = (
            before.field.cursor_location
            if before is not None and isinstance(before.field, LinesField)
            else None
        )
        with self.app.batch_update():
            await fields.remove_children()
            await fields.mount(*self.rows())
        self.check()
        row = self.row(focus) or next(iter(self.query(FormRow)), None)
        if row is not None:
            row.field.focus()
            if at is not None and isinstance(row.field, LinesField):
                row.field.cursor_location = at

    def on_mount(self) -> None:
        self.fit()
        self.check()
        # The first that is typed in: the name, or the description; not the flavor, which a letter would change.
        rows = [row for row in self.query(FormRow) if not row.locked]
        lines = [row for row in rows if row.spec.kind is not Kind.CHOICE]
        if first := next(iter([*lines, *rows]), None):
            first.field.focus()
        else:
            self.query(FormButton).first().focus()
        self.show_about()

    def on_resize(self, _: events.Resize) -> None:
        self.fit()

    def on_screen_resume(self, _: events.ScreenResume) -> None:
        # Whatever lay over it kept it from being told.
        self.workbench.feed.screen_resumed()

    def fit(self) -> None:
        """As high as the fields need and the screen allows."""
        banner = self.query_one(".form-banner", Static)
        more = 1 if self.app.size.height >= _HIGH else 0
        self.query_one("#form-about").styles.height = 4 + more
        room = self.app.size.height - _AROUND - more - (_BANNER if banner.display else 0)
        self.query_one("#form-fields").styles.max_height = max(4, room)

    def banner(self, text: Clean | str, *, warn: bool = True) -> None:
        """A line above the fields that stays; empty takes it away. `warn`: it wants to be acted on."""
        banner = self.query_one(".form-banner", Static)
        banner.display = bool(text)
        banner.update(Content(f"{'!' if warn else glyph('·')} {text}"))
        banner.set_class(not warn, "-quiet")
        self.fit()

    def row(self, key: str) -> FormRow | None:
        """The row of a field by its key."""
        return next((row for row in self.query(FormRow) if row.spec.key == key), None)

    @property
    def focused_row(self) -> FormRow | None:
        """The row that has the focus."""
        focused = self.focused
        return next((n for n in focused.ancestors if isinstance(n, FormRow)), None) if focused else None

    # Typing.

    @on(FormRow.Changed)
    def _row_changed(self, event: FormRow.Changed) -> None:
        event.stop()
        key = event.row.spec.key
        # What was put in for somebody was told already.
        if not same_entry(self.held.entry(key), event.entry):
            self.say("")
        self.held.put(key, event.entry)
        self.changed(event.row.spec)

    def show_wrong(self) -> None:
        """Say beside each field what is wrong with it, and the worst in the status line."""
        for row in self.query(FormRow):
            key = row.spec.key
            # A field that nobody has come to yet is not wrong, only empty.
            empty = self.held.entry(key) in ("", ABSENT)
            waiting = not self.tried and empty and not self.held.touched(key)
            row.problem(None if waiting else self.wrong.get(key))
        self.show_status()

    def on_descendant_focus(self, _: events.DescendantFocus) -> None:
        here = self.focused_row
        for row in self.query(FormRow):
            row.set_class(row is here, "-here")
        self.show_about()

    def show_about(self) -> None:
        """Say what the focused field is."""
        about, row = self.query_one("#form-about", Static), self.focused_row
        about.update(about_field(row.spec, row.locked, self.secrets) if row is not None else Content(""))

    def say(self, text: Clean | str, *, error: bool = False, good: bool = False) -> None:
        """A line in the form's status until something else is typed."""
        state = "error" if error else "ok" if good else "hint"
        self._said = (clean(text), state) if text else None
        self.show_status()

    def notice(self, text: Clean | str, *, error: bool = False) -> None:
        """What a failed load says."""
        self.say(text, error=error)

    def show_status(self) -> None:
        """The status line: what was said last, else what is wrong, else the verdict."""
        status = self.query_one("#form-status", Static)
        problems = sum(1 for row in self.query(FormRow) if row.has_class("-wrong"))
        if self._said is not None:
            text, state = self._said
            style = {"error": "$tone-error", "ok": "$tone-ok"}.get(state, "$quiet")
            status.update(Content.assemble((f"{symbol_of(state)} ", style), text))
        elif problems:
            word = "field needs" if problems == 1 else "fields need"
            status.update(Content.styled(f"{glyph('✗')} {problems} {word} another value", "$tone-error"))
        elif WHOLE in self.wrong:
            status.update(Content.styled(f"{glyph('✗')} {clean(self.wrong[WHOLE].text)}", "$tone-error"))
        elif self.wrong:
            status.update(Content.styled(f"{glyph('·')} * fields are required", "$quiet"))
        else:
            status.update(self.verdict())

    def offer_secrets(self, secrets: tuple[str, ...]) -> None:
        """The secrets that can be referred to are these."""
        if secrets == self.secrets:
            return
        self.secrets = secrets
        for row in self.query(FormRow):
            row.offer_secrets(secrets)
        self.show_about()

    # Choosing what stands in a field.

    async def _paths(self, spec: FieldSpec, begun: str) -> list[str]:
        root = self.workbench.session.workspace.root
        return await self.workbench.background.run(lambda: paths_like(root, begun, spec.path == "folder"))

    def action_choose(self) -> None:
        row = self.focused_row
        if row is None or row.locked:
            return
        field = row.field
        if isinstance(field, ChoiceField):
            field.list_all()
        elif isinstance(field, (LineField, LinesField)):
            from stacktui.tui.dialogs.form_picking import choose_for

            choose_for(self, row, field)

    # Nested forms.

    def nested(self, opened: bool) -> None:
        """A form of something nested was opened, or closed and what it gave is in its field."""

    @on(Nest)
    def _nest(self, event: Nest) -> None:
        event.stop()
        row = next((n for n in event.field.ancestors if isinstance(n, FormRow)), None)
        if row is None:
            return
        from stacktui.tui.dialogs.model_form import open_nested

        open_nested(self, row.spec, event)

    @on(NewKey)
    def _new_key(self, event: NewKey) -> None:
        event.stop()
        field, old = event.field, event.old
        taken = {key for key, _ in field.rows_data} - {old}

        def named(key: str | None) -> None:
            if key and old is not None:
                field.put_key(old, key)
            elif key:
                self._nest_under(field, key)

        from stacktui.tui.dialogs.simple import PromptDialog

        self.workbench.ask(
            PromptDialog(
                self.nested_title(field.spec, old), "The key:", value=old or "",
                check=lambda key: f"{key!r} stands there already" if key in taken else None,
            ),
            named,
        )  # fmt: skip

    def _nest_under(self, field: RowsField, key: str) -> None:
        from stacktui.tui.dialogs.model_form import open_nested

        open_nested(self, field.spec, Nest(field, None, {} if field.spec.model else ABSENT), key)

    # Going about.

    def action_step(self, by: int) -> None:
        if by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    @on(Done)
    def _done(self, event: Done) -> None:
        event.stop()
        rows = list(self.query(FormRow))
        row = self.focused_row
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

    @property
    def unsaved(self) -> bool:
        """Whether leaving would lose something."""
        return self.held.dirty

    def action_leave(self) -> None:
        if not self.unsaved:
            super().action_leave()
            return
        self.workbench.ask(
            ConfirmDialog("unsaved", "Throw away what you typed?", "throw it away"),
            lambda yes: self.dismiss(None) if yes and self.is_current else None,
        )

    def action_save(self) -> None:
        self.tried = True
        self.check()
        if self.wrong:
            self.say("")
            wrong = next((row for row in self.query(FormRow) if row.has_class("-wrong")), None)
            if wrong is not None:
                wrong.field.focus()
            return
        self.say("")
        self.save()
