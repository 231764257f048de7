"""The square that curves are drawn in, in units of the SVG; templates/plot.html.jinja draws its axes."""

from collections.abc import Sequence

_LEFT, _RIGHT, _TOP, _BOTTOM = 48.0, 348.0, 8.0, 288.0


def x(share: float) -> float:
    """Where a share between 0 and 1 lies across."""
    return round(_LEFT + (_RIGHT - _LEFT) * share, 1)


def y(share: float) -> float:
    """Where a share between 0 and 1 lies upwards."""
    return round(_BOTTOM + (_TOP - _BOTTOM) * share, 1)


def path(points: Sequence[tuple[float, float]]) -> str:
    """The line through points of shares."""
    return "M" + "L".join(f"{x(across):g} {y(upwards):g}" for across, upwards in points)
