"""What all contract suites share. A team subclasses the suite of its flavor's category:

    import pytest
    from stacktui.testing.contracts.artifact_store import ArtifactStoreContract
    from flavors.vault import VaultStore, VaultStoreConfig

    class TestVaultStore(ArtifactStoreContract):
        @pytest.fixture
        def component(self, stacktui_surroundings):
            with VaultStore(VaultStoreConfig(url="http://127.0.0.1:8200"), stacktui_surroundings) as store:
                yield store

The tests of a capability that the flavor does not declare are skipped, with that reason; in its place the
suite checks that the call raises `Unsupported`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from stacktui.categories import BASES
from stacktui.categories.base import FlavorConfig, ProbeResult, StackComponent
from stacktui.categories.flavor import FlavorFacts
from stacktui.model.category import Category


class ComponentContract:
    """What holds for every component. Not collected itself: a subclass called `Test…` is."""

    category: ClassVar[Category]

    @pytest.fixture
    def component(self) -> Any:
        """The component under test, empty, ready to use; each test gets its own. A subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} has to override the fixture `component`")

    def test_declares_itself(self, component: StackComponent) -> None:
        facts = component.facts
        base = BASES[self.category]
        assert isinstance(component, base)
        assert isinstance(facts, FlavorFacts)
        assert facts.category is self.category
        assert facts.name
        assert facts.summary
        assert "\n" not in facts.summary
        known: frozenset[str] = getattr(base, "CAPABILITIES", frozenset())
        assert facts.capabilities <= known, "capabilities that the category does not know"
        assert bool(facts.packages) <= bool(facts.install), "packages without the line that installs them"

    def test_describes_every_field_of_its_configuration(self, component: StackComponent) -> None:
        config = type(component).Config
        assert issubclass(config, FlavorConfig)
        assert config.model_config.get("extra") == "forbid"
        undescribed = [name for name, field in config.model_fields.items() if not field.description]
        assert undescribed == []

    def test_probes_within_its_time(self, component: StackComponent) -> None:
        result = component.probe(timeout_s=10.0)
        assert isinstance(result, ProbeResult)
        assert result.ok, result.message
        assert result.message
        assert "\n" not in result.message

    def test_shows_no_configuration_in_its_repr(self, component: StackComponent) -> None:
        shown = repr(component)
        for value in component.config.model_dump().values():
            if isinstance(value, str) and len(value) > 3:
                assert value not in shown

    def test_closes_more_than_once(self, component: StackComponent) -> None:
        component.close()
        component.close()


def needs(component: StackComponent, *capabilities: str) -> None:
    """Skip the test unless the flavor declares all of `capabilities`."""
    missing = sorted(set(capabilities) - component.facts.capabilities)
    if missing:
        pytest.skip(f"{component.facts.name} does not declare {', '.join(missing)}")


def lacks(component: StackComponent, capability: str) -> None:
    """Skip the test if the flavor declares `capability`: it is about what happens without."""
    if capability in component.facts.capabilities:
        pytest.skip(f"{component.facts.name} declares {capability}")


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 30.0) -> Any:
    """Poll until `condition` gives something true and return that; fail with `what` when the time is up."""
    deadline = time.monotonic() + timeout_s
    while True:
        if found := condition():
            return found
        if time.monotonic() >= deadline:
            pytest.fail(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.02)
