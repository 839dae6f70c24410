"""Secrets and the audit list at the command line: values by standard input or unseen, never by argument."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

VALUE = "correct-horse-battery"


def send(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """What comes on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))


@pytest.mark.parametrize("verb", ["set", "import"])
def test_a_value_on_the_command_line_is_refused_in_words_that_do_not_repeat_it(
    stacktui: Run, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    send(monkeypatch, b"other\n")
    words = ["aws", "region", VALUE] if verb == "set" else ["aws", f"region={VALUE}"]
    answer = stacktui("secret", verb, *words)
    assert answer.code == 2
    assert "never an argument" in answer.err
    assert "list of processes" in answer.err
    assert f"stacktui secret {verb} NAME" in answer.err
    assert "< FILE" in answer.err
    assert VALUE not in answer.err + answer.out
    assert stacktui("secret", "list", "--json").document["secrets"] == []


def test_the_value_is_all_that_comes_but_for_the_last_end_of_line(
    stacktui: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = "-----BEGIN-----\nabc é\n\n-----END-----"
    send(monkeypatch, f"{pem}\n".encode())
    answer = stacktui("secret", "set", "ssh", "private")
    assert (answer.code, answer.out) == (0, "set ssh.private in local; refer to it as {{ssh.private}}\n")
    shown = stacktui("secret", "reveal", "ssh", "private")
    assert (shown.out, shown.err) == (f"{pem}\n", "")
    send(monkeypatch, b"\xff\xfe\n")
    answer = stacktui("secret", "set", "ssh", "binary")
    assert answer.code == 2
    assert "is not UTF-8 text: encode it first" in answer.err
    send(monkeypatch, b"\n")
    assert "no value was given" in stacktui("secret", "set", "ssh", "empty").err


def test_several_keys_at_once(stacktui: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send(monkeypatch, b"A=1\nB=2\n")
    assert stacktui("secret", "import", "aws").out == "set 2 keys of aws in local: A, B\n"


def test_what_is_missing_comes_with_the_command_that_sets_it(
    stacktui: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stacktui("secret", "list", "--missing").code == 0
    (root / "pipelines" / "training.py").write_text(
        'from stacktui import step\n@step(secrets=["vault.token"])\ndef fit() -> int:\n    return 1\n'
    )
    answer = stacktui("secret", "list", "--missing")
    assert answer.code == 1
    assert "✗ vault.token" in answer.out
    assert "pipelines/training.py:2" in answer.out
    command = answer.out.splitlines()[1].partition("stacktui ")[2].split()
    assert command == ["secret", "set", "vault", "token"]
    send(monkeypatch, f"{VALUE}\n".encode())
    assert stacktui(*command).code == 0
    assert stacktui("secret", "list", "--missing").code == 0
    assert stacktui("secret", "list").code == 0


def test_other_managers_are_named_with_what_can_be_done(
    stacktui: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "components" / "secrets_manager" / "environment.yaml").write_text("flavor: env\n")
    assert "also registered: environment (it can only be read)" in stacktui("secret", "list").err
    monkeypatch.setenv("STACKTUI_SECRET_AWS__REGION", VALUE)
    assert "region" in stacktui("secret", "list", "--manager", "environment").out
    send(monkeypatch, b"x\n")
    answer = stacktui("secret", "set", "aws", "region", "--manager", "environment")
    assert answer.code == 2
    assert "set STACKTUI_SECRET_AWS__REGION where stacktui is started" in answer.err


def test_nothing_that_is_written_holds_the_value_but_the_sealed_file(
    stacktui: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(monkeypatch, f"{VALUE}\n".encode())
    stacktui("secret", "set", "aws", "region")
    stacktui("secret", "reveal", "aws", "region")
    stacktui("component", "edit", "artifact_store", "local", "--description", "the team's")
    stacktui("secret", "list")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert VALUE.encode() not in file.read_bytes(), file


def test_the_audit_list_is_a_table_and_a_document(
    stacktui: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nobody did anything" in stacktui("audit", "list").err
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.7 51234 10.0.0.1 22")
    send(monkeypatch, f"{VALUE}\n".encode())
    stacktui("secret", "set", "aws", "region")
    stacktui("secret", "reveal", "aws", "region")
    answer = stacktui("audit", "list")
    assert answer.code == 0
    assert "WHEN (UTC)" in answer.out
    newest, older = answer.out.splitlines()[1:]
    assert "cli, ssh 10.0.0.7" in newest
    assert "revealed" in newest
    assert "secret/local/aws.region" in newest
    assert " set " in older
    document = stacktui("audit", "list", "--limit", "1", "--json").document
    assert document["version"] == 1
    (entry,) = document["entries"]
    assert set(entry) == {"id", "at", "user", "host", "origin", "face", "action", "subject", "text"}
    assert (entry["action"], entry["origin"], entry["face"]) == ("revealed", "10.0.0.7", "cli")
    rest = stacktui("audit", "list", "--after", document["next"], "--json").document
    assert [each["action"] for each in rest["entries"]] == ["set"]
    assert rest["next"] is None
    assert VALUE not in json.dumps([document, rest])


def test_readonly_reveals_and_sets_nothing(stacktui: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send(monkeypatch, f"{VALUE}\n".encode())
    stacktui("secret", "set", "aws", "region")
    assert stacktui("--readonly", "secret", "reveal", "aws", "region").out == f"{VALUE}\n"
    send(monkeypatch, b"other\n")
    assert stacktui("--readonly", "secret", "set", "aws", "region").code == 2
    assert stacktui("secret", "reveal", "aws", "region").out == f"{VALUE}\n"
    actions = [each["action"] for each in stacktui("audit", "list", "--json").document["entries"]]
    assert actions == ["revealed", "revealed", "set"]
