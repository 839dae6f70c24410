"""A stack from another workspace, or from ZenML, taken into this one: all of it in one change, with a report.

The command line's operation reads, writes and asks for secrets at once. The workbench's dialog calls `planned`, shows
the report and the diff, and then applies the plan's change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stacktui.model.category import Category
from stacktui.model.secretref import SecretRef
from stacktui.operations.changes import apply, confirmed
from stacktui.operations.documents import DiagnosticPart, Document, FileChange
from stacktui.operations.errors import AnswerIsNo, OperationError
from stacktui.operations.exchange.report import ReportRow, SecretNeed
from stacktui.operations.exchange.settle import Conflict
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.exchange.settle import Settled
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change
    from stacktui.workspace.workspace import WorkspaceSnapshot


class StackImport(Document):
    """What an import did, or would do."""

    source: str
    """`bundle`, or `zenml`."""
    source_version: str
    """The version of the program that wrote the file; empty where it does not say."""
    stack: str
    """The imported stack's name here."""
    written: bool
    dry_run: bool
    ok: bool
    """No error among the new stack's findings."""
    report: tuple[ReportRow, ...]
    conflicts: tuple[str, ...]
    """What the workspace has another one of, and nobody has chosen for."""
    files: tuple[FileChange, ...]
    diff: str
    secrets: tuple[SecretNeed, ...]
    """What the stack refers to, and whether its secrets manager has it."""
    diagnostics: tuple[DiagnosticPart, ...]
    """What the rules say about the new stack."""

    @property
    def answer(self) -> bool:
        return not self.conflicts


class ConflictsRemain(AnswerIsNo):
    """The workspace has others of the same names, and nobody has said what becomes of them. Nothing was written."""

    def __init__(self, subjects: tuple[str, ...]) -> None:
        shown = ", ".join(subjects[:4]) + (f" and {len(subjects) - 4} more" if len(subjects) > 4 else "")
        super().__init__(
            f"this workspace has another {shown}; nothing was written: choose with --on-conflict rename, keep or replace"
        )
        self.subjects = subjects


@dataclass(frozen=True)
class ImportPlan:
    """An import as it would be written, for a face that shows it first."""

    source: str
    source_version: str
    stack: str
    change: Change
    report: tuple[ReportRow, ...]
    conflicts: tuple[str, ...]
    replaced: tuple[str, ...]
    """Protected stacks of the workspace whose content it replaces: their names are asked for."""
    secrets: tuple[SecretNeed, ...]
    diagnostics: tuple[Diagnostic, ...]
    after: WorkspaceSnapshot = field(repr=False)
    """The workspace as it would be."""
    clear: Mapping[SecretRef, str] = field(repr=False)
    """Values that stand in the file in clear, by the reference that stands for each."""


def planned(
    session: Session,
    file: Path,
    *,
    name: str | None = None,
    default: Conflict | None = None,
    choices: Mapping[str, Conflict] | None = None,
) -> ImportPlan:
    """Read a file and compare it with the workspace; writes nothing. `choices` say what becomes of single subjects
    that are otherwise here, `default` what becomes of the rest. Raises `OperationError` in one line."""
    from stacktui.model.base import NAME_RULE, is_name
    from stacktui.operations.exchange.needs import needed
    from stacktui.operations.exchange.reading import read_incoming
    from stacktui.operations.exchange.settle import settle

    if name is not None and not is_name(name):
        raise OperationError(f"{name!r} cannot name a stack: a name has {NAME_RULE}")
    snapshot = session.snapshot()
    incoming = read_incoming(session, file, snapshot)
    single = choices or {}
    settled = settle(
        session.workspace, snapshot, incoming, name=name, choice=lambda subject: single.get(subject, default)
    )
    return ImportPlan(
        source=incoming.source,
        source_version=incoming.source_version,
        stack=settled.stack,
        change=settled.change,
        report=(*settled.rows, *_missing_flavors(session, settled, incoming.flavors)),
        conflicts=settled.conflicts,
        replaced=tuple(each for each in settled.replaced if _protected(snapshot, each)),
        secrets=needed(session, settled.after, settled.stack, incoming.clear),
        diagnostics=_findings(session, settled.after, settled.stack),
        after=settled.after,
        clear=incoming.clear,
    )


