"""Components and flavors: listed, shown, written; values typed as the flavor wants them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.categories import BASES
from stacktui.categories.base import Surroundings
from stacktui.categories.errors import Unsupported
from stacktui.model.category import Category
from stacktui.operations.changes import FindingsForbid
from stacktui.operations.errors import AnswerIsNo, OperationError
from stacktui.operations.session import Session
from stacktui.operations.values import configured, pairs
from tests.operations.support import do


def test_components_are_listed_in_the_order_of_the_digits(session: Session) -> None:
    rows = do(session, "component list").components
    assert [row.category for row in rows] == list(Category)
    assert all(row.ok and row.in_active_stack for row in rows)
    assert [row.name for row in do(session, "component list", category=Category.ALERTER).components] == [
        "inbox"
    ]


def test_components_are_found_by_label_and_flavor(session: Session) -> None:
    do(
        session,
        "component add",
        category=Category.ALERTER,
        name="oncall",
        flavor="local",
        label=("team=vision",),
    )
    assert [row.name for row in do(session, "component list", label=("team=vision",)).components] == [
        "oncall"
    ]
    assert do(session, "component list", label=("team=other",)).components == ()
    assert [row.name for row in do(session, "component list", flavor="sqlite").components] == ["local"]


def test_a_broken_file_is_listed_and_hides_no_other(session: Session, root: Path) -> None:
    (root / "components" / "alerter" / "torn.yaml").write_text("flavor: [\n")
    rows = {row.name: row for row in do(session, "component list", category=Category.ALERTER).components}
    assert set(rows) == {"inbox", "torn"}
    assert not rows["torn"].ok
    assert rows["inbox"].ok


def test_adding_writes_a_file_that_its_schema_describes(session: Session, root: Path) -> None:
    result = do(
        session,
        "component add",
        category=Category.ARTIFACT_STORE,
        name="team",
        flavor="local",
        values=("path=data/team",),
        description="ours: all of it",
    )
    assert [(each.file, each.action) for each in result.files] == [
        ("components/artifact_store/team.yaml", "created")
    ]
    text = (root / "components" / "artifact_store" / "team.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=")
    shown = do(session, "component show", category=Category.ARTIFACT_STORE, name="team")
    assert shown.description == "ours: all of it"
    assert shown.config == {"path": "data/team"}


def test_an_unknown_flavor_or_field_is_refused_with_the_nearest(session: Session) -> None:
    with pytest.raises(
        OperationError, match=r"did you mean 'local'\? See: stacktui flavor list artifact_store"
    ):
        do(session, "component add", category=Category.ARTIFACT_STORE, name="x", flavor="locl")
    with pytest.raises(FindingsForbid, match="did you mean path"):
        do(
            session,
            "component add",
            category=Category.ARTIFACT_STORE,
            name="x",
            flavor="local",
            values=("pth=/tmp",),
        )


@pytest.mark.parametrize("name", ["show", "edit", "delete", "probe"])
def test_an_unknown_component_is_named_with_the_nearest(session: Session, name: str) -> None:
    with pytest.raises(
        OperationError, match=r"no artifact store 'locl'; did you mean 'local'\? See: stacktui component"
    ):
        do(session, f"component {name}", category=Category.ARTIFACT_STORE, name="locl")


def test_values_are_typed_as_the_flavor_wants_them(session: Session) -> None:
    from pydantic import Field

    from stacktui.categories.base import FlavorConfig
    from stacktui.model.secretref import Secretable

    class Config(FlavorConfig):
        tag: str = Field(default="", description="Text.")
        workers: int = Field(default=1, description="A number.")
        key: Secretable[int] = Field(default=0, description="A number, or a secret.")
        views: list[dict[str, str]] = Field(default=[], description="A list.")

    settings = pairs(("tag=1.10", "workers=4", "key={{aws.port}}", "views=[{name: a}]"), "--set")
    assert configured({}, settings, (), Config) == {
        "tag": "1.10",
        "workers": 4,
        "key": "{{aws.port}}",
        "views": [{"name": "a"}],
    }
    assert configured({"a": {"b": 1, "c": 2}}, {"a.d": "x"}, ("a.b",), None) == {"a": {"c": 2, "d": "x"}}


def test_a_secret_written_in_clear_is_not_shown(session: Session, root: Path) -> None:
    (root / "flavors").mkdir(exist_ok=True)
    (root / "flavors" / "pager.py").write_text(PAGER)
    do(
        session,
        "component add",
        category=Category.ALERTER,
        name="pager",
        flavor="pager",
        values=("token=hunter2hunter2", "address=pager.example"),
        force=True,
    )
    shown = do(session, "component show", category=Category.ALERTER, name="pager")
    assert shown.config == {"token": "******", "address": "pager.example"}
    do(
        session,
        "component edit",
        category=Category.ALERTER,
        name="pager",
        values=("token={{pager.token}}",),
        force=True,
    )
    assert (
        do(session, "component show", category=Category.ALERTER, name="pager").config["token"]
        == "{{pager.token}}"
    )
    assert do(session, "secret list").secrets[0].missing == ("token",)


def test_deleting_names_who_refers_to_it(session: Session, root: Path) -> None:
    file = root / "components" / "step_operator" / "subprocess.yaml"
    do(session, "stack edit", name="default", values=("steps.fit.step_operator=subprocess",))
    with pytest.raises(
        AnswerIsNo, match=r"components.step_operator\), stacks/default.yaml:\d+ \(steps.fit.step"
    ):
        do(session, "component delete", category=Category.STEP_OPERATOR, name="subprocess")
    assert file.exists()
    do(session, "component delete", category=Category.STEP_OPERATOR, name="subprocess", force=True)
    assert not file.exists()


def test_a_probe_says_what_answered(session: Session) -> None:
    result = do(session, "component probe", category=Category.METADATA_STORE, name="local")
    assert result.ok
    assert result.message


def test_flavors_are_listed_without_importing_them(root: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from stacktui.operations.session import Session, run_operation\n"
        "from stacktui.operations.table import operations_of\n"
        f"session = Session(Path({str(root)!r}))\n"
        "found = run_operation(session, operations_of('flavor')['flavor list'])\n"
        "assert len(found.flavors) >= 11\n"
        "print([name for name in sys.modules if name.startswith('stacktui.flavors.') and name.count('.') > 2])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_flavor_is_shown_with_its_fields(session: Session) -> None:
    shown = do(session, "flavor show", category=Category.ARTIFACT_STORE, name="local")
    assert {"path"} <= {field.name for field in shown.fields}
    assert all(field.description for field in shown.fields)
    assert shown.used_by == ("local",)
    with pytest.raises(OperationError, match="did you mean 'local'"):
        do(session, "flavor show", category=Category.ARTIFACT_STORE, name="locale")


@pytest.mark.parametrize("category", list(Category))
def test_a_new_flavor_loads_and_refuses_each_call_in_words(
    session: Session, root: Path, tmp_path: Path, category: Category
) -> None:
    result = do(session, "flavor new", category=category, name="my-own2")
    assert [each.file for each in result.files] == ["flavors/my_own2.py", "flavors/tests/test_my_own2.py"]
    flavor = session.registry().load(category, "my-own2")
    around = Surroundings(name="mine", workspace=tmp_path, state=tmp_path, user_data=tmp_path)
    component = flavor(flavor.Config(), around)
    assert not component.probe().ok
    plain = [
        name
        for name in sorted(BASES[category].__abstractmethods__ - {"probe"})
        if not isinstance(getattr(flavor, name), property)
    ]
    for name in plain:
        method = getattr(component, name)
        count = method.__code__.co_argcount - 1 - len(method.__defaults__ or ())
        with pytest.raises(Unsupported, match=f"mine: {name} is not written yet"):
            method(*range(count))
    with pytest.raises(OperationError, match="exists already"):
        do(session, "flavor new", category=category, name="my-own2")


def test_skeletons_are_clean_code_and_their_tests_are_the_contract(session: Session, root: Path) -> None:
    for category in Category:
        do(session, "flavor new", category=category, name=f"book-{category.facts.key}")
    folder = root / "flavors"
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "140", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    collected = _pytest(root, "--collect-only", "flavors/tests")
    assert collected.returncode == 0, collected.stdout
    for category in Category:
        assert f"test_book_{category.facts.key}.py::Test" in collected.stdout
    tested = _pytest(root, "-rf", "flavors/tests/test_book_9.py", "flavors/tests/test_book_0.py")
    failed = [line for line in tested.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    assert ["test_probes_within_its_time" in line for line in failed] == [True, True], tested.stdout
    assert " passed" in tested.stdout


def _pytest(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        # Where stacktui is installed the plugin would come twice: not by its entry point, then.
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:stacktui", "-p", "stacktui.testing.plugin", *words],
        capture_output=True, text=True, check=False, cwd=root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


PAGER = """
from pydantic import Field

from stacktui.categories.alerter import Alerter
from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.flavor import FlavorFacts
from stacktui.model.category import Category
from stacktui.model.secretref import Secretable


class PagerConfig(FlavorConfig):
    token: Secretable[str] = Field(description="The token.")
    address: str = Field(default="", description="The address.")


class PagerAlerter(Alerter):
    facts = FlavorFacts(category=Category.ALERTER, name="pager", summary="a pager")
    Config = PagerConfig

    def probe(self, timeout_s=5.0):
        return ProbeResult(ok=True, message="fine")

    def post(self, message, level="info"):
        pass

    def ask(self, question, choices=("yes", "no"), timeout=None, default=None):
        return "yes"
"""
