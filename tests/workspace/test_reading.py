"""Reading is tolerant: a broken file is a finding with its place, and what was good before stays in force."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.workspace.locate import WorkspaceNotFound, find_root
from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot
from stacktui.workspace.yaml_reader import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, UnquotedReference

STORE = ComponentId(Category.ARTIFACT_STORE, "local")
GOOD = b"flavor: local\ndescription: good\nconfig:\n  path: here\n"

BROKEN: list[tuple[str, bytes, str, int, int]] = [
    ("empty", b"", "FIL007", 1, 1),
    ("spaces", b"  \n\n", "FIL007", 1, 1),
    ("comments only", b"# nothing yet\n", "FIL007", 1, 1),
    ("an open quote", b'flavor: local\nconfig:\n  path: "x\n', "FIL002", 3, 9),
    ("an open list", b"flavor: local\nconfig: {a: [1\n", "FIL002", 2, 13),
    ("an unfinished key", b"flavor: local\nconf", "FIL002", 2, 5),
    ("a bad indentation", b"flavor: local\n   config: {}\n", "FIL002", 2, 10),
    ("a tab", b"flavor: local\nconfig:\n\tpath: x\n", "FIL002", 3, 1),
    ("a reference glued to text", b"flavor: local\nconfig:\n  path: {{a.b}}/x\n", "FIL002", 3, 16),
    ("an unknown alias", b"flavor: *nobody\n", "FIL002", 1, 9),
    ("two documents", b"flavor: a\n---\nflavor: b\n", "FIL002", 2, 1),
    (
        "a tag that runs code",
        b'flavor: local\nconfig: !!python/object/apply:os.system ["x"]\n',
        "FIL002",
        2,
        9,
    ),
    ("a list", b"- flavor\n", "FIL003", 1, 1),
    ("text", b"hello\n", "FIL003", 1, 1),
    ("binary", b"flavor: \x00\x01\x02\n", "FIL008", 1, 9),
    ("not UTF-8", b"flavor: local\ndescription: caf\xe9\n", "FIL008", 2, 17),
    ("UTF-16", "flavor: x".encode("utf-16"), "FIL008", 1, 1),
    ("too deep", b"flavor: x\nconfig: " + b"[" * 100_000, "FIL004", 2, 9 + MAX_DEPTH - 1),
    ("deep without brackets", b"- " * 100_000, "FIL004", 1, 2 * MAX_DEPTH + 1),
    ("an alias of itself", b"flavor: local\nconfig: &a\n  b: *a\n", "FIL004", 2, 9),
    (
        "many aliases",
        b"flavor: x\nconfig:\n  a: &a 1\n  b: [" + b"*a, " * (MAX_ALIASES + 1) + b"]\n",
        "FIL004",
        4,
        7 + 4 * MAX_ALIASES,
    ),
    (
        "an alias bomb",
        b"flavor: x\nconfig:\n  a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + b"".join(
            b"  %c: &%c [%s]\n" % (letter + 1, letter + 1, b",".join([b"*%c" % letter] * 10))
            for letter in range(ord("a"), ord("j"))
        ),
        "FIL004",
        6,
        6,
    ),
]


def only(snapshot: WorkspaceSnapshot) -> Diagnostic:
    assert len(snapshot.problems) == 1, snapshot.problems
    return snapshot.problems[0]


@pytest.mark.parametrize(
    ("raw", "code", "line", "column"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN]
)
def test_a_broken_file_keeps_its_last_good_version(
    workspace: Workspace, raw: bytes, code: str, line: int, column: int
) -> None:
    file = workspace.component_file(*STORE)
    file.write_bytes(GOOD)
    good = workspace.read().components[STORE]
    assert not good.stale
    assert good.value.config == {"path": "here"}

    file.write_bytes(raw)
    broken = workspace.read()
    entry = broken.components[STORE]
    assert entry.stale
    assert entry.value == good.value
    assert entry.raw == GOOD
    found = only(broken)
    assert (found.code, found.line, found.column, found.file) == (code, line, column, file)
    assert found.severity is Severity.ERROR
    assert len(broken.components) == 10

    file.write_bytes(GOOD)
    healed = workspace.read()
    assert not healed.components[STORE].stale
    assert healed.problems == ()


@pytest.mark.parametrize("raw", [b[1] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_file_that_never_was_good_is_named_and_hides_nothing(root: Path, raw: bytes) -> None:
    workspace = Workspace.open(root)
    file = workspace.component_file(Category.ALERTER, "pager")
    file.write_bytes(raw)
    snapshot = workspace.read()
    key = ComponentId(Category.ALERTER, "pager")
    assert only(snapshot).file == file
    assert (key in snapshot.broken_components) != (key in snapshot.components)
    assert set(snapshot.components) - {key} >= {STORE}


def test_the_valid_beginning_of_a_file_is_shown(root: Path) -> None:
    workspace = Workspace.open(root)
    workspace.component_file(*STORE).write_bytes(b"flavor: s3\ndescription: half\nconfig:\n  path: 'x\n")
    entry = workspace.read().components[STORE]
    assert entry.stale
    assert (entry.value.flavor, entry.value.description) == ("s3", "half")


def test_a_huge_file_keeps_the_last_good_version(workspace: Workspace) -> None:
    file = workspace.component_file(*STORE)
    file.write_bytes(GOOD)
    workspace.read()
    with file.open("wb") as out:
        out.truncate(100 * MAX_BYTES)
    snapshot = workspace.read()
    assert only(snapshot).code == "FIL004"
    assert snapshot.components[STORE].stale


def test_a_deleted_file_is_a_deletion_and_an_empty_one_is_not(workspace: Workspace) -> None:
    file = workspace.component_file(*STORE)
    workspace.read()
    file.write_bytes(b"")
    assert STORE in workspace.read().components
    file.unlink()
    snapshot = workspace.read()
    assert STORE not in snapshot.components
    assert snapshot.problems == ()


def test_a_folder_that_vanishes_and_comes_back(workspace: Workspace, root: Path) -> None:
    before = workspace.read()
    (root / "components").rename(root / "elsewhere")
    assert dict(workspace.read().components) == {}
    (root / "elsewhere").rename(root / "components")
    assert workspace.read().components.keys() == before.components.keys()


def test_the_same_snapshot_while_nothing_changes(workspace: Workspace) -> None:
    first = workspace.read()
    assert workspace.read() is first
    file = workspace.component_file(*STORE)
    file.write_bytes(file.read_bytes())
    assert workspace.read() is first
    file.write_bytes(GOOD)
    second = workspace.read()
    assert second.generation == first.generation + 1
    assert second.stacks["default"] is first.stacks["default"]


def test_two_changes_within_one_tick_of_the_clock_are_both_seen(workspace: Workspace) -> None:
    file = workspace.component_file(*STORE)
    file.write_bytes(b"flavor: aaaa\n")
    workspace.read()
    stamp = file.stat()
    file.write_bytes(b"flavor: bbbb\n")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert workspace.read().components[STORE].value.flavor == "bbbb"


def test_findings_of_form_have_their_place_and_keep_what_is_right(workspace: Workspace) -> None:
    file = workspace.component_file(*STORE)
    file.write_text("flavor: local\ndescripton: x\nlabels:\n  tier: 1\n  team: a\nconfig: [1]\n")
    snapshot = workspace.read()
    entry = snapshot.components[STORE]
    assert not entry.stale
    assert entry.value.labels == {"team": "a"}
    assert entry.value.config == {}
    by_line = {problem.line: problem for problem in snapshot.problems}
    assert set(by_line) == {2, 4, 6}
    assert "did you mean description?" in by_line[2].message
    assert by_line[4].column == 3
    fix = by_line[4].fix
    assert fix is not None
    assert (fix.path, fix.value) == (("labels", "tier"), "1")


def test_every_finding_of_a_file_at_once_in_words(workspace: Workspace) -> None:
    workspace.stack_file("x").write_text(
        "components:\n"
        "  orchestratr: x\n"
        "  step_operator: {a: 1}\n"
        "steps:\n"
        "  fit:\n"
        "    retrys: 1\n"
        "    retries: many\n"
        "    timeout: 10 minutes\n"
        "    resources: {gpus: 1}\n"
        "protected: maybe\n"
        "extends: Base\n"
        "name: other\n"
        "description: kept\n"
    )
    snapshot = workspace.read()
    assert snapshot.stacks["x"].value.description == "kept"
    assert {problem.code for problem in snapshot.problems} == {"FIL003"}
    found = [(problem.line, problem.column, problem.message) for problem in snapshot.problems]
    expected = [
        (2, 3, "'orchestratr' is not a category; did you mean orchestrator?"),
        (3, 3, "components.step_operator must be a name or a list of names"),
        (6, 5, "unknown field steps.fit.retrys; did you mean retries?"),
        (7, 5, "steps.fit.retries must be a whole number"),
        (8, 5, "steps.fit.timeout: '10 minutes' is not a duration"),
        (9, 17, "unknown field steps.fit.resources.gpus; did you mean gpu?"),
        (10, 1, "protected must be true or false"),
        (11, 1, "extends: a name has lower-case letters"),
        (12, 1, "name is said by where the file lies; remove the key"),
    ]
    assert len(found) == len(expected)
    for (line, column, message), (wanted_line, wanted_column, words) in zip(found, expected, strict=True):
        assert (line, column) == (wanted_line, wanted_column)
        assert message.startswith(words)


def test_a_key_that_stands_twice_is_a_finding(workspace: Workspace) -> None:
    workspace.component_file(*STORE).write_text("flavor: a\nconfig:\n  path: x\n  path: y\n")
    snapshot = workspace.read()
    found = only(snapshot)
    assert (found.code, found.line, found.column) == ("FIL009", 4, 3)
    assert "config.path" in found.message
    assert snapshot.components[STORE].value.config == {"path": "y"}


def test_an_unquoted_reference_is_kept_as_what_it_is(workspace: Workspace) -> None:
    workspace.component_file(*STORE).write_text("flavor: a\nconfig:\n  key: {{aws.key}}\n  list: [{{a.b}}]\n")
    snapshot = workspace.read()
    assert snapshot.problems == ()
    config = snapshot.components[STORE].value.config
    assert isinstance(config["key"], UnquotedReference)
    assert config["key"].text == "{{aws.key}}"
    assert isinstance(config["list"][0], UnquotedReference)


def test_scalars_are_read_as_editors_read_them(workspace: Workspace) -> None:
    workspace.component_file(*STORE).write_text(
        "flavor: a\nconfig: {a: yes, b: 2024-01-01, c: 22:30, d: 0o17, e: 1e3, f: ~, g: 012, h: .5, i: on}\n"
    )
    config = workspace.read().components[STORE].value.config
    assert config == {
        "a": "yes",
        "b": "2024-01-01",
        "c": "22:30",
        "d": 15,
        "e": 1000.0,
        "f": None,
        "g": 12,
        "h": 0.5,
        "i": "on",
    }


def test_a_key_with_comments_only_counts_as_left_out(workspace: Workspace) -> None:
    workspace.component_file(*STORE).write_text("flavor: a\nlabels:\nconfig:\n  # path: x\n")
    snapshot = workspace.read()
    assert snapshot.problems == ()
    assert snapshot.components[STORE].value.config == {}


def test_positions(workspace: Workspace) -> None:
    workspace.stack_file("x").write_text("components:\n  alerter: [a, é, c]\n  step_operator:\n  - b\n")
    entry = workspace.read().stacks["x"]

    def at(*path: str | int) -> tuple[int, int]:
        found = entry.position(*path)
        assert found is not None
        return found.line, found.column

    assert at() == (1, 1)
    assert at("components", "alerter") == (2, 3)
    assert at("components", "alerter", 2) == (2, 19)
    assert at("components", "step_operator", 0) == (4, 5)
    assert at("components", "orchestrator") == (1, 1)
    assert at("steps", "fit") == (1, 1)


@pytest.mark.parametrize(
    ("name", "code"),
    [("Upper.yaml", "FIL005"), ("team.yml", "FIL011"), ("a b.yaml", "FIL005")],
)
def test_names_that_are_not_read_are_findings(workspace: Workspace, name: str, code: str) -> None:
    (workspace.component_file(*STORE).parent / name).write_bytes(GOOD)
    assert only(workspace.read()).code == code


def test_a_stranger_among_the_categories(workspace: Workspace, root: Path) -> None:
    (root / "components" / "orchestrators").mkdir()
    found = only(workspace.read())
    assert found.code == "FIL011"
    assert "did you mean orchestrator?" in found.message


@pytest.mark.parametrize("name", [".local.yaml.swp", "local.yaml~", "#local.yaml#", ".#local.yaml", "4913"])
def test_what_editors_leave_behind_is_nothing(workspace: Workspace, name: str) -> None:
    (workspace.component_file(*STORE).parent / name).write_bytes(b"x")
    assert workspace.read().problems == ()


def test_links_may_not_lead_out(workspace: Workspace, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_bytes(b"flavor: secret\n")
    folder = workspace.component_file(*STORE).parent
    (folder / "out.yaml").symlink_to(outside)
    (folder / "nothing.yaml").symlink_to(root / "nowhere")
    (folder / "inside.yaml").symlink_to(folder / "local.yaml")
    snapshot = workspace.read()
    assert {problem.file for problem in snapshot.problems} == {folder / "out.yaml", folder / "nothing.yaml"}
    assert {problem.code for problem in snapshot.problems} == {"FIL010"}
    assert {key.name for key in snapshot.components if key.category is STORE.category} == {"local", "inside"}


def test_folders_may_not_lead_out_either(workspace: Workspace, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (root / "stacks").rename(outside)
    (root / "stacks").symlink_to(outside)
    snapshot = workspace.read()
    assert dict(snapshot.stacks) == {}
    assert only(snapshot).code == "FIL010"
    (root / "stacks").unlink()
    outside.rename(root / "inside")
    (root / "stacks").symlink_to("inside")
    assert set(workspace.read().stacks) == {"default"}


def test_a_named_pipe_does_not_hold_up_the_reader(workspace: Workspace) -> None:
    folder = workspace.component_file(*STORE).parent
    os.mkfifo(folder / "pipe.yaml")
    assert only(workspace.read()).code == "FIL010"
    (folder / "pipe.yaml").unlink()
    (folder / "local.yaml").unlink()
    os.mkfifo(folder / "local.yaml")
    assert only(workspace.read()).code == "FIL010"


def test_settings(workspace: Workspace, root: Path) -> None:
    file = root / "stacktui.yaml"
    file.write_text("default_stack: base\npipelines: flows\n")
    settings = workspace.read().settings
    assert settings.default_stack == "base"
    assert settings.pipelines == ("flows",)
    file.write_text("version: 7\npipelines: [../other, /etc, ok]\n")
    snapshot = workspace.read()
    assert [problem.code for problem in snapshot.problems] == ["FIL006", "FIL003", "FIL003"]
    assert snapshot.settings.pipelines == ("ok",)
    file.write_text("default_stack: [")
    snapshot = workspace.read()
    assert only(snapshot).code == "FIL002"
    assert snapshot.settings.pipelines == ("ok",)
    file.write_text("")
    assert workspace.read().problems == ()


def test_many_threads_read_at_once(workspace: Workspace) -> None:
    file = workspace.component_file(*STORE)
    workspace.read()
    seen: list[int] = []
    errors: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(30):
                seen.append(len(workspace.read().components))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(50):
        file.write_text(f"flavor: f{number}\n")
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(seen) == {10}


def test_the_root_is_found_upward(root: Path, tmp_path: Path) -> None:
    assert find_root(root / "components" / "alerter") == root
    assert find_root(root / "stacktui.yaml") == root
    with pytest.raises(WorkspaceNotFound, match="stacktui init"):
        find_root(tmp_path)


def test_names_cannot_lead_out(workspace: Workspace) -> None:
    for name in ("../x", "a/b", "", "A", ".x"):
        with pytest.raises(ValueError, match="is not a name"):
            workspace.stack_file(name)
        with pytest.raises(ValueError, match="is not"):
            workspace.state_dir("..", name)


def test_state_is_private_from_the_start(workspace: Workspace, root: Path) -> None:
    old = os.umask(0)
    try:
        made = workspace.state_dir("runs", "one")
    finally:
        os.umask(old)
    assert made == root / ".stacktui" / "runs" / "one"
    for folder in (made, made.parent, root / ".stacktui"):
        assert folder.stat().st_mode & 0o7777 == 0o700


def test_state_may_lie_elsewhere(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "stacktui.yaml").write_text("state: ../state\n")
    assert Workspace.open(root).state_dir("x").resolve() == tmp_path / "state" / "x"
    monkeypatch.setenv("STACKTUI_STATE", str(tmp_path / "mine"))
    assert Workspace.open(root).state == tmp_path / "mine"


def test_opening_and_reading_loads_nothing_heavy(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from stacktui.workspace.workspace import Workspace; "
        f"Workspace.open(Path({str(root)!r})).read(); "
        "heavy = ('ruamel', 'watchfiles', 'textual', 'rich', 'asyncio', 'sqlite3', 'numpy', 'pandas', 'jsonschema');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "[]"
