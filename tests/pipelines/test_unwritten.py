"""Changes of steps that wait to be written together: their order, their bounds, and what fails."""

from __future__ import annotations

import pytest

from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import StepChange
from stacktui.model.run import RunStatus, StepRun, StepStatus
from stacktui.pipelines.unwritten import Unwritten
from stacktui.runtime.flavors import flavor_registry
from tests.pipelines.running import Make

CHAIN = """
@step
def first(n: int = 1) -> int:
    return n

@step
def add(value: int, more: int = 1) -> int:
    return value + more

@step
def same(value: int = 7) -> int:
    return value

@pipeline
def main(length: int = 4):
    value = first()
    for _ in range(length):
        value = add(value)

@pipeline
def twins():
    made = same()
    same.named("again")(after=[made])
"""
STORE = """
from stacktui.categories.errors import ComponentError
from stacktui.categories.flavor import FlavorFacts
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.category import Category

class Failing(SqliteMetadataStore):
    '''Finds nothing, and fails when it is asked for the second time.'''
    facts = FlavorFacts(category=Category.METADATA_STORE, name="failing", summary="fails",
                        capabilities=SqliteMetadataStore.CAPABILITIES)
    Config = SqliteMetadataStoreConfig
    asked = 0

    def cached(self, cache_key):
        self.asked += 1
        if self.asked == 2:
            raise ComponentError("the index of results cannot be read")
        return None
"""


class Book:
    """In place of a store: keeps what it is given, a list a transaction."""

    def __init__(self) -> None:
        self.written: list[list[str]] = []
        self.full = False

    def record_changes(self, changes: list[StepChange]) -> None:
        if self.full:
            raise ComponentError("full")
        self.written.append([change.step.name for change in changes])


def change(name: str, cache_key: str | None = None) -> StepChange:
    return StepChange(StepRun(run_id="r", name=name, position=0, cache_key=cache_key))


def unwritten(book: Book) -> Unwritten:
    return Unwritten(book)  # type: ignore[arg-type]


def test_they_are_written_in_their_order_with_the_last_ones() -> None:
    book = Book()
    waiting = unwritten(book)
    waiting.add(change("one"))
    waiting.write(change("two"))
    waiting.write()
    assert book.written == [["one", "two"]]


def test_not_many_wait() -> None:
    book = Book()
    waiting = unwritten(book)
    for number in range(100):
        waiting.add(change(str(number)))
    waiting.write()
    assert [name for several in book.written for name in several] == [str(number) for number in range(100)]
    assert max(map(len, book.written)) <= 16


def test_what_could_not_be_written_still_waits() -> None:
    book = Book()
    waiting = unwritten(book)
    waiting.add(change("one"))
    book.full = True
    with pytest.raises(ComponentError):
        waiting.write(change("two"))
    book.full = False
    waiting.write()
    assert book.written == [["one"]]


def test_only_a_key_is_asked_for() -> None:
    waiting = unwritten(Book())
    waiting.add(change("one", "k"))
    waiting.add(change("two"))
    assert waiting.may_answer("k")
    assert not waiting.may_answer("other")
    assert not waiting.may_answer(None)


def test_a_twin_is_found_in_what_has_just_ended(make: Make) -> None:
    here = make(CHAIN)
    run = here.run("twins")
    assert run.status is RunStatus.SUCCEEDED, here.runner_log(run.id)
    states = {name: step.status for name, step in here.steps(run.id).items()}
    assert states == {"same": StepStatus.SUCCEEDED, "again": StepStatus.CACHED}


def test_what_has_ended_has_ended_whatever_ends_the_run(make: Make) -> None:
    here = make(CHAIN)
    (here.root / "flavors").mkdir()
    (here.root / "flavors" / "failing.py").write_text(STORE)
    (here.root / "components" / "metadata_store" / "local.yaml").write_text("flavor: failing\n")
    here.registry = flavor_registry(here.root)
    run = here.run()
    assert (run.status, run.error) == (RunStatus.FAILED, "the index of results cannot be read")
    states = {name: step.status for name, step in here.steps(run.id).items()}
    assert states.pop("first") is StepStatus.SUCCEEDED
    assert set(states.values()) == {StepStatus.SKIPPED}


def test_events_of_a_chain_come_in_the_order_of_its_steps(make: Make) -> None:
    here = make(CHAIN)
    run = here.run()
    assert run.status is RunStatus.SUCCEEDED, here.runner_log(run.id)
    told = [
        (event.kind, event.data["step"])
        for event in here.store.events(0, run_id=run.id)
        if event.kind.startswith("step_")
    ]
    names = [step.name for step in here.store.steps(run.id)]
    assert told == [(kind, name) for name in names for kind in ("step_started", "step_finished")]
