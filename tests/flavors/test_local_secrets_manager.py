"""The local secrets manager: the contract, and the file, its key, damage and concurrent writers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError, Unauthorised
from stacktui.flavors.local.secrets_manager import LocalSecretsManager, LocalSecretsManagerConfig
from stacktui.testing.contracts.secrets_manager import SecretsManagerContract

_VALUE = "correct-horse-battery-staple"


@pytest.fixture
def component(stacktui_surroundings: Surroundings) -> LocalSecretsManager:
    return LocalSecretsManager(LocalSecretsManagerConfig(), stacktui_surroundings)


class TestLocalSecretsManager(SecretsManagerContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> LocalSecretsManager:
        return LocalSecretsManager(LocalSecretsManagerConfig(), stacktui_surroundings)


def _key(component: LocalSecretsManager) -> Path:
    (found,) = (component.around.user_data / "keys").iterdir()
    return found


def _file(component: LocalSecretsManager) -> Path:
    return component.around.state / "secrets" / f"{component.name}.enc"


def test_files_are_private_whatever_the_umask(component: LocalSecretsManager) -> None:
    before = os.umask(0)
    try:
        component.set("aws", {"secret": _VALUE})
    finally:
        os.umask(before)
    for folder in (_file(component).parent, _key(component).parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_no_value_and_no_name_is_on_disk(component: LocalSecretsManager) -> None:
    component.set("warehouse", {"password": _VALUE})
    component.set("warehouse", {"password": _VALUE + "2"})
    everything = b"".join(
        file.read_bytes() for file in component.around.workspace.parent.rglob("*") if file.is_file()
    )
    assert _VALUE.encode() not in everything
    assert b"warehouse" not in everything


def test_the_key_is_not_in_the_workspace(component: LocalSecretsManager) -> None:
    component.set("aws", {"secret": _VALUE})
    key = _key(component).read_bytes()
    assert len(key) == 32
    for file in component.around.workspace.rglob("*"):
        assert not file.is_file() or key not in file.read_bytes()


def test_a_missing_key_is_one_clear_line(component: LocalSecretsManager) -> None:
    component.set("aws", {"secret": _VALUE})
    key = _key(component)
    key.unlink()
    for call in (component.list, lambda: component.get("aws"), lambda: component.set("aws", {"x": "y"})):
        with pytest.raises(Unauthorised, match=r"key of .* is missing") as caught:
            call()
        assert str(key) in str(caught.value)
        assert "\n" not in str(caught.value)
    result = component.probe()
    assert not result.ok
    assert "missing" in result.message


def test_a_wrong_key_is_one_clear_line(component: LocalSecretsManager) -> None:
    component.set("aws", {"secret": _VALUE})
    _key(component).write_bytes(bytes(32))
    with pytest.raises(Unauthorised, match="is not its key"):
        component.get("aws")


def test_a_key_that_others_can_read_is_refused(component: LocalSecretsManager) -> None:
    component.set("aws", {"secret": _VALUE})
    _key(component).chmod(0o640)
    with pytest.raises(Unauthorised, match="chmod 600"):
        component.get("aws")


@pytest.mark.parametrize("where", ["head", "nonce", "body", "end", "truncated", "empty"])
def test_every_change_to_the_file_is_noticed(component: LocalSecretsManager, where: str) -> None:
    component.set("aws", {"secret": _VALUE})
    file = _file(component)
    data = bytearray(file.read_bytes())
    line_end = data.index(b"\n")
    nonce = data.index(b'"nonce": "') + 10
    match where:
        case "head":
            data[1:1] = b" "
        case "nonce":
            data[nonce] = ord("0") if data[nonce] != ord("0") else ord("1")
        case "body":
            data[line_end + 5] ^= 1
        case "end":
            data += b"\0"
        case "truncated":
            del data[-1]
        case "empty":
            data.clear()
    file.write_bytes(data)
    with pytest.raises(ComponentError) as caught:
        component.get("aws")
    assert _VALUE not in str(caught.value)
    with pytest.raises(ComponentError):
        component.set("aws", {"other": "x"})
    assert file.read_bytes() == data, "a file that does not open is never overwritten"


def test_a_key_id_in_the_file_cannot_name_another_path(component: LocalSecretsManager) -> None:
    component.set("aws", {"secret": _VALUE})
    file = _file(component)
    key_id = _key(component).stem.encode()
    file.write_bytes(file.read_bytes().replace(key_id, b"../../../../etc/passwd"))
    with pytest.raises(ComponentError, match="not a file of secrets"):
        component.get("aws")


def test_no_value_is_in_a_traceback_with_its_locals(component: LocalSecretsManager) -> None:
    component.set("aws", {"secret": "".join(["correct-", "horse-", "battery-", "staple"])})
    with pytest.raises(ComponentError) as caught:
        component.get("other")
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert _VALUE not in "".join(report.format())


def test_two_components_keep_apart(component: LocalSecretsManager) -> None:
    other = LocalSecretsManager(LocalSecretsManagerConfig(), replace(component.around, name="other"))
    component.set("aws", {"secret": _VALUE})
    other.set("aws", {"secret": "else"})
    assert component.get("aws")["secret"] == _VALUE
    assert other.get("aws")["secret"] == "else"


def test_many_writers_lose_nothing(component: LocalSecretsManager) -> None:
    around = component.around
    program = f"""
import sys
from pathlib import Path
from stacktui.categories.base import Surroundings
from stacktui.flavors.local.secrets_manager import LocalSecretsManager, LocalSecretsManagerConfig
around = Surroundings({around.name!r}, Path({str(around.workspace)!r}), Path({str(around.state)!r}),
                      Path({str(around.user_data)!r}))
manager = LocalSecretsManager(LocalSecretsManagerConfig(), around)
for number in range(10):
    manager.set("shared", {{f"{{sys.argv[1]}}-{{number}}": str(number)}})
"""
    writers = [subprocess.Popen([sys.executable, "-c", program, f"w{index}"]) for index in range(4)]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
    assert len(component.get("shared")) == 40
    assert [file.suffix for file in _file(component).parent.iterdir() if file.suffix == ".tmp"] == []
    _key(component)
