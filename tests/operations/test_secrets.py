"""Secrets: who uses which, which are missing, several managers, several keys at once. A value is shown only when it is
asked for by key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stacktui.categories.errors import Unsupported
from stacktui.model.secretref import SecretValue
from stacktui.operations.errors import AnswerIsNo, OperationError
from stacktui.operations.secret_text import values_in
from stacktui.operations.session import Session
from tests.operations.support import do
from tests.operations.test_components import PAGER

VALUE = "correct-horse-battery"

STEPS = """
from stacktui import pipeline, step
from stacktui.model.secretref import SecretRef

KEYS = ["aws.region", *["aws.zone"]]

@step(secrets=KEYS)
def load() -> int:
    return 1

@step(
    retries=1,
    secrets=(
        "vault.token",
        SecretRef("vault", "user"),
    ),
)
def fit() -> int:
    return 1

@pipeline
def training():
    load()
    fit.with_options(secrets=["{{mail.password}}"])()
"""


@pytest.fixture
def team(root: Path) -> Path:
    """A workspace whose components, steps and settings refer to secrets."""
    (root / "pipelines" / "training.py").write_text(STEPS)
    (root / "flavors").mkdir(exist_ok=True)
    (root / "flavors" / "pager.py").write_text(PAGER)
    pager(root, "oncall", "pager.token")
    with (root / "stacktui.yaml").open("a") as file:
        file.write("openlineage:\n  transport:\n    type: http\n    auth: {key: '{{lineage.key}}'}\n")
    return root


def pager(root: Path, name: str, reference: str) -> None:
    file = root / "components" / "alerter" / f"{name}.yaml"
    file.write_text(f'flavor: pager\nconfig:\n  address: here\n  token: "{{{{{reference}}}}}"\n')


def missing(session: Session, **arguments: object) -> dict[str, tuple[str, ...]]:
    return {row.name: row.missing for row in do(session, "secret list", **arguments).secrets if row.missing}


def test_where_each_is_used_is_said_with_file_and_line(team: Path) -> None:
    with Session(team) as session:
        rows = {row.name: row for row in do(session, "secret list").secrets}
        places = {
            f"{name}.{use.key}": (use.who, use.field, use.place)
            for name, row in rows.items()
            for use in row.used_by
        }
    assert places == {
        "aws.region": ("step load", "", "pipelines/training.py:5"),
        "aws.zone": ("step load", "", "pipelines/training.py:5"),
        "vault.token": ("step fit", "", "pipelines/training.py:14"),
        "vault.user": ("step fit", "", "pipelines/training.py:15"),
        "mail.password": ("step", "", "pipelines/training.py:24"),
        "pager.token": ("alerter/oncall", "token", "components/alerter/oncall.yaml:4"),
        "lineage.key": ("stacktui.yaml", "openlineage.transport.auth.key", "stacktui.yaml:10"),
    }
    assert not any(row.exists for row in rows.values())


def test_what_is_missing_is_a_no_until_it_is_set(team: Path) -> None:
    with Session(team) as session:
        found = do(session, "secret list", missing=True)
        assert found.answer is False
        wanted = [(row.name, key) for row in found.secrets for key in row.missing]
        assert len(wanted) == 7
        for name, key in wanted:
            do(session, "secret set", name=name, key=key, value=VALUE)
        found = do(session, "secret list", missing=True)
        assert (found.answer, found.secrets) == (True, ())
        assert do(session, "secret list").answer is True


def test_a_broken_source_hides_no_other(team: Path) -> None:
    (team / "pipelines" / "broken.py").write_text("def (secrets=")
    with Session(team) as session:
        assert "vault" in missing(session)


def test_all_managers_are_listed_and_the_stacks_one_is_marked(root: Path) -> None:
    managers = root / "components" / "secrets_manager"
    (managers / "environment.yaml").write_text("flavor: env\n")
    (managers / "second.yaml").write_text("flavor: local\n")
    (managers / "theirs.yaml").write_text("flavor: nobody-has-it\n")
    with Session(root) as session:
        found = {row.name: (row.active, row.why) for row in do(session, "secret list").managers}
    assert found == {
        "environment": (False, "it can only be read"),
        "local": (True, ""),
        "second": (False, ""),
        "theirs": (False, "its flavor nobody-has-it cannot be used"),
    }


def test_a_manager_other_than_the_stacks_is_listed_set_revealed_and_emptied(root: Path) -> None:
    (root / "components" / "secrets_manager" / "second.yaml").write_text("flavor: local\n")
    with Session(root) as session:
        do(session, "secret set", name="aws", key="region", value=VALUE, manager="second")
        assert do(session, "secret list").secrets == ()
        (row,) = do(session, "secret list", manager="second").secrets
        assert (row.name, row.keys) == ("aws", ("region",))
        shown = do(session, "secret reveal", name="aws", key="region", manager="second")
        assert (shown.value, shown.manager) == (VALUE, "second")
        assert VALUE not in repr(shown)
        with pytest.raises(OperationError, match=r"no secret 'aws'; see: stacktui secret list"):
            do(session, "secret reveal", name="aws", key="region")
        do(session, "secret delete", name="aws", manager="second")
        assert do(session, "secret list", manager="second").secrets == ()
        with pytest.raises(OperationError, match="no secrets manager 'secnd'; did you mean 'second'"):
            do(session, "secret list", manager="secnd")


def test_a_stack_without_a_manager_has_those_that_are_registered(root: Path) -> None:
    with Session(root) as session:
        do(session, "stack edit", name="default", unset=("secrets_manager",))
        with pytest.raises(Exception, match="has no secrets manager; add one with"):
            do(session, "secret list")
        do(session, "secret set", name="aws", key="region", value=VALUE, manager="local")
        found = do(session, "secret list", manager="local")
        assert [row.name for row in found.secrets] == ["aws"]
        assert [(row.name, row.active) for row in found.managers] == [("local", False)]


def test_the_environment_is_read_and_says_why_it_is_not_written(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "components" / "secrets_manager" / "environment.yaml").write_text("flavor: env\n")
    monkeypatch.setenv("STACKTUI_SECRET_AWS__REGION", VALUE)
    with Session(root) as session:
        (row,) = do(session, "secret list", manager="environment").secrets
        assert (row.name, row.keys) == ("aws", ("region",))
        with pytest.raises(Unsupported, match="only reads the environment: set STACKTUI_SECRET_AWS__REGION"):
            do(session, "secret set", name="aws", key="region", value="x", manager="environment")


def test_what_the_environment_spells_otherwise_is_not_missing(
    team: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pager(team, "oncall", "my-pager.to-ken")
    (team / "components" / "secrets_manager" / "local.yaml").write_text("flavor: env\n")
    monkeypatch.setenv("STACKTUI_SECRET_MY_PAGER__TO_KEN", VALUE)
    with Session(team) as session:
        assert "my-pager" not in missing(session)


def test_a_component_of_other_stacks_only_is_missing_from_their_manager_only(team: Path) -> None:
    (team / "components" / "secrets_manager" / "second.yaml").write_text("flavor: local\n")
    (team / "stacks" / "prod.yaml").write_text(
        "extends: default\ncomponents:\n  secrets_manager: second\n  alerter: [oncall]\n"
    )
    with Session(team) as session:
        assert "pager" not in missing(session)
        assert missing(session, manager="second") == {"pager": ("token",)}
        # A step may run through any stack: whoever deletes its secret elsewhere is told all the same.
        do(session, "secret set", name="vault", key="token", value=VALUE, manager="second")
        with pytest.raises(AnswerIsNo, match=r"used by step fit \(pipelines/training.py:14\)"):
            do(session, "secret delete", name="vault", key="token", manager="second")


def test_deleting_names_every_kind_of_use_first(team: Path) -> None:
    with Session(team) as session:
        for name, key in (("pager", "token"), ("lineage", "key")):
            do(session, "secret set", name=name, key=key, value=VALUE)
        with pytest.raises(
            AnswerIsNo, match=r"used by alerter/oncall \(components/alerter/oncall.yaml:4\); change"
        ):
            do(session, "secret delete", name="pager", key="token")
        with pytest.raises(AnswerIsNo, match=r"used by stacktui.yaml \(stacktui.yaml:10\)"):
            do(session, "secret delete", name="lineage")
        do(session, "secret delete", name="lineage", force=True)
        assert "lineage" in missing(session)


def test_what_stands_where_a_key_should_is_not_said_again(session: Session) -> None:
    with pytest.raises(OperationError, match="a value is never an argument") as refused:
        do(session, "secret set", name="aws", key=f"region={VALUE}", value="x")
    assert VALUE not in str(refused.value)


def test_several_keys_come_as_lines_or_as_json() -> None:
    lines = (
        "# the team's\n"
        "REGION=eu-west-1   # where\n"
        "export TOKEN='a b#c'\n"
        'PEM="-----BEGIN\nabc\\n=\n-----END"\n'
        "EMPTY=\n\n"
        "url = postgres://u:p@h/d?x=1\n"
    )
    assert values_in(lines) == {
        "REGION": "eu-west-1",
        "TOKEN": "a b#c",
        "PEM": "-----BEGIN\nabc\n=\n-----END",
        "EMPTY": "",
        "url": "postgres://u:p@h/d?x=1",
    }
    assert values_in(json.dumps({"port": 5432, "key": "é\n"})) == {"port": "5432", "key": "é\n"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "nothing was given"),
        ("# only talk", "there is no key"),
        (f"A=1\n{VALUE}\n", "line 2 is not KEY=VALUE"),
        (f"A='{VALUE}\n", "the quotes that begin in line 1 are not closed"),
        (f'A="{VALUE}" {VALUE}\n', "the quotes that begin in line 1 are not closed"),
        (f'{{"a": {VALUE}', "not valid JSON, line 1"),
        (f'{{"a": ["{VALUE}"]}}', "the value of 'a' is neither text nor a number"),
    ],
)
def test_what_cannot_be_imported_is_named_by_line_and_not_by_its_text(text: str, problem: str) -> None:
    with pytest.raises(OperationError, match=problem) as refused:
        values_in(text)
    assert VALUE not in str(refused.value)


def test_importing_sets_all_keys_or_none(session: Session) -> None:
    with pytest.raises(OperationError, match="cannot be a key"):
        do(session, "secret import", name="aws", given=json.dumps({"fine": VALUE, "not fine": VALUE}))
    assert do(session, "secret list").secrets == ()
    done = do(session, "secret import", name="aws", given=json.dumps({"a": VALUE, "b": VALUE}))
    assert done.done == "set 2 keys of aws in local: a, b"
    assert do(session, "secret list").secrets[0].keys == ("a", "b")


def test_a_value_of_several_lines_is_kept_as_it_is(session: Session) -> None:
    pem = "-----BEGIN KEY-----\nabc\x1b[31m\n\n-----END KEY-----\n"
    do(session, "secret set", name="ssh", key="private", value=SecretValue(pem))
    assert do(session, "secret reveal", name="ssh", key="private").value == pem


def test_managers_names_and_keys_are_completed_the_missing_ones_first(team: Path) -> None:
    from stacktui.operations.complete import names

    with Session(team) as session:
        do(session, "secret set", name="vault", key="token", value=VALUE)
        assert [found.name for found in names(session, "manager", {})] == ["local"]
        assert [found.name for found in names(session, "secret", {"manager": "local"})] == ["vault"]
        keys = [(found.name, found.help) for found in names(session, "secret_key", {"name": "vault"})]
        assert keys == [("user", "missing"), ("token", "")]
