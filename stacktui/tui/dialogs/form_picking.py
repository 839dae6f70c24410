"""What can stand in a text field, as a list: references to secrets, files and folders, values on offer. A secret that is
not there yet can be made on the way. Opened by `ctrl+l` in every form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from stacktui.model.base import Name
from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.form_lines import LineField, LinesField, paths_like

if TYPE_CHECKING:
    from stacktui.tui.dialogs.form_base import FieldsForm
    from stacktui.tui.dialogs.form_fields import FieldSpec
    from stacktui.tui.dialogs.form_widgets import FormRow

_NEW = "\0new"
_DIGITS = 9
"""So many can be taken by a digit; more are found by typing."""


class NewSecret(BaseModel):
    """One key of a secret, as it is asked for."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Name = Field(description="The secret's name; one that is there gets another key.")
    key: str = Field(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", description="The key in it, as access_key_id."
    )
    value: SecretStr = Field(
        min_length=1, description="The value. It goes to the secrets manager only, and is not shown."
    )


def choose_for(form: FieldsForm[Any], row: FormRow, field: LineField | LinesField) -> None:
    """List what can stand in a field and put in what is chosen."""
    spec, app = row.spec, form.workbench
    begun = field.value if isinstance(field, LineField) else ""
    session = app.session

    def work() -> tuple[tuple[str, ...], list[str]]:
        from stacktui.tui.dialogs.form_facts import secret_references

        secrets = secret_references(session) if spec.secretable else ()
        root = session.workspace.root
        inside = begun if begun.endswith("/") else begun.rpartition("/")[0] + "/" if "/" in begun else ""
        paths = paths_like(root, inside, spec.path == "folder") if spec.path and "{" not in begun else []
        return secrets, paths

    def arrived(found: Any, error: BaseException | None) -> None:
        from stacktui.tui.doing import one_line

        if error is not None:
            form.say(one_line(error), error=True)
            return
        secrets, paths = found
        if spec.secretable:
            form.offer_secrets(secrets)
        _list(form, spec, field, secrets, paths)

    app.background.submit(work, arrived)


def _list(
    form: FieldsForm[Any],
    spec: FieldSpec,
    field: LineField | LinesField,
    secrets: tuple[str, ...],
    paths: list[str],
) -> None:
    from stacktui.tui.dialogs.pick import PickDialog
    from stacktui.tui.dialogs.simple import ChoiceDialog

    items = [(choice.text, choice.label, choice.help) for choice in spec.choices if choice.text]
    items += [(reference, clean(reference), Clean("a secret")) for reference in secrets]
    if spec.secretable:
        items.append((_NEW, Clean("a new secret"), Clean("asks for its value, masked")))
    items += [(path, clean(path), Clean("a folder" if path.endswith("/") else "")) for path in paths]
    if not items:
        form.say("nothing can be listed for this field: type it" if not spec.path else "nothing lies there")
        return

    def chosen(key: str | None) -> None:
        if key == _NEW:
            _make(form, spec, field)
        elif key is not None:
            put(field, key, whole=key in paths)
            if key in paths and key.endswith("/") and isinstance(field, LineField):
                form.action_choose()

    title = clean(f"{spec.label}: choose")
    few = len(items) <= _DIGITS
    form.workbench.ask(ChoiceDialog(title, items) if few else PickDialog(title, items), chosen)


def put(field: LineField | LinesField, text: str, *, whole: bool = False) -> None:
    """Put a chosen text in: in place of all, of a reference that was begun, or at the cursor."""
    if isinstance(field, LinesField):
        field.put_in(text)
        return
    before, after = field.value[: field.cursor_position], field.value[field.cursor_position :]
    begun = before.rfind("{{")
    if whole:
        field.take(text)
    elif begun >= 0 and "}}" not in before[begun:]:
        field.take(before[:begun] + text + after)
    else:
        field.put_in(text)


def _make(form: FieldsForm[Any], spec: FieldSpec, field: LineField | LinesField) -> None:
    """Ask for a new secret, keep it by the operation `secret set`, and put the reference in."""
    from stacktui.tui.dialogs.model_form import ModelForm

    app = form.workbench

    def filled(data: dict[str, Any] | None) -> None:
        if data is None:
            return
        reference = "{{" + f"{data['name']}.{data['key']}" + "}}"

        def work() -> Any:
            from stacktui.operations.session import run_operation
            from stacktui.operations.table import operations_of

            return run_operation(app.session, operations_of("secret")["secret set"], **data)

        def kept(_: Any, error: BaseException | None) -> None:
            from stacktui.tui.doing import one_line

            if not form.is_attached:
                return
            if error is not None:
                form.say(one_line(error), error=True)
                return
            form.offer_secrets(tuple(dict.fromkeys((*form.secrets, reference))))
            put(field, reference)
            form.held.put(spec.key, str(field.value if isinstance(field, LineField) else field.text))
            form.say(clean(f"{reference} is set; its value stands in no file"))

        app.background.submit(work, kept)

    app.ask(
        ModelForm("new secret", NewSecret, {"key": spec.name}, secrets=(),
                  note="The value is kept by the stack's secrets manager; the file holds its name and key."),
        filled,
    )  # fmt: skip
