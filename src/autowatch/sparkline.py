"""Small pictures of one figure over the days, as shapes of an SVG with the newest day at the right end."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 120.0, 28.0
_MARGIN = 3.0


@dataclass(frozen=True)
class Sparkline:
    """A line with its threshold, in a picture of 120 × 28.

    A day without a figure is a gap; a day between two gaps is a dot. `last` is where the newest day's dot stands,
    `over` says that its figure reaches the threshold, `text` says what the picture shows.
    """

    path: str
    threshold: float
    last: tuple[float, float] | None
    over: bool
    text: str


@dataclass(frozen=True)
class Bar:
    """The bar of the day at this place, in a picture of 120 × 28."""

    place: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Band:
    """A line with an interval around it, in a picture of 120 × 28; `path` is drawn, `area` filled."""

    path: str
    area: str
    lowest: float
    highest: float


def sparkline(values: Sequence[float | None], most: float) -> Sparkline | None:
    """Draws figures in multiples of their threshold, from 0 up to `most`, beyond which all are as high.

    None where there is no figure at all.
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
        path=_path(points),
        threshold=_y(1 / highest),
        last=points[-1],
        over=final is not None and final >= 1,
        text=f"Distance in multiples of its threshold on {len(known)} of {len(values)} days: "
        f"{min(known):.1f} to {max(known):.1f}, {ending}.",
    )


def bars(values: Sequence[int | None]) -> list[Bar]:
    """Bars for counts, one for each that is there and not 0; the highest fills the picture."""
    highest = max((value for value in values if value is not None), default=0)
    step = WIDTH / max(len(values), 1)
    return [
        # A day with few rows must not look like one without.
        Bar(place, round(place * step, 2), round(HEIGHT - height, 1), round(step * 0.8, 2), round(height, 1))
        for place, value in enumerate(values)
        if value and value > 0
        for height in (max(1.0, value / highest * (HEIGHT - 1)),)
    ]


def band(intervals: Sequence[tuple[float, float, float] | None]) -> Band | None:
    """Draws values between their lower and upper ends, each given as (lower, value, upper).

    None where there is no value at all.
    """
    known = [interval for interval in intervals if interval is not None]
    if not known:
        return None
    lowest, highest = min(lower for lower, _, _ in known), max(upper for _, _, upper in known)
    span = highest - lowest or 1.0

    def points(end: int) -> list[tuple[float, float] | None]:
        return [
            None if interval is None else (_x(place, len(intervals)), _y((interval[end] - lowest) / span))
            for place, interval in enumerate(intervals)
        ]

    lower, upper = points(0), points(2)
    return Band(_path(points(1)), "".join(_areas(lower, upper)), lowest, highest)


def _areas(
    lower: Sequence[tuple[float, float] | None], upper: Sequence[tuple[float, float] | None]
) -> list[str]:
    areas: list[str] = []
    there: list[tuple[float, float]] = []
    back: list[tuple[float, float]] = []
    for low, high in [*zip(lower, upper, strict=True), (None, None)]:
        if low is not None and high is not None:
            there.append(high)
            back.append(low)
        elif there:
            outline = "L".join(f"{x:g} {y:g}" for x, y in [*there, *reversed(back)])
            areas.append(f"M{outline}Z")
            there, back = [], []
    return areas


def _x(place: int, places: int) -> float:
    return round(_MARGIN + (WIDTH - 2 * _MARGIN) * (place / (places - 1) if places > 1 else 1), 1)


def _y(share: float) -> float:
    return round(HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * share, 1)


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    path, drawing = [], False
    for place, point in enumerate(points):
        if point is None:
            drawing = False
            continue
        alone = not drawing and (place + 1 == len(points) or points[place + 1] is None)
        path.append(f"{'L' if drawing else 'M'}{point[0]:g} {point[1]:g}{'h0' if alone else ''}")
        drawing = True
    return "".join(path)
