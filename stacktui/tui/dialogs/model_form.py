"""A form of any pydantic model: its result is the edited data, checked by the model; None if it was left.

    app.ask(ModelForm("settings of fit", StepSettings, {"retries": 2}), then)   # then(data or None)

Nested models, lists of models and mappings open forms of their own. Nothing is written here: what becomes of the data
is up to whoever asked. Used by the component form for what is nested, by the stack builder for step settings, and by
imports for what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.content import Content

from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.form_base import FieldsForm
from stacktui.tui.dialogs.form_fields import ABSENT, Choices, FieldSpec
from stacktui.tui.dialogs.form_nested import Nest, RowsField
from stacktui.tui.dialogs.form_state import ModelFields
from stacktui.tui.keys import bind
from stacktui.tui.marks import glyph

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel


class ModelForm(FieldsForm[dict[str, Any]]):
    """The fields of one model."""

    KEYS = "ctrl+s done · tab next · ctrl+l choose · esc back"
    KEYS_OF_FILE = "ctrl+s done · tab next · ctrl+l choose · ctrl+e $EDITOR · esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("modelform.editor", "ctrl+e", "editor", "$EDITOR", rank=5, priority=True,
             help="Open the file in your editor, at the field."),
    ]  # fmt: skip

    def __init__(
        self,
        title: Clean | str,
        model: type[BaseModel],
        value: Mapping[str, Any],
        *,
        choices: Choices | None = None,
        note: Clean | str = "",
        secrets: tuple[str, ...] | None = None,
        locate: Callable[..., str] | None = None,
    ) -> None:
        """`choices` are values on offer by field path, as `step_operator` or `resources.gpu`; `note` stands above the
        fields. `secrets` are the references that can be picked: by default those of the active stack's manager.
        `locate` opens the file of what is edited at a path of keys, or says why not.
        """
        self.fields = ModelFields(model, value, choices=choices or {})
        super().__init__(title, self.fields, secrets=secrets or (), keys=self.KEYS_OF_FILE if locate else "")
        self._note = clean(note)
        self._ask_secrets = secrets is None
        self._locate = locate
        self._data: dict[str, Any] = {}

    def on_mount(self) -> None:
        if self._note:
            self.banner(self._note, warn=False)
        if self._ask_secrets and any(spec.secretable for spec in self.held.specs):
            self._load_secrets()

    def _load_secrets(self) -> None:
        session = self.workbench.session

        def work() -> tuple[str, ...]:
            from stacktui.tui.dialogs.form_facts import secret_references

            return secret_references(session)

        def arrived(found: Any, error: BaseException | None) -> None:
            if error is None and self.is_attached:
                self.offer_secrets(found)

        self.workbench.background.submit(work, arrived)

    def check(self) -> None:
        read = self.fields.read()
        # What cannot be read is left out: the model would only say that it is missing.
        self._data, self.wrong = read.data, {**self.fields.check(read.data), **read.wrong}
        self.show_wrong()

    def verdict(self) -> Content:
        said = "changed; ctrl+s takes it over" if self.held.dirty else "as it was"
        return Content.assemble((f"{glyph('✓')} ", "$tone-ok"), (said, "$quiet"))

    def save(self) -> None:
        self.finish(self._data)

    @property
    def has_file(self) -> bool:
        return self._locate is not None

    def locate(self, *path: str | int) -> str:
        return self._locate(*path) if self._locate is not None else super().locate()

    def action_editor(self) -> None:
        row = self.focused_row
        if problem := self.locate(*(self.path_of(row.spec) if row is not None else ())):
            self.say(problem, error=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "editor" and self._locate is None:
            return False
        return super().check_action(action, parameters)


class _Value:
    """The name of the one field in which a mapping's value is edited that is no model."""

    NAME = "value"


def open_nested(form: FieldsForm[Any], spec: FieldSpec, wanted: Nest, key: str = "") -> None:
    """Open a form for a nested value; what it gives goes back into the field. `key` is a new row's of a mapping."""
    model = spec.model
    row = wanted.row
    alone = model is None
    if model is None:
        from pydantic import Field, create_model

        model = create_model("Value", **{_Value.NAME: (spec.inner, Field(description=spec.description))})  # type: ignore[call-overload]
    value = wanted.value
    held = ({} if value is ABSENT else {_Value.NAME: value}) if alone else value
    if not isinstance(held, Mapping):
        return
    field = wanted.field

    def done(data: dict[str, Any] | None) -> None:
        if data is not None:
            found = data.get(_Value.NAME) if alone else data
            if isinstance(field, RowsField):
                field.put_row(row, found, key)
            else:
                field.take(found)
            # Its messages come later; what is held counts at once.
            form.held.put(spec.key, field.data)
        form.nested(False)

    def locate(*path: str | int) -> str:
        inside = path[1:] if alone else path
        return form.locate(*form.path_of(spec), *(() if row is None else (row,)), *inside)

    form.nested(True)
    form.workbench.ask(
        ModelForm(
            form.nested_title(spec, key or row), model, held, choices=spec.nested_choices,
            secrets=form.secrets, locate=locate if form.has_file else None,
        ),
        done,
    )  # fmt: skip
