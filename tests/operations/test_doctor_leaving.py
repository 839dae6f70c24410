"""What doctor says about leaving: true of the host that a folder lays out, mechanism by mechanism."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.operations.doctor_leaving import Leaving, logind_settings, what_ends_runs

SESSION = "0::/user.slice/user-1000.slice/session-7.scope\n"
SERVICE = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n"


def host(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"run/systemd/system/x": "", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def logging_out(root: Path, files: dict[str, str], user: str = "ada") -> Leaving:
    (found,) = [each for each in what_ends_runs(host(root, files), {}, user) if each.name == "logging out"]
    return found


@pytest.mark.parametrize(
    ("files", "ends"),
    [
        ({}, False),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=no\n"}, False),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, True),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=no\nKillUserProcesses=yes\n"}, True),
        ({"usr/lib/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, True),
        (
            {
                "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n",
                "etc/systemd/logind.conf.d/50-keep.conf": "[Login]\nKillUserProcesses=no\n",
            },
            False,
        ),
        (
            {
                "usr/lib/systemd/logind.conf.d/50-kill.conf": "[Login]\nKillUserProcesses=yes\n",
                "etc/systemd/logind.conf.d/50-kill.conf": "[Login]\n",
            },
            False,
        ),
        (
            {
                "usr/lib/systemd/logind.conf.d/10-keep.conf": "[Login]\nKillUserProcesses=no\n",
                "run/systemd/logind.conf.d/90-kill.conf": "[Login]\nKillUserProcesses=yes\n",
            },
            True,
        ),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=root ada\n"}, False),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\nKillOnlyUsers=bob\n"}, False),
        ({"etc/systemd/logind.conf": "no ini at all"}, False),
    ],
)
def test_a_login_session(tmp_path: Path, files: dict[str, str], ends: bool) -> None:
    found = logging_out(tmp_path, {"proc/self/cgroup": SESSION, **files})
    assert found.ends is ends, found
    assert bool(found.advice) is ends
    assert not ends or "systemd-run --user --scope" in found.advice


def test_root_is_spared_by_default(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": SESSION, "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}
    assert not logging_out(tmp_path, files, user="root").ends


def test_a_service_of_the_user_needs_to_linger(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": SERVICE}
    found = logging_out(tmp_path, files)
    assert found.ends
    assert "enable-linger" in found.advice
    assert not logging_out(tmp_path, {**files, "var/lib/systemd/linger/ada": ""}).ends


def test_what_is_no_session_is_left_alone(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/system.slice/cron.service\n",
        "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n",
    }
    assert not logging_out(tmp_path, files).ends
    (only,) = what_ends_runs(tmp_path / "elsewhere", {}, "ada")
    assert (only.value, only.ends) == ("no logind here", False)


@pytest.mark.parametrize(
    ("first", "ends", "advised"),
    [("bash", True, True), ("python", False, True), ("tini", False, False), ("systemd", False, False)],
)
def test_a_container_ends_with_its_first_process(
    tmp_path: Path, first: str, ends: bool, advised: bool
) -> None:
    root = host(tmp_path, {".dockerenv": "", "proc/1/comm": f"{first}\n"})
    (found,) = [each for each in what_ends_runs(root, {}, "ada") if each.name == "container"]
    assert (found.ends, bool(found.advice)) == (ends, advised)
    assert first in found.value
    outside = host(tmp_path / "outside", {"proc/1/comm": f"{first}\n"})
    assert [each.name for each in what_ends_runs(outside, {}, "ada")] == ["logging out"]


def test_a_batch_job_takes_runs_with_it(tmp_path: Path) -> None:
    def names(environ: dict[str, str]) -> list[tuple[str, bool]]:
        return [(each.value, each.ends) for each in what_ends_runs(tmp_path, environ, "ada")][1:]

    assert names({"SLURM_JOB_ID": "42"}) == [("Slurm job 42", True)]
    assert names({"JOB_ID": "7"}) == []
    assert names({"JOB_ID": "7", "SGE_ROOT": "/opt/sge"}) == [("Grid Engine job 7", True)]


def test_settings_of_an_empty_host(tmp_path: Path) -> None:
    assert logind_settings(tmp_path) == {}
