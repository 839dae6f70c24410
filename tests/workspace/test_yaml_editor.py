"""Editing keeps every byte that it need not change: by example, and for documents with comments in odd places."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.workspace.yaml_editor import EditImpossible, rewrite
from stacktui.workspace.yaml_reader import UnquotedReference, read_yaml
from stacktui.workspace.yaml_tree import same
from stacktui.workspace.yaml_writer import document

SOURCE = """\
# head

flavor: s3   # why
description: 'old one'
labels: {team: vision}  # lbl
config:
  # before
  path: "s3://x"  # p
  list:
    - a # A
    # mid
    - b
    - {x: 1}
  empty:
  nested:
    q: 1

    # tail
  text: |  # hdr
    one
    two
# end
"""


def value_of(text: str) -> Any:
    return read_yaml(text.encode()).value


def edited(change: Any, source: str = SOURCE) -> str:
    wanted = copy.deepcopy(value_of(source))
    change(wanted)
    result = rewrite(source.encode(), wanted).decode()
    assert same(value_of(result), wanted)
    return result


EDITS: list[tuple[str, Any, str, str]] = [
    ("a plain value", lambda w: w.update(flavor="gcs"), "flavor: s3   # why", "flavor: gcs   # why"),
    (
        "a quoted value keeps its quotes",
        lambda w: w.update(description="it's new"),
        "'old one'",
        "'it''s new'",
    ),
    (
        "a reference is quoted",
        lambda w: w["config"].update(path="{{a.b}}"),
        '"s3://x"',
        '"{{a.b}}"',
    ),
    (
        "a plain value that becomes a reference",
        lambda w: w.update(flavor="{{a.b}}"),
        "flavor: s3 ",
        'flavor: "{{a.b}}" ',
    ),
    (
        "a key with nothing",
        lambda w: w["config"].update(empty=[1, "two"]),
        "  empty:\n",
        "  empty: [1, two]\n",
    ),
    ("an item", lambda w: w["config"]["list"].__setitem__(1, "c"), "    - b\n", "    - c\n"),
    ("an item more", lambda w: w["config"]["list"].insert(1, "c"), "- a # A\n", "- a # A\n    - c\n"),
    ("an item less", lambda w: w["config"]["list"].pop(0), "    - a # A\n", ""),
    ("the last item", lambda w: w["config"]["list"].pop(), "    - {x: 1}\n", ""),
    ("inside a flow mapping", lambda w: w["config"]["list"][2].update(y="no"), "{x: 1}", '{x: 1, y: "no"}'),
    ("out of a flow mapping", lambda w: w.update(labels={}), "{team: vision}", "{}"),
    ("a new key", lambda w: w["config"]["nested"].update(r=True), "    q: 1\n", "    q: 1\n    r: true\n"),
    ("a key less", lambda w: w["config"].pop("empty"), "  empty:\n", ""),
    ("the first key", lambda w: w.pop("flavor"), "flavor: s3   # why\n", ""),
    (
        "a text of lines",
        lambda w: w["config"].update(text="three\nfour\n"),
        "|  # hdr\n    one\n    two\n",
        "| # hdr\n    three\n    four\n",
    ),
    (
        "a text of lines to one",
        lambda w: w["config"].update(text="short"),
        "|  # hdr\n    one\n    two\n",
        "short # hdr\n",
    ),
    ("a block to nothing", lambda w: w["config"].update(nested={}), "nested:\n    q: 1\n", "nested: {}\n"),
    (
        "a nested new value",
        lambda w: w["config"].update(empty={"a": [{"b": 1, "c": "x"}]}),
        "  empty:\n",
        "  empty:\n    a:\n      - b: 1\n        c: x\n",
    ),
]


@pytest.mark.parametrize(("change", "old", "new"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_only_the_edited_place_changes(change: Any, old: str, new: str) -> None:
    assert SOURCE.count(old) == 1
    assert edited(change) == SOURCE.replace(old, new)


@pytest.mark.parametrize(("change", "old", "new"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_windows_line_endings_stay(change: Any, old: str, new: str) -> None:
    assert edited(change, SOURCE.replace("\n", "\r\n")) == SOURCE.replace(old, new).replace("\n", "\r\n")


def test_no_newline_at_the_end_stays_so() -> None:
    assert edited(lambda w: w.update(c=3), "a: 1\nb: 2") == "a: 1\nb: 2\nc: 3"
    assert edited(lambda w: w.pop("b"), "a: 1\nb: 2") == "a: 1"


def test_a_byte_order_mark_stays() -> None:
    raw = "\ufeffa: 1\n".encode()
    assert rewrite(raw, {"a": 2}) == "\ufeffa: 2\n".encode()


@pytest.mark.parametrize(
    ("source", "added"),
    [
        ("a:\n    b: 1\nc: x\n", "a:\n    b: 1\nc:\n    d: 1\n"),
        ("a:\n b: 1\nc: x\n", "a:\n b: 1\nc:\n d: 1\n"),
    ],
)
def test_new_blocks_are_indented_as_the_file_is(source: str, added: str) -> None:
    assert edited(lambda w: w.update(c={"d": 1}), source) == added


@pytest.mark.parametrize("dash", ["", "  ", "    "])
def test_new_lists_stand_as_the_files_lists_do(dash: str) -> None:
    source = f"a:\n{dash}- 1\nb: x\n"
    wanted = {"a": [1], "b": [{"c": 1}]}
    assert rewrite(source.encode(), wanted).decode() == f"a:\n{dash}- 1\nb:\n{dash}- c: 1\n"


def test_a_new_key_stands_where_the_order_says() -> None:
    source = "# top\nflavor: a\nconfig: {}\n"
    wanted = {"flavor": "a", "description": "d", "config": {}}
    assert rewrite(source.encode(), wanted).decode() == "# top\nflavor: a\ndescription: d\nconfig: {}\n"


def test_an_unquoted_reference_is_quoted_in_place() -> None:
    source = "config:\n  key: {{aws.key}}  # c\n"
    assert isinstance(value_of(source)["config"]["key"], UnquotedReference)
    wanted = {"config": {"key": "{{aws.key}}"}}
    assert rewrite(source.encode(), wanted).decode() == 'config:\n  key: "{{aws.key}}"  # c\n'


def test_aliases_and_anchors_keep_what_they_stand_for() -> None:
    source = "base: &b\n  p: 1 # c\nuse: *b\nmore:\n  <<: *b\n  q: 2\n"
    result = edited(lambda w: w["use"].update(p=5), source)
    assert "# c" in result
    assert edited(lambda w: w["base"].update(p=5), source).count("p: 1") == 1


def test_an_edit_of_nothing_gives_the_same_bytes() -> None:
    raw = b"a:   1\n\n\n# x\n"
    assert rewrite(raw, {"a": 1}) is raw


def test_a_file_of_comments_gets_its_first_keys_below_them() -> None:
    assert rewrite(b"# only\n# comments", {"a": 1}) == b"# only\n# comments\na: 1\n"


def test_a_value_that_yaml_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        rewrite(b"a: 1\n", {"a": object()})


def test_what_cannot_be_edited_says_so() -> None:
    with pytest.raises(EditImpossible):
        rewrite(b"- 1\n", {"a": 1})


# For any document.

ODD_TEXTS = [
    *(
        "",
        "no",
        "~",
        "null",
        "1",
        "1.5",
        "0x1f",
        "2024-01-01",
        "1e3",
        "a: b",
        "# x",
        "- a",
        "{{a.b}}",
        "x #y",
    ),
    *(
        "s3://bucket/path",
        " lead",
        "trail ",
        "two\nlines\n",
        "a\n\n b",
        "'",
        '"',
        "\\",
        "é ü",
        "\t",
        "%a",
        "@b",
    ),
    *(
        "[x",
        "x]",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "---",
        "...",
        "a,b",
        "?",
        "? a",
        "-",
        ":",
        "a:",
        "<<",
        "=",
        "🎉",
    ),
]
TEXTS = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS)
KEYS = st.one_of(st.sampled_from(["a", "b", "c", "path", "key-1", "x_y"]), TEXTS.filter(lambda t: t != "<<"))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)
NAMES = st.sampled_from(["alpha", "beta", "gamma", "delta", "path", "size"])


@given(DOCUMENTS)
@settings(max_examples=300, deadline=None)
def test_what_is_written_reads_back(value: dict[str, Any]) -> None:
    assert same(value_of(document(value)), value)


@given(DOCUMENTS, DOCUMENTS)
@settings(max_examples=300, deadline=None)
def test_any_document_becomes_any_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    raw = document(before).encode()
    assert same(read_yaml(rewrite(raw, after)).value, after)


def lines_of(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


class Commented:
    """A YAML text with a comment that is told apart on every kind of place, and the paths to its plain values."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.comments = 0
        self.after_text = False
        self.value: dict[str, Any] = {}
        self.places: list[tuple[tuple[str | int, ...], int]] = []
        """Path and line number of values that stand on a line of their own."""
        step = draw(st.sampled_from([1, 2, 4]))
        self.maybe_comment("")
        self.mapping(self.value, (), "", step, 0)
        self.maybe_comment("")
        self.eol = draw(st.sampled_from(["\n", "\r\n"]))
        self.text = self.eol.join(self.lines) + draw(st.sampled_from(["", self.eol]))

    def __repr__(self) -> str:
        return f"Commented({self.text!r})"

    def comment(self) -> str:
        self.comments += 1
        return f"# c{self.comments}: it's {{odd}}"

    def maybe_comment(self, indent: str) -> None:
        for _ in range(self.draw(st.integers(0, 2))):
            # Under a block text, what is indented deeper is text and not a comment.
            odd = self.draw(st.sampled_from([indent, "", indent + "   "])) if not self.after_text else ""
            self.lines.append(odd + self.comment() if self.draw(st.booleans()) else "")

    def tail(self) -> str:
        return "  " + self.comment() if self.draw(st.booleans()) else ""

    def scalar(self) -> tuple[str, Any]:
        found: tuple[str, Any] = self.draw(
            st.sampled_from(
                [
                    ("plain", "plain"),
                    ("'single ''q'''", "single 'q'"),
                    ('"double #not"', "double #not"),
                    ("12", 12),
                    ("true", True),
                    ("", None),
                    ("[a,  b ]", ["a", "b"]),
                    ("{x: 1, y: [2]}", {"x": 1, "y": [2]}),
                    ("s3://b#k", "s3://b#k"),
                    ('"{{s.k}}"', "{{s.k}}"),
                ]
            )
        )
        return found

    def mapping(
        self, into: dict[str, Any], path: tuple[str | int, ...], indent: str, step: int, depth: int
    ) -> None:
        names = self.draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
        for name in names:
            self.maybe_comment(indent)
            kind = self.draw(st.sampled_from(["scalar", "scalar", "scalar", "mapping", "list", "text"]))
            if kind == "mapping" and depth < 2:
                self.after_text = False
                self.lines.append(f"{indent}{name}:{self.tail()}")
                into[name] = {}
                self.mapping(into[name], (*path, name), indent + " " * step, step, depth + 1)
                continue
            elif kind == "list":
                self.after_text = False
                self.lines.append(f"{indent}{name}:{self.tail()}")
                into[name] = []
                for index in range(self.draw(st.integers(1, 3))):
                    self.maybe_comment(indent + " " * step)
                    text, value = self.scalar()
                    self.places.append(((*path, name, index), len(self.lines)))
                    self.lines.append(f"{indent}{' ' * step}- {text}{self.tail()}")
                    into[name].append(value)
            elif kind == "text":
                self.lines.append(f"{indent}{name}: |-{self.tail()}")
                into[name] = "one\n # not a comment\ntwo"
                self.lines += [indent + " " * step + line for line in into[name].split("\n")]
                self.after_text = True
                continue
            else:
                text, value = self.scalar()
                self.places.append(((*path, name), len(self.lines)))
                self.lines.append(f"{indent}{name}:{' ' * (1 + (name == 'size'))}{text}{self.tail()}")
                into[name] = value
            self.after_text = False


