"""All findings of the workspace by file, with the place, the editor at it, and the fix where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from stacktui.model.diagnostic import Diagnostic
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, state_text, tone_of
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.session import Session

_NO_FILE = "the workspace"
_EVERYTHING_FINE = Clean("No problems: every file, component and stack passes every rule.")


class SecretPlace(NamedTuple):
    """A secrets manager that lacks something."""

    manager: str
    why: str
    """Why nothing can be set in it; empty where it can."""


@dataclass(frozen=True)
class ProblemsSnapshot:
    """The findings; None until the workspace has been checked."""

    findings: tuple[Diagnostic, ...] | None
    root: Path
    managers: Mapping[str, SecretPlace]
    """By the subject of a finding about missing secrets: where they are to be set."""


class ProblemsScreen(WorkbenchScreen[ProblemsSnapshot]):
    """Every finding at once."""

    topics = frozenset({Topic.FINDINGS})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind(
            "problems.editor",
            "E",
            "edit_at",
            "editor",
            writes=True,
            rank=2,
            help="Open $EDITOR at the finding.",
        ),
        bind(
            "problems.fix",
            "f",
            "fix",
            "fix",
            writes=True,
            rank=3,
            help="Apply the fix, after its diff; ask for a secret that is missing.",
        ),
        bind("problems.copy", "y", "copy", "copy", rank=20, help="Copy the finding with its place."),
    ]

    def body(self) -> ComposeResult:
        with Panel(title="problems", id="problems-panel"):
            yield Grid(
                Column("place", "line", 7, align="right", drop=1),
                Column("severity", "", 9),
                Column("code", "code", 6, drop=2),
                Column("message", "finding", 30, grow=True),
                Column("fix", "fix", 22, drop=3),
                markable=False, id="problems", empty=Clean("The workspace is being checked…"),
            )  # fmt: skip
        yield Static(id="problem-detail")

    def load(self, session: Session) -> ProblemsSnapshot:
        findings = self.workbench.feed.findings
        return ProblemsSnapshot(findings, session.workspace.root, _managers(session, findings or ()))

    def show(self, snapshot: ProblemsSnapshot) -> None:
        grid = self.query_one(Grid)
        findings = snapshot.findings
        if findings is not None:
            grid.empty = _EVERYTHING_FINE
        grid.set_rows(_rows(findings or (), snapshot.root))
        panel = self.query_one(Panel)
        if findings:
            kinds = [
                sum(1 for item in findings if item.severity == kind) for kind in ("error", "warning", "hint")
            ]
            words = [
                f"{count} {name}{'s' if count != 1 else ''}"
                for count, name in zip(kinds, ("error", "warning", "hint"), strict=True)
                if count
            ]
            panel.set_title(f"problems {', '.join(words)}")
        else:
            panel.set_title("problems", 0 if findings is not None else None)
        self._detail()

    def refusal(self, action: str) -> str | None:
        finding = self._finding()
        if action == "fix":
            if finding is None:
                return "nothing is chosen"
            if finding.missing:
                place = self._secret_place(finding)
                if place is None:
                    return "no secrets manager is known for it"
                if place.why:
                    return f"{place.manager}: {place.why}"
            elif finding.fix is None:
                return "no fix is known for this finding"
        if action == "edit_at" and self._file() is None:
            return "this finding has no file"
        return super().refusal(action)

    def subject(self) -> Subject | None:
        return None

    def focus_on(self, argument: str) -> None:
        """Move to a finding by its key, or to the first of a code or file."""
        grid = self.query_one(Grid)
        if grid.move_to(argument):
            return
        wanted = argument.casefold()
        row = next((r for r in grid.rows if any(wanted in c.text.casefold() for c in r.cells)), None)
        if row is not None:
            grid.move_to(row.key)

    @on(Grid.Opened)
    def _opened(self) -> None:
        finding = self._finding()
        if finding is not None and finding.missing and self.refusal("fix") is None:
            self.action_fix()
        else:
            self.action_edit_at()

    @on(Grid.Moved)
    def _moved(self) -> None:
        self._detail()

    def action_edit_at(self) -> None:
        from stacktui.tui.editor import open_in_editor

        file, finding = self._file(), self._finding()
        if file is None:
            self.notice("This finding has no file.", error=True)
            return
        line, column = (finding.line, finding.column) if finding else (None, None)
        open_in_editor(self.workbench, file, line, column)

    def action_fix(self) -> None:
        finding = self._finding()
        place = self._secret_place(finding)
        if finding is not None and finding.missing and place is not None:
            from stacktui.tui.dialogs.secret_actions import ask_missing

            ask_missing(self, finding.missing, place.manager)
            return
        if finding is None or finding.fix is None:
            return
        from stacktui.tui.dialogs.saving import save_fix

        save_fix(self.workbench, finding.fix, lambda text: self.notice(text, error=True))

    def action_copy(self) -> None:
        finding = self._finding()
        if finding is not None and self.snapshot is not None:
            self.app.copy_to_clipboard(one_line_of(finding, self.snapshot.root))
            self.notice("Copied.")

    def _finding(self) -> Diagnostic | None:
        grid = next(iter(self.query(Grid)), None)
        if grid is None or self.snapshot is None or not self.snapshot.findings:
            return None
        return next((f for key, f in _keyed(self.snapshot.findings) if key == grid.cursor_key), None)

    def _secret_place(self, finding: Diagnostic | None) -> SecretPlace | None:
        """Where the secrets go that a finding misses."""
        if finding is None or self.snapshot is None:
            return None
        return self.snapshot.managers.get(finding.subject or "")

    def _file(self) -> Path | None:
        finding = self._finding()
        if finding is not None:
            return finding.file
        grid = next(iter(self.query(Grid)), None)
        if grid is None or self.snapshot is None or grid.cursor_key is None:
            return None
        _, _, name = grid.cursor_key.partition("file:")
        return Path(name) if name and name != _NO_FILE else None

    def _detail(self) -> None:
        detail = self.query_one("#problem-detail", Static)
        finding = self._finding()
        if finding is None:
            detail.update(Content(""))
            return
        title = fix_title(finding)
        fix = Content.assemble("\n", ("f ", "bold $tone-accent"), title) if title else ""
        about = Content.styled(f"  {clean(finding.subject)}", "$quiet") if finding.subject else ""
        detail.update(
            Content.assemble(
                (f"{state_text(finding.severity)} {clean(finding.code)}", f"$tone-{_colour(finding)} bold"),
                about,
                "\n",
                clean(finding.message),
                fix,
            )
        )


def fix_title(finding: Diagnostic) -> Clean:
    """What `f` does about a finding; empty where nothing is known."""
    if finding.missing:
        more = f" and {len(finding.missing) - 1} more" if len(finding.missing) > 1 else ""
        return clean(f"set {finding.missing[0]}{more}")
    return clean(finding.fix.title) if finding.fix else Clean("")


def _managers(session: Session, findings: tuple[Diagnostic, ...]) -> dict[str, SecretPlace]:
    """The secrets managers of the stacks that lack a secret. Reads files; in a thread."""
    subjects = {finding.subject for finding in findings if finding.missing and finding.subject}
    if not subjects:
        return {}
    from stacktui.model.category import Category
    from stacktui.operations.secret import managers_of
    from stacktui.runtime.inherit import resolve_stack

    snapshot = session.snapshot()
    why = {row.name: row.why for row in managers_of(session, snapshot)}
    found = {}
    for subject in subjects:
        stack = resolve_stack(snapshot, subject.removeprefix("stack/")).stack
        for name in stack.names(Category.SECRETS_MANAGER)[:1] if stack is not None else ():
            found[subject] = SecretPlace(name, why.get(name, "there is no such component"))
    return found


def _colour(finding: Diagnostic) -> str:
    tone = tone_of(finding.severity)
    return str(tone) if tone in (Tone.ERROR, Tone.WARN) else "accent"


def place_of(finding: Diagnostic) -> Clean:
    """`12:3`, `12` or nothing."""
    if finding.line is None:
        return Clean("")
    return Clean(f"{finding.line}:{finding.column}" if finding.column else f"{finding.line}")


def file_of(finding: Diagnostic, root: Path) -> Clean:
    """The finding's file as people name it."""
    if finding.file is None:
        return Clean(_NO_FILE)
    try:
        return clean(finding.file.relative_to(root).as_posix())
    except ValueError:
        return clean(finding.file)


