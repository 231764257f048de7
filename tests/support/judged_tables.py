"""Tables of texts judged end to end: bins, profile, verdict."""

from collections import Counter

from autowatch.monitoring.drift.judge import DriftRules, judge
from autowatch.tabular.profile import Baseline, ProfileBuilder, baseline_column

RULES = DriftRules(min_rows=300)


def baseline_of(**columns):
    """A baseline of columns of texts; those whose name starts with n are numeric."""
    return Baseline(
        "run-1",
        len(next(iter(columns.values()))),
        tuple(
            baseline_column(
                name, "feature", "numeric" if name.startswith("n") else "categorical", Counter(texts)
            )
            for name, texts in columns.items()
        ),
    )


def profile_of(baseline, **columns):
    """The profile of one batch of columns of texts."""
    builder = ProfileBuilder(baseline)
    builder.add(columns)
    return builder.build()


def judged(reference, current, rules=RULES):
    """The judgement of a table against another, and that of its first column."""
    baseline = baseline_of(**reference)
    report = judge(baseline, profile_of(baseline, **current), rules)
    return report, report.columns[0]


def texts(values):
    """Numbers as a CSV has them."""
    return [f"{value:.5f}" for value in values]
