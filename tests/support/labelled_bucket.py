"""A bucket with scored days in it, for the tests of labels and quality."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.evaluation.figures import CalibrationPoint
from autowatch.records.arrival import Arrival, id_prefix
from autowatch.records.decision import GateDecision, JudgedModel, Latency, write_decision
from autowatch.records.manifest import Manifest, RowCounts, write_pointer
from autowatch.records.threshold import DecisionThreshold
from autowatch.records.timestamps import to_text
from autowatch.scoring.output import predictions_header
from autowatch.tabular.csv_lines import no_formula
from tests.support.scoring_bucket import BUCKET, CONTRACT

DAY = "2026-11-23"


def put_scored(
    s3,
    name="a",
    day=DAY,
    run="r1",
    probabilities=("0.2", "0.8"),
    rejected=(),
    commit=True,
    threshold=None,
    own=None,
    row_id="id",
    hour=9,
    labels=("no", "yes"),
    neutralise=False,
    outputs=None,
    contract=CONTRACT,
):
    """A scored file: a row for each probability; rows with the numbers `rejected` have no prediction.

    Without a `threshold` in the run's contract labels are the model's own, cut at 0.5. `own` are columns of the input,
    with a value for each row; `labels` are the negative and the positive one. A model of another type than two labels
    has its own `contract`, and `outputs`: the columns that it adds, with a text for each row.

    Returns the beginning of its ids.
    """
    file = ObjectVersion(f"inference/{name}.csv", f"version of {name} {day}", "e", 1)
    arrival = Arrival(file, datetime.fromisoformat(f"{day}T{hour:02}:00:00Z"))
    own = own or {"note": [f"secret {number}" for number in range(1, len(probabilities) + 1)]}
    if outputs:
        probabilities = next(iter(outputs.values()))
        own = {"note": ["secret"] * len(probabilities)}
    numbers = [number for number in range(1, len(probabilities) + 1) if number not in rejected]
    scores = [probabilities[number - 1] for number in numbers]
    outputs = outputs or {
        "y": [labels[float(score) >= (threshold or 0.5)] for score in scores],
        "y_probability": scores,
    }
    columns = {
        **{name: [texts[number - 1] for number in numbers] for name, texts in own.items()},
        **outputs,
    }
    stem = f"predictions/date={day}/{name}-0123456789abcdef"
    ids = [f"{arrival.id_prefix}-{number}" for number in numbers]
    before = [columns[name] for name in own]
    rows = zip(*before, ids, *outputs.values(), strict=True)
    as_written = no_formula if neutralise else str
    lines = [",".join([*map(as_written, row), to_text(arrival.time)]) + "\n" for row in rows]
    body = predictions_header(own, row_id, outputs, neutralise) + "".join(lines).encode()
    version = s3.put_object(Bucket=BUCKET, Key=f"{stem}.csv", Body=body).get("VersionId")
    manifest = Manifest(
        input=file,
        predictions_key=f"{stem}.csv",
        predictions_version_id=version,
        profile_key=f"{stem}.profile.json",
        profile_version_id=None,
        rows=RowCounts(len(probabilities), len(numbers), len(rejected)),
        run=run,
        model_name="m",
        endpoint_name="e",
        endpoint_config="c",
        prediction_date=to_text(arrival.time),
        columns=tuple(own),
        row_id=row_id,
        formulas_neutralised=neutralise,
        started=f"{day}T09:00:00Z",
        finished=f"{day}T09:00:01Z",
        versions={},
    )
    decides = DecisionThreshold(threshold, "f1") if threshold else None
    if contract is CONTRACT:
        contract = replace(CONTRACT, decision_threshold=decides, labels=labels, positive_label=labels[1])
    contract = replace(contract, run=run)
    Bucket(s3, BUCKET).write_json(f"models/{run}/contract.json", contract)
    write_pointer(Bucket(s3, BUCKET), id_prefix(file), f"{stem}.csv")
    if commit:
        Bucket(s3, BUCKET).write_json(f"{stem}.manifest.json", manifest)
    return id_prefix(file)


def put_labels(s3, text, name="l", time="2026-11-25T08:00:00.5Z"):
    """A labels file, and its announcement."""
    body = text.encode() if isinstance(text, str) else text
    answer = s3.put_object(Bucket=BUCKET, Key=f"labels/{name}.csv", Body=body)
    file = ObjectVersion(f"labels/{name}.csv", answer.get("VersionId"), answer["ETag"].strip('"'), len(body))
    return Arrival(file, datetime.fromisoformat(time).astimezone(UTC))


def put_gate(s3, auc=0.8, rows=8000, positives=900, run="r1"):
    """The decision of a gate that measured this AUC."""
    curve = (CalibrationPoint(0.1, positives / rows, rows),)
    judged = JudgedModel(run, rows, {"auc": auc}, ((0.0, 0.0), (1.0, 1.0)), curve, Latency(1, 0.1, 0.1))
    metrics = {
        "auc": auc,
        "accuracy": 0.9,
        "precision": 0.6,
        "recall": 0.43,
        "f1": 0.5,
        "log_loss": 0.3,
        "brier": 0.1,
        "calibration_error": 0.01,
    }
    write_decision(
        Bucket(s3, BUCKET), run, GateDecision(run, True, "good", 0.6, rows, metrics, challenger=judged)
    )


def draw(rows, auc_shift, seed=1, share=0.2):
    """Probabilities and labels; the further the shift is from 0, the better the former predict the latter."""
    source = random.Random(seed)
    labels = ["yes" if source.random() < share else "no" for _ in range(rows)]
    probabilities = [
        f"{min(max(source.gauss(0.4 + auc_shift * (label == 'yes'), 0.15), 0.0), 1.0):.4f}"
        for label in labels
    ]
    return probabilities, labels


def labels_text(id_prefix, labels, first=1, header="id,y"):
    """A labels file for consecutive rows, from number `first` on."""
    lines = [f"{id_prefix}-{number},{label}" for number, label in enumerate(labels, first)]
    return "\n".join([header, *lines, ""])


def quality(s3, day=DAY):
    """The day's `quality.json`."""
    return json.loads(s3.get_object(Bucket=BUCKET, Key=f"reports/date={day}/quality.json")["Body"].read())
