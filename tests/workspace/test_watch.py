"""Every way of saving is seen, with the system's notifications and without."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.workspace.active import choice_file, use_stack
from stacktui.workspace.settings import user_config_dir
from stacktui.workspace.watch import on_network, watch_workspace
from stacktui.workspace.watched import Watched
from stacktui.workspace.workspace import Workspace

DEADLINE_S = 15.0
MODES = pytest.mark.parametrize("poll", ["", "1"], ids=["notified", "polled"])


class Watching:
    """What the watcher told so far."""

    def __init__(self) -> None:
        self.told: list[frozenset[Path]] = []
        self.news = asyncio.Event()

    def seen(self) -> set[Path]:
        return {path for paths in self.told for path in paths}

    async def until(self, *paths: Path) -> None:
        """Wait until all of `paths` were told."""
        async with asyncio.timeout(DEADLINE_S):
            while not set(paths) <= self.seen():
                self.news.clear()
                await self.news.wait()

    def forget(self) -> None:
        self.told.clear()


def settle(root: Path) -> None:
    """Give all files times that are past doubt: what was written just now is told once more."""
    for file in root.rglob("*"):
        if file.is_file():
            os.utime(file, (1_700_000_000, 1_700_000_000))


@asynccontextmanager
async def watching(workspace: Workspace, poll: str) -> AsyncIterator[Watching]:
    settle(workspace.root)
    stop = asyncio.Event()
    watch = Watching()

    async def pump() -> None:
        async for paths in watch_workspace(workspace, stop, {"STACKTUI_POLL": poll}):
            watch.told.append(paths)
            watch.news.set()

    task = asyncio.create_task(pump())
    async with asyncio.timeout(DEADLINE_S):
        while not watch.told:
            await asyncio.sleep(0.01)
    watch.forget()
    try:
        yield watch
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE_S):
            await task


def in_place(file: Path) -> None:
    file.write_bytes(b"flavor: other\n")


def same_size_in_place(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"flavor", b"flavoR"))


def rename_over(file: Path) -> None:
    new = file.with_name(".new.tmp")
    new.write_bytes(b"flavor: other\n")
    new.replace(file)


def backup_and_move(file: Path) -> None:
    file.rename(file.with_name(file.name + "~"))
    file.write_bytes(b"flavor: other\n")
    file.with_name(file.name + "~").unlink()


def delete_and_create(file: Path) -> None:
    file.unlink()
    file.write_bytes(b"flavor: other\n")


def delete(file: Path) -> None:
    file.unlink()


def move_from_elsewhere(file: Path) -> None:
    other = file.parents[2] / "elsewhere.txt"
    other.write_bytes(b"flavor: other\n")
    other.replace(file)


def append(file: Path) -> None:
    with file.open("ab") as out:
        out.write(b"# more\n")


def touch_with_old_time(file: Path) -> None:
    stamp = file.stat()
    rename_over(file)
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


WAYS: list[Callable[[Path], None]] = [
    in_place,
    same_size_in_place,
    rename_over,
    backup_and_move,
    delete_and_create,
    delete,
    move_from_elsewhere,
    append,
    touch_with_old_time,
]


@MODES
@pytest.mark.parametrize("save", WAYS)
async def test_every_way_of_saving_is_seen(
    workspace: Workspace, poll: str, save: Callable[[Path], None]
) -> None:
    file = workspace.component_file(Category.ALERTER, "inbox")
    async with watching(workspace, poll) as watch:
        save(file)
        await watch.until(file)
        assert {path.name for path in watch.seen()} == {file.name}


@MODES
async def test_every_kind_of_file_is_watched(workspace: Workspace, poll: str) -> None:
    root = workspace.root
    (root / "flavors").mkdir()
    (root / "themes").mkdir()
    (root / "pipelines" / "deep").mkdir()
    use_stack(workspace, "default")
    (user_config_dir() / "themes").mkdir(parents=True)
    files = [
        root / "stacktui.yaml",
        root / "keymap.yaml",
        root / "stacks" / "other.yaml",
        root / "components" / "alerter" / "new.yaml",
        root / "flavors" / "ours.py",
        root / "themes" / "ours.yaml",
        root / "pipelines" / "hello.py",
        root / "pipelines" / "deep" / "more.py",
        choice_file(workspace),
        user_config_dir() / "settings.yaml",
        user_config_dir() / "themes" / "mine.yaml",
    ]
    async with watching(workspace, poll) as watch:
        for file in files:
            file.write_bytes(b"# changed\n")
        await watch.until(*files)
        assert watch.seen() == set(files)


@MODES
async def test_a_second_save_is_seen_too(workspace: Workspace, poll: str) -> None:
    file = workspace.stack_file("default")
    async with watching(workspace, poll) as watch:
        for number in range(5):
            watch.forget()
            file.write_bytes(b"# %d\n" % number)
            await watch.until(file)
            assert file.read_bytes() == b"# %d\n" % number


@MODES
async def test_a_folder_moved_away_and_back(workspace: Workspace, poll: str) -> None:
    file = workspace.component_file(Category.ALERTER, "inbox")
    folder, elsewhere = workspace.root / "components", workspace.root / ".away"
    async with watching(workspace, poll) as watch:
        folder.rename(elsewhere)
        await watch.until(file)
        watch.forget()
        elsewhere.rename(folder)
        await watch.until(file)
        watch.forget()
        in_place(file)
        await watch.until(file)


@MODES
async def test_a_folder_replaced_by_another_of_its_name(workspace: Workspace, poll: str) -> None:
    """As `git checkout` may do it."""
    file = workspace.component_file(Category.ALERTER, "inbox")
    async with watching(workspace, poll) as watch:
        shutil.copytree(file.parent, workspace.root / ".copy")
        shutil.rmtree(file.parent)
        (workspace.root / ".copy").rename(file.parent)
        await watch.until(file)
        watch.forget()
        in_place(file)
        await watch.until(file)


@MODES
async def test_folders_that_are_made_later(workspace: Workspace, poll: str) -> None:
    root = workspace.root
    shutil.rmtree(root / "components" / "alerter")
    async with watching(workspace, poll) as watch:
        for file in (
            root / "components" / "alerter" / "pager.yaml",
            root / "flavors" / "ours.py",
            root / "pipelines" / "a" / "b" / "c.py",
        ):
            file.parent.mkdir(parents=True)
            file.write_bytes(b"# new\n")
            await watch.until(file)
            watch.forget()
            file.write_bytes(b"# again\n")
            await watch.until(file)


@MODES
async def test_settings_of_a_user_who_had_none(workspace: Workspace, poll: str) -> None:
    file = user_config_dir() / "settings.yaml"
    async with watching(workspace, poll) as watch:
        file.parent.mkdir(parents=True)
        file.write_text("theme: ember\n")
        await watch.until(file)
        watch.forget()
        file.write_text("theme: terminal\n")
        await watch.until(file)


@MODES
async def test_a_place_of_pipelines_that_is_made_later(workspace: Workspace, poll: str) -> None:
    root = workspace.root
    (root / "src").mkdir()
    (root / "stacktui.yaml").write_text("pipelines: src/team/flows\n")
    file = root / "src" / "team" / "flows" / "train.py"
    async with watching(workspace, poll) as watch:
        file.parent.mkdir(parents=True)
        file.write_text("# new\n")
        await watch.until(file)


@MODES
async def test_the_whole_workspace_moved_away_and_back(workspace: Workspace, poll: str) -> None:
    root, away = workspace.root, workspace.root.with_name("away")
    file = workspace.stack_file("default")
    async with watching(workspace, poll) as watch:
        root.rename(away)
        await watch.until(file)
        watch.forget()
        away.rename(root)
        await watch.until(file)
        watch.forget()
        in_place(file)
        await watch.until(file)


@MODES
async def test_pipelines_may_move_to_another_place(workspace: Workspace, poll: str) -> None:
    root = workspace.root
    (root / "flows").mkdir()
    async with watching(workspace, poll) as watch:
        (root / "stacktui.yaml").write_text("pipelines: [flows, single.py]\n")
        await watch.until(root / "stacktui.yaml")
        for file in (root / "flows" / "one.py", root / "single.py"):
            # Whatever the watcher has looked at by now, from some write on it tells them all.
            async with asyncio.timeout(DEADLINE_S):
                while file not in watch.seen():
                    with file.open("a") as out:
                        out.write("#")
                    await asyncio.sleep(0.05)


async def test_state_environments_and_data_are_not_looked_into(workspace: Workspace) -> None:
    root = workspace.root
    for name in (
        ".git",
        ".venv",
        ".stacktui",
        "pipelines/data",
        "pipelines/__pycache__",
        "pipelines/my-env",
        "big",
    ):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "inner").mkdir()
        (root / name / "inner" / "x.py").write_text("")
    (root / "pipelines" / "my-env" / "pyvenv.cfg").write_text("")
    watched = Watched(workspace)
    watched.look()
    inside = {
        str(Path(folder).relative_to(root)) for folder in watched.folders if Path(folder).is_relative_to(root)
    }
    assert inside == {".", "components", "stacks", "pipelines"} | {f"components/{c.value}" for c in Category}


async def test_the_root_as_a_place_of_pipelines(workspace: Workspace) -> None:
    root = workspace.root
    (root / "stacktui.yaml").write_text("pipelines: .\n")
    (root / "train.py").write_text("")
    (root / ".venv").mkdir()
    settle(root)
    watched = Watched(workspace)
    watched.look()
    (root / "train.py").write_text("# x\n")
    (root / "keymap.yaml").write_text("# x\n")
    (root / ".venv" / "y.py").write_text("")
    assert watched.look() == {str(root / "train.py"), str(root / "keymap.yaml")}


async def test_a_used_up_limit_falls_back_to_looking(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(folders: list[str]) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr("stacktui.workspace.watch._notifier", exhausted)
    async with watching(workspace, "") as watch:
        in_place(workspace.stack_file("default"))
        await watch.until(workspace.stack_file("default"))


async def test_a_watcher_that_nobody_listens_to_ends(workspace: Workspace) -> None:
    """A program that stops iterating must be able to end: no thread may wait for ever."""
    code = (
        "import asyncio; from pathlib import Path\n"
        "from stacktui.workspace.watch import watch_workspace\n"
        "from stacktui.workspace.workspace import Workspace\n"
        "async def main():\n"
        f"    watcher = watch_workspace(Workspace.open(Path({str(workspace.root)!r})), asyncio.Event(), {{}})\n"
        "    await anext(watcher)\n"
        "    task = asyncio.ensure_future(anext(watcher))\n"
        "    await asyncio.sleep(0.05)\n"
        "    task.cancel()\n"
        "asyncio.run(main())\n"
        "print('ended')\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "ended\n", done.stderr


def test_network_file_systems_are_told_apart() -> None:
    table = (
        "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 21 0:30 / /home rw - nfs4 server:/home rw\n"
        "31 30 8:2 / /home/me/local\\040disk rw - xfs /dev/sdb rw\n"
        "32 21 0:31 / /mnt/ssh rw - fuse.sshfs me@host: rw\n"
    )
    expected = {
        "/etc": False,
        "/home/me": True,
        "/home/me/local disk/x": False,
        "/mnt/ssh/a": True,
        "/homes": False,
    }
    assert {path: on_network(Path(path), lambda: table) for path in expected} == expected
