"""Everything at once, the team's rules, and that unchanged files are not looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.model.category import Category
from stacktui.model.codes import CODES
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.validation import team, validate
from stacktui.validation.subject import ComponentSubject, StackSubject
from stacktui.validation.validate import validate_stack, validate_workspace
from tests.runtime.support import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def found(place: Place, *, offline: bool = False) -> tuple[Diagnostic, ...]:
    return validate_workspace(place.snapshot, place.registry, offline=offline)


def codes(place: Place) -> list[str]:
    return [finding.code for finding in found(place)]


def test_a_whole_workspace_has_no_findings(place: Place) -> None:
    assert found(place) == ()


def test_the_default_stack(place: Place) -> None:
    file = place.write("stacktui.yaml", "version: 1\ndefault_stack: bsae\n")
    [finding] = found(place)
    assert (finding.code, finding.file, finding.line) == ("STK009", file, 2)
    assert finding.fix is not None
    assert finding.fix.value == "base"


def test_components_that_no_stack_uses_are_hints(place: Place) -> None:
    place.write("components/alerter/bell.yaml", "flavor: bell\n")
    [finding] = found(place)
    assert (finding.code, finding.severity, finding.line) == ("STK010", Severity.HINT, 1)
    place.delete("stacks")
    assert "STK010" not in codes(place)


def test_a_folder_that_is_no_category(place: Place) -> None:
    place.write("components/artifact_stores/x.yaml", "flavor: folder\n")
    [finding] = found(place)
    assert "did you mean artifact_store?" in finding.message


def test_a_broken_flavor_is_one_problem_however_many_use_it(place: Place) -> None:
    place.write(
        "flavors/odd.py",
        "from stacktui.categories.flavor import FlavorFacts\n"
        "from stacktui.model.category import Category\n"
        "import no_such_module\n"
        "class Odd:\n    facts = FlavorFacts(category=Category.ALERTER, name='odd', summary='s',\n"
        "        packages=('no-such',), install='pip install no-such')\n",
    )
    for number in range(5):
        place.write(f"components/alerter/a{number}.yaml", "flavor: odd\n")
    place.write("stacks/prod.yaml", "extends: base\ncomponents: {alerter: [a0, a1, a2, a3, a4]}\n")
    [finding] = found(place)
    assert (finding.code, finding.line) == ("FLV002", 3)
    assert "no_such_module" in finding.message
    assert "install it with: pip install no-such" in finding.message
    assert finding.severity is Severity.ERROR
    [weaker] = found(place, offline=True)
    assert weaker.severity is Severity.WARNING


def test_a_file_of_flavors_that_does_not_parse(place: Place) -> None:
    file = place.write("flavors/odd.py", "x = 1\ndef (\n")
    [finding] = found(place)
    assert (finding.code, finding.file, finding.line) == ("FLV003", file, 2)


def test_what_a_parent_has_wrong_is_said_once(place: Place) -> None:
    place.write(
        "stacks/base.yaml", "components: {orchestrator: here, artifact_store: no, metadata_store: rows}\n"
    )
    for number in range(3):
        place.write(f"stacks/s{number}.yaml", "extends: base\n")
    assert [code for code in codes(place) if code != "STK010"] == ["NAM001"]


class Entry:
    """An installed entry point."""

    dist = None

    def __init__(self, name: str, rule: Any) -> None:
        self.name = name
        self._rule = rule

    def load(self) -> Any:
        if isinstance(self._rule, Exception):
            raise self._rule
        return self._rule


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def install(**rules: Any) -> None:
        def entry_points(group: str) -> list[Entry]:
            assert group == team.ENTRY_POINT_GROUP
            return [Entry(name, rule) for name, rule in rules.items()]

        monkeypatch.setattr(team, "entry_points", entry_points)
        team._loaded.cache_clear()

    yield install
    team._loaded.cache_clear()


def test_the_teams_own_rules(place: Place, install: Any) -> None:
    def no_box_in_prod(subject: StackSubject) -> Iterator[Diagnostic]:
        if subject.stack.labels.get("tier") == "prod":
            for manager in subject.components[Category.SECRETS_MANAGER]:
                if manager.flavor == "box":
                    yield subject.finding("TEAM001", "prod must use vault", manager.category, manager.name)

    install(no_box=no_box_in_prod)
    place.write(
        "stacks/prod.yaml", "extends: base\nlabels: {tier: prod}\ncomponents:\n  secrets_manager: box\n"
    )
    [finding] = found(place)
    assert (finding.code, finding.severity, finding.line) == ("TEAM001", Severity.ERROR, 4)


def test_a_teams_rule_that_fails_stops_no_other(place: Place, install: Any) -> None:
    def raises(subject: StackSubject) -> Iterator[Diagnostic]:
        raise RuntimeError(f"no {subject.name}")

    def strange(subject: StackSubject) -> list[str]:
        return ["text"]

    def nothing(subject: StackSubject) -> None:
        return None

    install(raises=raises, strange=strange, nothing=nothing, gone=ImportError("no module"))
    place.write("stacks/prod.yaml", "extends: base\ncomponents: {alerter: nobody}\n")
    messages = {f"{one.code} {one.message}" for one in validate_stack(place.snapshot, place.registry, "prod")}
    assert len(messages) == 4
    assert "RUL001 the rule raises failed on stack prod: RuntimeError: no prod" in messages
    assert "RUL001 the rule strange gave a str for stack prod; it must give Diagnostics" in messages
    assert "RUL002 the rule gone cannot be loaded: ImportError: no module" in messages


def test_a_flavor_that_declares_nonsense_stops_no_other_finding(place: Place) -> None:
    place.write(
        "flavors/odd.py",
        "from stacktui.categories import Alerter\n"
        "from stacktui.categories.base import FlavorConfig, ProbeResult\n"
        "from stacktui.categories.flavor import FlavorFacts\n"
        "from stacktui.model.category import Category\n"
        "class Nothing(FlavorConfig): pass\n"
        "class Odd(Alerter):\n"
        "    facts = FlavorFacts(category=Category.ALERTER, name='odd', summary='s', demands=(3,), packages=('=',))\n"
        "    Config = Nothing\n"
        "    def probe(self, timeout_s=5.0): return ProbeResult(ok=True, message='')\n"
        "    def post(self, message, level=None): ...\n"
        "    def ask(self, question, choices=(), timeout=None, default=None): return ''\n",
    )
    place.write("components/alerter/odd.yaml", "flavor: odd\nconfig: {x: 1}\n")
    place.write("stacks/prod.yaml", "extends: base\ncomponents: {alerter: odd}\n")
    assert sorted(codes(place)) == ["CFG001", "RUL001", "RUL001"]
    assert "the rule demands failed on stack prod: AttributeError" in str(found(place))
    assert "the rule packages failed on alerter/odd: InvalidRequirement" in str(found(place))


def test_an_unchanged_component_is_not_looked_at_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = validate._static

    def counted(subject: ComponentSubject) -> Iterator[Diagnostic]:
        asked.append(subject.component.name)
        return real(subject)

    monkeypatch.setattr(validate, "_static", counted)
    found(place)
    assert sorted(asked) == ["box", "folder", "here", "rows"]
    asked.clear()
    place.write("components/artifact_store/folder.yaml", "flavor: folder\nconfig: {x: 1}\n")
    assert codes(place) == ["CFG001"]
    assert asked == ["folder"]
    place.write("flavors/toys.py", (place.root / "flavors/toys.py").read_text() + "# changed\n")
    asked.clear()
    assert codes(place) == ["CFG001"]
    assert sorted(asked) == ["box", "folder", "here", "rows"]


def test_every_code_that_a_rule_writes_is_in_the_table() -> None:
    import re

    root = Path(validate.__file__).parent.parent
    written = {
        code
        for room in ("validation", "runtime")
        for file in (root / room).rglob("*.py")
        for code in re.findall(r'"((?:STK|NAM|CFG|FLV|SEC|CMP|PRB|RUL)\d{3})"', file.read_text())
    }
    assert written <= set(CODES)
    ours = {code for code in CODES if code[:3] in ("STK", "NAM", "CFG", "FLV", "SEC", "CMP", "PRB", "RUL")}
    assert ours == written
