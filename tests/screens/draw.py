"""Draws the screenshots: each screen of the real workbench on the recorded history, as SVG.

    python -m tests.screens.draw screenshots            # draw them
    python -m tests.screens.draw --check screenshots    # say which are stale; exit 1 if any is

The clock stands still seven minutes after the last recorded run, so that the same code gives the same bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import html
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.tui.workbench import Bench

WIDE, NARROW = (120, 36), (80, 24)


class Scene(NamedTuple):
    """One picture: the keys that lead to it and the texts that say that it is there."""

    name: str
    keys: tuple[str, ...]
    sees: tuple[str, ...]
    size: tuple[int, int] = WIDE
    theme: str = "stacktui-dark"
    broken: bool = False
    """On a workspace with mistakes in its files."""
    staged: bool = False
    """With runs that are on their way beside the recorded history."""


_RUN = ("r", "j", "j", "j", "j", "enter")
SCENES: tuple[Scene, ...] = (
    Scene("home", (), ("two-at-a-time", "last runs")),
    Scene("home-light", (), ("two-at-a-time", "last runs"), theme="stacktui-light"),
    Scene("home-80x24", (), ("two-at-a-time",), NARROW),
    Scene("orchestrators", ("1",), ("two-at-a-time",)),
    Scene("artifact-stores", ("2", "enter", "j", "j"), ("confusion",)),
    Scene("metadata-stores", ("3",), ("sqlite",)),
    Scene("container-registries", ("4",), ("local",)),
    Scene("secrets-managers", ("5",), ("environment",)),
    Scene("step-operators", ("6",), ("subprocess",)),
    Scene("model-deployers", ("7",), ("digits",)),
    Scene("feature-stores", ("8", "j"), ("strokes",)),
    Scene("experiment-trackers", ("9",), ("accuracy",)),
    Scene("alerters", ("0",), ("inbox",)),
    Scene("stacks", ("s", "j"), ("experiments",)),
    Scene("builder", ("s", "j", "e"), ("orchestrator",)),
    Scene("builder-beside", ("s", "j", "e", "d", "j", "enter"), ("d closes",)),
    Scene("form", ("8", "e"), ("join_keys",)),
    Scene("rename", ("2", "R", *"er", "enter"), ("localer",)),
    Scene("keys", ("comma", "K"), ("ships",)),
    Scene("runs", ("r",), ("failed", "digits")),
    Scene("run", _RUN, ("train_forest", "evaluate_linear")),
    Scene("run-log", ("r", "G", "enter", "g", "j", "j", "j", "j", "l"), ("epoch 12/12",)),
    Scene("new-run", ("n",), ("pipelines/digits.py",)),
    Scene("compare", ("r", "j", "space", "j", "j", "j", "space", "equals_sign"), ("parameter",)),
    Scene("problems", ("p",), ("did you mean",), broken=True),
    Scene("flavors", ("F",), ("subprocess",)),
    Scene("settings", ("comma",), ("high-contrast",)),
    Scene("home-busy", (), ("digits-night", "53%"), staged=True),
    Scene("home-busy-80x24", (), ("digits-night",), NARROW, staged=True),
    Scene("runs-busy", ("r",), ("digits-waits", "team=vision"), staged=True),
    Scene("sweep", ("r", "G", "slash", *"lr-0.1", "enter", "equals_sign"), ("accuracy",), staged=True),
    Scene("run-resumed", ("r", "j", "j", "enter"), ("attempt 1", "65%"), staged=True),
    Scene("run-about", ("r", "j", "j", "enter", "I"), ("A100",), staged=True),
    Scene("retry", (*_RUN, "g", "j", "j", "j", "t"), ("kept", "the retry is from")),
    Scene("help", ("question_mark",), ("keys",)),
)


def draw(names: Sequence[str] = ()) -> dict[str, str]:
    """The pictures by name, as SVG; all of them, or only those named."""
    stand_still()
    wanted = [scene for scene in SCENES if not names or scene.name in names]
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_draw_all(wanted, Path(folder).resolve()))


def stand_still() -> None:
    """Stop the clock, for this process only, before anything reads it."""
    from stacktui.model import base
    from tests.screens.recording import RECORDED

    os.environ.update(TZ="UTC", COLORTERM="truecolor", COLUMNS="120", LINES="36", STACKTUI_DATA="")
    for name in ("NO_COLOR", "STACKTUI_STACK", "STACKTUI_READONLY", "STACKTUI_STATE", "EDITOR", "VISUAL"):
        os.environ.pop(name, None)
    time.tzset()
    created = re.findall(r'"created_at": "([^"]+)"', (RECORDED / "history.json").read_text())
    moment = datetime.fromisoformat(max(created)) + timedelta(minutes=7)
    was = base.now
    base.now = lambda: moment
    # As the recorded runs say it: a picture does not depend on which 3.11 draws it.
    platform.python_version = lambda: "3.11"
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("stacktui.") and getattr(module, "now", None) is was:
            module.now = base.now  # type: ignore[attr-defined]


async def _draw_all(scenes: Sequence[Scene], folder: Path) -> dict[str, str]:
    from tests.screens.recording import restore
    from tests.screens.staged import staged

    os.environ["STACKTUI_DATA"] = str(folder / "data")
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
    sound = restore(folder / "sound" / "demo")
    pictures = {}
    for scene in scenes:
        if scene.staged:
            with staged(_busy(folder)) as store:
                del store
                pictures[scene.name] = await _draw_one(scene, _busy(folder))
        else:
            pictures[scene.name] = await _draw_one(scene, _with_mistakes(folder) if scene.broken else sound)
    return pictures


def _busy(folder: Path) -> Path:
    from tests.screens.recording import restore

    root = folder / "busy" / "demo"
    return root if root.exists() else restore(root)


async def _draw_one(scene: Scene, root: Path) -> str:
    from tests.tui.workbench import workbench

    async with workbench(root, size=scene.size) as bench:
        bench.app.looks.try_theme(scene.theme)
        await bench.settled()
        for key in scene.keys:
            await bench.press(key)
            await bench.settled()
        await bench.sees(*scene.sees)
        await _quiet(bench)
        svg = bench.app.export_screenshot(title=f"stacktui {scene.name.removesuffix('-80x24')}")
    # The ids are made of a checksum of the content, which the folder's random name is part of.
    svg = re.sub(r"terminal-\d+", f"stacktui-{scene.name}", svg)
    svg = re.sub(r'textLength="([\d.]+)"([^>]*)>([^<]*)', partial(_without, root), svg)
    assert root.parent.parent.name not in svg, f"{scene.name} shows a part of the folder that it was drawn in"
    return svg


def _without(root: Path, found: re.Match[str]) -> str:
    """A piece of text that names no folder of this machine, and the width that it has then."""
    width, rest, text = found.groups()
    said = text.replace(str(root), "~/demo").replace(str(root.parent), "~")
    if said != text:
        width = f"{float(width) * len(html.unescape(said)) / len(html.unescape(text)):g}"
    return f'textLength="{width}"{rest}>{said}'


async def _quiet(bench: Bench) -> None:
    """Wait until two looks in a row show the same."""
    before = ""
    while (now := bench.text()) != before:
        before = now
        await bench.settled()
        await asyncio.sleep(0.3)


def _with_mistakes(folder: Path) -> Path:
    from tests.screens.recording import restore

    root = folder / "broken" / "demo"
    if not root.exists():
        restore(root)
        (root / "stacks" / "next.yaml").write_text(
            "extends: demo\ndescription: what comes next\ncomponents:\n"
            "  orchestrator: two-at-time\n  artifact_store: null\n  alerters: inbox\n"
        )
        (root / "components" / "model_deployer" / "edge.yaml").write_text(
            "flavor: locall\ndescription: models at the edge\n"
        )
        (root / "components" / "orchestrator" / "four.yaml").write_text(
            "flavor: local\nconfig:\n  max_worker: 4\n"
        )
        (root / "components" / "alerter" / "oncall.yaml").write_text("flavor: local\nconfig: [\n")
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a picture is stale")
    parser.add_argument(
        "--only", action="append", default=[], help="draw this scene only; may be given several times"
    )
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    pictures = draw(options.only)
    stale = []
    for name, svg in pictures.items():
        file = options.folder / f"{name}.svg"
        if not file.exists() or file.read_text() != svg:
            stale.append(name)
            if not options.check:
                file.write_text(svg)
    if options.check and stale:
        print(f"stale: {', '.join(stale)}; draw them again with: make screenshots")
        return 1
    print(f"{len(pictures)} pictures, {len(stale)} {'stale' if options.check else 'drawn anew'}")
    # The workbench froze what it had: DuckDB's bindings would report it as left over.
    gc.unfreeze()
    return 0


if __name__ == "__main__":
    sys.exit(main())
