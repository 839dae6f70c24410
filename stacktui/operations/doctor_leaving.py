"""Whether runs outlive the person's session on this host: logind, containers, batch jobs. Used by `doctor`.

A runner is a process of a session of its own: no hang-up reaches it. What ends it all the same is whoever ends whole
groups of processes. Everything is read below a root folder, so that tests can lay one out.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_LOGIND = ("usr/lib/systemd", "lib/systemd", "usr/local/lib/systemd", "run/systemd", "etc/systemd")
"""Folders of logind's configuration; a later one's file takes the place of an earlier one's of the same name."""
_INITS = frozenset(
    {
        "init",
        "systemd",
        "tini",
        "docker-init",
        "dumb-init",
        "catatonit",
        "podman-init",
        "s6-svscan",
        "runit",
        "openrc-init",
    }
)
_SHELLS = frozenset({"bash", "sh", "dash", "zsh", "fish", "ash", "ksh", "busybox"})
_BATCH = {"SLURM_JOB_ID": "Slurm", "PBS_JOBID": "PBS", "LSB_JOBID": "LSF", "JOB_ID": "Grid Engine"}
_SCOPE = "systemd-run --user --scope stacktui run …"


class Leaving(NamedTuple):
    """One thing that ends runs, or would."""

    name: str
    value: str
    ends: bool
    """Whether runs end by it."""
    advice: str = ""


def what_ends_runs(root: Path, environ: Mapping[str, str], user: str) -> Iterator[Leaving]:
    """What happens to runs that go on when the person leaves, one finding a mechanism that is there."""
    yield from _logging_out(root, user)
    yield from _container(root, environ)
    for variable, name in _BATCH.items():
        # Some of these names are used by others for something else; a job of theirs has a spool folder too.
        if environ.get(variable) and (variable != "JOB_ID" or environ.get("SGE_ROOT")):
            yield Leaving(
                "batch job",
                f"{name} job {environ[variable]}",
                True,
                f"{name} ends what was started in a job with the job: start runs outside, or wait for them in it",
            )


def _logging_out(root: Path, user: str) -> Iterator[Leaving]:
    if not (root / "run/systemd/system").is_dir():
        yield Leaving("logging out", "no logind here", False)
        return
    cgroup = _text(root / "proc/self/cgroup")
    settings = logind_settings(root)
    if re.search(r"/session-[^/]+\.scope", cgroup):
        kills = settings.get("KillUserProcesses", "no") in ("yes", "true", "on", "1")
        spared = user in settings.get("KillExcludeUsers", "root").split()
        only = settings.get("KillOnlyUsers", "").split()
        if kills and not spared and (not only or user in only):
            yield Leaving(
                "logging out",
                "ends all your processes, runs too (KillUserProcesses=yes)",
                True,
                f"let your own services linger, once: loginctl enable-linger; then start runs with: {_SCOPE}",
            )
            return
        why = "" if kills else " (KillUserProcesses=no)"
        yield Leaving("logging out", f"leaves runs running{why}", False)
        return
    if re.search(r"/user@\d+\.service", cgroup):
        lingers = (root / "var/lib/systemd/linger" / user).exists()
        if lingers:
            yield Leaving("logging out", f"leaves runs running ({user} lingers)", False)
        else:
            yield Leaving(
                "logging out",
                "ends your services, and runs that were started from one, with your last session",
                True,
                "keep them with: loginctl enable-linger",
            )
        return
    yield Leaving("logging out", "leaves runs running (this is no login session)", False)


def logind_settings(root: Path) -> dict[str, str]:
    """What is configured for logind, its main file first, then the drop-ins in the order of their names.

    A line that stands as a comment in the vendor's file is the default that it was built with.
    """
    main: Path | None = None
    drop_ins: dict[str, Path] = {}
    for folder in (root / each for each in _LOGIND):
        if (folder / "logind.conf").is_file():
            main = folder / "logind.conf"
        for file in (folder / "logind.conf.d").glob("*.conf"):
            drop_ins[file.name] = file
    settings: dict[str, str] = {}
    if main is not None:
        for key, value in re.findall(r"^#\s*(\w+)=(.*)$", _text(main), re.MULTILINE):
            settings[key] = value.strip()
    for file in [*([main] if main else []), *(drop_ins[name] for name in sorted(drop_ins))]:
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        try:
            parser.read_string(_text(file))
        except configparser.Error:
            continue
        if parser.has_section("Login"):
            settings.update({key: (value or "").strip() for key, value in parser.items("Login")})
    return settings


def _container(root: Path, environ: Mapping[str, str]) -> Iterator[Leaving]:
    inside = (
        (root / ".dockerenv").exists()
        or (root / "run/.containerenv").exists()
        or bool(environ.get("container"))
    )
    first = _text(root / "proc/1/comm").strip()
    if not inside or not first:
        return
    if first in _INITS:
        yield Leaving("container", f"its first process is {first}", False)
    elif first in _SHELLS:
        yield Leaving(
            "container",
            f"it ends with its first process, the shell {first}, and runs with it",
            True,
            "enter a container that stays, with docker exec, or leave runs time to end before you leave the shell",
        )
    else:
        yield Leaving(
            "container",
            f"it ends with its first process, {first}, and has no init that takes care of what has ended",
            False,
            "where runs outlive the command that started them, give it one: docker run --init",
        )


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
