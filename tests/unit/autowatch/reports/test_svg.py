import re
from itertools import pairwise

import pytest

from autowatch.reports.svg import HEIGHT, WIDTH, band, bars, sparkline


def points(path):
    return [tuple(map(float, point.split())) for point in re.findall(r"[ML]([\d.]+ [\d.]+)", path)]


def test_days_without_a_figure_are_gaps_and_isolated_days_are_dots():
    line = sparkline([None, 0.5, 0.6, None, 0.7, None, 0.4, 0.5], most=4)

    assert line.path.count("M") == 3
    assert line.path.count("L") == 2
    assert line.path.count("h0") == 1
    assert len(points(line.path)) == 5


def test_the_newest_day_is_at_the_right_end():
    line = sparkline([0.5, 2.0], most=4)

    assert line.last == points(line.path)[-1] == (WIDTH - 3, 3)
    assert line.over
    assert sparkline([2.0, 0.5], most=4).over is False


@pytest.mark.parametrize(("value", "over"), [(0.9, False), (1.0, True)])
def test_a_distance_at_its_threshold_reaches_it(value, over):
    line = sparkline([value], most=4)

    assert line.over is over
    assert (line.last[1] <= line.threshold) is over


def test_the_newest_day_may_have_no_figure():
    line = sparkline([0.5, None], most=4)

    assert line.last is None
    assert line.over is False
    assert line.text.endswith("none on the newest day.")


def test_very_large_values_are_cut_off():
    line = sparkline([0.5, 1_000.0], most=4)

    assert points(line.path)[-1][1] == 3
    assert points(line.path)[0][1] < HEIGHT - 3
    assert "0.5 to 1000.0" in line.text


@pytest.mark.parametrize("values", [[], [None], [None] * 30])
def test_without_figures_there_is_no_line(values):
    assert sparkline(values, most=4) is None
    assert band(values) is None
    assert bars(values) == []


@pytest.mark.parametrize("values", [[0.0], [0.0] * 30, [1e15, 0.0], [0.3] * 90])
def test_a_line_stays_within_its_picture(values):
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(sparkline(values, most=4).path))


def test_bars_keep_their_position_and_few_rows_are_visible():
    drawn = bars([None, 0, 1, 1_000_000, -5])

    assert [bar.place for bar in drawn] == [2, 3]
    assert drawn[0].height == 1
    assert drawn[1].height == HEIGHT - 1
    assert all(bar.y + bar.height == pytest.approx(HEIGHT) for bar in drawn)
    assert drawn[1].x + drawn[1].width < WIDTH


@pytest.mark.parametrize("days", [1, 2, 15, 16, 30, 180])
def test_few_days_are_at_the_right_end_with_a_maximum_width(days):
    drawn = bars([7] * days)

    assert all(0 < bar.width <= WIDTH / 15 for bar in drawn)
    assert drawn[-1].x + drawn[-1].width == pytest.approx(WIDTH, abs=1)
    assert drawn[0].x >= 0
    assert (drawn[0].x > WIDTH / 2) is (days <= 2)
    assert all(before.x + before.width < after.x for before, after in pairwise(drawn))


@pytest.mark.parametrize("days", [1, 2, 30, 90])
def test_a_days_value_is_above_the_middle_of_its_bar(days):
    drawn = band([(0.6, 0.7, 0.8)] * days)
    middles = [bar.x + bar.width / 2 for bar in bars([7] * days)]

    assert [x for x, _ in points(drawn.path + drawn.dots)] == pytest.approx(middles, abs=0.1)


def test_a_band_has_an_area_for_each_run_of_days():
    stretch = [(0.6, 0.7, 0.8), (0.5, 0.6, 0.7)]
    drawn = band([*stretch, None, *stretch, (0.7, 0.75, 0.9)])

    assert (drawn.lowest, drawn.highest) == (0.5, 0.9)
    assert drawn.area.count("M") == drawn.area.count("Z") == 2
    assert drawn.path.count("M") == 2
    assert drawn.dots == drawn.whiskers == ""
    first_area = points(drawn.area)[:4]
    assert first_area[0][1] < points(drawn.path)[0][1] < first_area[3][1]


def test_a_day_between_gaps_is_a_dot_with_its_interval():
    drawn = band([(0.6, 0.7, 0.8), None, None])

    assert drawn.path == drawn.area == ""
    [(x, middle)] = points(drawn.dots)
    assert drawn.dots.endswith("h0")
    assert points(drawn.whiskers) == [(x, HEIGHT - 3), (x, 3)]
    assert middle == HEIGHT / 2


def test_a_band_without_width_is_drawn():
    drawn = band([(0.7, 0.7, 0.7)])

    assert (drawn.lowest, drawn.highest) == (0.7, 0.7)
    assert drawn.dots.endswith("h0")
