"""The verdicts of reports, and what raises an alarm."""

from typing import Literal

DriftVerdict = Literal["drift", "no drift", "not enough data"]
QualityVerdict = Literal["good", "worse", "not enough labels"]
AlarmKind = Literal[
    "missing column",
    "missing values",
    "new categories",
    "out of range",
    "volume",
    "refused files",
    "schema",
    "settings",
    "baseline",
]
