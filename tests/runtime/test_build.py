"""Live components: made late, with secrets and the metadata store, closed together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.errors import ComponentError
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.execution import RunContext
from stacktui.model.secretref import SecretRef, SecretValue
from stacktui.runtime.build import (
    LiveStack,
    SecretMissing,
    needed_secrets,
    open_component,
    resolve_secrets,
    stack_in_step,
)
from tests.runtime.support import Place

BUCKET = 'flavor: bucket\nconfig:\n  path: s3://x\n  key: "{{aws.id}}"\n  port: "{{aws.port}}"\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("STACKTUI_DATA", str(tmp_path / "data"))
    place = Place(
        tmp_path / "w",
        {
            "components/artifact_store/bucket.yaml": BUCKET,
            "components/metadata_store/locked.yaml": 'flavor: rows\nconfig: {password: "{{db.pw}}"}\n',
            "components/experiment_tracker/curves.yaml": "flavor: curves\n",
            "components/alerter/bell.yaml": 'flavor: bell\nconfig: {token: "{{bell.t}}"}\n',
            "components/step_operator/near.yaml": "flavor: near\n",
            "components/step_operator/far.yaml": "flavor: gpu\n",
            "stacks/prod.yaml": "extends: base\ncomponents:\n  artifact_store: bucket\n"
            "  experiment_tracker: [curves]\n  alerter: [bell]\n  step_operator: [near, far]\n",
            "stacks/locked.yaml": "extends: prod\ncomponents: {metadata_store: locked}\n",
        },
    )
    place.secrets({"aws": {"id": "AKIA", "port": "443"}})
    return place


@pytest.fixture
def live(place: Place) -> Iterator[LiveStack]:
    with place.live("prod") as live:
        yield live


def config_of(component: Any) -> Any:
    return component.config


def test_components_are_made_once_with_their_surroundings(place: Place, live: LiveStack) -> None:
    store = live.artifact_store
    assert store is live.get(Category.ARTIFACT_STORE)
    assert store is live.get(Category.ARTIFACT_STORE, "bucket")
    assert (config_of(store).key, config_of(store).port) == ("AKIA", 443)
    assert store.around.workspace == place.root
    assert store.around.state == place.root / ".stacktui"
    assert store.around.user_data == place.root.parent / "data"


def test_a_secret_that_is_missing_stops_only_who_needs_it(live: LiveStack) -> None:
    assert live.artifact_store.name == "bucket"
    with pytest.raises(SecretMissing, match="bell") as caught:
        live.alerter()
    message = str(caught.value)
    assert "bell.t" in message
    assert "secrets manager box" in message
    assert "stacktui secret set bell t" in message
    assert caught.value.refs == (SecretRef("bell", "t"),)


def test_a_component_that_failed_is_tried_again(place: Place, live: LiveStack) -> None:
    with pytest.raises(SecretMissing):
        live.alerter()
    place.secrets({"aws": {"id": "AKIA", "port": "443"}, "bell": {"t": "v"}})
    assert live.alerter().name == "bell"


def test_errors_never_hold_a_value(place: Place) -> None:
    place.secrets({"aws": {"id": "AKIA", "port": "not-a-port"}, "bell": {"t": "bad-token"}})
    with place.live("prod") as live:
        for make, says in (
            (lambda: live.artifact_store, r"secrets come from box\).*\{\{aws\.port"),
            (live.alerter, "refused"),
        ):
            with pytest.raises(ComponentError, match=says) as caught:
                make()
            error: BaseException | None = caught.value
            while error is not None:
                assert "not-a-port" not in repr(error)
                assert "bad-token" not in repr(error)
                error = error.__cause__ or error.__context__


def test_the_metadata_store_is_made_when_it_is_asked_for(place: Place, live: LiveStack) -> None:
    tracker: Any = live.experiment_tracker()
    assert tracker.store() is live.metadata_store
    assert live.metadata_store.around.metadata_store is None
    assert live.secrets_manager.around.metadata_store is None
    with place.live("locked") as locked:
        other: Any = locked.experiment_tracker()
        with pytest.raises(SecretMissing, match=r"db\.pw"):
            other.store()


def test_surroundings_show_nothing_of_the_environment(live: LiveStack) -> None:
    assert repr(live.artifact_store.around) == "<surroundings of 'bucket'>"
    assert hash(live.artifact_store.around)


def test_closing_closes_what_was_made_in_reverse_and_only_once(place: Place) -> None:
    live = place.live("prod")
    made = [live.orchestrator, live.artifact_store, live.experiment_tracker()]
    assert len(made) == 3
    live.close()
    live.close()
    # The artifact store needed the secrets manager, which was made before it.
    assert place.closed() == ["curves", "bucket", "box", "here"]
    with pytest.raises(ComponentError, match="stack prod is closed"):
        live.orchestrator  # noqa: B018


def test_closing_goes_on_after_an_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    live = place.live("prod")
    first, second = live.orchestrator, live.step_operator()

    def fails() -> None:
        raise RuntimeError("cannot close")

    monkeypatch.setattr(second, "close", fails)
    with pytest.raises(RuntimeError, match="cannot close"):
        live.close()
    assert place.closed() == [first.name]


def test_what_a_stack_does_not_have_is_said_with_the_next_step(live: LiveStack) -> None:
    with pytest.raises(ComponentError, match="stack prod has no feature store; add one with: stacktui stack"):
        live.feature_store  # noqa: B018
    with pytest.raises(ComponentError, match="no step operator named fra; did you mean far"):
        live.step_operator("fra")
    assert [one.name for one in live.all(Category.STEP_OPERATOR)] == ["near", "far"]
    assert live.all(Category.FEATURE_STORE) == []
    assert live.step_operator().name == "near"
    assert live.step_operator("far").name == "far"


def test_components_flavors_and_managers_that_are_not_there(place: Place) -> None:
    place.write("components/orchestrator/odd.yaml", "flavor: hree\n")
    place.write("stacks/a.yaml", "extends: base\ncomponents: {artifact_store: gone, orchestrator: odd}\n")
    place.write(
        "stacks/b.yaml", "extends: base\ncomponents: {artifact_store: bucket, secrets_manager: null}\n"
    )
    with place.live("a") as live:
        with pytest.raises(ComponentError, match="artifact_store/gone, and there is no such component"):
            live.artifact_store  # noqa: B018
        with pytest.raises(ComponentError, match="did you mean here"):
            live.orchestrator  # noqa: B018
    with place.live("b") as live, pytest.raises(SecretMissing, match="stack b has no secrets manager"):
        live.artifact_store  # noqa: B018


def test_a_secrets_manager_cannot_ask_itself(place: Place) -> None:
    place.write("components/secrets_manager/box.yaml", 'flavor: box\nconfig: {master: "{{a.b}}"}\n')
    with place.live() as live, pytest.raises(SecretMissing, match="only itself could give"):
        live.secrets_manager  # noqa: B018


def test_many_threads_make_one_component_each(place: Place) -> None:
    with place.live("prod") as live:
        found: list[object] = []
        ready = threading.Barrier(8)

        def ask() -> None:
            ready.wait()
            found.extend((live.artifact_store, live.metadata_store, live.experiment_tracker()))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 24
        assert len({id(one) for one in found}) == 3


@pytest.fixture
def slow_tracker(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The experiment tracker takes its time: (it has begun, it may go on)."""
    flavor = place.registry.load(Category.EXPERIMENT_TRACKER, "curves")
    begun, go_on = threading.Event(), threading.Event()
    real = flavor.__init__

    def slow(self: Any, config: Any, around: Any) -> None:
        begun.set()
        assert go_on.wait(60)
        real(self, config, around)

    monkeypatch.setattr(flavor, "__init__", slow)
    yield begun, go_on
    go_on.set()


