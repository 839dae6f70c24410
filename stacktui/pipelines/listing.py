"""Which files belong to a workspace's code: what git tracks or would track; without git, a walk that obeys .gitignore.

Used by the snapshot.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SKIPPED = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".stacktui",
        ".venv",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".ipynb_checkpoints",
        ".tox",
        "node_modules",
    }
)
_GIT_TIMEOUT_S = 60.0


class GitState(NamedTuple):
    """Where a checkout stands."""

    commit: str | None
    dirty: bool


class Rule(NamedTuple):
    """One line of a .gitignore."""

    pattern: re.Pattern[str]
    """Matches a path relative to the file's folder."""
    negated: bool
    folders_only: bool


def git_state(root: Path) -> GitState | None:
    """Commit and dirtiness of the files under `root`; None where git is not installed, or knows nothing of it: also
    of a folder that lies in a checkout and is ignored there.
    """
    answer = _git(root, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--", ".")
    if answer is None:
        return None
    commit: str | None = None
    dirty = False
    for line in answer.split(b"\0"):
        if line.startswith(b"# branch.oid "):
            oid = line.removeprefix(b"# branch.oid ").decode("ascii")
            commit = None if oid == "(initial)" else oid
        elif line and not line.startswith(b"#"):
            dirty = True
    # In a folder that is ignored as a whole nothing is ever new or changed.
    if not dirty and _git(root, "check-ignore", "--quiet", ".") is not None:
        return None
    return GitState(commit, dirty)


def list_files(root: Path, *, skip: Path | None = None, git: bool = True) -> list[str]:
    """Files and links under `root` that belong to its code, relative, with forward slashes. `skip` is left out."""
    paths = _listed_by_git(root) if git else None
    if paths is None:
        paths = list(_walk(root))
    prefix = ""
    if skip is not None and skip != root and skip.is_relative_to(root):
        prefix = skip.relative_to(root).as_posix() + "/"
    return [path for path in paths if not (prefix and path.startswith(prefix)) and not _never(path)]


def _never(path: str) -> bool:
    # Somebody's git may track these; they are still not code.
    return path.startswith(".stacktui/") or "__pycache__/" in path


def _listed_by_git(root: Path) -> list[str] | None:
    answer = _git(root, "ls-files", "-co", "--exclude-standard", "-z")
    if answer is None:
        return None
    found: list[str] = []
    for raw in dict.fromkeys(answer.split(b"\0")):
        if not raw:
            continue
        path = os.fsdecode(raw).rstrip("/")
        if (root / path).is_dir() and not (root / path).is_symlink():
            # A submodule, or a repository inside this one: git lists only its folder.
            inside = _listed_by_git(root / path) if (root / path / ".git").exists() else None
            found.extend(f"{path}/{name}" for name in inside or ())
        else:
            found.append(path)
    return found


def _git(root: Path, *arguments: str) -> bytes | None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # Reading must not take git's lock: people work in the same checkout.
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _walk(root: Path) -> Iterator[str]:
    yield from _walk_folder(root, "", [])


def _walk_folder(root: Path, inside: str, rules: list[tuple[str, list[Rule]]]) -> Iterator[str]:
    folder = root / inside if inside else root
    own = _read_rules(folder / ".gitignore")
    here = [*rules, (inside, own)] if own else rules
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = f"{inside}/{entry.name}" if inside else entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name in _SKIPPED or ignored(path, is_folder, here):
            continue
        if is_folder:
            if not (folder / entry.name / "pyvenv.cfg").exists():
                yield from _walk_folder(root, path, here)
        elif entry.is_file() or entry.is_symlink():
            yield path


def ignored(path: str, is_folder: bool, rules: list[tuple[str, list[Rule]]]) -> bool:
    """Whether the last rule that matches `path` ignores it. `rules`: each .gitignore's folder and its lines."""
    verdict = False
    for folder, lines in rules:
        relative = path[len(folder) + 1 :] if folder else path
        for rule in lines:
            if rule.folders_only and not is_folder:
                continue
            if rule.pattern.fullmatch(relative):
                verdict = not rule.negated
    return verdict


def _read_rules(file: Path) -> list[Rule]:
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return []
    return [rule for line in text.splitlines() if (rule := parse_rule(line)) is not None]


def parse_rule(line: str) -> Rule | None:
    """A line of a .gitignore; None for an empty line, a comment or a pattern that is no pattern."""
    text = line.rstrip() if not line.rstrip().endswith("\\") else line.rstrip() + " "
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text.removeprefix("!").removeprefix("\\")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    anchored = "/" in text
    text = text.removeprefix("/")
    if not text:
        return None
    try:
        pattern = re.compile(("" if anchored else "(?:.*/)?") + _as_regex(text), re.DOTALL)
    except re.error:
        return None
    return Rule(pattern, negated, folders_only)


def _as_regex(glob: str) -> str:
    out = ""
    index = 0
    while index < len(glob):
        rest = glob[index:]
        if rest.startswith("**/"):
            out += "(?:.*/)?"
            index += 3
        elif rest == "**":
            out += ".*"
            index += 2
        elif rest[0] == "*":
            out += "[^/]*"
            index += 1
        elif rest[0] == "?":
            out += "[^/]"
            index += 1
        elif rest[0] == "[" and "]" in rest[2:]:
            end = rest.index("]", 2)
            inner = rest[1:end]
            inner = "^" + inner[1:] if inner[0] in "!^" else inner
            out += "[" + inner.replace("\\", "\\\\") + "]"
            index += end + 1
        elif rest[0] == "\\" and len(rest) > 1:
            out += re.escape(rest[1])
            index += 2
        else:
            out += re.escape(rest[0])
            index += 1
    return out
