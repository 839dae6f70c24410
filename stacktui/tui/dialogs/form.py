"""The form of one component, made from its flavor's config model. Nothing is saved before its diff was accepted.

Opened by `component_actions.open_component_form`; its result is the saved component's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from stacktui.model.component import Component
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.form_draft import CONFIG
from stacktui.tui.dialogs.form_facts import Opening, model_of
from stacktui.tui.dialogs.form_fields import FieldSpec
from stacktui.tui.dialogs.form_on_disk import FileForm
from stacktui.tui.dialogs.saving import Guarded, errors_note, guarded_component, save
from stacktui.tui.keys import bind
from stacktui.tui.marks import glyph

if TYPE_CHECKING:
    from stacktui.categories.base import ProbeResult
    from stacktui.operations.documents import ChangeDocument
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change


class ComponentForm(FileForm):
    """The fields of a component: its own, and its flavor's."""

    KEYS = "ctrl+s save · ctrl+l choose · ctrl+t probe · ctrl+e $EDITOR · esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("form.probe", "ctrl+t", "probe", "probe", rank=4, priority=True,
             help="Ask the component as it stands here whether it can be reached; nothing is written."),
        bind("form.editor", "ctrl+e", "editor", "$EDITOR", rank=5, priority=True,
             help="Open the file in your editor, at the field."),
    ]  # fmt: skip

    def __init__(self, title: Clean | str, opening: Opening, *, copy: bool = False) -> None:
        super().__init__(title, opening, copy=copy)
        self._findings: tuple[Diagnostic, ...] = ()
        self._checking = False
        self._check_again = False
        self._probing = 0
        """Counts the probes that were asked for: only the last one's answer is told."""

    def rows(self) -> Iterable[Widget]:
        specs = self.draft.specs
        for spec in specs:
            if spec.key.startswith(CONFIG.rstrip(".")):
                break
            yield self.row_for(spec)
        of_config = self.draft.config.specs
        if of_config:
            yield Static(Content("configuration"), classes="form-heading")
            yield from map(self.row_for, of_config)
        else:
            yield Static(Content("This flavor has nothing to configure."), classes="form-heading -none")

    @property
    def unsaved(self) -> bool:
        return self.draft.dirty or self.copying

    # Typing.

    def changed(self, spec: FieldSpec) -> None:
        if spec.key == "flavor":
            self._change_flavor(self.draft.entry("flavor"))
        else:
            self.check()

    def _change_flavor(self, flavor: str) -> None:
        draft, session = self.draft, self.session

        def loaded(model: Any, error: BaseException | None) -> None:
            row = self.row("flavor")
            if row is not None and row.entry == flavor:
                draft.change_flavor(flavor, model)
                self.call_later(self.rebuild, "flavor")

        self.workbench.background.submit(lambda: model_of(session, draft.category, flavor), loaded)

    def check(self) -> None:
        """What is wrong with single fields at once; what the rules say in a thread."""
        self.built = self.draft.build(self.facts.taken)
        self.wrong = self.built.problems
        component = self.built.component
        if component is None:
            self._findings = ()
        elif self._checking:
            self._check_again = True
        else:
            self._ask_rules(component)
        self.show_wrong()

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
            if self._check_again and self.built.component is not None:
                self._ask_rules(self.built.component)
            self.show_status()

        def ask() -> tuple[Diagnostic, ...]:
            from stacktui.operations.component_edit import component_findings

            return component_findings(session, component)

        self.workbench.background.submit(ask, arrived)

    def verdict(self) -> Content:
        if self._findings:
            worst = self._findings[0]
            bad = worst.severity is Severity.ERROR
            more = f"  (and {len(self._findings) - 1} more)" if len(self._findings) > 1 else ""
            mark, style = (glyph("✗"), "$tone-error") if bad else ("!", "$tone-warn")
            return Content.assemble((f"{mark} ", style), clean(worst.message + more))
        said = "every rule passes" if self.draft.dirty or self.draft.adding else "as the file says"
        return Content.assemble((f"{glyph('✓')} ", "$tone-ok"), (said, "$quiet"))

    # Saving.

    def save(self) -> None:
        component = self.built.component
        if component is None:
            return
        if self.conflicting:
            self.action_versions()
            return
        self.write(self._change_to(component))

    def _change_to(self, component: Component) -> Callable[[Session], Change]:
        base, copy, anew = self.base, self.copying, self.anew

        def build(session: Session) -> Change:
            from stacktui.operations.component_edit import component_change, component_copy_change
            from stacktui.workspace.edits import new_component

            if base is not None and (copy or anew):
                change = component_copy_change(session, base, component)
                return change if copy else replace(change, title=f"write {component.id} anew")
            # Not by what is there now: a component of that name which has just appeared is a conflict.
            return (
                component_change(session, component, base)
                if base
                else new_component(session.workspace, component)
            )

        return build

    def write(self, build: Callable[[Session], Change]) -> None:
        """Show the diff of a change and write it when it is accepted."""
        save(
            self.workbench, build, saved=self._saved, note=errors_note(self._findings),
            failed=lambda text: self.say(text, error=True),
            unchanged=lambda: self.say("Nothing differs from the file."),
            conflict=lambda _: self.conflicted(), guarded=self._guarded,
        )  # fmt: skip

    def _guarded(self, session: Session) -> Guarded | None:
        base = self.base
        return None if base is None or self.copying else guarded_component(session, base.value.id)

    def _saved(self, document: ChangeDocument) -> None:
        component = self.built.component
        self.workbench.toast(clean(document.title))
        if component is not None and self.is_attached:
            self.dismiss(component.name)

    # Probing and the editor.

    def action_probe(self) -> None:
        component = self.built.component
        if component is None:
            self.tried = True
            self.check()
            self.say("Correct the fields first: only a whole component can be probed.", error=True)
            return
        self._probing += 1
        turn, session = self._probing, self.session
        self.say("probing")

        def work() -> ProbeResult:
            from stacktui.operations.probing import probe_unsaved

            return probe_unsaved(session, component)

        def answered(result: ProbeResult | None, error: BaseException | None) -> None:
            from stacktui.tui.doing import one_line

            if turn != self._probing or not self.is_attached:
                return
            if result is None:
                self.say(one_line(error) if error is not None else "", error=True)
                return
            text = clean(f"{result.latency_s * 1000:.0f} ms: {result.message}")
            self.say(text, error=not result.ok, good=result.ok)

        self.workbench.background.submit(work, answered)

    def action_editor(self) -> None:
        row = self.focused_row
        if problem := self.locate(*(self.path_of(row.spec) if row is not None else ())):
            self.say(problem, error=True)

    def path_of(self, spec: FieldSpec) -> tuple[str | int, ...]:
        return () if spec.key == "name" else tuple(spec.key.split(".", 1))

    @property
    def has_file(self) -> bool:
        return True

    def locate(self, *path: str | int) -> str:
        entry = self.facts.entry
        if entry is None:
            return "There is no file: ctrl+s writes it."
        from stacktui.tui.editor import open_in_editor

        where = entry.position(*path)
        open_in_editor(
            self.workbench, entry.file, where.line if where else None, where.column if where else None
        )
        return ""
