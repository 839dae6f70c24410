"""Running a pipeline again and again: lines for the scheduler that the system has. There is none of our own."""

from __future__ import annotations

import os
import re
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stacktui.categories.homes import from_home
from stacktui.operations.changes import confirmed
from stacktui.operations.documents import Document, Part
from stacktui.operations.errors import OperationError
from stacktui.operations.running import allowed_stack, user_code
from stacktui.operations.schedule_times import as_calendar, as_cron
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session

_CARRIED = (
    "STACKTUI_STATE",
    "STACKTUI_STACK",
    "STACKTUI_GPU_LOCKS",
    "CUDA_VISIBLE_DEVICES",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "PYTHONPATH",
)
"""What a run may depend on and a scheduler does not know. No secret is among them."""


class Scheduler(StrEnum):
    """Whose lines are written."""

    CRON = "cron"
    SYSTEMD = "systemd"


class ScheduleFile(Part):
    """A file for the scheduler; of cron, lines for the crontab."""

    name: str
    text: str


class ScheduleDocument(Document):
    """What the scheduler is to be given, and how. Nothing was installed."""

    scheduler: Scheduler
    at: str
    """The time as the scheduler says it."""
    command: tuple[str, ...]
    environment: dict[str, str]
    files: tuple[ScheduleFile, ...]
    written: tuple[str, ...]
    """The files that were written, where a folder was named."""
    install: tuple[str, ...]
    """What to do with it."""


@operation(
    "schedule",
    writes=False,
    writes_with=("output",),
    on="pipeline",
    examples=(
        "stacktui schedule training --print cron --at 03:30 >> my-crontab",
        "stacktui schedule training --print systemd --at 'Mon..Fri 03:30' --output ~/.config/systemd/user",
        "stacktui schedule training --print cron --at '*/20 8-18 * * mon-fri' -p lr=0.2",
    ),
)
def schedule(
    session: Session,
    target: Annotated[
        str, Arg("The pipeline: FILE.py:NAME, or its name alone where that is clear.", complete="pipeline")
    ],
    *,
    print_: Annotated[Scheduler, Opt("Whose lines to write.", name="print")],
    at: Annotated[str, Opt("When: HH:MM, five fields as in cron, @daily; for systemd what OnCalendar= takes.")],
    param: Annotated[tuple[str, ...], Opt("A parameter of the pipeline, as key=value.", short="p")] = (),
    stack: Annotated[str | None, Opt("The stack; the active one of that time without it.", complete="stack")] = None,
    config: Annotated[Path | None, Opt("A YAML file: stack, name, params, labels, steps.", complete="path")] = None,
    label: Annotated[tuple[str, ...], Opt("A label, as key=value.", short="l")] = (),
    confirm: Annotated[str | None, Opt("The stack's name, where it is protected.")] = None,
    output: Annotated[
        Path | None, Opt("Write systemd's files into this folder.", short="o", complete="path")
    ] = None,
) -> ScheduleDocument:  # fmt: skip
    """Write the lines with which cron or systemd runs a pipeline regularly. Nothing is installed.

    The lines name this interpreter and this workspace. Cron starts the run and lets it go; for systemd the unit is
    active for as long as the run goes on, fails when it fails, and stopping the unit stops the run.
    """
    from stacktui.pipelines.discover import resolve_target

    snapshot = session.snapshot()
    with user_code():
        whole = resolve_target(snapshot.root, snapshot.settings, target, folder=session.start)
    chosen = allowed_stack(session, snapshot, stack, offline=True)
    confirmed(chosen.name, chosen.protected, confirm, f"stack {chosen.name!r}")
    root = snapshot.root.resolve()
    command = [sys.executable, "-P", "-m", "stacktui", "-C", str(root), "run", _relative(whole, root)]
    for text in param:
        command += ["-p", text]
    for name, value in (("--stack", stack), ("--confirm", confirm)):
        if value is not None:
            command += [name, value]
    if config is not None:
        command += ["--config", str((session.start / config).absolute())]
    for text in (f"scheduled={print_.value}", *label):
        command += ["--label", text]
    environment = {name: session.environ[name] for name in _CARRIED if session.environ.get(name)}
    for text in (*command, *environment.values()):
        if not text.isprintable():
            raise OperationError(
                f"{text!r} cannot be written on one line; give it in a file: --config run.yaml"
            )
    if print_ is Scheduler.CRON:
        if output is not None:
            raise OperationError("--output is for systemd's files; add cron's lines to your crontab")
        return _for_cron(as_cron(at), command, environment, root)
    return _for_systemd(as_calendar(at), command, environment, root, output)


