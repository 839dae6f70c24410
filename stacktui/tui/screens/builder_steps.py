"""Step settings in the stack builder: a step of the workspace's pipelines is chosen, its settings are a form.

A mixin. Settings merge with the parents' by key, so what a parent says can be said otherwise and not taken out.
"""

from __future__ import annotations

from typing import Any

from stacktui.model.category import Category
from stacktui.model.stack import StepSettings
from stacktui.model.text import Clean, clean
from stacktui.tui.marks import glyph
from stacktui.tui.screens.builder_base import BuilderBase
from stacktui.tui.snapshots.builder_edits import names_of, with_step

_OTHER = "\0"


class BuilderSteps(BuilderBase):
    """The list of step settings."""

    def refused_step(self, action: str) -> str | None:
        """Why an action on step settings cannot be done now; None if it can, or if it is for another list."""
        if self.where != "steps":
            if action == "delete":
                place = f"on their screen, key {self._category.facts.key}"
                return f"- takes it out of the stack; components are deleted {place}"
            return None
        line = self.step_line()
        if action == "edit" and line is None:
            return "no step has settings yet: a adds some"
        if action in ("remove", "inherit", "delete"):
            if line is None:
                return "nothing is chosen"
            if not line.own:
                return f"{' and '.join(line.origins)} says so; e says it otherwise here"
        return None

    def add_step(self) -> None:
        """Choose a step, then give it settings."""
        from stacktui.tui.dialogs.simple import ChoiceDialog

        if self.snapshot is None or self.draft is None:
            return
        own = set(self.draft.steps)
        found = [offer for offer in self.snapshot.offers if offer.step not in own]
        if not found:
            self._ask_name()
            return
        choices = []
        for offer in found:
            about = f" {glyph('·')} ".join(text for text in (offer.pipelines, offer.summary) if text)
            choices.append((offer.step, clean(offer.step), Clean(about)))
        choices.append(
            (_OTHER, Clean("another name…"), Clean("of a step whose name is made when it is drawn"))
        )

        def chosen(step: str | None) -> None:
            if step == _OTHER:
                self._ask_name()
            elif step is not None:
                self.edit_step(step)

        self.ask(ChoiceDialog("settings for which step?", choices), chosen)

    def _ask_name(self) -> None:
        from stacktui.pipelines.step import STEP_NAME
        from stacktui.tui.dialogs.simple import PromptDialog

        def problem(text: str) -> str | None:
            return None if STEP_NAME.fullmatch(text) else "a step is named in letters, digits, - and _"

        self.ask(
            PromptDialog("settings for a step", "The step's name, as the pipeline calls it:", check=problem),
            lambda step: self.edit_step(step) if step else None,
        )

    def edit_step(self, step: str) -> None:
        """The form of a step's own settings; what the parents say of it stands above."""
        from stacktui.tui.dialogs.model_form import ModelForm
        from stacktui.workspace.edits import step_data

        if self.draft is None or self.snapshot is None:
            return
        line = next((each for each in self.snapshot.steps if each.step == step), None)
        said = [f"{each.text} from {each.origin}" for each in (line.settings if line else ()) if each.origin]
        own = self.draft.steps.get(step)

        def answered(data: dict[str, Any] | None) -> None:
            if data is None or self.draft is None:
                return
            settings = StepSettings.model_validate(data)
            self.put(with_step(self.draft, step, settings), f"settings of {step}")
            self.steps.focus()

        self.ask(
            ModelForm(
                clean(f"settings of step {step}"), StepSettings, step_data(own) if own else {},
                choices={each.value: self._choices(each) for each in (Category.STEP_OPERATOR, Category.EXPERIMENT_TRACKER)},
                note=Clean(f"Inherited: {', '.join(said)}") if said else "", secrets=(),
            ),
            answered,
        )  # fmt: skip

    def _choices(self, category: Category) -> tuple[Any, ...]:
        """The components of a slot of the draft, as values of a field."""
        from stacktui.tui.dialogs.form_fields import Choice

        if self.draft is None:
            return ()
        names = names_of(self.draft, self.inherited, category)
        return tuple(
            Choice(name, clean(name), Clean("" if place else "the default"))
            for place, name in enumerate(names)
        )

    def remove_step(self) -> None:
        """The draft's own settings of the step under the cursor go; a parent's count then."""
        line = self.step_line()
        if line is not None and self.draft is not None:
            self.put(with_step(self.draft, line.step, None), f"settings of {line.step} taken out")
