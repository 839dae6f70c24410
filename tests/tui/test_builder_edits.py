"""Edits of a draft, and the steps that led to it: pure, without a screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.model.diagnostic import Fix
from stacktui.model.stack import Resources, Stack, StepSettings
from stacktui.model.text import Clean
from stacktui.tui.marks import Tone
from stacktui.tui.screens.builder_conflicts import merged_stack, stack_conflicts
from stacktui.tui.screens.builder_draft import Draft
from stacktui.tui.snapshots.builder_edits import mended, removed, same, toggled, with_protection, with_step
from stacktui.tui.widgets.slotboard import SlotCard, laid_out

_STEP, _ALERTER, _STORE = Category.STEP_OPERATOR, Category.ALERTER, Category.ARTIFACT_STORE
_FILE = Path("/stacks/a.yaml")


def _fix(*path: str | int, value: object = None, delete: bool = False) -> Fix:
    return Fix(title="mend", file=_FILE, path=path, value=value, action="delete" if delete else "set")


def test_what_the_parent_says_anyway_is_not_written() -> None:
    inherited = {_STEP: ("a", "b"), _STORE: ("local",)}
    draft = toggled(Stack(name="x"), inherited, _STEP, "b")
    assert draft.components == {_STEP: ("a",)}
    assert toggled(draft, inherited, _STEP, "b").components == {}
    assert removed(Stack(name="x"), inherited, _STORE).components == {_STORE: ()}
    assert removed(Stack(name="x", components={_ALERTER: ("oncall",)}), inherited, _ALERTER).components == {}


@pytest.mark.parametrize(
    ("fix", "wanted"),
    [
        (_fix("components", "step_operator", 1, value="c"), {"components": {_STEP: ("a", "c")}}),
        (_fix("components", "step_operator", 0, delete=True), {"components": {_STEP: ("b",)}}),
        (_fix("components", "step_operator", value=["b"]), {"components": {_STEP: ("b",)}}),
        (_fix("components", "step_operator", delete=True), {"components": {}}),
        (_fix("extends", delete=True), {"extends": None}),
        (_fix("extends", value="base"), {"extends": "base"}),
        (
            _fix("steps", "fit", "step_operator", value="a"),
            {"steps": {"fit": StepSettings(retries=1, step_operator="a", resources=Resources(gpu=1))}},
        ),
    ],
)
def test_a_fix_changes_one_thing_of_the_draft(fix: Fix, wanted: dict[str, object]) -> None:
    draft = Stack(
        name="x", extends="bass", components={_STEP: ("a", "b")},
        steps={"fit": StepSettings(retries=1, resources=Resources(gpu=1))},
    )  # fmt: skip
    assert mended(draft, fix) == draft.model_copy(update=wanted)


def test_a_fix_of_what_is_no_longer_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no longer names"):
        mended(Stack(name="x"), _fix("components", "alerter", 2, value="c"))


def test_saying_a_default_aloud_counts_where_a_parent_may_say_otherwise() -> None:
    draft = Stack(name="x", extends="prod")
    open_again = with_protection(draft, True, False)
    assert not same(draft, open_again)
    assert same(draft, with_protection(open_again, True, True))
    assert same(draft, with_step(draft, "fit", StepSettings()))


def test_steps_are_walked_back_and_forth() -> None:
    built = Draft("x", new=True, extends=None)
    assert built.stack is not None
    first = built.stack
    second = first.model_copy(update={"description": "two"})
    third = first.model_copy(update={"description": "three"})
    assert not built.put(first, "nothing")
    assert [built.put(second, "second"), built.put(third, "third")] == [True, True]
    assert (built.take_back(), built.stack) == ("third", second)
    assert (built.take_back(), built.stack, built.dirty) == ("second", first, False)
    assert built.take_back() == ""
    assert (built.do_again(), built.last_taken_back) == ("second", "third")
    # Something new forgets what could be done again.
    built.put(first.model_copy(update={"description": "four"}), "fourth")
    assert built.do_again() == ""
    assert built.last_done == "fourth"


def test_two_versions_are_merged_field_by_field() -> None:
    base = Stack(name="x", labels={"a": "1", "b": "1"}, steps={"fit": StepSettings(retries=1)})
    mine = base.model_copy(
        update={"labels": {"a": "2", "b": "1"}, "steps": {"fit": StepSettings(retries=2, cache=False)}}
    )
    theirs = base.model_copy(
        update={"labels": {"a": "1"}, "steps": {"fit": StepSettings(retries=3)}, "description": "d"}
    )
    found = stack_conflicts(base, mine, theirs)
    assert {(one.key, one.label, one.only) for one in found} == {
        ("labels.a", "label a", "mine"),
        ("labels.b", "label b", "theirs"),
        ("steps.fit.retries", "step fit: retries", None),
        ("steps.fit.cache", "step fit: cache", "mine"),
        ("description", "description", "theirs"),
    }
    merged = merged_stack(found, theirs, {one.key: one.only or "mine" for one in found})
    assert merged == base.model_copy(
        update={
            "labels": {"a": "2"},
            "steps": {"fit": StepSettings(retries=2, cache=False)},
            "description": "d",
        }
    )


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (16, ("local  ", " ← parent")),
        (14, ("local", " ← parent")),
        (8, ("local ", " ←")),
        (5, ("lo…", " ←")),
    ],
)
def test_a_card_says_where_it_comes_from_in_the_room_that_there_is(room: int, shown: tuple[str, str]) -> None:
    card = SlotCard("k", Clean("1"), Clean("t"), Clean("local"), Tone.PLAIN, Clean("← parent"), Clean("←"))
    assert laid_out(card, room) == shown
