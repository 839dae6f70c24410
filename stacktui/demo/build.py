"""Makes the demo workspace in a folder: the files of `workspace/` over a fresh `init`, data and one secret.

Used by the operation `demo`, by the screenshots and by the tests.
"""

from __future__ import annotations

import secrets
import shutil
from importlib import resources
from pathlib import Path

TARGET = "pipelines/digits.py:digits"
"""The pipeline that the demo runs."""
STACK = "demo"


class DemoNeeds(Exception):
    """A package that the demo needs is not installed; the message has the line that installs it."""


def create_demo(folder: Path) -> Path:
    """Make the workspace, or complete one that was begun, and return its root. Files that are there stay as they are.

    Raises `DemoNeeds` without scikit-learn, pandas and pyarrow, and OSError where the folder cannot be written.
    """
    try:
        import pandas  # noqa: F401
        import pyarrow  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise DemoNeeds(
            f"the demo needs {error.name}; install it with: pip install 'stacktui[demo]'"
        ) from error
    from stacktui.workspace.active import use_stack
    from stacktui.workspace.scaffold import init_workspace
    from stacktui.workspace.workspace import Workspace

    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "stacktui.yaml").exists():
        init_workspace(folder)
    with resources.as_file(resources.files("stacktui.demo") / "workspace") as source:
        _copy_missing(source, folder)
    data = folder / "data" / "strokes.parquet"
    if not data.exists():
        write_strokes(data)
    workspace = Workspace.open(folder)
    use_stack(workspace, STACK)
    _keep_signing_key(workspace)
    return folder


def write_strokes(target: Path) -> None:
    """The feature table: for each of scikit-learn's 1,797 digit images its ink, width, height and symmetry.

    A few images were measured twice, and some first measurements came late: what a point-in-time join is for.
    """
    import numpy as np
    import pandas as pd
    from sklearn.datasets import load_digits

    images = load_digits().images
    count = len(images)
    inked = images > 4
    scanned = pd.date_range("2026-01-05", periods=count, freq="5min", tz="UTC")
    measured = pd.DataFrame(
        {
            "image_id": np.arange(count),
            "measured_at": scanned - pd.Timedelta(minutes=1),
            "created_at": scanned,
            "ink": images.mean(axis=(1, 2)).round(4),
            "width": inked.any(axis=1).sum(axis=1).astype("int64"),
            "height": inked.any(axis=2).sum(axis=1).astype("int64"),
            "symmetry": (1 - np.abs(images - images[:, :, ::-1]).mean(axis=(1, 2)) / 16).round(4),
        }
    )
    late = measured.image_id % 101 == 0
    measured.loc[late, "measured_at"] += pd.Timedelta(hours=3)
    again = measured[measured.image_id % 20 == 0].assign(
        measured_at=lambda rows: rows.measured_at + pd.Timedelta(days=1),
        ink=lambda rows: (rows.ink * 1.02).round(4),
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    pd.concat([measured, again], ignore_index=True).to_parquet(target, index=False)


def _copy_missing(source: Path, folder: Path) -> None:
    for file in sorted(source.rglob("*")):
        if file.is_dir() or "__pycache__" in file.parts:
            continue
        target = folder / file.relative_to(source)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _keep_signing_key(workspace: object) -> None:
    """Set the secret that the pipeline's last step signs with, unless it is there."""
    from stacktui.categories.secrets_manager import SecretsManager
    from stacktui.model.category import Category
    from stacktui.runtime.build import open_stack
    from stacktui.runtime.flavors import flavor_registry
    from stacktui.runtime.inherit import resolve_stack
    from stacktui.workspace.workspace import Workspace

    assert isinstance(workspace, Workspace)
    snapshot = workspace.read()
    resolved = resolve_stack(snapshot, STACK).stack
    assert resolved is not None, "the demo's own stack resolves"
    with open_stack(workspace, snapshot, flavor_registry(workspace.root), resolved) as stack:
        manager = stack.get(Category.SECRETS_MANAGER)
        assert isinstance(manager, SecretsManager)
        if not any(entry.name == "model-card" for entry in manager.list()):
            manager.set("model-card", {"signing_key": secrets.token_hex(16)})
