"""GPUs of a host: one step at a time has one, whoever runs it; and nobody can use the files against anybody."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stacktui.flavors.local import gpu_slots, host_gpus
from stacktui.flavors.local.gpu_slots import FOLDER_VARIABLE, GpuSlots
from stacktui.flavors.local.host_gpus import Gpu, given_gpus, place_of
from stacktui.flavors.local.worker_start import importable

TAKES = """
import os, sys, time
from pathlib import Path
from stacktui.flavors.local.gpu_slots import FOLDER_VARIABLE, GpuSlots
if len(sys.argv) > 3:
    os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))
slots = GpuSlots(sys.argv[2].split(","), {FOLDER_VARIABLE: sys.argv[1]}, Path("/nowhere"))
taken = slots.take(1)
print(",".join(taken.names) if taken else slots.trouble or "none", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def slots(tmp_path: Path) -> Callable[..., GpuSlots]:
    (tmp_path / "locks").mkdir()

    def make(*names: str) -> GpuSlots:
        return GpuSlots(names or ("0",), {FOLDER_VARIABLE: str(tmp_path / "locks")}, tmp_path / "user-data")

    return make


Make = Callable[..., GpuSlots]


@contextlib.contextmanager
def taker(folder: Path, names: str, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that takes a GPU and stays, and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKES, str(folder), names, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=importable(os.environ),
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def test_one_has_it_until_it_lets_go(slots: Make) -> None:
    first, second = slots("0", "1"), slots("0", "1")
    taken = first.take(1)
    assert taken is not None
    assert taken.names == ("0",)
    assert second.take(2) is None
    other = second.take(1)
    assert other is not None
    assert other.names == ("1",)
    assert slots("0", "1").take(1) is None
    taken.close()
    again = slots("0", "1").take(1)
    assert again is not None
    assert again.names == ("0",)


def test_a_process_that_is_killed_has_it_no_longer(slots: Make, tmp_path: Path) -> None:
    mine = slots()
    with taker(tmp_path / "locks", "0") as (process, said):
        assert said == "0"
        assert mine.take(1) is None
        process.kill()
        process.wait()
        assert mine.take(1) is not None


def test_who_asks_for_several_is_not_passed_by_for_ever(slots: Make) -> None:
    names = ("0", "1", "2")
    singles = [slots(*names).take(1) for _ in names]
    big, small = slots(*names), slots(*names)
    assert big.take(2) is None
    for taken in singles[:2]:
        assert taken is not None
        taken.close()
        # Each one that becomes free is kept, and the one that asks for less has to look elsewhere.
        result = big.take(2)
        assert small.take(1) is None
    assert result is not None
    assert result.names == ("0", "1")


def test_two_that_ask_for_several_do_not_wait_for_each_other(slots: Make) -> None:
    a, b = slots("0", "1"), slots("0", "1")
    holds = slots("0", "1").take(1)
    assert a.take(2) is None
    assert b.take(2) is None
    assert b.free == 0
    assert holds is not None
    holds.close()
    assert b.take(2) is None
    got = a.take(2)
    assert got is not None
    got.close()
    assert b.take(2) is not None


def test_what_was_kept_is_free_when_nobody_waits(slots: Make) -> None:
    holds = slots("0").take(1)
    big = slots("0", "1")
    assert big.take(2) is None
    assert slots("1").take(1) is None
    big.give_up()
    assert slots("1").take(1) is not None
    assert holds is not None


def test_a_number_and_a_uuid_are_the_same_gpu(slots: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    found = (Gpu("0", "GPU-aa11", "A100", "0000:3b:00.0"), Gpu("1", "GPU-bb22", "A100", "0000:5e:00.0"))
    monkeypatch.setattr(host_gpus, "host_gpus", lambda: found)
    assert [place_of(name) for name in ("1", "GPU-bb22", "GPU-bb")] == ["0000:5e:00.0"] * 3
    assert place_of("MIG-1") == "MIG-1"
    taken = slots("1").take(1)
    assert taken is not None
    assert slots("GPU-bb22").take(1) is None
    assert slots("GPU-aa11").take(1) is not None
    assert taken.over({"A": "b"}) == {
        "A": "b",
        "CUDA_VISIBLE_DEVICES": "1",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }


def test_the_gpus_of_the_host_are_read_from_what_the_driver_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, uuid in (
        ("0000:5e:00.0", "GPU-bb22"),
        ("0000:3b:00.0", "GPU-aa11"),
        ("0000:af:00.0", "GPU-????"),
    ):
        (tmp_path / place).mkdir()
        (tmp_path / place / "information").write_text(
            f"Model: \t\t NVIDIA A100\nIRQ:   \t\t 64\nGPU UUID: \t {uuid}\n"
        )
    monkeypatch.setattr(host_gpus, "_PROC", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [(gpu.number, gpu.uuid, gpu.model) for gpu in host_gpus.host_gpus()] == [
        ("0", "GPU-aa11", "NVIDIA A100"),
        ("1", "GPU-bb22", "NVIDIA A100"),
        ("2", "", "NVIDIA A100"),
    ]
    assert given_gpus(None, {}) == ("0", "1", "2")
    assert given_gpus(None, {"CUDA_VISIBLE_DEVICES": "2, 0,,2"}) == ("2", "0")
    assert given_gpus(None, {"CUDA_VISIBLE_DEVICES": ""}) == ()
    assert given_gpus(("1",), {"CUDA_VISIBLE_DEVICES": "0"}) == ("1",)


def test_a_tool_is_asked_where_the_files_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA L4 (UUID: GPU-1f2e-33)'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(host_gpus, "_PROC", tmp_path / "none")
    host_gpus._from_tool.cache_clear()
    try:
        assert host_gpus.host_gpus() == (Gpu("0", "GPU-1f2e-33", "NVIDIA L4", "GPU-1f2e-33"),)
    finally:
        host_gpus._from_tool.cache_clear()


# Files that somebody else put there.


def test_a_file_that_is_not_ours_is_left_alone(slots: Make, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    place = tmp_path / "locks" / "stacktui-gpu-0"

    def refused(why: str) -> None:
        mine = slots()
        assert mine.take(1) is None
        assert why in mine.trouble
        place.unlink()

    place.symlink_to(victim)
    refused("cannot be locked")
    os.link(victim, place)
    refused("is not an empty file")
    os.mkfifo(place)
    refused("is not an empty file")
    place.write_text("content")
    refused("is not an empty file")
    assert slots().take(1) is not None


def test_a_file_that_was_removed_proves_nothing(slots: Make, tmp_path: Path) -> None:
    first = slots().take(1)
    place = tmp_path / "locks" / "stacktui-gpu-0"
    assert stat.S_IMODE(place.stat().st_mode) == 0o444
    place.unlink()
    second = slots()
    taken = second.take(1)
    assert taken is not None
    assert place.exists()
    assert first is not None


def test_names_cannot_lead_out_of_the_folder(slots: Make, tmp_path: Path) -> None:
    assert slots("../../etc/passwd").take(1) is not None
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["stacktui-gpu-..%2F..%2Fetc%2Fpasswd"]


def test_a_folder_is_everybodys_only_where_nobody_can_remove_anothers_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    folder = tmp_path / "lock"
    folder.mkdir()
    monkeypatch.setattr(gpu_slots, "_FOLDERS", (folder,))
    mine = GpuSlots(("0",), {}, tmp_path / "user-data")
    for mode in (0o700, 0o777, 0o1700):
        folder.chmod(mode)
        assert mine.folder == tmp_path / "user-data" / "gpu-locks"
    assert mine.take(1) is not None
    assert stat.S_IMODE(mine.folder.stat().st_mode) == 0o700
    folder.chmod(0o1777)
    assert mine.folder == (folder if os.getuid() == 0 else tmp_path / "user-data" / "gpu-locks")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_users_share_the_gpus_of_a_host() -> None:
    folder = Path(tempfile.mkdtemp(prefix="stacktui-locks-"))
    try:
        folder.chmod(0o1777)
        with (
            taker(folder, "0,1,2", "65534") as (nobody, first),
            taker(folder, "0,1,2") as (_, second),
            taker(folder, "0,1,2", "65533") as (_, third),
            taker(folder, "0,1,2", "65533") as (_, fourth),
        ):
            assert (first, second, third, fourth) == ("0", "1", "2", "none")
            nobody.kill()
            nobody.wait()
            with taker(folder, "0,1,2", "65533") as (_, after):
                assert after == "0"
    finally:
        shutil.rmtree(folder)
