"""Small flavors for the tests of runtime and validation, as a team would write them into its `flavors/` folder."""

TOYS = '''
import json
import time
from abc import update_abstractmethods
from typing import Literal

from pydantic import BaseModel, Field

from stacktui.categories import (
    Alerter, ArtifactStore, ContainerRegistry, ExperimentTracker, MetadataStore, Orchestrator, SecretsManager, StepOperator,
)
from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.errors import ComponentError, NotFound, Unsupported
from stacktui.categories.flavor import Demand, FlavorFacts
from stacktui.categories.secrets_manager import SecretEntry
from stacktui.model.category import Category
from stacktui.model.secretref import Secretable, SecretValue


def toy(cls):
    """Everything that the class does not write itself is unsupported."""
    def unsupported(self, *_, **__):
        raise Unsupported("a toy cannot do this")
    for name in list(cls.__abstractmethods__):
        if name == "probe":
            cls.probe = lambda self, timeout_s=5.0: ProbeResult(ok=True, message="here")
        else:
            setattr(cls, name, unsupported)
    cls.closed = False
    update_abstractmethods(cls)
    return cls


class Closes:
    def close(self):
        with (self.around.state / "closed").open("a") as out:
            out.write(self.name + "\\n")


class Nothing(FlavorConfig):
    pass


@toy
class Here(Closes, Orchestrator):
    facts = FlavorFacts(category=Category.ORCHESTRATOR, name="here", summary="toy")
    Config = Nothing


@toy
class Cluster(Orchestrator):
    facts = FlavorFacts(
        category=Category.ORCHESTRATOR, name="cluster", summary="toy", remote=True,
        demands=(Demand(Category.CONTAINER_REGISTRY, reason="its steps run in images"),),
    )
    Config = Nothing


class BucketConfig(FlavorConfig):
    path: str = Field(description="Where the bucket is.")
    key: Secretable[str] | None = Field(default=None, description="The access key.")
    port: Secretable[int] = Field(default=80, description="The port.", ge=1)
    mode: Literal["fast", "careful"] = Field(default="fast", description="How.")
    extra: dict[str, Secretable[str]] = Field(default_factory=dict, description="More.")


@toy
class Bucket(Closes, ArtifactStore):
    facts = FlavorFacts(category=Category.ARTIFACT_STORE, name="bucket", summary="toy", remote=True)
    Config = BucketConfig


@toy
class Folder(Closes, ArtifactStore):
    facts = FlavorFacts(category=Category.ARTIFACT_STORE, name="folder", summary="toy")
    Config = Nothing


class RowsConfig(FlavorConfig):
    password: Secretable[str] = Field(default="", description="The password.")


@toy
class Rows(Closes, MetadataStore):
    facts = FlavorFacts(category=Category.METADATA_STORE, name="rows", summary="toy")
    Config = RowsConfig


class BoxConfig(FlavorConfig):
    file: str = Field(default="box.json", description="Where the secrets are.")
    master: Secretable[str] = Field(default="", description="What opens it.")


@toy
class Box(Closes, SecretsManager):
    facts = FlavorFacts(category=Category.SECRETS_MANAGER, name="box", summary="toy", capabilities=frozenset({"get", "list"}))
    Config = BoxConfig

    def _read(self):
        return json.loads((self.around.workspace / self.config.file).read_text())

    def list(self):
        return [SecretEntry(name=name, keys=tuple(keys)) for name, keys in self._read().items()]

    def get(self, name):
        found = self._read()
        if name not in found:
            raise NotFound(f"no secret {name}")
        return {key: SecretValue(value) for key, value in found[name].items()}


@toy
class FarBox(SecretsManager):
    facts = FlavorFacts(category=Category.SECRETS_MANAGER, name="far_box", summary="toy", remote=True)
    Config = Nothing


@toy
class Gpu(StepOperator):
    facts = FlavorFacts(category=Category.STEP_OPERATOR, name="gpu", summary="toy", remote=True)
    Config = Nothing


@toy
class Near(Closes, StepOperator):
    facts = FlavorFacts(category=Category.STEP_OPERATOR, name="near", summary="toy")
    Config = Nothing


@toy
class Curves(Closes, ExperimentTracker):
    facts = FlavorFacts(category=Category.EXPERIMENT_TRACKER, name="curves", summary="toy")
    Config = Nothing

    def store(self):
        return self.around.metadata_store


class BellConfig(FlavorConfig):
    token: Secretable[str] = Field(default="", description="The token.")
    wait: float = Field(default=0, description="Seconds that a probe takes.")


@toy
class Bell(Closes, Alerter):
    facts = FlavorFacts(category=Category.ALERTER, name="bell", summary="toy")
    Config = BellConfig

    def __init__(self, config, around):
        super().__init__(config, around)
        if config.token == "bad-token":
            raise RuntimeError(f"token {config.token} was refused")

    def probe(self, timeout_s=5.0):
        time.sleep(self.config.wait)
        return ProbeResult(ok=True, message="rang")


@toy
class Images(ContainerRegistry):
    facts = FlavorFacts(
        category=Category.CONTAINER_REGISTRY, name="images", summary="toy",
        packages=("no-such-distribution-xyz>=1",), install="pip install no-such-distribution-xyz",
    )
    Config = Nothing
'''
