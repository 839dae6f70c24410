"""Secrets from environment variables, for CI and containers: read only.

`STACKTUI_SECRET_AWS__ACCESS_KEY_ID=…` is the key `access_key_id` of the secret `aws`: after the prefix
comes the secret's name, two underscores, the key. Variable names cannot hold a dash: a `-` in a secret's
name or key is written as `_`, so that `{{team-bucket.access-key}}` reads
`STACKTUI_SECRET_TEAM_BUCKET__ACCESS_KEY`. A key that is not all capitals is taken as it is written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from pydantic import Field, field_validator

from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.errors import NotFound, Unsupported
from stacktui.categories.flavor import FlavorFacts
from stacktui.categories.secrets_manager import SecretEntry, SecretsManager
from stacktui.model.base import is_name
from stacktui.model.category import Category
from stacktui.model.secretref import SecretValue

_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EnvSecretsManagerConfig(FlavorConfig):
    """Which environment variables are secrets."""

    prefix: str = Field(
        default="STACKTUI_SECRET_",
        description="What the variables' names start with; then comes NAME__KEY, as in "
        "STACKTUI_SECRET_AWS__ACCESS_KEY_ID for the key access_key_id of the secret aws.",
    )

    @field_validator("prefix")
    @classmethod
    def _can_start_a_variable(cls, prefix: str) -> str:
        if _PREFIX.fullmatch(prefix) is None:
            raise ValueError("a prefix has letters, digits and '_' and does not start with a digit")
        return prefix


class EnvSecretsManager(SecretsManager):
    """Secrets as the process's environment holds them. They are looked up anew each time."""

    facts = FlavorFacts(
        category=Category.SECRETS_MANAGER,
        name="env",
        provider="env",
        summary="environment variables, read only",
        capabilities=frozenset({"get", "list"}),
    )
    Config = EnvSecretsManagerConfig
    config: EnvSecretsManagerConfig

    def list(self) -> list[SecretEntry]:
        found: dict[str, set[str]] = {}
        for name, key, _ in self._variables():
            found.setdefault(name, set()).add(key)
        return [SecretEntry(name=name, keys=tuple(sorted(keys))) for name, keys in sorted(found.items())]

    def get(self, name: str) -> Mapping[str, str]:
        wanted = name.replace("-", "_")
        values = {key: SecretValue(value) for found, key, value in self._variables() if found == wanted}
        if not values:
            known = [entry.name for entry in self.list()]
            close = difflib.get_close_matches(wanted, known, n=1)
            raise NotFound(
                f"there is no secret {name!r} in the environment"
                + (f"; did you mean {close[0]!r}?" if close else "")
                + f"; it is read from variables called {self.config.prefix}{wanted.upper()}__KEY"
            )
        return _Values(values)

    def set(self, name: str, values: Mapping[str, str]) -> None:
        secret = name.replace("-", "_").upper()
        keys = [key.replace("-", "_").replace(".", "_").upper() for key in values] or ["KEY"]
        variables = " and ".join(f"{self.config.prefix}{secret}__{key}" for key in keys)
        raise Unsupported(
            f"secrets manager {self.name!r} only reads the environment: set {variables} where stacktui is started"
        )

    def delete(self, name: str, key: str | None = None) -> None:
        raise Unsupported(
            f"secrets manager {self.name!r} only reads the environment: unset the variable where stacktui "
            f"is started"
        )

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        count = len(self.list())
        return ProbeResult(
            ok=True,
            message=f"{count} {'secret' if count == 1 else 'secrets'} in variables called {self.config.prefix}…",
        )

    def _variables(self) -> Iterator[tuple[str, str, str]]:
        """Name, key and value of every variable that is a secret."""
        for variable, value in self.around.environment.items():
            if not variable.startswith(self.config.prefix):
                continue
            name, separator, key = variable.removeprefix(self.config.prefix).partition("__")
            name = name.lower()
            if separator and key and is_name(name):
                yield name, key.lower() if key.isupper() else key, value


class _Values(Mapping[str, str]):
    """Values by key, in which a key with dashes or dots is found under its underscores."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> str:
        if key in self._values:
            return self._values[key]
        return self._values[key.replace("-", "_").replace(".", "_")]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)
