"""Sparklines: one figure over the days, as paths of an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 120.0, 28.0
_MARGIN = 3.0


@dataclass(frozen=True)
class Sparkline:
    """The path of the line, the height of the threshold's line, and where the last day's dot stands.

    A day without a figure is a gap; a day between two gaps is a dot. `over` says that the last figure reaches the
    threshold.
    """

    path: str
    threshold: float | None
    last: tuple[float, float] | None
    over: bool


def sparkline(values: Sequence[float | None], threshold: float, most: float) -> Sparkline | None:
    """Draws `values`, the last one at the right end, from 0 up to `most`, beyond which all are as high.

    None where there is no figure at all.
    """
    if all(value is None for value in values):
        return None
    highest = min(most, max(1.5 * threshold, *(value for value in values if value is not None)))
    points = [
        None if value is None else (_x(place, len(values)), _y(min(value, highest) / highest))
        for place, value in enumerate(values)
    ]
    final = values[-1]
    return Sparkline(
        path=_path(points),
        threshold=_y(threshold / highest),
        last=points[-1],
        over=final is not None and final >= threshold,
    )


def bars(values: Sequence[int | None]) -> list[tuple[float, float, float, float]]:
    """Bars for counts, the last one at the right end: x, y, width and height of each that is there and not 0."""
    highest = max((value for value in values if value is not None), default=0)
    step = WIDTH / max(len(values), 1)
    # A day with few rows must not look like one without.
    heights = [None if not value else max(1.0, value / highest * (HEIGHT - 2)) for value in values]
    return [
        (round(place * step, 1), round(HEIGHT - height, 1), round(max(step - 1, 0.6), 1), round(height, 1))
        for place, height in enumerate(heights)
        if height is not None
    ]


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