def one_line_of(finding: Diagnostic, root: Path) -> Clean:
    """The finding as a compiler would print it: `stacks/prod.yaml:12:3: error STK012: …`."""
    place = place_of(finding)
    where = f"{file_of(finding, root)}:{place}" if place else file_of(finding, root)
    return clean(f"{where}: {finding.severity} {finding.code}: {finding.message}")


def finding_keys(findings: tuple[Diagnostic, ...]) -> list[tuple[str, Diagnostic]]:
    """Findings with a key each that stays while the finding does, whatever comes before it."""
    return list(_keyed(findings))


def _keyed(findings: tuple[Diagnostic, ...]) -> Iterator[tuple[str, Diagnostic]]:
    seen: dict[str, int] = {}
    for finding in findings:
        key = f"{finding.file}\0{finding.code}\0{finding.subject}\0{finding.message}"
        seen[key] = seen.get(key, 0) + 1
        yield f"{key}\0{seen[key]}", finding


def _rows(findings: tuple[Diagnostic, ...], root: Path) -> list[Row]:
    groups: dict[str, list[tuple[str, Diagnostic]]] = {}
    for key, finding in _keyed(findings):
        groups.setdefault(str(finding.file or _NO_FILE), []).append((key, finding))
    rows: list[Row] = []
    for name, group in groups.items():
        title = Clean(f"{file_of(group[0][1], root)}  ({len(group)})")
        rows.append(Row(f"file:{name}", (Cell(title),), heading=True))
        for key, finding in sorted(group, key=lambda item: (item[1].line or 0, item[1].column or 0)):
            tone = tone_of(finding.severity)
            rows.append(
                Row(
                    key,
                    (
                        Cell(place_of(finding), Tone.MUTED),
                        Cell(state_text(finding.severity), tone),
                        Cell(clean(finding.code), Tone.MUTED),
                        Cell(clean(finding.message)),
                        Cell(
                            clean(f"f {fix_title(finding)}") if fix_title(finding) else Clean(""), Tone.ACCENT
                        ),
                    ),
                )
            )
    return rows
