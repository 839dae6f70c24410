"""The registry of a workspace: the same one until a file changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.categories.flavor import FlavorBroken
from stacktui.model.category import Category
from stacktui.runtime.flavors import flavor_registry
from stacktui.runtime.surroundings import user_data_folder
from tests.runtime.support import Place


def test_the_registry_is_kept_until_a_flavor_file_changes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    first = flavor_registry(place.root)
    assert flavor_registry(place.root) is first
    assert first.get(Category.ORCHESTRATOR, "here") is not None
    assert first.get(Category.ORCHESTRATOR, "local") is not None
    place.write("flavors/broken.py", "def (\n")
    second = flavor_registry(place.root)
    assert second is not first
    assert [where.name for where, _ in second.problems if isinstance(where, Path)] == ["broken.py"]
    place.delete("flavors")
    assert flavor_registry(place.root).get(Category.ORCHESTRATOR, "here") is None


def test_a_flavor_that_does_not_import_breaks_no_other(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write(
        "flavors/odd.py",
        "import no_such_module\n"
        "from stacktui.categories.flavor import FlavorFacts\n"
        "from stacktui.model.category import Category\n"
        "class Odd:\n    facts = FlavorFacts(category=Category.ALERTER, name='odd', summary='s')\n",
    )
    registry = flavor_registry(place.root)
    with pytest.raises(FlavorBroken, match="no_such_module"):
        registry.load(Category.ALERTER, "odd")
    assert registry.load(Category.ALERTER, "bell").__name__ == "Bell"


def test_a_package_that_is_installed_meanwhile_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = flavor_registry(tmp_path)
    assert before.get(Category.ALERTER, "far") is None
    facts = site / "far_away-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: far-away\nVersion: 1.0\nSummary: alerts\n")
    (facts / "entry_points.txt").write_text("[stacktui.flavors]\nalerter.far = far_away:Far\nodd = x:Y\n")
    registry = flavor_registry(tmp_path)
    source = registry.get(Category.ALERTER, "far")
    assert source is not None
    assert (source.provider, source.summary) == ("far-away", "alerts")
    assert any("entry point 'odd'" in reason for _, reason in registry.problems)
    with pytest.raises(FlavorBroken, match="far_away"):
        registry.load(Category.ALERTER, "far")


def test_no_workspace_has_the_built_in_flavors() -> None:
    registry = flavor_registry(None)
    assert registry.get(Category.METADATA_STORE, "sqlite") is not None


def test_the_users_data_folder(tmp_path: Path) -> None:
    assert user_data_folder({"STACKTUI_DATA": str(tmp_path)}) == tmp_path
    assert user_data_folder({}).name == "stacktui"
