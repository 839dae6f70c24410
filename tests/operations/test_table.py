"""The table as a whole: what every operation must have for both faces to be derived from it."""

from __future__ import annotations

import inspect
import re
import typing
from collections import Counter
from enum import Enum
from pathlib import Path

import pytest

from stacktui.operations.complete import _SOURCES
from stacktui.operations.documents import Part
from stacktui.operations.table import NOUNS, Operation, all_operations

OPERATIONS = list(all_operations().values())
IDS = [operation.name for operation in OPERATIONS]
KEYS_OF_EVERY_SCREEN = set("srphnuq0123456789")


@pytest.mark.parametrize("operation", OPERATIONS, ids=IDS)
def test_an_operation_says_what_it_does_in_one_line(operation: Operation) -> None:
    assert re.fullmatch(r"[A-Z].{8,110}\.", operation.summary), operation.summary


@pytest.mark.parametrize("operation", OPERATIONS, ids=IDS)
def test_every_parameter_has_help_and_a_type_that_both_faces_can_ask_for(operation: Operation) -> None:
    for parameter in operation.parameters:
        assert re.search(r"[.:]$", parameter.help), (operation.name, parameter.name)
        assert parameter.type in (str, int, float, bool) or issubclass(parameter.type, (Enum, Path))
        assert re.fullmatch(r"(--)?[a-z][a-z-]*", parameter.flag), parameter.flag


@pytest.mark.parametrize("operation", OPERATIONS, ids=IDS)
def test_flags_and_letters_are_unique_within_an_operation(operation: Operation) -> None:
    flags = [each.flag.lstrip("-") for each in operation.parameters]
    letters = [each.short for each in operation.parameters if each.short]
    assert max(Counter(flags).values(), default=0) <= 1
    assert max(Counter(letters).values(), default=0) <= 1
    assert not {"json", "help"} & set(flags)
    assert "h" not in letters


@pytest.mark.parametrize("operation", OPERATIONS, ids=IDS)
def test_arguments_come_first_and_optional_ones_last(operation: Operation) -> None:
    arguments = [each for each in operation.parameters if each.kind == "argument"]
    required = [each.required for each in arguments]
    assert required == sorted(required, reverse=True)
    assert all(not each.multiple for each in arguments[:-1])


@pytest.mark.parametrize("operation", OPERATIONS, ids=IDS)
def test_every_operation_has_an_example_that_begins_with_its_name(operation: Operation) -> None:
    assert operation.examples
    assert any(operation.name in example for example in operation.examples)


@pytest.mark.parametrize("operation", OPERATIONS, ids=IDS)
def test_every_operation_returns_documents(operation: Operation) -> None:
    returned = typing.get_type_hints(operation.function, localns={"Session": object})["return"]
    kinds = typing.get_args(returned) or (returned,)
    assert all(issubclass(kind, Part) for kind in kinds)
    assert operation.streams == inspect.isgeneratorfunction(operation.function)


def test_completion_kinds_are_known() -> None:
    kinds = {each.complete for operation in OPERATIONS for each in operation.parameters if each.complete}
    assert kinds <= set(_SOURCES) | {"path"}


def test_names_are_unique_and_each_noun_has_an_operation() -> None:
    assert max(Counter(IDS).values()) == 1
    assert {operation.noun for operation in OPERATIONS} == set(NOUNS)


def test_no_two_operations_on_one_kind_have_the_same_key() -> None:
    seen: dict[tuple[str, str], str] = {}
    for operation in OPERATIONS:
        for kind in operation.on:
            if operation.key is not None:
                assert (kind, operation.key) not in seen, (operation.name, seen[kind, operation.key])
                seen[kind, operation.key] = operation.name


def test_no_operation_takes_a_key_that_means_the_same_on_every_screen() -> None:
    assert not [each.name for each in OPERATIONS if each.key in KEYS_OF_EVERY_SCREEN]


def test_the_operations_of_the_design_are_there() -> None:
    expected = [
        "init",
        "demo",
        "doctor",
        "schema",
        "completions",
        "run",
        "plan",
        "component.list",
        "component.show",
        "component.add",
        "component.edit",
        "component.clone",
        "component.delete",
        "component.probe",
        "flavor.list",
        "flavor.show",
        "flavor.new",
        "stack.list",
        "stack.show",
        "stack.validate",
        "stack.add",
        "stack.edit",
        "stack.clone",
        "stack.delete",
        "stack.use",
        "stack.diff",
        "secret.list",
        "secret.set",
        "secret.reveal",
        "secret.delete",
        "runs.list",
        "runs.show",
        "runs.logs",
        "runs.stop",
        "runs.compare",
        "step.show",
        "artifact.list",
        "artifact.show",
        "artifact.preview",
        "artifact.lineage",
        "artifact.get",
        "artifact.tag",
        "prune",
        "model.list",
        "model.deploy",
        "model.start",
        "model.stop",
        "model.delete",
        "model.predict",
        "model.logs",
        "feature.views",
        "feature.online",
        "feature.historical",
        "image.list",
        "image.tags",
        "image.inspect",
        "image.build",
        "image.delete",
        "experiment.list",
        "experiment.show",
        "experiment.curve",
        "experiment.compare",
        "alert.list",
        "alert.post",
        "alert.answer",
        "store.facts",
        "store.backup",
        "store.compact",
        "theme.list",
    ]
    assert set(expected) <= {operation.id for operation in OPERATIONS}
