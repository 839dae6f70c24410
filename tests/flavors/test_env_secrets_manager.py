"""Secrets from the environment: the contract, and how names and keys are read from variables."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import NotFound
from stacktui.categories.secrets_manager import SecretsManager
from stacktui.flavors.env.secrets_manager import EnvSecretsManager, EnvSecretsManagerConfig
from stacktui.testing.contracts.secrets_manager import SecretsManagerContract


class TestEnvSecretsManager(SecretsManagerContract):
    @pytest.fixture
    def component(
        self, stacktui_surroundings: Surroundings, stacktui_environment: dict[str, str]
    ) -> EnvSecretsManager:
        self._environment = stacktui_environment
        return EnvSecretsManager(EnvSecretsManagerConfig(), stacktui_surroundings)

    def keep(self, component: SecretsManager, name: str, values: Mapping[str, str]) -> None:
        for key, value in values.items():
            self._environment[f"STACKTUI_SECRET_{name.upper()}__{key.upper()}"] = value


@pytest.fixture
def component(stacktui_surroundings: Surroundings, stacktui_environment: dict[str, str]) -> EnvSecretsManager:
    stacktui_environment.update(
        {
            "STACKTUI_SECRET_TEAM_BUCKET__ACCESS_KEY_ID": "one",
            "STACKTUI_SECRET_TEAM_BUCKET__camelCase": "two",
            "STACKTUI_SECRET_NOKEY": "not one",
            "STACKTUI_SECRET_EMPTY__": "not one",
            "STACKTUI_SECRET___KEY": "not one",
            "PATH": "/bin",
        }
    )
    return EnvSecretsManager(EnvSecretsManagerConfig(), stacktui_surroundings)


def test_only_well_named_variables_are_secrets(component: EnvSecretsManager) -> None:
    assert [(entry.name, entry.keys) for entry in component.list()] == [
        ("team_bucket", ("access_key_id", "camelCase"))
    ]


def test_dashes_are_written_as_underscores(component: EnvSecretsManager) -> None:
    assert component.get("team-bucket")["access-key-id"] == "one"
    assert component.get("team_bucket")["access_key_id"] == "one"
    assert component.get("team-bucket").get("none") is None
    assert "access-key-id" in component.get("team-bucket")
    with pytest.raises(KeyError):
        component.get("team-bucket")["none"]


def test_an_unknown_one_names_the_variable_to_set(component: EnvSecretsManager) -> None:
    with pytest.raises(NotFound, match="STACKTUI_SECRET_MY_DB__KEY"):
        component.get("my-db")


@pytest.mark.parametrize("prefix", ["", "1A", "A B", "A="])
def test_a_prefix_that_no_variable_can_have_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        EnvSecretsManagerConfig(prefix=prefix)
