"""The form of every embedded flavor, by keyboard: every field is filled, saved, and read back as it was typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.operations.session import Session
from stacktui.tui.dialogs.component_actions import open_component_form
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.dialogs.form import ComponentForm
from stacktui.tui.dialogs.form_nested import RowsField
from stacktui.tui.dialogs.form_state import ModelFields
from stacktui.tui.dialogs.form_widgets import ChoiceField, FormRow
from stacktui.tui.dialogs.model_form import ModelForm
from tests.tui.workbench import Bench, workbench, workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace(tmp_path / "vision")


async def _open(
    bench: Bench, category: Category, name: str | None, flavor: str | None = None
) -> ComponentForm:
    await bench.wait_for(lambda: bench.app.place is not None, "a screen")
    await bench.settled()
    assert bench.app.place is not None
    open_component_form(bench.app.place, category, name, flavor=flavor)
    await bench.wait_for(lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "the form")
    form: ComponentForm = bench.screen
    return form


def _row(form: ComponentForm, key: str) -> FormRow:
    return next(row for row in form.query(FormRow) if row.spec.key == key)


_FILLED: dict[str, dict[str, object]] = {
    "orchestrator/local": {"max_workers": "4", "gpus": "0\n1"},
    "artifact_store/local": {"path": "data/x"},
    "metadata_store/sqlite": {"path": "data/m.db", "busy_timeout": "10s", "filesystem": "network"},
    "container_registry/local": {"path": "images", "base": "base:1", "platform": "linux/arm64"},
    "secrets_manager/local": {"path": "data/s.enc", "kept_as": "team"},
    "secrets_manager/env": {"prefix": "OURS_"},
    "step_operator/subprocess": {
        "python": "/usr/bin/python3", "environment": "A: 1\nB: two words", "max_concurrent": "2", "gpus": "0",
    },
    "model_deployer/local": {
        "first_port": "9000", "last_port": "9100", "concurrency": "2", "largest_request": "1MiB",
    },
    "feature_store/local": {
        "views": [{"name": "v", "join_keys": ["k"], "source": "a.csv", "timestamp": "at", "ttl": "7d"}],
    },
    "experiment_tracker/local": {},
    "alerter/local": {},
}  # fmt: skip
"""An entry for every field of every embedded flavor."""


_QUICK = ("feature_store/local", "metadata_store/sqlite")


def test_every_field_of_every_embedded_flavor_is_filled_here(root: Path) -> None:
    with Session(root) as session:
        fields = {
            f"{category}/{source.id.name}": set(
                session.registry().load(category, source.id.name).Config.model_fields
            )
            for category in Category
            for source in session.registry().of(category)
        }
    assert fields == {flavor: set(entries) for flavor, entries in _FILLED.items()}


@pytest.mark.parametrize(
    "flavor",
    [flavor if flavor in _QUICK else pytest.param(flavor, marks=pytest.mark.long) for flavor in _FILLED],
)
async def test_every_embedded_flavor_is_filled_saved_and_read_back(root: Path, flavor: str) -> None:
    kind, _, name = flavor.partition("/")
    category = Category(kind)
    async with workbench(root) as bench:
        await bench.wait_for(lambda: bench.app.place is not None, "a screen")
        await bench.settled()
        assert bench.app.place is not None
        open_component_form(bench.app.place, category, None, flavor=name)
        await bench.wait_for(
            lambda: isinstance(bench.screen, ComponentForm) and bench.screen.focused, "the form"
        )
        form: ComponentForm = bench.screen
        await bench.types("filled")
        for key, entry in _FILLED[flavor].items():
            row = _row(form, f"config.{key}")
            row.field.focus()
            if isinstance(row.field, RowsField):
                assert isinstance(entry, list)
                await _fill_rows(bench, form, entry)
            elif isinstance(row.field, ChoiceField):
                while row.field.value != entry:
                    await bench.press("right")
            else:
                for place, line in enumerate(str(entry).split("\n")):
                    await bench.press(*(["enter"] if place else []))
                    await bench.types(line)
        await bench.wait_for(lambda: form.held.entry("name") == "filled" and not form.wrong, "nothing wrong")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: isinstance(bench.screen, DiffDialog), "the diff")
        await bench.press("enter")
        file = root / f"components/{kind}/filled.yaml"
        await bench.wait_for(file.exists, "the file")
        await bench.wait_for(lambda: not isinstance(bench.screen, ComponentForm), "the form to close")
        component_ = bench.session.component(category, "filled").value
        model = bench.session.registry().load(category, name).Config
        read = ModelFields(model, component_.config)
        assert {spec.name: read.entry(spec.key) for spec in read.specs} == _FILLED[flavor]
        # Opened again it shows the same, and has nothing to save.
        form = await _open(bench, category, "filled")
        assert not form.held.dirty
        await bench.press("ctrl+s")
        await bench.sees("Nothing differs from the file")


async def _fill_rows(bench: Bench, form: ComponentForm, rows: list[dict[str, object]]) -> None:
    for row in rows:
        await bench.press("a")
        await bench.wait_for(
            lambda: isinstance(bench.screen, ModelForm) and bench.screen.focused, "the row's form"
        )
        for key, value in row.items():
            next(each for each in bench.screen.query(FormRow) if each.spec.key == key).field.focus()
            await bench.types(value[0] if isinstance(value, list) else str(value))
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: bench.screen is form, "the form")
