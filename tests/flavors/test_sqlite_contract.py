"""The SQLite metadata store passes the contract: on a local disk, on a network file system, without FTS5."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.metadata_store import RunQuery
from stacktui.flavors.sqlite import search
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.testing.contracts.metadata_store import MetadataStoreContract
from stacktui.testing.contracts.nouns import a_run


class TestSqliteMetadataStore(MetadataStoreContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> Iterator[SqliteMetadataStore]:
        with SqliteMetadataStore(SqliteMetadataStoreConfig(), stacktui_surroundings) as store:
            yield store


class TestSqliteOnANetworkFileSystem(MetadataStoreContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> Iterator[SqliteMetadataStore]:
        config = SqliteMetadataStoreConfig(filesystem="network", path="shared/runs.db")
        with SqliteMetadataStore(config, stacktui_surroundings) as store:
            yield store


class TestSqliteWithoutFullTextSearch(MetadataStoreContract):
    """Where SQLite was built without FTS5, a search looks at each run."""

    @pytest.fixture
    def component(
        self, stacktui_surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[SqliteMetadataStore]:
        # In this process, which makes the store's tables; others find no index there.
        monkeypatch.setattr(search, "supported", lambda connection: False)
        with SqliteMetadataStore(SqliteMetadataStoreConfig(), stacktui_surroundings) as store:
            yield store
            if store.path.exists():
                assert not store.store_facts().search


def test_gets_its_search_index_later(
    stacktui_surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteMetadataStore(SqliteMetadataStoreConfig(), stacktui_surroundings) as store:
        with monkeypatch.context() as without:
            without.setattr(search, "supported", lambda connection: False)
            for index in range(3):
                store.create_run(a_run(name=f"amber-{index}"), [])
        assert not store.store_facts().search
        assert len(store.runs(RunQuery(search="amb")).runs) == 3
        store.compact()
        assert store.store_facts(check=True).search
        store.create_run(a_run(name="amber-3"), [])
        assert len(store.runs(RunQuery(search="amb")).runs) == 4
