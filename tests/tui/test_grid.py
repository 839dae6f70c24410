"""The grid: what a person sees and presses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.strip import Strip

from stacktui.model.text import Clean, clean
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row, Tone
from stacktui.tui.widgets.gridrows import fit, lay_out

COLUMNS = (
    Column("name", "name", 12, grow=True),
    Column("state", "state", 11),
    Column("owner", "owner", 10, drop=2),
    Column("age", "age", 4, align="right", drop=1),
)


def rows(count: int, start: int = 0) -> list[Row]:
    return [
        Row(
            f"k{number}",
            (
                Cell(Clean(f"run {number}")),
                Cell(Clean("✓ succeeded"), Tone.OK),
                Cell(Clean("vision")),
                Cell(Clean("3m")),
            ),
        )
        for number in range(start, start + count)
    ]


class GridApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.asked = 0

    def compose(self) -> ComposeResult:
        yield Grid(*COLUMNS, empty=Clean("No runs yet. Press n to start one."), id="grid")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {}

    @property
    def grid(self) -> Grid:
        return self.query_one(Grid)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        self.opened.append(event.key)

    def on_grid_need_more(self) -> None:
        self.asked += 1

    def lines(self) -> list[str]:
        return [self.grid.render_line(y).text.rstrip() for y in range(self.grid.size.height)]


async def test_shows_the_rows_under_their_titles_and_marks_the_cursor_without_colour() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(3))
        await pilot.pause()
        shown = app.lines()
        assert "name" in shown[0]
        assert "age" in shown[0]
        assert shown[1].startswith("▌")
        assert "run 0" in shown[1]
        assert not shown[2].startswith("▌")


async def test_ten_thousand_rows_are_drawn_only_where_they_are_visible() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(10_000))
        await pilot.pause()
        drawn = len(app.grid._strips)
        assert drawn <= 12
        await pilot.press("G")
        assert app.grid.cursor_key == "k9999"
        assert "run 9999" in "\n".join(app.lines())
        await pilot.press("g")
        assert app.grid.cursor_key == "k0"
        assert "run 0" in app.lines()[1]


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        (("j", "j"), "k2"),
        (("down", "down", "k"), "k1"),
        (("j", "up"), "k0"),
        (("pagedown",), "k9"),
        (("ctrl+d",), "k4"),
        (("G", "ctrl+u"), "k95"),
        (("end", "home"), "k0"),
    ],
)
async def test_moves_as_vim_and_as_everywhere(keys: tuple[str, ...], key: str) -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(100))
        await pilot.press(*keys)
        assert app.grid.cursor_key == key
        assert any(line.startswith("▌") for line in app.lines()), "the cursor is out of sight"


async def test_the_cursor_stays_on_its_row_when_others_come_before_it() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(50))
        await pilot.press(*("j",) * 20)
        top = app.grid.scroll_offset.y
        place = [line.startswith("▌") for line in app.lines()].index(True)
        app.grid.set_rows([*rows(5, start=1000), *rows(50)])
        await pilot.pause()
        assert app.grid.cursor_key == "k20"
        assert app.grid.scroll_offset.y == top + 5
        assert [line.startswith("▌") for line in app.lines()].index(True) == place


async def test_the_cursor_takes_the_place_of_a_row_that_is_gone() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(5))
        await pilot.press("G")
        app.grid.set_rows(rows(4))
        await pilot.pause()
        assert app.grid.cursor_key == "k3"
        app.grid.set_rows([])
        await pilot.pause()
        assert not app.grid.rows
        assert "No runs yet. Press n to start one." in app.lines()[1]


async def test_narrow_screens_drop_columns_by_their_rank_and_keep_the_state() -> None:
    app = GridApp()
    async with app.run_test(size=(80, 10)) as pilot:
        app.grid.set_rows(rows(3))
        await pilot.pause()
        assert {"owner", "age"} <= set(app.lines()[0].split())
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert "owner" not in app.lines()[0]
        assert "age" in app.lines()[0]
        await pilot.resize_terminal(28, 10)
        await pilot.pause()
        assert app.lines()[0].split() == ["name", "state"]
        assert "✓ succeeded" in app.lines()[1]


async def test_filters_as_you_type_in_any_column_without_case() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(30))
        app.grid.set_filter("RUN 2")
        await pilot.pause()
        assert [row.key for row in app.grid.rows] == ["k2", "k12", *(f"k{n}" for n in range(20, 30))]
        assert (app.grid.match_count, app.grid.total) == (12, 30)
        app.grid.set_filter("nothing like it")
        await pilot.pause()
        assert "esc clears the filter" in "\n".join(app.lines())
        app.grid.set_filter("")
        await pilot.pause()
        assert app.grid.match_count == 30


async def test_marks_stay_with_their_rows_and_vanish_with_them() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(5))
        await pilot.press("space", "j", "space")
        assert app.grid.marks == {"k0", "k2"}
        assert "*" in app.lines()[1][:2]
        app.grid.set_rows(rows(2))
        await pilot.pause()
        assert app.grid.marks == {"k0"}


async def test_a_page_is_asked_for_once_near_the_end_and_added() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(100), more=True)
        await pilot.pause()
        assert app.asked == 0
        await pilot.press("G", "k", "j")
        await pilot.pause()
        assert app.asked == 1
        app.grid.add_rows(rows(100, start=100), more=False)
        await pilot.pause()
        assert app.grid.cursor_key == "k99"
        await pilot.press("G")
        assert app.grid.cursor_key == "k199"
        assert app.asked == 1


async def test_enter_opens_and_a_ticking_row_repaints_alone() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(5))
        await pilot.press("j", "enter")
        assert app.opened == ["k1"]
        await pilot.pause()
        kept = dict(app.grid._strips)
        app.grid.update_row(Row("k3", (Cell(Clean("run 3 again")),)))
        await pilot.pause()
        assert "run 3 again" in app.lines()[4]
        assert all(app.grid._strips.get(key) is strip for key, strip in kept.items() if key[0] != 3)


async def test_a_cursor_move_repaints_two_rows() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.set_rows(rows(100))
        await pilot.pause()
        painted: list[int] = []
        draw = app.grid.render_line

        def watched(y: int) -> Strip:
            painted.append(y)
            return draw(y)

        app.grid.render_line = watched  # type: ignore[method-assign]
        await pilot.press("j")
        await pilot.pause()
        assert sorted(set(painted)) == [1, 2]


async def test_headings_span_the_width() -> None:
    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        title = "components/artifact_store/bucket.yaml"
        app.grid.set_rows([Row("h", (Cell(Clean(title)),), heading=True), *rows(2)])
        await pilot.pause()
        assert title in app.lines()[1]


@given(st.text(max_size=40), st.integers(min_value=1, max_value=30), st.sampled_from(["left", "right"]))
@settings(max_examples=200, deadline=None)
def test_a_cell_is_exactly_as_wide_as_its_column(text: str, width: int, align: str) -> None:
    assert cell_len(fit(clean(text), width, align)) == width


def test_wide_characters_are_measured_in_cells() -> None:
    assert fit("数据", 6, "left") == "数据  "
    assert cell_len(fit("数据数据数据", 6, "left")) == 6
    assert fit("数据数据数据", 6, "left").rstrip().endswith("…")


async def test_what_comes_in_at_the_top_is_seen_there() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        grid = app.grid
        grid.set_rows(rows(50, start=100))
        await pilot.press("j")
        grid.set_rows([*rows(3, start=0), *rows(50, start=100)])
        await pilot.pause()
        assert grid.cursor_key == "k101"
        assert grid.scroll_offset.y == 0
        grid.set_rows([*rows(10, start=20), *rows(3, start=0), *rows(50, start=100)])
        await pilot.pause()
        # The cursor stays on its row, and in sight.
        assert grid.cursor_key == "k101"
        assert grid.scroll_offset.y <= grid.cursor < grid.scroll_offset.y + grid._page_height


async def test_a_view_in_the_middle_stays_where_it_is() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 10)) as pilot:
        grid = app.grid
        grid.set_rows(rows(50, start=100))
        await pilot.press("pagedown", "pagedown")
        key, offset = grid.cursor_key, grid.cursor - grid.scroll_offset.y
        grid.set_rows([*rows(3, start=0), *rows(50, start=100)])
        await pilot.pause()
        assert (grid.cursor_key, grid.cursor - grid.scroll_offset.y) == (key, offset)


def test_a_column_grows_no_further_than_it_may() -> None:
    columns = (Column("name", "name", 4, grow=True, most=10), Column("about", "about", 4, grow=True))
    for room, widths in ((9, [4, 4]), (14, [7, 6]), (40, [10, 29]), (6, [4, 4])):
        assert [placed.width for placed in lay_out(columns, room, 1)] == widths