def test_a_component_that_is_slow_to_make_holds_up_nobody_else(
    place: Place, slow_tracker: tuple[threading.Event, threading.Event]
) -> None:
    begun, go_on = slow_tracker
    with place.live("prod") as live:
        thread = threading.Thread(target=live.experiment_tracker)
        thread.start()
        assert begun.wait(60)
        assert live.artifact_store.name == "bucket"
        go_on.set()
        thread.join()
    assert "curves" in place.closed()


def test_a_stack_that_is_closed_while_a_component_is_made_closes_that_too(
    place: Place, slow_tracker: tuple[threading.Event, threading.Event]
) -> None:
    begun, go_on = slow_tracker
    live = place.live("prod")
    said: list[str] = []

    def ask() -> None:
        try:
            live.experiment_tracker()
        except ComponentError as error:
            said.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(60)
    live.close()
    go_on.set()
    thread.join()
    assert said == ["stack prod was closed meanwhile"]
    assert place.closed() == ["curves"]


def test_secrets_are_resolved_together_and_all_missing_ones_named(live: LiveStack) -> None:
    present = SecretRef("aws", "id")
    assert resolve_secrets(live, [present]) == {present: "AKIA"}
    assert "AKIA" not in repr(resolve_secrets(live, [present]))
    with pytest.raises(SecretMissing) as caught:
        resolve_secrets(live, [present, SecretRef("aws", "no"), SecretRef("x", "y")])
    assert caught.value.refs == (SecretRef("aws", "no"), SecretRef("x", "y"))
    assert "AKIA" not in str(caught.value)


