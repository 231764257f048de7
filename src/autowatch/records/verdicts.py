"""The verdicts of reports, and what raises an alarm."""

from typing import Literal

DriftVerdict = Literal["drift", "no drift", "not enough data"]
ColumnVerdict = DriftVerdict | Literal["not judged"]
"""A column is `not judged` if no number of rows would allow a verdict; its `reason` says why."""
QualityVerdict = Literal["good", "worse", "not enough labels"]
AlarmKind = Literal[
    "missing column",
    "missing values",
    "new categories",
    "out of range",
    "volume",
    "refused files",
    "same content",
    "repeated keys",
    "schema",
    "settings",
    "settings changed",
    "baseline",
]
