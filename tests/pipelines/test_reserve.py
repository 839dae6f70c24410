"""The room that a run keeps for its last words."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.pipelines.reserve import Reserve


def test_it_keeps_room_until_it_is_released(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_blocks * 512 >= 128 * 1024
    assert kept.stat().st_mode & 0o777 == 0o600
    reserve.release()
    reserve.release()
    assert list(tmp_path.iterdir()) == []


def test_one_that_a_killed_runner_left_is_used_again(tmp_path: Path) -> None:
    Reserve(tmp_path)
    Reserve(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_on_where_there_is_no_room_to_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Reserve, "_fill", full)
    reserve = Reserve(tmp_path)
    reserve.release()
    Reserve(tmp_path / "absent").release()
    assert list(tmp_path.iterdir()) == []
