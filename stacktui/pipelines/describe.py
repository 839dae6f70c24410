"""Drawing a pipeline in a child process with a time limit: user code never runs in the caller's process.

Used when a run starts, for the plan, and for the workbench's form of parameters. The answer is kept by code digest
and parameters.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pydantic import ValidationError

from stacktui import __version__
from stacktui.categories.private import create_file, make_folder
from stacktui.pipelines.errors import (
    GraphBroken,
    PipelineBroken,
    PipelineNotFound,
    TypesDoNotFit,
    WrongParameters,
)
from stacktui.pipelines.graph import PipelineDescription
from stacktui.pipelines.importing import python_command
from stacktui.pipelines.snapshot import WorkspaceFolders, take_snapshot

TIME_LIMIT_S = 60.0
_KEPT = 500
"""How many descriptions are kept; older ones go."""
_KINDS: dict[str, type[PipelineBroken]] = {
    kind.__name__: kind
    for kind in (PipelineBroken, PipelineNotFound, WrongParameters, TypesDoNotFit, GraphBroken)
}


def describe(
    workspace: WorkspaceFolders,
    target: str,
    params: Mapping[str, Any] | None = None,
    *,
    code: Path | None = None,
    timeout_s: float = TIME_LIMIT_S,
) -> PipelineDescription:
    """Draw a pipeline with parameters; those that are strings are read as on the command line.

    Args:
        workspace: Whose pipeline it is.
        target: `pipelines/training.py:training`; the function's name may be left out if the file has one pipeline.
        params: By name. Missing ones have their defaults.
        code: The folder of a code snapshot; one is taken by default.
        timeout_s: How long importing and drawing may take.

    Raises:
        PipelineBroken: With one line, and the user's frames where their code raised. `PipelineNotFound`,
            `WrongParameters`, `TypesDoNotFit`, `GraphBroken` and `SnapshotFailed` are kinds of it.
    """
    return describe_all(workspace, target, [params or {}], code=code, timeout_s=timeout_s)[0]


def describe_all(
    workspace: WorkspaceFolders,
    target: str,
    several: Sequence[Mapping[str, Any]],
    *,
    code: Path | None = None,
    timeout_s: float = TIME_LIMIT_S,
) -> tuple[PipelineDescription, ...]:
    """Draw a pipeline with each of several sets of parameters, in their order; its file is imported once.

    Raises as `describe`, for the first set that cannot be drawn.
    """
    file, _, function = target.partition(":")
    file = _relative_file(workspace.root, file)
    if code is None:
        code = take_snapshot(workspace).path
    found: dict[str, PipelineDescription] = {}
    wanted: dict[str, Mapping[str, Any]] = {}
    common = {"code": str(code), "workspace": str(workspace.root), "file": file, "function": function}
    for params in several:
        text = _as_text({**common, "params": dict(params)})
        kept = _kept(workspace, text)
        with contextlib.suppress(OSError, ValidationError):
            found[text] = PipelineDescription.model_validate_json(kept.read_bytes())
            continue
        wanted[text] = params
    if wanted:
        if not (code / file).is_file():
            raise PipelineNotFound(_why_missing(workspace.root, file))
        request = _as_text({**common, "several": [dict(params) for params in wanted.values()]})
        for text, answer in zip(wanted, _ask(request, file, workspace, timeout_s), strict=True):
            if "error" in answer:
                kind = _KINDS.get(answer["error"]["kind"], PipelineBroken)
                raise kind(answer["error"]["message"], answer["error"].get("frames", ""))
            found[text] = PipelineDescription.model_validate(answer["description"])
            _keep(_kept(workspace, text), json.dumps(answer["description"]).encode("ascii"))
    return tuple(found[_as_text({**common, "params": dict(params)})] for params in several)


def _as_text(request: Mapping[str, Any]) -> str:
    try:
        return json.dumps(request, sort_keys=True)
    except (TypeError, ValueError):
        raise WrongParameters(
            "parameters of a run are JSON values: text, numbers, true, false, null, lists"
        ) from None


def _kept(workspace: WorkspaceFolders, request: str) -> Path:
    return workspace.state / "descriptions" / f"{_name(request)}.json"


def _name(request: str) -> str:
    # The folder's name in the request is the code's digest; another Python may draw another graph.
    return hashlib.sha256(f"{__version__}\0{sys.version}\0{sys.prefix}\0{request}".encode()).hexdigest()


def _relative_file(root: Path, file: str) -> str:
    path = Path(file)
    full = Path(os.path.normpath(path if path.is_absolute() else root / path))
    if not full.is_relative_to(root):
        full = full.resolve()
        root = root.resolve()
    if not file or not full.is_relative_to(root):
        raise PipelineNotFound(
            f"{file or 'the target'} is not a file of the workspace {root}; write FILE.py:PIPELINE"
        )
    return PurePosixPath(full.relative_to(root)).as_posix()


def _why_missing(root: Path, file: str) -> str:
    if not (root / file).exists():
        import difflib

        folder = (root / file).parent
        beside = sorted(item.name for item in folder.glob("*.py")) if folder.is_dir() else []
        close = difflib.get_close_matches(Path(file).name, beside, 1)
        hint = f"; did you mean {PurePosixPath(file).parent / close[0]}?" if close else ""
        return f"there is no pipeline file {file}{hint}"
    return f"{file} is not part of the code that a run executes: git ignores it; take it out of .gitignore"


def _ask(request: str, file: str, workspace: WorkspaceFolders, timeout_s: float) -> list[dict[str, Any]]:
    """What the child answers, for each set of parameters. It and all that it started in its session have ended when this returns."""
    command, environment = python_command("stacktui.pipelines.describe_child", os.environ)
    deadline = time.monotonic() + timeout_s
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            command,
            cwd=workspace.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError), child.stdin:
                child.stdin.write(request.encode("ascii"))
            answer = _line(child.stdout, deadline)
            if not answer:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(5)
        except TimeoutError:
            raise PipelineBroken(
                f"{file} took longer than {timeout_s:g} s to import and draw;"
                " move work out of module level into steps"
            ) from None
        finally:
            if child.returncode is None:
                # Not reaped yet, so the number is still this child's.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            child.stdout.close()
        if answer:
            return list(json.loads(answer))
        said.seek(0)
        last = said.read()[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
    ended = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
    raise PipelineBroken(
        f"{file}: the process that imports it ended with {ended}" + (f": {last}" if last else "")
    )


def _line(stream: IO[bytes], deadline: float) -> bytes:
    """One line, whole; empty if the stream ends before. What the child started may hold the stream open for longer.

    Raises `TimeoutError`.
    """
    found = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while not found.endswith(b"\n"):
            if not selector.select(max(deadline - time.monotonic(), 0.0)):
                raise TimeoutError
            chunk = os.read(stream.fileno(), 1 << 20)
            if not chunk:
                return b""
            found += chunk
    return bytes(found)


def _keep(place: Path, data: bytes) -> None:
    folder = place.parent
    with contextlib.suppress(OSError):
        make_folder(folder)
        draft = folder / f".{uuid.uuid4().hex}"
        with os.fdopen(create_file(draft), "wb") as stream:
            stream.write(data)
        draft.rename(place)
        kept = [entry for entry in os.scandir(folder) if entry.name.endswith(".json")]
        if len(kept) > _KEPT:
            for entry in sorted(kept, key=lambda item: item.stat().st_mtime)[: len(kept) - _KEPT]:
                Path(entry.path).unlink(missing_ok=True)
