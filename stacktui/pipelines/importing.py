"""Importing user code from a code snapshot: the same way in the describing child and in every worker.

A pipeline file's own folder comes first, then the workspace's root, then folders of the workspace that this Python
has on its path anyway (an editable install, `PYTHONPATH`); each of them inside the snapshot, never the live files.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stacktui.pipelines.errors import PipelineBroken

if TYPE_CHECKING:
    from stacktui.pipelines.pipeline import Pipeline
    from stacktui.pipelines.step import Step

_inside_run = False
_steps: dict[tuple[Path, str, str], Step[Any]] = {}
"""Those that were found: a worker runs the same ones again and again."""


def importing_user_code() -> bool:
    """Whether this process was made to import a pipeline file: starting a run from it would go round in circles."""
    return _inside_run


def python_command(module: str, environ: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of a child that runs a module of stacktui beside user code.

    The current folder is not on its path, no compiled code is written (a snapshot stays as it is), and
    hashes are the same in every run. In a checkout that is not installed the child finds stacktui all the same.
    """
    from stacktui.flavors.local.worker_process import importable

    arguments = [sys.executable, "-P", "-B", "-m", module]
    return arguments, importable({**environ, "PYTHONHASHSEED": "0"})


def import_roots(code: Path, file: str, workspace: Path) -> tuple[str, ...]:
    """The folders that a pipeline file's imports are looked for in, relative to the code's folder, in order."""
    path = PurePosixPath(file)
    # Of a file in a package: its own folder too, as if it were run as a script; then where the package stands.
    roots = [_text(path.parent), _text(_package_home(code, path)), ""]
    home = workspace.resolve()
    for entry in sys.path:
        if not entry:
            continue
        folder = Path(entry).resolve()
        if folder != home and folder.is_relative_to(home):
            inside = folder.relative_to(home).as_posix()
            if inside not in roots and (code / inside).is_dir():
                roots.append(inside)
    return tuple(dict.fromkeys(roots))


def prepare(code: Path, roots: tuple[str, ...], workspace: Path) -> None:
    """Make this process import from the snapshot: call it once, before any user code is imported.

    The workspace's live folders leave `sys.path`; an edit during a run does not mix in.
    """
    global _inside_run  # noqa: PLW0603 - a fact about this process
    _inside_run = True
    home = workspace.resolve()
    kept = []
    for entry in sys.path:
        folder = Path(entry).resolve()
        live = folder.is_relative_to(home) and not _installed(folder)
        if not live:
            kept.append(entry)
    sys.path[:] = [str(code / root) if root else str(code) for root in roots] + kept
    importlib.invalidate_caches()


def _installed(folder: Path) -> bool:
    # A virtual environment inside the workspace stays importable; so does Python's own library in it.
    return any(
        (parent / "pyvenv.cfg").exists() for parent in (folder, *folder.parents)
    ) or folder.is_relative_to(Path(sys.prefix).resolve())


def module_name(code: Path, file: str) -> str:
    """The name under which a pipeline file is imported: its stem, behind the packages that it is in."""
    path = PurePosixPath(file)
    return ".".join(path.relative_to(_package_home(code, path)).with_suffix("").parts)


def _package_home(code: Path, file: PurePosixPath) -> PurePosixPath:
    """The nearest folder above a file that is not a package."""
    folder = file.parent
    while folder.parts and (code / folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _text(folder: PurePosixPath) -> str:
    return folder.as_posix().removeprefix(".")


def import_user_module(module: str, code: Path, roots: tuple[str, ...]) -> ModuleType:
    """Import a module of the snapshot, after `prepare`. A user's file wins over an installed module of its name."""
    loaded = sys.modules.get(module)
    if loaded is not None and _under(loaded, code):
        return loaded
    head = module.partition(".")[0]
    for root in roots:
        folder = code / root
        inside = folder / head
        file = inside.with_suffix(".py")
        if not file.is_file() and not inside.is_dir():
            continue
        if head in sys.modules and not _under(sys.modules[head], code):
            # The name is taken by a module that came before (`statistics`, `typing_extensions` …).
            for name in [name for name in sys.modules if name == head or name.startswith(head + ".")]:
                del sys.modules[name]
        break
    return importlib.import_module(module)


def _under(module: ModuleType, code: Path) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(place is not None and Path(place).is_relative_to(code) for place in places)


def load_step(module: str, function: str, code: Path, roots: tuple[str, ...]) -> Step[Any]:
    """The step that a spec names. Raises `PipelineBroken` if the module does not hold it; import errors pass."""
    known = _steps.get((code, module, function))
    if known is not None and module in sys.modules:
        return known
    from stacktui.pipelines.step import Step, step

    found = _named(import_user_module(module, code, roots), function)
    result = _steps[code, module, function] = found if isinstance(found, Step) else step(found)
    return result


def load_pipeline(module: str, function: str, code: Path, roots: tuple[str, ...]) -> Pipeline[Any]:
    """The pipeline that a spec names. Raises `PipelineBroken` if the module does not hold it; import errors pass."""
    from stacktui.pipelines.pipeline import Pipeline

    found = _named(import_user_module(module, code, roots), function)
    if not isinstance(found, Pipeline):
        raise PipelineBroken(f"{module}: `{function}` is not a pipeline")
    return found


def _named(found: Any, name: str) -> Any:
    for part in name.split("."):
        if not hasattr(found, part):
            raise PipelineBroken(f"{found.__name__} has no `{name}`")
        found = getattr(found, part)
    return found
