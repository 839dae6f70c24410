"""Taking a stack in from a file: what becomes of each thing in it, a choice for each conflict, the diff, and then the
secrets that are missing. Opened by `i` on the stacks and by `:stack import FILE`.

Everything that reads or writes is done by `operations.stack_import`; nothing is written before its diff was accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacktui.categories.homes import from_home
from stacktui.model.text import Clean, clean, clean_block
from stacktui.operations.exchange.settle import Conflict
from stacktui.tui.dialogs.import_report import ImportDialog
from stacktui.tui.marks import glyph

if TYPE_CHECKING:
    from stacktui.operations.exchange.report import SecretNeed
    from stacktui.operations.stack_import import ImportPlan
    from stacktui.tui.app import WorkbenchApp


def _note(plan: ImportPlan) -> Clean:
    """What should be known before the diff is accepted. Missing secrets are asked for after it."""
    from stacktui.tui.dialogs.saving import errors_note

    lines = [errors_note(each for each in plan.diagnostics if each.code != "SEC005")]
    missing = sum(each.state == "missing" for each in plan.secrets)
    if missing:
        are = "secrets are missing and are" if missing > 1 else "secret is missing and is"
        lines.append(Clean(f"{glyph('?')} {missing} {are} asked for next."))
    return clean_block("\n".join(line for line in lines if line))


def open_import(app: WorkbenchApp, given: Mapping[str, Any]) -> None:
    """Import a file: report, choices, diff, write, secrets. `given` are arguments of the operation `stack import`."""
    _Importing(app, given).begin()


def ask_import(app: WorkbenchApp, value: str = "", problem: Clean = Clean("")) -> None:
    """Ask for the file, then import it. What could not be read is asked for again, with the reason."""
    from stacktui.tui.dialogs.file_prompt import FilePrompt

    if app.feed.summary.readonly:
        app.say(Clean("the workbench is read-only"), error=True)
        return
    label = Clean("The file: a bundle of `stack export`, or what ZenML's `stack export` wrote.")
    app.ask(
        FilePrompt("import a stack", label, value=value, problem=problem),
        lambda path: open_import(app, {"file": Path(path), "ask_again": True}) if path else None,
    )


class _Importing:
    """One import from its file to its last secret."""

    def __init__(self, app: WorkbenchApp, given: Mapping[str, Any]) -> None:
        self._app = app
        self._session = app.session
        self._given = given
        # Relative to where the workbench was opened, as people who typed it mean it.
        self._file = app.session.start / from_home(given["file"])

    def begin(self) -> None:
        """Read the file in a thread, then show the report."""
        from stacktui.operations.stack_import import chosen

        def arrived(result: Any, error: BaseException | None) -> None:
            from stacktui.tui.doing import one_line

            if error is None:
                plan, choices = result
                self._app.ask(ImportDialog(plan, self._plan, clean(self._file.name), choices), self._accept)
            elif self._given.get("ask_again"):
                ask_import(self._app, str(self._given["file"]), one_line(error))
            else:
                self._app.say(one_line(error), error=True)

        def work() -> Any:
            choices = chosen(self._given.get("choose", ()))
            return self._plan(choices), choices

        self._app.background.submit(work, arrived)

    def _plan(self, choices: Mapping[str, Conflict]) -> ImportPlan:
        from stacktui.operations.stack_import import planned

        return planned(
            self._session,
            self._file,
            name=self._given.get("name"),
            default=self._given.get("on_conflict"),
            choices=choices,
        )

    def _accept(self, plan: ImportPlan | None) -> None:
        """Ask for the names of protected stacks that it replaces, then show the diff."""
        from stacktui.tui.dialogs.simple import NameDialog

        if plan is None or self._given.get("dry_run"):
            return
        names = [name for name in plan.replaced if name != self._given.get("confirm")]

        def ask(left: list[str]) -> None:
            if not left:
                self._diff(plan)
                return
            name, *others = left
            self._app.ask(
                NameDialog(name, Clean(f"stack {clean(name)}")), lambda text: ask(others) if text else None
            )

        ask(names)

    def _diff(self, plan: ImportPlan) -> None:
        from stacktui.tui.dialogs.saving import save

        def written(_: Any = None) -> None:
            self._secrets(plan)

        save(
            self._app,
            lambda _: plan.change,
            saved=written,
            failed=lambda text: self._app.say(text, error=True),
            unchanged=written,
            note=_note(plan),
        )

    # Secrets, once the files are there.

    def _secrets(self, plan: ImportPlan) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog

        missing = [need for need in plan.secrets if need.state == "missing"]
        in_file = [need for need in missing if need.in_file]
        if not missing or not self._given.get("secrets", True):
            self._end(plan, 0, len(missing))
            return
        if not in_file:
            self._ask(plan, missing, 0, 0)
            return
        if self._given.get("take_secrets"):
            self._take(plan, in_file, missing)
            return

        def answered(key: str | None) -> None:
            if key == "take":
                self._take(plan, in_file, missing)
            elif key == "type":
                self._ask(plan, missing, 0, 0)
            else:
                self._end(plan, 0, len(missing))

        what = "1 credential stands" if len(in_file) == 1 else f"{len(in_file)} credentials stand"
        self._app.ask(
            ChoiceDialog(
                "secrets",
                [
                    ("take", Clean("take from the file"), Clean("into the stack's secrets manager")),
                    ("type", Clean("type each"), Clean("without an echo")),
                    ("later", Clean("later"), Clean("the stack is not valid until then")),
                ],
                text=Clean(
                    f"{what} in {clean(self._file.name)} in clear. None of it was written to a file here."
                ),
            ),
            answered,
        )

    def _take(self, plan: ImportPlan, in_file: list[SecretNeed], missing: list[SecretNeed]) -> None:
        from stacktui.model.secretref import SecretRef

        references = [SecretRef(need.name, need.key) for need in in_file]
        values = {reference: plan.clear[reference] for reference in references}
        rest = [need for need in missing if not need.in_file]
        self._put(plan, values, lambda: self._ask(plan, rest, len(values), 0), len(missing))

    def _ask(self, plan: ImportPlan, missing: list[SecretNeed], done: int, left: int) -> None:
        """Ask for each that is missing; enter alone leaves one for later, esc all that remain."""
        from stacktui.model.secretref import SecretRef
        from stacktui.tui.dialogs.simple import PromptDialog

        if not missing:
            self._end(plan, done, left)
            return
        need, *others = missing
        reference = SecretRef(need.name, need.key)

        def answered(value: str | None) -> None:
            if value is None:
                self._end(plan, done, left + len(missing))
            elif not value:
                self._ask(plan, others, done, left + 1)
            else:
                self._put(
                    plan,
                    {reference: value},
                    lambda: self._ask(plan, others, done + 1, left),
                    left + len(missing),
                )

        used = clean(", ".join(need.used_by[:3]))
        self._app.ask(
            PromptDialog(
                clean(f"secret {reference}"),
                Clean(f"For {used}.\nenter alone leaves it for later, esc the others too."),
                secret=True,
            ),
            answered,
        )

    def _put(self, plan: ImportPlan, values: Mapping[Any, str], then: Callable[[], None], left: int) -> None:
        from stacktui.operations.exchange.needs import put

        def arrived(problem: Any, error: BaseException | None) -> None:
            from stacktui.tui.doing import one_line

            if error is not None or problem:
                self._app.say(one_line(error) if error is not None else clean(problem), error=True)
                self._end(plan, 0, left)
            else:
                then()

        self._app.background.submit(lambda: put(self._session, plan.after, plan.stack, values), arrived)

    def _end(self, plan: ImportPlan, done: int, left: int) -> None:
        parts = [f"stack {plan.stack} is here" if plan.change.empty else f"imported stack {plan.stack}"]
        if done:
            parts.append(f"set {done} secrets" if done > 1 else "set 1 secret")
        if left:
            parts.append(f"{left} secrets missing" if left > 1 else "1 secret missing")
        self._app.toast(clean("; ".join(parts)))
        # Where its slots and its findings are.
        self._app.open_place("stacks", plan.stack)
