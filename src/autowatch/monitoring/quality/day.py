"""Measures the quality of one day's predictions from the labels so far, in `reports/date=D/quality.json`."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from autowatch.aws.objects import Bucket, ObjectChanged, ObjectMissing
from autowatch.evaluation.figures import ClassTable, Estimate, NumberTable
from autowatch.evaluation.measures import MEASURES_OF
from autowatch.monitoring.quality.fragments import Fragment, list_fragments
from autowatch.monitoring.quality.measures import measure_quality
from autowatch.monitoring.quality.rows import LabelledRun, read_labelled_rows
from autowatch.monitoring.quality.verdict import Judged, QualityRules, judge_quality, known_classes
from autowatch.records.claim import Contested
from autowatch.records.decision import GateDecision, read_decision
from autowatch.records.keys import MANIFEST_ENDING, PREDICTIONS_PREFIX, day_folder, quality_key
from autowatch.records.timestamps import to_text

_ATTEMPTS = 20


@dataclass(frozen=True)
class MeasuredDay:
    """A day's `quality.json`, and whether this call wrote it."""

    document: dict[str, Any]
    is_new: bool


def measure_day(
    bucket: Bucket, day: str, rules: QualityRules, now: datetime, *, anew: bool = False
) -> MeasuredDay | None:
    """Measures a day and writes its `quality.json`; returns None if the day has no labels yet.

    Labels are listed after the document is read, and the document is only replaced if it has not changed since then. Of
    several concurrent calls, the last one to write has therefore seen all labels. A document that covers all labels is
    left unchanged.

    Args:
        day: as `YYYY-MM-DD`.
        now: with a time zone.
        anew: measure even if there are no new labels.

    Raises:
        Contested: other invocations kept changing the document. A retry either finds all labels covered or covers them.
        PredictionsMissing: predictions that a manifest names are gone.
    """
    for _ in range(_ATTEMPTS):
        earlier, etag = _read(bucket, day)
        fragments = list_fragments(bucket, day)
        if not fragments:
            return None
        manifests = _list_manifests(bucket, day)
        inputs = _digest(fragments, manifests, rules)
        if earlier and earlier["inputs"] == inputs and not anew:
            return MeasuredDay(earlier, is_new=False)
        runs = read_labelled_rows(bucket, list(manifests), fragments)
        gates = _read_gates(bucket, [run.run for run in runs])
        document = {
            "date": day,
            "generated": to_text(now),
            **quality_document(runs, gates, rules),
            "inputs": inputs,
        }
        document |= _told(earlier, document["run"])
        try:
            bucket.replace_json(quality_key(day), document, etag)
        except ObjectChanged:
            continue
        return MeasuredDay(document, is_new=True)
    raise Contested(
        f"Other invocations replaced the quality of {day} {_ATTEMPTS} times. Request it again by its date."
    )


def _read(bucket: Bucket, day: str) -> tuple[dict[str, Any] | None, str | None]:
    try:
        return bucket.read_json_with_etag(quality_key(day))
    except ObjectMissing:
        return None, None


def _list_manifests(bucket: Bucket, day: str) -> dict[str, str]:
    """The ETags of the day's manifests by key."""
    items = bucket.list(day_folder(PREDICTIONS_PREFIX, day))
    return {item["Key"]: item["ETag"] for item in items if item["Key"].endswith(MANIFEST_ENDING)}


def _digest(fragments: Sequence[Fragment], manifests: dict[str, str], rules: QualityRules) -> str:
    """A digest of everything that the document depends on."""
    labels = {fragment.file.key: fragment.file.etag for fragment in fragments}
    text = json.dumps([labels, manifests, vars(rules)], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_gates(bucket: Bucket, runs: Sequence[str]) -> dict[str, GateDecision]:
    gates = {}
    for run in runs:
        try:
            gates[run] = read_decision(bucket, run)
        except ObjectMissing:
            continue
    return gates


def _told(earlier: dict[str, Any] | None, run: str) -> dict[str, Any]:
    """Whether this run's day was alerted on or is claimed; new labels do not change that."""
    if earlier is None or earlier["run"] != run:
        return {"alerted": False, "alerting": None}
    return {"alerted": earlier["alerted"], "alerting": earlier["alerting"]}


def quality_document(
    runs: Sequence[LabelledRun], gates: Mapping[str, GateDecision], rules: QualityRules
) -> dict[str, Any]:
    """The fields that depend on the labelled rows of a day.

    Args:
        runs: at least one, newest first.
        gates: the decisions on the runs, where they were kept.
    """
    newest, *others = (_of_run(run, gates.get(run.run), rules) for run in runs)
    return {**newest, "other_runs": others}


def _of_run(run: LabelledRun, gate: GateDecision | None, rules: QualityRules) -> dict[str, Any]:
    measured = measure_quality(run.labelled, rules.min_of_class, known_classes(gate))
    judged = judge_quality(measured, gate, rules)
    measures = MEASURES_OF[measured.problem_type].measures
    return {
        "run": run.run,
        "problem_type": measured.problem_type,
        "decided_by": judged.judged.measure
        if judged.judged
        else MEASURES_OF[measured.problem_type].decides[0],
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "rows_scored": run.rows_scored,
        "rows_labelled": measured.rows,
        "files_scored": run.files_scored,
        "files_labelled": run.files_labelled,
        "coverage": measured.rows / run.rows_scored if run.rows_scored else 0.0,
        "judged": _document(judged.judged),
        "metrics": {name: _document(measured.metrics[name]) for name in measures},
        "gate": {name: gate.metrics.get(name) for name in measures} if gate else {},
        "threshold": run.threshold,
        "calibration": [each.to_json() for each in measured.calibration],
        "classes": _document(measured.classes),
        "numbers": _document(measured.numbers),
    }


def _document(what: Estimate | Judged | ClassTable | NumberTable | None) -> dict[str, Any] | None:
    return None if what is None else asdict(what)
