"""Looks at everything that stacktui stands on: installation, terminal, workspace, store."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from stacktui import __version__
from stacktui.model.diagnostic import Severity
from stacktui.operations.documents import Document, Part
from stacktui.operations.table import Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import Workspace

Verdict = Literal["ok", "note", "warning", "error"]


class Check(Part):
    """One thing that was looked at."""

    area: str
    """`installation`, `terminal`, `workspace`, `store` or `runs`."""
    name: str
    verdict: Verdict
    value: str
    advice: str = ""
    """What to do about it."""


class DoctorDocument(Document):
    """Everything that was looked at."""

    ok: bool
    checks: tuple[Check, ...]

    @property
    def answer(self) -> bool:
        return self.ok


class CodePart(Part):
    """What one code of a finding stands for."""

    code: str
    severity: Severity
    title: str


class CodeList(Document):
    """Every code that a finding may carry."""

    codes: tuple[CodePart, ...]


@operation("doctor", writes=False, workspace=False, examples=("stacktui doctor", "stacktui doctor --codes"))
def doctor(
    session: Session,
    *,
    codes: Annotated[bool, Opt("List every code that a finding may carry.")] = False,
) -> DoctorDocument | CodeList:
    """Check this installation, the terminal, the workspace and its store."""
    if codes:
        return _codes()
    checks: list[Check] = []
    for area, look in _AREAS.items():
        try:
            checks.extend(look(session))
        except Exception as error:
            # A doctor that dies of an illness helps nobody: the reason is one more finding.
            checks.append(
                Check(area=area, name=area, verdict="error", value=f"{type(error).__name__}: {error}")
            )
    return DoctorDocument(ok=not any(each.verdict == "error" for each in checks), checks=tuple(checks))


def _codes() -> CodeList:
    from stacktui.model.codes import CODES

    return CodeList(
        codes=tuple(
            CodePart(code=code, severity=facts.severity, title=facts.title)
            for code, facts in sorted(CODES.items())
        )
    )


def _installation(_: Session) -> Iterator[Check]:
    import sqlite3
    from importlib import metadata

    def check(name: str, value: str, verdict: Verdict = "ok", advice: str = "") -> Check:
        return Check(area="installation", name=name, verdict=verdict, value=value, advice=advice)

    yield check("stacktui", __version__)
    yield check("python", f"{platform.python_version()} at {sys.executable}")
    yield check("system", f"{platform.system()} {platform.release()} {platform.machine()}")
    old = sqlite3.sqlite_version_info < (3, 35)
    yield check(
        "sqlite",
        sqlite3.sqlite_version,
        "error" if old else "ok",
        "SQLite 3.35 or newer is needed: use another Python" if old else "",
    )
    with_search = _has_fts5()
    yield check(
        "full-text search",
        "yes" if with_search else "no",
        "ok" if with_search else "warning",
        "" if with_search else "SQLite was built without FTS5: searching runs is slower",
    )
    for package in _PACKAGES:
        try:
            yield check(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield check(package, "not installed", "error", f"install it with: pip install {package}")
    for package, what in _EXTRAS.items():
        try:
            yield check(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield check(package, "not installed", "note", f"{what}: pip install {package}")


def _has_fts5() -> bool:
    import sqlite3

    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("create virtual table probe using fts5(text)")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _terminal(session: Session) -> Iterator[Check]:
    environ = session.environ

    def check(name: str, value: str, verdict: Verdict = "ok", advice: str = "") -> Check:
        return Check(area="terminal", name=name, verdict=verdict, value=value, advice=advice)

    term = environ.get("TERM", "")
    dumb = term in ("", "dumb")
    yield check(
        "TERM",
        term or "not set",
        "warning" if dumb else "ok",
        "the workbench needs a terminal; the commands work without one" if dumb else "",
    )
    tty = sys.stdin.isatty() and sys.stdout.isatty()
    yield check("interactive", "yes" if tty else "no", "ok" if tty else "note")
    if tty:
        size = os.get_terminal_size()
        small = size.columns < 80 or size.lines < 24
        yield check(
            "size",
            f"{size.columns}×{size.lines}",
            "warning" if small else "ok",
            "the workbench is made for 80×24 and more" if small else "",
        )
    deep = environ.get("COLORTERM", "") in ("truecolor", "24bit")
    colours = "16 million" if deep else "256" if "256" in term else "16"
    remote = "SSH_CONNECTION" in environ
    yield check(
        "colours",
        "none: NO_COLOR is set" if environ.get("NO_COLOR") else colours,
        "ok" if deep or environ.get("NO_COLOR") else "note",
        "SSH does not pass COLORTERM on; set COLORTERM=truecolor there if your terminal has it"
        if remote and not deep
        else "",
    )
    encoding = (sys.stdout.encoding or "").lower()
    yield check(
        "encoding",
        encoding or "unknown",
        "ok" if encoding.startswith("utf") else "warning",
        "" if encoding.startswith("utf") else "set LANG to a UTF-8 locale; until then symbols are ASCII",
    )
    inside = [
        name
        for name, key in (("tmux", "TMUX"), ("screen", "STY"), ("ssh", "SSH_CONNECTION"))
        if key in environ
    ]
    if inside:
        yield check("inside", ", ".join(inside), "note")


def _workspace(session: Session) -> Iterator[Check]:
    from stacktui.workspace.locate import WorkspaceNotFound

    def check(name: str, value: str, verdict: Verdict = "ok", advice: str = "") -> Check:
        return Check(area="workspace", name=name, verdict=verdict, value=value, advice=advice)

    try:
        workspace = session.workspace
    except WorkspaceNotFound as missing:
        yield check("workspace", "none here", "note", str(missing))
        return
    from stacktui.validation.validate import validate_workspace

    snapshot = session.snapshot()
    active = session.active(snapshot)
    found = validate_workspace(snapshot, session.registry())
    errors = sum(each.severity is Severity.ERROR for each in found)
    yield check("root", str(workspace.root))
    yield check("content", f"{len(snapshot.components)} components, {len(snapshot.stacks)} stacks")
    yield check(
        "active stack",
        f"{active.name} ({active.reason})" if active.name else "none",
        "ok" if active.name in snapshot.stacks else "warning",
        "" if active.name in snapshot.stacks else "choose one with: stacktui stack use NAME",
    )
    yield check(
        "findings",
        f"{errors} errors, {len(found) - errors} others",
        "error" if errors else "ok",
        "see them with: stacktui stack validate --all" if errors else "",
    )
    yield check("state", str(workspace.state), *_privacy(workspace.state, workspace.shared_group))
    yield from _journal(workspace)
    yield from _audit(workspace)


def _journal(workspace: Workspace) -> Iterator[Check]:
    """Whether an edit was left half-way that nobody could end yet, and whether the journal can be read."""
    from stacktui.workspace.journal import EditRecord, JournalDamaged

    journal = workspace.journal
    value, advice = f"{len(journal.records()):,} in the journal", ""
    try:
        left = journal.unfinished()
    except JournalDamaged as error:
        left, advice = None, f"{error}; look at what changed: git diff"
    damaged = journal.damaged()
    if isinstance(left, EditRecord):
        files = ", ".join(file.path for file in left.files)
        value += f"; one was interrupted: {left.title} ({left.who.user}@{left.who.host}, {files})"
        advice = "it is ended by the next stacktui that may write these files"
    elif damaged:
        value += f"; damaged: {', '.join(damaged)}"
        advice = f"look at what changed (git diff), then remove them from {journal.folder}"
    yield Check(
        area="workspace",
        name="edits",
        verdict="warning" if advice else "ok",
        value=value,
        advice=advice,
    )


def _audit(workspace: Workspace) -> Iterator[Check]:
    """Whether what people do can be noted, and whether what was noted can be read."""
    from stacktui.workspace.audit import AuditTrail, cannot_note

    trail = AuditTrail(workspace)
    count = sum(1 for _ in trail)
    value = "1 entry" if count == 1 else f"{count:,} entries"
    if trail.damaged:
        value += ", 1 damaged line" if trail.damaged == 1 else f", {trail.damaged:,} damaged lines"
    why = cannot_note(workspace)
    yield Check(
        area="workspace",
        name="audit list",
        verdict="warning" if why or trail.damaged else "ok",
        value=f"{value}; nothing is noted: {why}" if why else value,
        advice="give yourself the right to write there, or keep the state elsewhere: STACKTUI_STATE"
        if why
        else "",
    )


def _runs(session: Session) -> Iterator[Check]:
    """Whether runs go on when the person leaves."""
    from stacktui.categories.process_mark import user_name
    from stacktui.operations.doctor_leaving import what_ends_runs

    for found in what_ends_runs(Path("/"), session.environ, user_name()):
        yield Check(
            area="runs",
            name=found.name,
            verdict="warning" if found.ends else "note" if found.advice else "ok",
            value=found.value,
            advice=found.advice,
        )


def _privacy(state: Path, shared: str | None) -> tuple[Verdict, str]:
    """Whether the state folder is as private as it should be."""
    if not state.exists():
        return "ok", ""
    mode = state.stat().st_mode & 0o777
    if mode & (0o007 if shared else 0o077):
        return "warning", f"others may read it (mode {mode:03o}); close it with: chmod go-rwx {state}"
    return "ok", ""


def _store(session: Session) -> Iterator[Check]:
    from stacktui.categories.errors import ComponentError
    from stacktui.operations.errors import OperationError
    from stacktui.workspace.locate import WorkspaceNotFound

    def check(name: str, value: str, verdict: Verdict = "ok", advice: str = "") -> Check:
        return Check(area="store", name=name, verdict=verdict, value=value, advice=advice)

    try:
        store = session.store()
        probe = store.probe()
        if not probe.ok:
            yield check(
                "metadata store", probe.message, "error", "see its file with: stacktui component list"
            )
            return
        facts = store.store_facts()
    except WorkspaceNotFound:
        return
    except (OperationError, ComponentError) as error:
        yield check("metadata store", str(error), "error")
        return
    yield check("metadata store", f"{store.name} at {facts.location}")
    yield check("version", facts.version)
    yield check("size", f"{facts.size:,} bytes")
    yield check("rows", ", ".join(f"{count:,} {what}" for what, count in facts.counts.items()))
    if facts.journal:
        yield check("journal", facts.journal)


def _lineage(session: Session) -> Iterator[Check]:
    """Whether OpenLineage events arrive, where they were asked for."""
    from stacktui.workspace.locate import WorkspaceNotFound

    try:
        asked = session.snapshot().settings.openlineage is not None
        state = session.workspace.state
    except WorkspaceNotFound:
        return
    if not asked:
        return
    from importlib.util import find_spec

    from stacktui.pipelines.lineage_consumer import INSTALL, LineageState

    at = LineageState.read(state)
    if find_spec("openlineage") is None:
        yield Check(
            area="lineage",
            name="openlineage",
            verdict="error",
            value="not installed",
            advice=f"install it with: {INSTALL}",
        )
    elif at.error:
        yield Check(
            area="lineage",
            name="openlineage",
            verdict="warning",
            value=f"not sent since {at.error_at}: {at.error}",
            advice="the next run tries again; see openlineage: in stacktui.yaml",
        )
    else:
        yield Check(area="lineage", name="openlineage", verdict="ok", value=f"sent up to event {at.event:,}")


_PACKAGES = (
    "textual", "rich", "pydantic", "watchfiles", "sqlite-utils", "PyYAML", "ruamel.yaml", "click", "fsspec",
    "cryptography", "platformdirs", "duckdb",
)  # fmt: skip
_EXTRAS = {
    "numpy": "arrays are kept without pickle",
    "pandas": "frames and the feature store",
    "pyarrow": "frames are kept as Parquet",
    "safetensors": "tensors are kept without pickle",
    "scikit-learn": "the demo",
}
_AREAS: dict[str, Callable[[Any], Iterator[Check]]] = {
    "installation": _installation,
    "terminal": _terminal,
    "workspace": _workspace,
    "store": _store,
    "runs": _runs,
    "lineage": _lineage,
}