def test_needed_secrets_are_those_of_all_configurations(place: Place) -> None:
    with place.live("locked") as live:
        assert needed_secrets(live.components()) == {
            SecretRef("aws", "id"),
            SecretRef("aws", "port"),
            SecretRef("bell", "t"),
            SecretRef("db", "pw"),
        }


def test_one_component_by_itself_closes_what_was_made_for_it(place: Place) -> None:
    draft = Component(
        category=Category.ARTIFACT_STORE,
        name="draft",
        flavor="bucket",
        config={"path": "p", "key": "{{aws.id}}"},
    )
    component = open_component(
        place.workspace, place.snapshot, place.registry, draft, secrets_from=place.resolved("prod")
    )
    with component:
        assert config_of(component).key == "AKIA"
        assert component.around.artifact_store is None
    component.close()
    assert place.closed()[:2] == ["draft", "box"]
    with pytest.raises(SecretMissing):
        open_component(place.workspace, place.snapshot, place.registry, draft, secrets_from=None)


def test_a_component_by_itself_reaches_the_stacks_stores(place: Place) -> None:
    draft = Component(category=Category.EXPERIMENT_TRACKER, name="draft", flavor="curves")
    component: Any = open_component(
        place.workspace, place.snapshot, place.registry, draft, secrets_from=place.resolved("prod")
    )
    with component:
        assert component.store().name == "rows"
        assert component.around.artifact_store().name == "bucket"
    assert set(place.closed()) == {"draft", "rows", "bucket", "box"}


class Channel:
    run_id, step = "r", "s"

    def emit(self, event: Any) -> None: ...

    def answer(self, question_id: str, timeout_s: float | None) -> str | None:
        return None

    def materialize(self, name: str, value: Any) -> Any:
        return None


def test_inside_a_step_secrets_are_given_and_the_metadata_store_is_away(place: Place) -> None:
    with place.live("prod") as live:
        components = {
            category: tuple(one for one in live.components() if one.category is category)
            for category in (Category.ARTIFACT_STORE, Category.ALERTER, Category.EXPERIMENT_TRACKER)
        }
    run = RunContext(
        run_id="r",
        run_name="n",
        pipeline="p",
        stack="prod",
        code_digest="d",
        code_path=str(place.root),
        workspace=str(place.root),
        state=str(place.workspace.state),
        components=components,
    )
    run = RunContext.model_validate_json(run.model_dump_json())
    given = {SecretRef("aws", "id"): SecretValue("AKIA"), SecretRef("aws", "port"): SecretValue("1")}
    channel = Channel()
    with stack_in_step(run, given, channel) as live:
        assert config_of(live.artifact_store).key == "AKIA"
        assert live.artifact_store.around.channel is channel
        tracker: Any = live.experiment_tracker()
        assert tracker.store() is None
        with pytest.raises(SecretMissing, match=r"@step\(secrets=\['bell.t'\]\)"):
            live.alerter()
        with pytest.raises(ComponentError, match="no access to the metadata store"):
            live.metadata_store  # noqa: B018
        with pytest.raises(ComponentError, match="only the secrets that it names"):
            live.all(Category.SECRETS_MANAGER)
