"""Setting a secret from any screen: by a masked prompt, by name and key, or because a finding says that it is missing.
Used by the pane of secrets managers and by the problems screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.secretref import SecretRef, SecretValue, references
from stacktui.model.text import clean

if TYPE_CHECKING:
    from stacktui.tui.screens.base import WorkbenchScreen


def ask_value(
    screen: WorkbenchScreen[Any],
    reference: SecretRef,
    manager: str | None = None,
    *,
    note: str = "",
    then: Callable[[], Any] | None = None,
) -> None:
    """Ask for a value, hidden, and set it in a secrets manager, the stack's where none is named; `then` comes once it is
    set. An empty value, as esc, sets nothing."""
    from stacktui.tui.dialogs.simple import PromptDialog

    where = f" in {manager}" if manager else ""

    def answered(value: str | None) -> None:
        if not value:
            return
        arguments = {"name": reference.name, "key": reference.key, "value": SecretValue(value)}
        if manager is not None:
            arguments["manager"] = manager
        screen.do("secret set", None if then is None else told, **arguments)

    def told(document: Any) -> None:
        screen.workbench.toast(clean(document.done))
        if then is not None:
            then()

    screen.ask(
        PromptDialog(
            clean(f"value of {reference}"),
            f"It is kept{where} and shown as dots; a paste may have several lines.{note}",
            secret=True,
        ),
        answered,
    )


def ask_new(screen: WorkbenchScreen[Any], manager: str | None = None) -> None:
    """Ask for name and key of a secret, then for the value."""
    from stacktui.tui.dialogs.simple import PromptDialog

    def named(text: str | None) -> None:
        if text:
            ask_value(screen, reference_in(text), manager)

    screen.ask(
        PromptDialog(
            "add a secret", "Its name and key, as aws.access_key_id. The value comes next, hidden.", check=problem_of
        ),
        named,
    )  # fmt: skip


def ask_missing(screen: WorkbenchScreen[Any], missing: tuple[str, ...], manager: str | None) -> None:
    """Ask for the values of all secrets that a finding names, one after the other."""
    if not missing:
        return
    first, *rest = missing
    more = f" {len(rest)} more after it." if rest else ""
    ask_value(
        screen,
        reference_in(first),
        manager,
        note=more,
        then=lambda: ask_missing(screen, tuple(rest), manager),
    )


def reference_in(text: str) -> SecretRef:
    """`name.key`, as people write it."""
    name, _, key = text.strip().partition(".")
    return SecretRef(name, key)


def problem_of(text: str) -> str | None:
    """What is wrong with `name.key`, or None."""
    name, key = reference_in(text)
    if not key:
        return "write it as name.key"
    if not is_name(name):
        return f"a name has {NAME_RULE}"
    if references("{{" + f"{name}.{key}" + "}}") != [SecretRef(name, key)]:
        return "a key has letters, digits, '_', '.' and '-'"
    return None
