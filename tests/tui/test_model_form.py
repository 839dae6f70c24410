"""A form of any model, as a person fills it: nested models, lists of models, mappings, secrets, paths; by keyboard only."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator
from textual.widgets import TextArea

from stacktui.model.secretref import Secretable
from stacktui.model.stack import StepSettings
from stacktui.model.text import Clean
from stacktui.tui.dialogs.form_fields import Choice
from stacktui.tui.dialogs.form_nested import ModelField, RowsField
from stacktui.tui.dialogs.form_widgets import FormRow
from stacktui.tui.dialogs.model_form import ModelForm
from stacktui.tui.dialogs.pick import PickDialog
from stacktui.tui.dialogs.simple import ChoiceDialog, ConfirmDialog, PromptDialog
from tests.tui.workbench import Bench, workbench, workspace


class View(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=2, description="What it is called.")
    keys: tuple[str, ...] = Field(min_length=1, description="The columns that name the entity.")
    days: int | None = Field(default=None, ge=1, le=365, description="How old a row may be.")


class Store(BaseModel):
    model_config = ConfigDict(extra="forbid")

    views: tuple[View, ...] = Field(default=(), description="The feature views.")
    limits: dict[str, View] = Field(default_factory=dict, description="Views by name.")
    free: dict[str, Any] = Field(default_factory=dict, description="Anything.")
    folder: Path | None = Field(default=None, description="Where the files are.")
    url: Secretable[str] = Field(default="", description="Where the server is.")
    mode: Literal["calm", "loud"] = Field(default="calm", description="How it speaks.")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace(tmp_path / "vision")


class Asked:
    """A form that was opened over the first screen, and what it gave."""

    def __init__(self) -> None:
        self.results: list[dict[str, Any] | None] = []

    @property
    def result(self) -> dict[str, Any] | None:
        return self.results[-1]


async def _open(
    bench: Bench, model: type[BaseModel], value: dict[str, Any], **others: Any
) -> tuple[ModelForm, Asked]:
    await bench.wait_for(lambda: bench.app.place is not None, "a screen")
    await bench.settled()
    asked = Asked()
    bench.app.ask(ModelForm("the thing", model, value, **others), asked.results.append)
    return await _form(bench), asked


async def _form(bench: Bench, under: ModelForm | None = None) -> ModelForm:
    await bench.wait_for(
        lambda: isinstance(bench.screen, ModelForm) and bench.screen is not under and bench.screen.focused,
        "a form",
    )
    form: ModelForm = bench.screen
    return form


def _row(form: ModelForm, key: str) -> FormRow:
    return next(row for row in form.query(FormRow) if row.spec.key == key)


async def test_step_settings_are_filled_by_keyboard(root: Path) -> None:
    operators = (Choice("a100", Clean("a100")), Choice("local", Clean("local")))
    async with workbench(root) as bench:
        form, asked = await _open(
            bench,
            StepSettings,
            {"retries": 2, "environment": {"A": "1"}},
            choices={"step_operator": operators},
        )
        await bench.sees("the thing", "step_operator", "not set", "A: 1", "as it was")
        _row(form, "step_operator").field.focus()
        await bench.press("right")
        _row(form, "retries").field.focus()
        await bench.sees("How often it is tried again", "whole number · at least 0 · optional")
        await bench.press("plus", "plus", "minus")
        _row(form, "resources").field.focus()
        await bench.sees("What it needs", "enter opens it")
        await bench.press("enter")
        nested = await _form(bench, form)
        await bench.sees("the thing › resources", "Processors.")
        _row(nested, "memory").field.focus()
        await bench.types("lots")
        await bench.sees("is not an amount of memory")
        await bench.press("ctrl+s")
        assert bench.screen is nested
        await bench.press("ctrl+u")
        await bench.types("16GiB")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: bench.screen is form, "the form again")
        await bench.sees("memory 16GiB", "changed")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: asked.results, "the result")
    assert asked.result == {
        "retries": 3,
        "environment": {"A": "1"},
        "step_operator": "a100",
        "resources": {"memory": "16GiB"},
    }


async def test_rows_are_added_opened_moved_copied_and_taken_out(root: Path) -> None:
    async with workbench(root) as bench:
        form, asked = await _open(bench, Store, {})
        assert isinstance(form.focused, RowsField)
        await bench.sees("none yet; a adds the first")
        for name, key in (("strokes", "user"), ("clicks", "user"), ("orders", "shop")):
            await bench.press("a")
            await _form(bench, form)
            await bench.sees("the thing › views")
            await bench.types(name)
            await bench.press("enter")
            await bench.types(key)
            await bench.press("ctrl+s")
            await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("strokes", "clicks", "orders", "shop")
        # The cursor is on the last one: move it to the top, take the one below it out, copy the last.
        await bench.press("K", "K", "j", "D", "c", "enter")
        nested = await _form(bench, form)
        await bench.sees("the thing › views 3", "clicks")
        _row(nested, "days").field.focus()
        await bench.types("400")
        await bench.sees("must be less than or equal to 365", "whole number · 1 to 365")
        await bench.press("backspace", "ctrl+s")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: asked.results, "the result")
    assert asked.result == {
        "views": [
            {"name": "orders", "keys": ["shop"]},
            {"name": "clicks", "keys": ["user"]},
            {"name": "clicks", "keys": ["user"], "days": 40},
        ]
    }


async def test_a_mapping_has_rows_by_key(root: Path) -> None:
    async with workbench(root) as bench:
        form, asked = await _open(bench, Store, {"free": {"a": 1, "b": [1, 2]}})
        _row(form, "limits").field.focus()
        await bench.press("a")
        await bench.wait_for(lambda: isinstance(bench.screen, PromptDialog), "the key")
        await bench.types("daily")
        await bench.press("enter")
        await _form(bench, form)
        await bench.sees("the thing › limits daily")
        await bench.types("per-day")
        await bench.press("enter")
        await bench.types("day")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("daily", "per-day")
        # A copy has a key of its own, and another one is given by R; one that is there is refused.
        await bench.press("c", "R")
        await bench.wait_for(lambda: isinstance(bench.screen, PromptDialog), "the key")
        await bench.press("ctrl+u")
        await bench.types("daily")
        await bench.sees("stands there already")
        await bench.types("2")
        await bench.press("enter")
        await bench.sees("daily2")
        # Anything at all is YAML in a form of its own.
        _row(form, "free").field.focus()
        await bench.press("j", "enter")
        nested = await _form(bench, form)
        await bench.sees("the thing › free b")
        assert isinstance(nested.focused, TextArea)
        await bench.press("end", "ctrl+u")
        await bench.types("x: [3]")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: asked.results, "the result")
    view = {"name": "per-day", "keys": ["day"]}
    assert asked.result == {"free": {"a": 1, "b": {"x": [3]}}, "limits": {"daily": view, "daily2": view}}


async def test_a_nested_model_is_left_out_again(root: Path) -> None:
    async with workbench(root) as bench:
        form, asked = await _open(bench, StepSettings, {"resources": {"gpu": 1}, "retries": 1})
        field = _row(form, "resources").field
        assert isinstance(field, ModelField)
        field.focus()
        await bench.sees("gpu 1")
        await bench.press("D")
        await bench.misses("gpu 1")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: asked.results, "the result")
    assert asked.result == {"retries": 1}


async def test_a_secret_is_picked_by_name_and_key_or_made_on_the_way(root: Path) -> None:
    async with workbench(root) as bench:
        live = bench.session.live()
        live.secrets_manager.set("db", {"user": "me", "password": "hunter2"})
        form, asked = await _open(bench, Store, {})
        _row(form, "url").field.focus()
        await bench.sees("A secret stands here as a reference", "ctrl+l lists them")
        await bench.types("postgres://")
        await bench.press("ctrl+l")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the secrets")
        await bench.sees("{{db.password}}", "{{db.user}}", "a new secret")
        await bench.misses("hunter2")
        await bench.press("2")
        await bench.sees("postgres://{{db.user}}")
        await bench.types(":")
        # A reference that was begun is completed.
        await bench.types("{{db.p")
        await bench.sees("{{db.password}}")
        await bench.press("tab")
        await bench.types("@host/")
        await bench.press("ctrl+l")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the secrets")
        await bench.press("G", "enter")
        made = await _form(bench, form)
        await bench.sees("new secret", "the file holds its name and key")
        await bench.types("db")
        _row(made, "key").field.focus()
        await bench.press("ctrl+u")
        await bench.types("name!")
        await bench.sees("must match pattern")
        await bench.press("backspace", "enter")
        await bench.types("s3cr3t")
        await bench.misses("s3cr3t")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("{{db.name}} is set; its value stands in no file")
        await bench.misses("s3cr3t")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: asked.results, "the result")
        assert live.secrets_manager.get("db")["name"] == "s3cr3t"
    assert asked.result == {"url": "postgres://{{db.user}}:{{db.password}}@host/{{db.name}}"}
    assert all(b"s3cr3t" not in file.read_bytes() for file in root.rglob("*") if file.is_file())


async def test_a_secret_that_cannot_be_kept_is_told_and_nothing_is_put_in(root: Path) -> None:
    (root / "components/secrets_manager/local.yaml").write_text("flavor: env\n")
    async with workbench(root) as bench:
        form, _ = await _open(bench, Store, {})
        _row(form, "url").field.focus()
        await bench.press("ctrl+l")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the secrets")
        await bench.press("G", "enter")
        made = await _form(bench, form)
        await bench.types("db")
        _row(made, "value").field.focus()
        await bench.types("s3cr3t")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("only reads the environment")
        assert form.held.entry("url") == ""


async def test_a_path_is_completed_and_listed(root: Path) -> None:
    for folder in ("data/strokes", "data/store", "docs", ".hidden"):
        (root / folder).mkdir(parents=True)
    (root / "data/one.csv").write_text("a\n")
    async with workbench(root) as bench:
        form, asked = await _open(bench, Store, {})
        field = _row(form, "folder").field
        field.focus()
        await bench.sees("Where the files are", "tab completes it")
        await bench.types("da")
        await bench.sees("data/")
        await bench.press("tab")
        await bench.types("str")
        await bench.sees("data/strokes/")
        await bench.press("tab")
        await bench.wait_for(lambda: form.held.entry("folder") == "data/strokes/", "the completion")
        # With nothing left to complete, tab goes on.
        await bench.press("tab")
        await bench.wait_for(lambda: form.focused is not field, "the next field")
        field.focus()
        await bench.press("ctrl+u", "ctrl+l")
        await bench.wait_for(lambda: isinstance(bench.screen, ChoiceDialog), "the folder")
        await bench.sees("data/", "docs/", "stacktui.yaml")
        await bench.misses(".hidden")
        await bench.press("g", *("j",) * sorted(_listed(root)).index("data/"), "enter")
        # A folder is gone into, until esc says that it is the one.
        await bench.sees("data/one.csv", "data/store/")
        await bench.press("1")
        await bench.wait_for(lambda: form.held.entry("folder") == "data/one.csv", "the choice")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: asked.results, "the result")
    assert asked.result == {"folder": "data/one.csv"}


def _listed(root: Path) -> list[str]:
    return [f"{path.name}{'/' if path.is_dir() else ''}" for path in root.iterdir() if path.name[0] != "."]


async def test_what_is_not_known_is_kept_and_shown(root: Path) -> None:
    class Loose(BaseModel):
        model_config = ConfigDict(extra="allow")
        name: str = Field(default="", description="d")

    async with workbench(root) as bench:
        form, asked = await _open(bench, Loose, {"zeta": {"deep": [1, None]}, "name": "n"})
        await bench.sees("other", "zeta:", "deep:")
        _row(form, "name").field.focus()
        await bench.types("x")
        await bench.press("ctrl+s")
        await bench.wait_for(lambda: asked.results, "the result")
    assert asked.result == {"zeta": {"deep": [1, None]}, "name": "nx"}


async def test_what_is_wrong_together_is_told_in_the_status(root: Path) -> None:
    class Range(BaseModel):
        first: int = Field(default=1, description="d")
        last: int = Field(default=9, description="d")

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            if self.last < self.first:
                raise ValueError("last is below first")
            return self

    async with workbench(root) as bench:
        form, asked = await _open(bench, Range, {})
        await bench.types("10")
        await bench.sees("last is below first")
        await bench.press("ctrl+s")
        await bench.sees("last is below first")
        assert bench.screen is form
        assert not asked.results


async def test_esc_asks_only_when_something_was_typed(root: Path) -> None:
    async with workbench(root) as bench:
        form, asked = await _open(bench, Store, {"mode": "loud"})
        await bench.press("escape")
        await bench.wait_for(lambda: asked.results == [None], "leaving")
        form, asked = await _open(bench, Store, {"mode": "loud"})
        _row(form, "mode").field.focus()
        # A letter goes to the choice that starts with it.
        await bench.press("c")
        await bench.press("escape")
        await bench.wait_for(lambda: isinstance(bench.screen, ConfirmDialog), "the question")
        await bench.press("escape")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        assert form.held.entry("mode") == "calm"
        await bench.press("escape", "enter")
        await bench.wait_for(lambda: asked.results == [None], "leaving")


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_keys_that_leave_a_text_field_are_few(root: Path, size: tuple[int, int]) -> None:
    async with workbench(root, size=size) as bench:
        form, _ = await _open(bench, View, {})
        await bench.sees("ctrl+s done", "esc back", "name *", "required")
        place = bench.app.place
        # Letters with a meaning elsewhere, digits, `?`, `/` and `:` are text here.
        for letter in "srphnuqWF1?/:vebyD ":
            await bench.types(letter)
        await bench.wait_for(lambda: form.held.entry("name") == "srphnuqWF1?/:vebyD ", "the text")
        assert bench.screen is form
        assert bench.app.place is place


async def test_one_of_many_secrets_is_found_by_typing(root: Path) -> None:
    async with workbench(root) as bench:
        manager = bench.session.live().secrets_manager
        for number in range(30):
            manager.set(f"db-{number}", {"user": "u", "password": "p"})
        form, _ = await _open(bench, Store, {})
        _row(form, "url").field.focus()
        await bench.press("ctrl+l")
        await bench.wait_for(lambda: isinstance(bench.screen, PickDialog), "the secrets")
        await bench.types("db-17 pass")
        await bench.sees("{{db-17.password}}")
        await bench.misses("{{db-17.user}}", "{{db-1.password}}")
        await bench.press("ctrl+u")
        await bench.types("db-2")
        await bench.press("down", "down", "enter")
        await bench.wait_for(lambda: bench.screen is form, "the form")
        await bench.sees("{{db-20.password}}")
