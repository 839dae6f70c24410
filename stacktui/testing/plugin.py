"""The pytest plugin of the contract suites: fixtures that a team's tests of its own flavors use.

pytest loads it wherever stacktui is installed, so it imports nothing but pytest until a fixture is asked for,
adds no option and no hook that runs with a test. What it offers:

- `stacktui_surroundings`: a workspace, a state folder and a user's data folder of the test's own;
- `stacktui_environment`: the environment variables that a component sees, as a mapping to change.

A suite is a class in `stacktui.testing.contracts`: subclass it, name the subclass `Test…`, and say which
component it tests. See `stacktui.testing.contracts.base`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.categories.base import Surroundings

# So that a failed assertion of a suite shows its values, as one in a test file does.
pytest.register_assert_rewrite("stacktui.testing.contracts")


@pytest.fixture
def stacktui_environment() -> dict[str, str]:
    """The environment variables that `stacktui_surroundings` hands to a component: empty, to be filled."""
    return {}


@pytest.fixture
def stacktui_surroundings(tmp_path: Path, stacktui_environment: dict[str, str]) -> Surroundings:
    """Surroundings in folders that only this test has, as the runtime gives them to a component.

    The artifact store that they give is the local one, in the state folder.
    """
    from stacktui.categories.base import Surroundings
    from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig

    workspace, user_data = tmp_path / "workspace", tmp_path / "user-data"
    workspace.mkdir(mode=0o700)
    user_data.mkdir(mode=0o700)
    state = workspace / ".stacktui"
    state.mkdir(mode=0o700)

    def surroundings(name: str) -> Surroundings:
        return Surroundings(
            name=name,
            workspace=workspace,
            state=state,
            user_data=user_data,
            artifact_store=None if name == "artifacts" else artifacts,
            environment=stacktui_environment,
        )

    def artifacts() -> LocalArtifactStore:
        return LocalArtifactStore(LocalArtifactStoreConfig(), surroundings("artifacts"))

    return surroundings("tested")