@operation(
    "stack import",
    writes=True,
    looks=("dry_run",),
    examples=(
        "stacktui stack import prod.yaml",
        "stacktui stack import zenml-stack.yaml --name staging --dry-run",
        "stacktui stack import prod.yaml --on-conflict keep --choose artifact_store/team=rename",
    ),
)
def import_(
    session: Session,
    file: Annotated[
        Path,
        Arg(
            "A bundle of `stack export`, or what ZenML's stack export wrote; - for standard input.",
            complete="path",
        ),
    ],
    *,
    name: Annotated[str | None, Opt("Another name for the stack.", short="n")] = None,
    on_conflict: Annotated[
        Conflict | None, Opt("What becomes of what this workspace has otherwise under the same name.")
    ] = None,
    choose: Annotated[
        tuple[str, ...], Opt("The same for one thing, as artifact_store/team=keep or stack/prod=rename.")
    ] = (),
    dry_run: Annotated[bool, Opt("Say what it would do, and write nothing.")] = False,
    secrets: Annotated[bool, Opt("Ask for the secrets that are missing.")] = True,
    take_secrets: Annotated[
        bool, Opt("Put credentials that stand in the file in clear into the stack's secrets manager.")
    ] = False,
    confirm: Annotated[str | None, Opt("The stack's name, where a protected one is replaced.")] = None,
) -> StackImport:
    """Take a stack in, with its parents and components, as one edit, and report what became of each thing in the file.

    What has no place here is kept as a comment in the new files. Credentials never go into a file: they become
    references, and their values are asked for.
    """
    plan = planned(session, file, name=name, default=on_conflict, choices=chosen(choose))
    if dry_run:
        return document_of(session, plan, written=False, dry_run=True)
    if plan.conflicts:
        raise ConflictsRemain(plan.conflicts)
    for each in plan.replaced:
        confirmed(each, True, confirm, f"stack {each!r}")
    if not plan.change.empty:
        apply(session, plan.change, plan.diagnostics)
    needs = fill_secrets(session, plan, ask=secrets, take=take_secrets)
    if any(need.state == "set" for need in needs):
        # What the rules say now, with the secrets there.
        plan = replace(plan, diagnostics=_findings(session, session.snapshot(), plan.stack))
    return document_of(session, plan, written=not plan.change.empty, secrets=needs)


def fill_secrets(session: Session, plan: ImportPlan, *, ask: bool, take: bool) -> tuple[SecretNeed, ...]:
    """Put what is missing into the imported stack's secrets manager: with `take` what stands in the file in clear, with
    `ask` what the person types. Returns the secrets as they are then."""
    from stacktui.operations.exchange.needs import put

    needs, stopped = [], False
    for need in plan.secrets:
        reference = SecretRef(need.name, need.key)
        value = plan.clear.get(reference) if take else None
        if need.state not in ("missing", "unknown"):
            value = None
        elif value is None and ask and not stopped and need.state == "missing":
            try:
                value = session.asking.secret(
                    f"{reference}, for {need.used_by[0]} (enter leaves it for later):"
                )
            except KeyboardInterrupt:
                stopped = True
        if value:
            problem = put(session, plan.after, plan.stack, {reference: value})
            update = {"reason": problem} if problem else {"state": "set"}
            needs.append(need.model_copy(update=update))
        else:
            needs.append(need)
    return tuple(needs)


def document_of(
    session: Session,
    plan: ImportPlan,
    *,
    written: bool,
    dry_run: bool = False,
    secrets: tuple[SecretNeed, ...] | None = None,
) -> StackImport:
    """What both faces show of a plan."""
    from stacktui.model.diagnostic import Severity
    from stacktui.operations.changes import file_changes

    root = session.workspace.root
    return StackImport(
        source=plan.source,
        source_version=plan.source_version,
        stack=plan.stack,
        written=written,
        dry_run=dry_run,
        ok=not any(each.severity is Severity.ERROR for each in plan.diagnostics),
        report=plan.report,
        conflicts=plan.conflicts,
        files=file_changes(session, plan.change),
        diff=plan.change.diff(root),
        secrets=plan.secrets if secrets is None else secrets,
        diagnostics=tuple(DiagnosticPart.of(each, root) for each in plan.diagnostics),
    )


def _findings(session: Session, snapshot: WorkspaceSnapshot, stack: str) -> tuple[Diagnostic, ...]:
    """What the rules say about a stack of a snapshot, errors first; nothing where the stack cannot be read."""
    from stacktui.model.diagnostic import Severity
    from stacktui.validation.validate import validate_stack

    if stack not in snapshot.stacks:
        return ()
    found = validate_stack(snapshot, session.registry(), stack)
    return tuple(sorted(found, key=lambda each: each.severity is not Severity.ERROR))


def _missing_flavors(
    session: Session, settled: Settled, flavors: Mapping[tuple[Category, str], str]
) -> tuple[ReportRow, ...]:
    """What to say of flavors that are not here and that the other workspace had of its own."""
    from stacktui.operations.exchange.report import Outcome

    registry = session.registry()
    return tuple(
        ReportRow(
            outcome=Outcome.NOTE,
            subject=f"flavor {category}/{flavor}",
            message=f"it is not here; the other workspace has it from {provider or 'a place that it does not say'}: "
            + ("copy that file" if provider.startswith("flavors/") else "install it"),
        )
        for (category, flavor), provider in flavors.items()
        if registry.get(category, flavor) is None
    )


def _protected(snapshot: WorkspaceSnapshot, name: str) -> bool:
    from stacktui.runtime.inherit import resolve_stack

    resolved = resolve_stack(snapshot, name).stack
    return resolved.protected if resolved else snapshot.stacks[name].value.protected


def chosen(given: tuple[str, ...]) -> dict[str, Conflict]:
    """`artifact_store/team=keep` and the like, by subject. Raises `OperationError` for what is no choice."""
    from stacktui.operations.values import pairs

    found = {}
    for subject, word in pairs(given, "--choose").items():
        if word not in set(Conflict):
            raise OperationError(f"--choose {subject}={word}: it is one of {', '.join(Conflict)}")
        found[subject] = Conflict(word)
    return found
