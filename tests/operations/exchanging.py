"""What the tests of import and export share: workspaces, flavors of a team's own, and an import as one text.

python -m tests.operations.exchanging      # writes the expected texts anew; look at what git says of them
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from stacktui.operations.session import Session
from stacktui.operations.stack_import import StackImport
from stacktui.workspace.scaffold import init_workspace
from tests.operations.support import do

ZENML = Path(__file__).parent / "zenml"
FILES = ("flat-0.12", "configuration-0.39", "list-0.84")

OWN_FLAVORS = '''"""Flavors of the team's own, with fields for secrets."""

from pydantic import Field

from stacktui.categories.base import FlavorConfig
from stacktui.categories.flavor import FlavorFacts
from stacktui.flavors.local.alerter import LocalAlerter
from stacktui.flavors.local.artifact_store import LocalArtifactStore
from stacktui.flavors.local.experiment_tracker import LocalExperimentTracker
from stacktui.model.category import Category
from stacktui.model.secretref import Secretable


class S3Config(FlavorConfig):
    """A bucket."""

    path: str = Field(description="The bucket and the folder in it.")
    key: Secretable[str] | None = Field(default=None, description="The access key's id.")
    secret: Secretable[str] | None = Field(default=None, description="The access key.")
    endpoint_url: str | None = Field(default=None, description="Where the server is.")


class S3(LocalArtifactStore):
    facts = FlavorFacts(category=Category.ARTIFACT_STORE, name="s3", summary="a bucket")
    Config = S3Config


class MlflowConfig(FlavorConfig):
    """A tracking server."""

    uri: Secretable[str] = Field(description="The server.")
    username: Secretable[str] | None = Field(default=None, description="Who logs in.")
    password: Secretable[str] | None = Field(default=None, description="With what.")
    token: Secretable[str] | None = Field(default=None, description="In place of both.")
    insecure_tls: bool = Field(default=False, description="Whether certificates are not checked.")


class Mlflow(LocalExperimentTracker):
    facts = FlavorFacts(category=Category.EXPERIMENT_TRACKER, name="mlflow", summary="a server")
    Config = MlflowConfig


class SlackConfig(FlavorConfig):
    """A channel."""

    token: Secretable[str] = Field(description="The token.")
    channel: str = Field(description="The channel.")


class Slack(LocalAlerter):
    facts = FlavorFacts(category=Category.ALERTER, name="slack", summary="a channel")
    Config = SlackConfig
'''


def workspace(folder: Path, *, flavors: bool = False) -> Path:
    """A new workspace, with flavors of its own or only those that come with the program."""
    init_workspace(folder)
    if flavors:
        (folder / "flavors").mkdir()
        (folder / "flavors" / "team.py").write_text(OWN_FLAVORS)
    return folder


def files(root: Path) -> dict[str, bytes]:
    """The YAML files of a workspace, by their path in it."""
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for folder in ("components", "stacks")
        for file in sorted((root / folder).rglob("*.yaml"))
    }


def as_text(document: StackImport, root: Path, before: dict[str, bytes]) -> str:
    """The report of an import and the files that it made."""
    lines = [f"stack {document.stack}, from {document.source} {document.source_version}", ""]
    for row in document.report:
        origin = f"  <- {row.origin}" if row.origin else ""
        lines.append(f"{row.outcome:<12}{row.subject}{origin}")
        lines.append(f"            {row.message}")
    lines.append("")
    for need in document.secrets:
        in_file = ", in the file in clear" if need.in_file else ""
        lines.append(f"secret {need.name}.{need.key}: {need.state}{in_file}; {', '.join(need.used_by)}")
    for found in document.diagnostics:
        lines.append(f"{found.code} {found.message}")
    made = {name: raw for name, raw in files(root).items() if before.get(name) != raw}
    for name, raw in made.items():
        lines += ["", f"=== {name}", raw.decode().rstrip("\n")]
    return "\n".join(lines) + "\n"


def imported(folder: Path, name: str, *, flavors: bool) -> str:
    """One of the exported files, taken into a new workspace, as a text."""
    root = workspace(folder, flavors=flavors)
    before = files(root)
    with Session(root) as session:
        document = do(session, "stack import", file=ZENML / f"{name}.yaml")
        return as_text(document, root, before)


def expected(name: str, flavors: bool) -> Path:
    """Where the text of an import stands."""
    return ZENML / f"{name}.{'own-flavors' if flavors else 'embedded'}.txt"


def _write_anew() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            XDG_DATA_HOME=f"{folder}/data",
            XDG_STATE_HOME=f"{folder}/state",
            XDG_CONFIG_HOME=f"{folder}/config",
        )
        for name in FILES:
            for flavors in (False, True):
                text = imported(Path(folder) / f"{name}-{flavors}", name, flavors=flavors)
                expected(name, flavors).write_text(text)


if __name__ == "__main__":
    _write_anew()
