"""The objects of a run that its page shows, for each problem type, from the code that writes them."""

from dataclasses import asdict, replace

import numpy as np

from autowatch.aws.objects import ObjectVersion
from autowatch.evaluation.classification import measure
from autowatch.evaluation.curves import calibration_curve, gain_curve, lift, roc_curve
from autowatch.evaluation.figures import Comparison
from autowatch.evaluation.intervals import share_estimate
from autowatch.evaluation.judged import ClassRows, JudgedRows, NumberRows
from autowatch.records.decision import Check, GateDecision, JudgedModel, Latency
from autowatch.records.run import Run

LABELS = ("bus", "opel", "saab", "a van with a rather long name")


ENDED = Run(
    "20261123-071500-d822",
    "arn:execution",
    "released",
    "drift",
    ObjectVersion("training/x.csv", None, "e", 5_000),
    "2026-11-23T07:15:00Z",
    "2026-11-23T07:31:12Z",
    "AUC 0.8000 is not below the floor.",
)


def judged(run, seed):
    random = np.random.default_rng(seed)
    positive = random.random(500) < 0.3
    probability = np.clip(0.3 + 0.2 * positive + random.normal(0, 0.15, 500), 0, 1)
    return JudgedModel(
        run=run,
        rows=500,
        metrics=asdict(measure(positive, probability > 0.5, probability)),
        roc=roc_curve(positive, probability),
        calibration=calibration_curve(positive, probability),
        latency=Latency(3, 0.41, 2.2),
        gain=gain_curve(positive, probability),
        lift_of_tenth=lift(positive, probability, 0.1),
    )


def gate(**changes):
    challenger, champion = judged(ENDED.run, 1), judged("20261101-200005-77aa", 2)
    decision = GateDecision(
        run=ENDED.run,
        passed=True,
        reason="Good enough.",
        minimum_auc=0.6,
        rows=500,
        metrics=challenger.metrics,
        checks=(Check("floor", True, "Not below."), Check("latency", False, "Took 31 s.", "at most 30 s")),
        challenger=challenger,
        champion=champion,
        comparison=Comparison(500, 0.8, 0.7, 0.1, 0.05, 0.15, 0.95, 0.02, 0.05, 2000, 1),
    )
    return asdict(replace(decision, **changes))


def leaderboard(*names):
    return {
        "job_name": f"autowatch-{ENDED.run}",
        "objective": "AUC",
        "best_candidate": names[0],
        "candidates": [
            {
                "name": name,
                "status": "Completed",
                "value": 0.8 - place / 1000,
                "metrics": {"F1 (Validation)": 0.4, "AUC (Validation)": 0.799} if place else {},
                "seconds": 61.0,
            }
            for place, name in enumerate(names)
        ],
        "artefacts": {"ModelInsights": "s3://bank/insights.json"},
        "partial_failures": ["No explainability report: access denied."],
    }


def data(**changes):
    def column(name, role="feature", **more):
        facts = {"missing": 0, "distinct": 5, "distinct_is_exact": True, "constant": False, "auc": 0.6}
        return {"name": name, "role": role, "type": "numeric", **facts, **more}

    return {
        "run": ENDED.run,
        "files": [{"key": "training/x.csv"}],
        "rows": 1000,
        "unlabelled_rows": 3,
        "duplicate_rows": 12,
        "classes": {"no": 900, "yes": 100},
        "columns": [
            column("age", missing=125, distinct=70_000, distinct_is_exact=False),
            column("fixed", constant=True),
            column("duration", "dropped", auc=0.9),
            column("y", "target", auc=None),
        ],
        "likely_leaks": ["duration"],
        "train": {"rows": 800, "classes": {"no": 720, "yes": 80}},
        "holdout": {"by": "newest", "rows": 200, "classes": {"no": 180, "yes": 20}},
        "warnings": ["The column 'duration' predicts the target almost alone."],
        **changes,
    }


def class_rows(rows=600, seed=3):
    random = np.random.default_rng(seed)
    actual = random.choice(len(LABELS), rows, p=[0.4, 0.3, 0.2, 0.1])
    scores = random.normal(0, 1, (rows, len(LABELS))) + 2 * np.eye(len(LABELS))[actual]
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    return ClassRows(LABELS, actual, predicted, probabilities.max(axis=1), probabilities)


def number_rows(rows=600, seed=4):
    random = np.random.default_rng(seed)
    actual = random.gamma(3, 900, rows)
    return NumberRows(actual, 300 + 0.9 * actual + random.normal(0, 400, rows))


def judged_decision(rows: JudgedRows, run: str) -> dict:
    """A `gate.json` of these rows, without a champion."""
    estimates = {name: each for name, each in rows.estimates().items() if each is not None}
    model = JudgedModel(
        run=run,
        rows=len(rows),
        metrics={name: each.value for name, each in estimates.items()},
        roc=(),
        calibration=rows.calibration(),
        latency=Latency(3, 0.41, 2.2),
        intervals={
            name: (each.lower, each.upper) for name, each in estimates.items() if each.lower is not None
        },
        classes=rows.class_table(),
        numbers=rows.number_table(),
    )
    return asdict(
        GateDecision(
            run=run,
            passed=True,
            reason="R² is not below the floor.",
            minimum_auc=None,
            rows=len(rows),
            metrics=model.metrics,
            checks=(
                Check("floor", True, "The measure is not below the floor."),
                Check("latency", True, "Quick."),
            ),
            challenger=model,
            champion_skipped="Judged without a champion: no model has been released yet.",
            problem_type=rows.problem_type,
            decided_by=rows.decided_by,
            floors={"r2": 0.0} if isinstance(rows, NumberRows) else {"macro_auc": 0.5},
        )
    )


def judged_quality(rows: JudgedRows) -> dict:
    """The fields of a `quality.json` that depend on the type."""
    metrics = {name: each and asdict(each) for name, each in rows.estimates().items()}
    return {
        "problem_type": rows.problem_type,
        "decided_by": rows.decided_by,
        "metrics": metrics,
        "gate": {name: each["value"] for name, each in metrics.items() if each},
        "calibration": [_with_interval(point) for point in rows.calibration()],
        "classes": (table := rows.class_table()) and asdict(table),
        "numbers": (numbers := rows.number_table()) and asdict(numbers),
        "threshold": None,
        "reasons": [],
    }


def _with_interval(point):
    observed = share_estimate(round(point.observed * point.rows), point.rows)
    return asdict(point) | {"lower": observed.lower, "upper": observed.upper}
