"""The one form of files: what it puts in order, and what it never touches."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacktui.model.category import Category
from stacktui.workspace.formatting import formatted, order_of
from stacktui.workspace.scaffold import init_workspace
from stacktui.workspace.yaml_reader import YamlProblem, read_yaml
from stacktui.workspace.yaml_tree import same

ROOT = Path("/w")
COMPONENT = order_of(ROOT, ROOT / "components" / "alerter" / "x.yaml")
STACK = order_of(ROOT, ROOT / "stacks" / "x.yaml")
SETTINGS = order_of(ROOT, ROOT / "stacktui.yaml")


def component(text: str) -> str:
    assert COMPONENT is not None
    return formatted(text.encode(), COMPONENT).decode()


def stack(text: str) -> str:
    assert STACK is not None
    return formatted(text.encode(), STACK).decode()


def test_keys_come_in_their_order_and_comments_with_them() -> None:
    assert component(
        "# yaml-language-server: $schema=../x.json\n"
        "config:  # as agreed\n"
        "  # where\n"
        "  path: a   \n"
        "  # key: none yet\n"
        "# whose it is\n"
        "labels: {team: vision}\n"
        "\n"
        "\n"
        "# the implementation\n"
        "flavor: s3 # not gcs\n"
    ) == (
        "# yaml-language-server: $schema=../x.json\n"
        "\n"
        "# the implementation\n"
        "flavor: s3 # not gcs\n"
        "# whose it is\n"
        "labels: {team: vision}\n"
        "config:  # as agreed\n"
        "  # where\n"
        "  path: a\n"
        "  # key: none yet\n"
    )


def test_categories_of_a_stack_come_by_their_digits_and_steps_stay() -> None:
    assert stack(
        "protected: true\n"
        "steps:\n"
        "  b:\n"
        "    retries: 2\n"
        "    resources:\n"
        "      memory: 1GiB  # measured\n"
        "      gpu: 1\n"
        "    step_operator: a100\n"
        "  a: {retries: 1, step_operator: a100}\n"
        "components:\n"
        "  alerter: [oncall]  # 24/7\n"
        "  # local until the cluster is there\n"
        "  orchestrator: local\n"
        "extends: base\n"
    ) == (
        "extends: base\n"
        "components:\n"
        "  # local until the cluster is there\n"
        "  orchestrator: local\n"
        "  alerter: [oncall]  # 24/7\n"
        "steps:\n"
        "  b:\n"
        "    step_operator: a100\n"
        "    resources:\n"
        "      gpu: 1\n"
        "      memory: 1GiB  # measured\n"
        "    retries: 2\n"
        "  a: {retries: 1, step_operator: a100}\n"
        "protected: true\n"
    )


def test_a_comment_on_what_is_above_it_does_not_come_to_stand_on_another_key() -> None:
    assert component("flavor: s3\n# ours since May\n\nlabels: {}\ndescription: x\n") == (
        "flavor: s3\n# ours since May\n\ndescription: x\n\nlabels: {}\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n\nflavor: s3\n\n\n", "flavor: s3\n"),
        ("flavor: s3", "flavor: s3\n"),
        ("flavor: 's3'\n", 'flavor: "s3"\n'),
        ("flavor: 'it''s'\n", "flavor: 'it''s'\n"),
        ("flavor: 'a\"b'\n", "flavor: 'a\"b'\n"),
        ("flavor: 'a\\b'\n", "flavor: 'a\\b'\n"),
        ("flavor: !!str 's3'\n", "flavor: !!str 's3'\n"),
        ("config: {a: '1'}\nflavor: x\r\n", 'flavor: x\nconfig: {a: "1"}\n'),
        ("config: {}\r\nflavor: x\r\n", "flavor: x\r\nconfig: {}\r\n"),
        ("config:\n  t: |\n    a  \n\n\n    # b\n\nflavor: x\n", "\nflavor: x\nconfig:\n  t: |\n    a  \n\n\n    # b\n"),
        ("config:\n  t: |+\n    a\n\n\nflavor: x\n", "flavor: x\nconfig:\n  t: |+\n    a\n\n\n"),
        ("config: &c {a: 1}\nlabels: *c\nflavor: x\n", "config: &c {a: 1}\nlabels: *c\nflavor: x\n"),
        ("# nothing but this  \n", "# nothing but this  \n"),
        ("? config\n: {}\nflavor: x\n", "? config\n: {}\nflavor: x\n"),
        ("--- # start\nconfig: {}\nflavor: x\n...\n# end\n", "--- # start\nflavor: x\nconfig: {}\n...\n# end\n"),
        ("labels:\n  'k': v\nflavor: x\n", 'flavor: x\nlabels:\n  "k": v\n'),
        ("config: {}\nflavor: x # \u2028# odd\n", "config: {}\nflavor: x # \u2028# odd\n"),
    ],
)  # fmt: skip
def test_what_is_touched_and_what_is_not(before: str, after: str) -> None:
    assert component(before) == after.removeprefix("\n")


def test_a_byte_order_mark_stays_at_the_start() -> None:
    assert COMPONENT is not None
    assert formatted("\ufeffconfig: {}\nflavor: x\n".encode(), COMPONENT) == (
        "\ufeffflavor: x\nconfig: {}\n".encode()
    )


def test_what_init_writes_is_in_form_already(tmp_path: Path) -> None:
    init_workspace(tmp_path)
    files = [path for path in tmp_path.rglob("*.yaml") if order_of(tmp_path, path)]
    assert len(files) == 12
    for file in files:
        order = order_of(tmp_path, file)
        assert order is not None
        assert formatted(file.read_bytes(), order) == file.read_bytes(), file


def test_a_broken_file_is_not_put_in_form() -> None:
    with pytest.raises(YamlProblem):
        component("flavor: [x\n")


def test_only_the_workspace_s_own_files_have_a_form() -> None:
    for name in (
        "keymap.yaml",
        "stacks/a.yml",
        "stacks/b/c.yaml",
        "components/what/a.yaml",
        "x/stacktui.yaml",
    ):
        assert order_of(ROOT, ROOT / name) is None
    assert order_of(ROOT, Path("/elsewhere/stacktui.yaml")) is None


# Anything


class Writer:
    """Writes random files line by line; every comment and every leaf has a number of its own."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.comments = 0
        self.beside: dict[str, str] = {}
        self.above: dict[str, str] = {}

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def comment(self) -> str:
        self.comments += 1
        return f"#c{self.comments}."

    def value(self, indent: int) -> str:
        text = self.pick(
            "plain", "'single'", '"double"', "'it''s'", "12", "null", "", "[a, 'b']", "{a: 1, 'b': \"c\" }",
            "|block", ">+folded", "|+kept", "'two\n\n{}  lines'", "[\n{}a, #c\n{}b ]", "&a one", "text with # inside",
        )  # fmt: skip
        pad = " " * (indent + 2)
        if text[:1] in "|>" and text:
            mark = text[: 2 if text[1] == "+" else 1]
            return f" {mark}\n{pad}first  \n\n{pad}# no comment\n" + ("\n\n" if mark.endswith("+") else "")
        return " " + text.replace("{}", pad) if text else ""

    def mapping(self, names: list[str], indent: int, nested: dict[str, list[str]]) -> str:
        text = ""
        for name in self.draw(st.lists(st.sampled_from(names), min_size=1, unique=True)):
            lead = self.pick("", "", "\n", "\n\n  \n", "above", "\nabove", "below\n\n", "deeper")
            if "above" in lead:
                mark = self.comment()
                self.above[mark] = name
                text += lead.replace("above", " " * indent + mark) + "\n"
            elif "below" in lead:
                text += lead.replace("below", " " * indent + self.comment())
            elif lead == "deeper":
                text += " " * (indent + 3) + self.comment() + "\n"
            else:
                text += lead
            key = name if self.draw(st.booleans()) else f"'{name}'"
            if name in nested and self.draw(st.booleans()):
                text += " " * indent + f"{key}:" + self.eol(name) + "\n"
                text += self.mapping(nested[name], indent + self.pick(1, 2, 4), {})
                continue
            value = self.value(indent)
            multi = "\n" in value
            text += " " * indent + f"{key}:{value}" + ("" if multi else self.eol(name))
            text += "" if value.endswith("\n") else "\n"
        if self.draw(st.booleans()):
            text += " " * indent + self.comment() + "\n"
        return text

    def eol(self, name: str) -> str:
        if not self.draw(st.booleans()):
            return ""
        mark = self.comment()
        self.beside[mark] = name
        return "  " + mark