def _relative(target: str, root: Path) -> str:
    file, colon, function = target.partition(":")
    path = Path(file)
    inside = path.resolve().relative_to(root).as_posix() if path.is_absolute() else file
    return f"{inside}{colon}{function}"


def _for_cron(at: str, command: list[str], environment: dict[str, str], root: Path) -> ScheduleDocument:
    # As a document: there is no talk then, only what goes wrong.
    command = [*command, "--detach", "--json"]
    variables = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    words = " ".join([*variables, shlex.join(command), ">/dev/null"])
    # To cron a percent sign is the end of the line, unless it stands behind a backslash.
    line = f"{at} {words}".replace("%", "\\%")
    text = f"# stacktui: {_name(command, root)}\n{line}\n"
    return ScheduleDocument(
        scheduler=Scheduler.CRON,
        at=at,
        command=tuple(command),
        environment=environment,
        files=(ScheduleFile(name="crontab", text=text),),
        written=(),
        install=(
            "add the lines with: crontab -e",
            "cron mails why a run could not start (MAILTO=); the runs: stacktui runs list --label scheduled",
        ),
    )


def _for_systemd(
    at: str, command: list[str], environment: dict[str, str], root: Path, output: Path | None
) -> ScheduleDocument:
    what = _name(command, root)
    name = f"stacktui-{re.sub(r'[^a-zA-Z0-9]+', '-', what).strip('-').lower()}"
    variables = "".join(
        f"Environment={_quoted(f'{key}={value}', dollar=True)}\n" for key, value in environment.items()
    )
    service = (
        f"[Unit]\nDescription=stacktui: {_plain(what)}\n\n"
        f"[Service]\nType=oneshot\nWorkingDirectory={_plain(str(root))}\n{variables}"
        # In the program's own path a dollar sign means nothing.
        f"ExecStart={' '.join([_quoted(command[0], dollar=True), *map(_quoted, command[1:])])}\n"
        # The one that looks on is asked to stop, and asks the run: the other processes end in order.
        "KillMode=mixed\nTimeoutStartSec=infinity\nTimeoutStopSec=90\n"
    )
    timer = (
        f"[Unit]\nDescription=stacktui: {_plain(what)}, regularly\n\n"
        f"[Timer]\nOnCalendar={_plain(at)}\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    files = (
        ScheduleFile(name=f"{name}.service", text=service),
        ScheduleFile(name=f"{name}.timer", text=timer),
    )
    written: list[str] = []
    if output is not None:
        folder = from_home(output).absolute()
        for file in files:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file.name).write_text(file.text, "utf-8")
            written.append(str(folder / file.name))
    return ScheduleDocument(
        scheduler=Scheduler.SYSTEMD,
        at=at,
        command=tuple(command),
        environment=environment,
        files=files,
        written=tuple(written),
        install=(
            *(() if written else ("save the files in ~/.config/systemd/user, or name it with --output",)),
            f"systemctl --user daemon-reload && systemctl --user enable --now {name}.timer",
            f"loginctl enable-linger {os.environ.get('USER', '$USER')}, so that it runs while you are logged out",
            f"what it says: journalctl --user -u {name}; the runs: stacktui runs list --label scheduled",
        ),
    )


def _name(command: list[str], root: Path) -> str:
    return f"{command[command.index('run') + 1].rpartition(':')[2]} in {root.name}"


def _plain(text: str) -> str:
    """A setting's value that systemd does not split: only its own specifiers are to be kept from it."""
    return text.replace("%", "%%")


def _quoted(text: str, *, dollar: bool = False) -> str:
    """One word of a command line of systemd, or one assignment, whatever is in it. `dollar`: it means nothing there."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if not dollar:
        text = text.replace("$", "$$")
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else f'"{text}"'