@st.composite
def commented(draw: Any) -> Commented:
    return Commented(draw)


def _put(value: Any, path: tuple[str | int, ...], new: Any) -> None:
    for part in path[:-1]:
        value = value[part]
    value[path[-1]] = new


@given(commented(), st.data())
@settings(max_examples=300, deadline=None)
def test_setting_one_value_touches_one_line_and_no_comment(source: Commented, data: Any) -> None:
    assert same(value_of(source.text), source.value)
    if not source.places:
        return
    path, line = data.draw(st.sampled_from(source.places))
    new = data.draw(
        st.one_of(SCALARS.filter(lambda v: not isinstance(v, str) or "\n" not in v), st.just(["n"]))
    )
    wanted = copy.deepcopy(source.value)
    _put(wanted, path, new)
    result = rewrite(source.text.encode(), wanted).decode()
    assert same(value_of(result), wanted)
    before, after = source.text.split("\n"), result.split("\n")
    assert len(before) == len(after)
    assert [i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] in ([], [line])
    for number in range(1, source.comments + 1):
        assert f"# c{number}: it's {{odd}}" in result


@given(commented(), NAMES, VALUES, st.data())
@settings(max_examples=300, deadline=None)
def test_a_new_key_only_adds_lines(source: Commented, name: str, value: Any, data: Any) -> None:
    target_path: tuple[str, ...] = ()
    wanted = copy.deepcopy(source.value)
    target = wanted
    while data.draw(st.booleans()):
        inner = [key for key, found in target.items() if isinstance(found, dict) and set(found) - {"x", "y"}]
        if not inner:
            break
        target_path = (*target_path, data.draw(st.sampled_from(inner)))
        target = target[target_path[-1]]
    target[f"new-{name}"] = value
    result = rewrite(source.text.encode(), wanted).decode()
    assert same(value_of(result), wanted)
    after = iter(lines_of(result))
    assert all(line in after for line in lines_of(source.text.rstrip("\r\n"))), "a line was changed"


