"""Shapes of SVG pictures: small charts of one figure over the days, and the square in which curves are drawn.

The newest day is at the right end. templates/plot.html.jinja draws the axes of the square.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

WIDTH, HEIGHT = 120.0, 28.0


_MARGIN = 3.0


_WIDEST_SLOT = 8.0
"""The greatest width of a day; few days are drawn at the right end and leave the rest empty."""


_Item = TypeVar("_Item")


def path(points: Sequence[tuple[float, float]]) -> str:
    """The path through points with coordinates from 0 to 1."""
    return "M" + "L".join(f"{x(across):g} {y(upwards):g}" for across, upwards in points)


@dataclass(frozen=True)
class Sparkline:
    """A line with its threshold, in a picture of 120 × 28.

    A day without a figure is a gap; a day between two gaps is a dot. `last` is the position of the newest day's dot,
    `over` says whether its figure reaches the threshold, and `text` describes the picture.
    """

    path: str
    threshold: float
    last: tuple[float, float] | None
    over: bool
    text: str


def x(share: float) -> float:
    """The horizontal position of a share between 0 and 1."""
    return round(_LEFT + (_RIGHT - _LEFT) * share, 1)


def y(share: float) -> float:
    """The vertical position of a share between 0 and 1."""
    return round(_BOTTOM + (_TOP - _BOTTOM) * share, 1)


@dataclass(frozen=True)
class Bar:
    """The bar of the day at index `place`, in a picture of 120 × 28."""

    place: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Band:
    """Values with intervals, in a picture of 120 × 28; the days have the same positions as in `bars`.

    Attributes:
        path: the line through consecutive days.
        area: the filled area of their intervals.
        dots: the days between two gaps, each a line of length 0.
        whiskers: the intervals of those days.
        levels: the reference levels, a line for each day that has one.
    """

    path: str
    area: str
    dots: str
    whiskers: str
    levels: str
    lowest: float
    highest: float


def sparkline(values: Sequence[float | None], most: float) -> Sparkline | None:
    """Draws figures in multiples of their threshold, from 0 to `most`; larger ones are cut off.

    Returns None if there are no figures.
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    highest = min(most, max(1.5, *known))
    points = [
        None if value is None else (_x(place, len(values)), _y(min(value, highest) / highest))
        for place, value in enumerate(values)
    ]
    final = values[-1]
    ending = "none on the newest day" if final is None else f"{final:.1f} on the newest day"
    return Sparkline(
        path="".join(_line(stretch) for stretch in _stretches(points)),
        threshold=_y(1 / highest),
        last=points[-1],
        over=final is not None and final >= 1,
        text=f"Distance in multiples of its threshold on {len(known)} of {len(values)} days: "
        f"{min(known):.1f} to {max(known):.1f}, {ending}.",
    )


def bars(values: Sequence[int | None]) -> list[Bar]:
    """Bars for counts; None and 0 have no bar, and the highest bar fills the picture."""
    highest = max((value for value in values if value is not None), default=0)
    slot = slot_width(len(values))
    return [
        # A day with few rows must not look like a day without rows.
        Bar(
            place,
            round(middle(place, len(values)) - slot * 0.4, 2),
            round(HEIGHT - height, 1),
            round(slot * 0.8, 2),
            round(height, 1),
        )
        for place, value in enumerate(values)
        if value and value > 0
        for height in (max(1.0, value / highest * (HEIGHT - 1)),)
    ]


def band(
    intervals: Sequence[tuple[float, float, float] | None], levels: Sequence[float | None] = ()
) -> Band | None:
    """Draws values with intervals, each given as (lower, value, upper), and reference levels.

    Returns None if there are no values.
    """
    known = [interval for interval in intervals if interval is not None]
    if not known:
        return None
    ends = [end for lower, _, upper in known for end in (lower, upper)]
    ends += [level for level in levels if level is not None]
    lowest, highest = min(ends), max(ends)
    span = highest - lowest or 1.0
    drawn = [
        None
        if interval is None
        else _Placed(
            round(middle(place, len(intervals)), 1), *(_y((end - lowest) / span) for end in interval)
        )
        for place, interval in enumerate(intervals)
    ]
    stretches = _stretches(drawn)
    lines, alone = (
        [days for days in stretches if len(days) > 1],
        [days for days in stretches if len(days) == 1],
    )
    return Band(
        path="".join(_line([(day.x, day.value) for day in days]) for days in lines),
        area="".join(
            _line([*((day.x, day.upper) for day in days), *((day.x, day.lower) for day in reversed(days))])
            + "Z"
            for days in lines
        ),
        dots="".join(_line([(day.x, day.value)]) for [day] in alone),
        whiskers="".join(_line([(day.x, day.lower), (day.x, day.upper)]) for [day] in alone),
        levels="".join(
            f"M{round(middle(place, len(levels)) - half, 2):g} {_y((level - lowest) / span)}h{round(2 * half, 2):g}"
            for half in [slot_width(len(levels)) / 2]
            for place, level in enumerate(levels)
            if level is not None
        ),
        lowest=lowest,
        highest=highest,
    )


@dataclass(frozen=True)
class _Placed:
    """The position of a day of a band."""

    x: float
    lower: float
    value: float
    upper: float


def slot_width(places: int) -> float:
    """The width of one day in a picture of `places` days."""
    return min(WIDTH / max(places, 1), _WIDEST_SLOT)


def middle(place: int, places: int) -> float:
    """The horizontal middle of the day at index `place` in a picture of `places` days."""
    return WIDTH - (places - place - 0.5) * slot_width(places)


def _x(place: int, places: int) -> float:
    return round(_MARGIN + (WIDTH - 2 * _MARGIN) * (place / (places - 1) if places > 1 else 1), 1)


def _y(share: float) -> float:
    return round(HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * share, 1)


def _stretches(items: Sequence[_Item | None]) -> list[list[_Item]]:
    """The runs of consecutive items between gaps (None)."""
    stretches: list[list[_Item]] = [[]]
    for item in items:
        if item is not None:
            stretches[-1].append(item)
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _line(points: Sequence[tuple[float, float]]) -> str:
    """The path through points; a single point becomes a line of length 0, which round line ends draw as a dot."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) + ("h0" if len(points) == 1 else "")


_LEFT, _RIGHT, _TOP, _BOTTOM = 48.0, 348.0, 8.0, 288.0
