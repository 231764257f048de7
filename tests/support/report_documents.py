"""Documents of reports/ as docs/formats.md describes them, with as many columns and days as a test wants."""

import math
import random
from datetime import date, timedelta

RUN = "20261101-071500-d822"
EARLIER_RUN = "20261001-071500-77aa"
DAY = date(2026, 11, 23)
GATE = {
    "auc": 0.781,
    "accuracy": 0.9,
    "precision": 0.52,
    "recall": 0.34,
    "f1": 0.41,
    "log_loss": 0.281,
    "brier": 0.079,
    "calibration_error": 0.012,
}


def drift_document(day=DAY, columns=20, drifted=3, rows=4_000, bins=12, run=RUN, **changes):
    """A day's judgement; the first `drifted` columns drift, unless there are fewer than 500 rows."""
    enough = rows >= 500
    chance = random.Random(day.toordinal())
    judged = [_column(place, place < drifted, enough, bins, chance) for place in range(columns)]
    names = [column["name"] for column in judged if column["verdict"] == "drift"]
    document = {
        "date": day.isoformat(),
        "generated": f"{day.isoformat()}T20:00:05Z",
        "run": run,
        "verdict": "not enough data" if not enough else "drift" if names else "no drift",
        "rows": rows,
        "files": 2,
        "reference_rows": 32_950,
        "min_rows": 500,
        "drifted_columns": names,
        "drift_share": round(len(names) / max(columns, 1), 3),
        "alarms": [
            {
                "column": names[0],
                "kind": "new categories",
                "message": "28.1% of the values were never seen in training (reference: 0.0%).",
            }
        ]
        if names
        else [],
        "columns": judged,
        "other_runs": [],
        "since": (day - timedelta(days=2)).isoformat() if names else None,
        "alerted": bool(names),
        "rejected_rows": 12,
        "refused_files": {},
        "extra_columns": [],
        "domino": None,
    }
    return {**document, **changes}


def quality_document(day=DAY, verdict="good", auc=0.774, coverage=0.75, **changes):
    """A day's quality."""
    known = verdict != "not enough labels"
    metrics = {
        name: {"value": value, "lower": value - 0.02, "upper": value + 0.02} if known else None
        for name, value in {**GATE, "auc": auc, "calibration_error": 0.031}.items()
    }
    document = {
        "date": day.isoformat(),
        "generated": f"{(day + timedelta(days=2)).isoformat()}T08:00:00Z",
        "run": RUN,
        "verdict": verdict,
        "reasons": [f"AUC {auc:.3f} is 0.100 below the gate's 0.781, more than the 0.050 allowed."]
        if verdict == "worse"
        else [],
        "rows_scored": 4_000,
        "rows_labelled": round(4_000 * coverage),
        "coverage": coverage,
        "metrics": metrics,
        "gate": GATE,
        "calibration": [
            {
                "predicted": 0.05 + place / 10,
                "observed": min(0.98, 0.07 + place / 11),
                "lower": max(0.0, 0.03 + place / 11 - place / 90),
                "upper": min(1.0, 0.11 + place / 11 + place / 90),
                "rows": round(1_800 / (1 + place) ** 1.4),
            }
            for place in range(10)
        ]
        if known
        else [],
        "other_runs": [],
        "alerted": False,
    }
    return {**document, **changes}


def domino_document(*drifted, run=RUN):
    """The content of `checks.json` after one check."""
    return {
        "read": "2026-11-23T20:00:09Z",
        "run": run,
        "model_id": "64f0",
        "ingestion_status": "prediction",
        "checks": [
            {"checked": "2026-11-23T12:00:00Z", "drifted_columns": list(drifted), "predictions": 4_000}
        ],
    }


def story(days=90, columns=20, until=DAY):
    """Drift and quality by day: weekends without files, a thin day, drift that sets in, labels of the older half."""
    documents = {}
    for back in range(days):
        day = until - timedelta(days=back)
        if day.weekday() == 6:
            continue
        rows = 120 if day.weekday() == 5 else 3_500 + 40 * (day.day % 13)
        drift = drift_document(day, columns, drifted=3 if back < 4 else 0, rows=rows)
        quality = quality_document(day, auc=0.79 - back % 7 / 100) if back > days // 2 else None
        documents[day] = (drift, quality)
    return documents


def _column(place, drifts, enough, bins, chance):
    numeric = place % 2 == 0
    name = f"column_{place:02d}" if place else "euribor3m"
    reference = _shares([math.exp(-bin_ / 4) for bin_ in range(bins)])
    turned = [*reference[bins // 2 :], *reference[: bins // 2]]
    current = turned if drifts else _shares([share * chance.uniform(0.9, 1.1) for share in reference])
    labels = [_label(bin_, numeric) for bin_ in range(bins)]
    threshold = 0.0712
    js = (0.3 / (1 + place) + 0.1) if drifts else 0.02 + chance.uniform(0, 0.035)
    return {
        "name": name,
        "kind": "prediction" if place == 1 else "feature",
        "type": "numeric" if numeric else "categorical",
        "importance": 1.0,
        "verdict": "not enough data" if not enough else "drift" if drifts else "no drift",
        "p_value": 0.0 if drifts else 0.4,
        "p_adjusted": 0.0 if drifts else 0.61,
        "js": round(js, 4),
        "js_threshold": threshold,
        "psi": round(js * 8, 3),
        "missing": {"reference": 0.0, "current": 0.012},
        "new": 0.0,
        "out_of_range": 0.0,
        "moved": f"rose: “{labels[-1]}” 1.2% → 24%; fell: “{labels[0]}” 22% → 2.1%" if drifts else "",
        "bins": [
            {"label": label, "reference": before, "current": now} | _ends(bin_, numeric)
            for bin_, (label, before, now) in enumerate(zip(labels, reference, current, strict=True))
        ],
    } | _numbers(bins, numeric, drifts)


def _label(bin_, numeric):
    if numeric:
        return f"{bin_ * 0.7 - 1:.4g} to {bin_ * 0.7 - 0.3:.4g}"
    return f"a category with a rather long name, number {bin_}"


def _ends(bin_, numeric):
    return {"from": bin_ * 0.7 - 1, "to": bin_ * 0.7 - 0.3} if numeric else {}


def _numbers(bins, numeric, drifts):
    if not numeric:
        return {}
    reference = {"mean": 1.2, "median": 0.6, "low": -1.0, "high": bins * 0.7 - 1}
    current = {"mean": 4.5 if drifts else 1.3, "median": 4.1 if drifts else 0.7, "low": None, "high": None}
    extremes = {"reference": [reference["low"], reference["high"]], "current": [None, None]}
    return {"range": extremes, "numbers": {"reference": reference, "current": current}}


def _shares(weights):
    return [round(weight / sum(weights), 5) for weight in weights]