def place_of(lines: list[str], mark: str) -> int:
    return next(number for number, line in enumerate(lines) if mark in line)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_no_value_changes_no_comment_is_lost_and_a_second_time_changes_nothing(data: st.DataObject) -> None:
    keeps_all(data)


@pytest.mark.long
@given(st.data())
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_nor_in_many_more_files(data: st.DataObject) -> None:
    keeps_all(data)


def keeps_all(data: st.DataObject) -> None:
    """Put a random file in form, and look for its value and each of its comments."""
    writer = Writer(data.draw)
    kind = writer.pick("component", "stack", "settings")
    categories = [category.value for category in Category]
    if kind == "component":
        order = COMPONENT
        text = writer.mapping(
            ["flavor", "description", "labels", "config", "odd"], 0, {"config": ["z", "a", "m"]}
        )
    elif kind == "stack":
        order = STACK
        nested = {"components": categories, "labels": ["z", "a"]}
        text = writer.mapping(
            ["extends", "description", "labels", "components", "steps", "protected"], 0, nested
        )
    else:
        order = SETTINGS
        text = writer.mapping(["version", "default_stack", "pipelines", "readonly", "alerts", "state"], 0, {})
    assert order is not None
    if data.draw(st.booleans()):
        text = "# yaml-language-server: $schema=x\n" + text
    if data.draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    raw = text.encode()
    try:
        value = read_yaml(raw).value
    except YamlProblem:
        return
    once = formatted(raw, order)
    assert same(read_yaml(once).value, value)
    assert formatted(once, order) == once
    after = once.decode()
    for number in range(1, writer.comments + 1):
        assert after.count(f"#c{number}.") == 1
    lines = after.splitlines()
    for mark, name in writer.beside.items():
        assert re.match(rf"""\s*['"]?{name}['"]?:""", lines[place_of(lines, mark)]), (mark, after)
    for mark, name in writer.above.items():
        below = next(line for line in lines[place_of(lines, mark) + 1 :] if not line.lstrip().startswith("#"))
        assert re.match(rf"""\s*['"]?{name}['"]?:""", below), (mark, text, after)


@given(st.text(st.sampled_from("ab:#-'\"|>&*{}[], \n\t?!%+"), max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_keeps_its_value_or_is_refused(text: str) -> None:
    assert STACK is not None
    raw = text.encode()
    try:
        value = read_yaml(raw).value
    except YamlProblem:
        return
    once = formatted(raw, STACK)
    assert same(read_yaml(once).value, value)
    assert formatted(once, STACK) == once