@given(commented(), st.data())
@settings(max_examples=300, deadline=None)
def test_taking_a_value_out_leaves_every_other_line(source: Commented, data: Any) -> None:
    if not source.places:
        return
    path, line = data.draw(st.sampled_from(source.places))
    wanted = copy.deepcopy(source.value)
    target: Any = wanted
    for part in path[:-1]:
        target = target[part]
    if len(target) == 1:
        return
    removed = target.pop(path[-1])
    result = rewrite(source.text.encode(), wanted).decode()
    assert same(value_of(result), wanted)
    before, after = lines_of(source.text), lines_of(result)
    if isinstance(target, list) and target.count(removed):
        # Which of two equal items went cannot be told from the value.
        assert len(after) == len(before) - 1
        return
    # Comments may move to the left where a block text above them would swallow them.
    assert [text.lstrip() for text in after] == [text.lstrip() for text in before[:line] + before[line + 1 :]]
    if not any(": |-" in text for text in before):
        assert after == before[:line] + before[line + 1 :]


@given(commented(), st.data())
@settings(max_examples=200, deadline=None)
def test_several_edits_at_once_keep_comments_outside_them(source: Commented, data: Any) -> None:
    wanted = copy.deepcopy(source.value)
    touched = set()
    for path, line in (
        data.draw(st.lists(st.sampled_from(source.places), max_size=4)) if source.places else []
    ):
        _put(wanted, path, data.draw(st.one_of(st.integers(), st.sampled_from(["x", "{{a.b}}", "y: z"]))))
        touched.add(line)
    wanted["brand-new"] = {"deep": [1, {"er": "x"}]}
    result = rewrite(source.text.encode(), wanted).decode()
    assert same(value_of(result), wanted)
    after = iter(lines_of(result))
    lines = lines_of(source.text.rstrip("\r\n"))
    assert all(line in after for number, line in enumerate(lines) if number not in touched)
    for number in range(1, source.comments + 1):
        assert f"# c{number}: it's {{odd}}" in result


SWEEP = settings(max_examples=4000, deadline=None)


@pytest.mark.long
@given(DOCUMENTS, DOCUMENTS)
@SWEEP
def test_many_documents_become_others(before: dict[str, Any], after: dict[str, Any]) -> None:
    raw = document(before).encode()
    assert same(read_yaml(rewrite(raw, after)).value, after)


@pytest.mark.long
@given(commented(), st.data())
@SWEEP
def test_many_removals(source: Commented, data: Any) -> None:
    test_taking_a_value_out_leaves_every_other_line.hypothesis.inner_test(source, data)  # type: ignore[attr-defined]


@pytest.mark.long
@given(commented(), st.data())
@SWEEP
def test_many_edits_at_once(source: Commented, data: Any) -> None:
    test_several_edits_at_once_keep_comments_outside_them.hypothesis.inner_test(source, data)  # type: ignore[attr-defined]
