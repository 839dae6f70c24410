"""The contract of secrets managers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stacktui.categories.errors import ComponentError, NotFound, Unsupported
from stacktui.categories.secrets_manager import SecretsManager
from stacktui.model.category import Category
from stacktui.model.secretref import SecretValue
from stacktui.testing.contracts.base import ComponentContract, lacks, needs

_VALUE = "s3cr3t-\u00fcml\u00e4ut \u2713 with spaces\nand a second line"


class SecretsManagerContract(ComponentContract):
    """Override the fixture `component` with an empty `SecretsManager`.

    A flavor that only reads overrides `keep` too, which puts a secret there from outside.
    """

    category = Category.SECRETS_MANAGER

    def keep(self, component: SecretsManager, name: str, values: Mapping[str, str]) -> None:
        """Make the component hold a secret."""
        component.set(name, values)

    def test_gives_back_what_is_kept(self, component: SecretsManager) -> None:
        self.keep(component, "aws", {"access_key_id": "AKIA", "secret": _VALUE})
        values = component.get("aws")
        assert dict(values) == {"access_key_id": "AKIA", "secret": _VALUE}
        assert all(isinstance(value, SecretValue) for value in values.values())

    def test_lists_names_and_keys_without_values(self, component: SecretsManager) -> None:
        assert component.list() == []
        self.keep(component, "zeta", {"token": _VALUE})
        self.keep(component, "alpha", {"user": "someone", "password": _VALUE})
        listed = component.list()
        assert [(entry.name, entry.keys) for entry in listed] == [
            ("alpha", ("password", "user")),
            ("zeta", ("token",)),
        ]
        assert "someone" not in repr(listed)

    def test_shows_no_value(self, component: SecretsManager) -> None:
        self.keep(component, "aws", {"secret": "never-to-be-seen"})
        shown = [
            repr(component),
            repr(component.get("aws")),
            str(component),
            repr(component.get("aws")["secret"]),
        ]
        shown.append(component.probe().message)
        with pytest.raises(NotFound) as caught:
            component.get("awss")
        shown.append(str(caught.value))
        assert not any("never-to-be-seen" in text for text in shown)

    def test_says_when_there_is_no_such_secret(self, component: SecretsManager) -> None:
        self.keep(component, "database", {"password": "x"})
        with pytest.raises(NotFound, match="did you mean 'database'"):
            component.get("databse")

    def test_keeps_keys_that_a_later_set_does_not_name(self, component: SecretsManager) -> None:
        needs(component, "set")
        component.set("aws", {"id": "1", "secret": "2"})
        component.set("aws", {"secret": "3"})
        assert dict(component.get("aws")) == {"id": "1", "secret": "3"}

    @pytest.mark.parametrize(
        ("name", "key"),
        [("../up", "key"), ("UPPER", "key"), ("", "key"), ("ok", ""), ("ok", "a b"), ("ok", "a\nb")],
    )
    def test_refuses_names_that_no_reference_could_name(
        self, component: SecretsManager, name: str, key: str
    ) -> None:
        needs(component, "set")
        with pytest.raises(ComponentError) as caught:
            component.set(name, {key: "value-to-hide"})
        assert "value-to-hide" not in str(caught.value)
        assert component.list() == []

    def test_deletes_a_key_and_a_secret(self, component: SecretsManager) -> None:
        needs(component, "delete", "set")
        component.set("aws", {"id": "1", "secret": "2"})
        component.set("gcp", {"key": "3"})
        component.delete("aws", "id")
        assert dict(component.get("aws")) == {"secret": "2"}
        component.delete("gcp")
        assert [entry.name for entry in component.list()] == ["aws"]
        with pytest.raises(NotFound):
            component.delete("gcp")
        with pytest.raises(NotFound):
            component.delete("aws", "id")

    def test_refuses_to_write_where_it_only_reads(self, component: SecretsManager) -> None:
        lacks(component, "set")
        with pytest.raises(Unsupported) as caught:
            component.set("aws", {"secret": "never-to-be-seen"})
        assert "never-to-be-seen" not in str(caught.value)
        with pytest.raises(Unsupported):
            component.delete("aws")
