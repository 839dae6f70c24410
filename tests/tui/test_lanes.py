"""The run's graph in text: lanes join and part where the edges say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stacktui.tui.widgets.lanes import lanes


def test_a_chain_is_one_lane() -> None:
    assert lanes(["a", "b", "c"], {"b": ["a"], "c": ["b"]}) == ["●", "●", "●"]


def test_two_side_by_side_part_and_join() -> None:
    drawn = lanes(
        ["load", "left", "right", "join"], {"left": ["load"], "right": ["load"], "join": ["left", "right"]}
    )
    assert drawn == ["●", "├─●", "● │", "●─╯"]


def test_what_others_imply_is_not_drawn() -> None:
    assert lanes(["a", "b", "c"], {"b": ["a"], "c": ["a", "b"]}) == ["●", "●", "●"]


def test_steps_without_edges_stand_alone() -> None:
    assert lanes(["a", "b"], {}) == ["●", "●"]


@given(st.data())
def test_any_graph_has_one_node_a_line(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 25))
    order = [f"s{number}" for number in range(count)]
    before = {
        name: data.draw(st.lists(st.sampled_from(order[:number]), max_size=4)) if number else []
        for number, name in enumerate(order)
    }
    drawn = lanes(order, before)
    assert len(drawn) == count
    for line in drawn:
        assert line.count("●") == 1 or line.endswith("…")
