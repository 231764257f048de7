"""Every kind of page there is, written to a folder as it lies in the bucket."""

import json
from dataclasses import asdict, replace
from datetime import timedelta
from urllib.parse import quote

import boto3
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.reports.publish import (
    publish_day_page,
    publish_history_page,
    publish_window_page,
    write_run_report,
)
from tests.support.report_documents import (
    DAY,
    EARLIER_RUN,
    GATE,
    RUN,
    domino_document,
    drift_document,
    quality_document,
    story,
)
from tests.support.run_documents import (
    ENDED,
    class_rows,
    data,
    gate,
    judged_decision,
    judged_quality,
    leaderboard,
    number_rows,
)

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '" onmouseover="alert(3)" x="',
    "'><svg onload=alert(4)>",
    "javascript:alert(5)",
    "</style><style>*{display:none}",
    "]]><!-- {{ 7*7 }} {% raw %}",
    "nul\0and\x1b[31m and \ud800 lone",
    "\u202eright to left override",
    "\u2067isolate",
    "😀👩‍👩‍👧‍👦 émoji 名前 שם اسم",
    "Z̷̡̛͉̗̰̟̼͔a̸̧̛͇̺l̶̡̥g̷̢̛o̴̡",
    "spaces   and\nline\nbreaks",
    "w" * 10_000,
    "word " * 2_000,
    "",
)
BUSY, QUIET, THIN = DAY, DAY - timedelta(days=1), DAY - timedelta(days=2)
ONLY_LABELS, ODD, NASTY = (DAY - timedelta(days=back) for back in (3, 5, 6))
WIDE = DAY - timedelta(days=8)
MULTICLASS, REGRESSION = DAY - timedelta(days=9), DAY - timedelta(days=10)


def write_site(folder):
    """Writes the pages below `folder` and returns the paths of one of each kind, by its name.

    The other days of the story have documents alone, as days that an earlier version judged.
    """
    days = {
        "busy": BUSY,
        "quiet": QUIET,
        "thin": THIN,
        "only labels": ONLY_LABELS,
        "odd": ODD,
        "hostile": NASTY,
        "wide": WIDE,
        "day of classes": MULTICLASS,
        "day of numbers": REGRESSION,
    }
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="bank")
        documents = _documents()
        for day, pair in documents.items():
            for name, document in zip(("drift", "quality"), pair, strict=True):
                if document is not None:
                    key = f"reports/date={day.isoformat()}/{name}.json"
                    s3.put_object(Bucket="bank", Key=key, Body=json.dumps(document))
        for day in sorted(days.values()):
            publish_day_page(Bucket(s3, "bank"), day)
        drift, folder_of_file = hostile_drift(key="inference/" + HOSTILE[1]), "reports/file=a/b-0123/"
        publish_window_page(Bucket(s3, "bank"), folder_of_file, drift)
        s3.put_object(Bucket="bank", Key=f"{folder_of_file}drift.json", Body=json.dumps(drift))
        for run in (EARLIER_RUN, "20261101-200005-77aa", quote(HOSTILE[0], safe="")):
            s3.put_object(Bucket="bank", Key=f"models/{run}/report.html", Body=b"<!doctype html>")
        for run, decision in _runs().items():
            for name, document in (
                ("gate", decision),
                ("data", data()),
                ("leaderboard", leaderboard("A", "B")),
            ):
                s3.put_object(Bucket="bank", Key=f"models/{run}/{name}.json", Body=json.dumps(document))
            ended = replace(ENDED, run=run)
            Bucket(s3, "bank").write_json(f"models/{run}/run.json", asdict(ended))
            write_run_report(Bucket(s3, "bank"), ended)
        publish_history_page(Bucket(s3, "bank"))
        for item in s3.list_objects_v2(Bucket="bank")["Contents"]:
            path = folder / item["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket="bank", Key=item["Key"])["Body"].read())
    reports = folder / "reports"
    pages = {name: reports / f"date={day.isoformat()}" / "index.html" for name, day in days.items()}
    runs = {name: folder / "models" / name / "report.html" for name in _runs()}
    return {
        **pages,
        "run": runs.pop(RUN),
        **runs,
        "history": reports / "index.html",
        "file": reports / "file=a/b-0123/index.html",
    }


def _runs():
    """The gate's decision on a run of each type, by the run's name."""
    return {
        RUN: gate(),
        "multiclass": judged_decision(class_rows(), "multiclass"),
        "regression": judged_decision(number_rows(), "regression"),
    }


def hostile_drift(**changes):
    """A judgement in which every foreign text is hostile."""
    document = drift_document(NASTY, columns=len(HOSTILE), drifted=4, bins=len(HOSTILE))
    for column, name in zip(document["columns"], HOSTILE, strict=True):
        column.update(name=name, moved=f"rose: “{name}” 1% → 9%")
        for bin_, label in zip(column["bins"], HOSTILE, strict=True):
            bin_["label"] = label
    document.update(
        run=HOSTILE[0],
        drifted_columns=list(HOSTILE),
        since=HOSTILE[1],
        generated=HOSTILE[0],
        alarms=[{"column": name, "kind": name, "message": name} for name in HOSTILE],
        extra_columns=list(HOSTILE),
        refused_files=dict.fromkeys(HOSTILE, 1),
        other_runs=[drift_document(NASTY, run=name, drifted_columns=list(HOSTILE)) for name in HOSTILE[:2]],
        domino={**domino_document(*HOSTILE, run=HOSTILE[1]), "ingestion_status": HOSTILE[2]},
    )
    document["domino"]["checks"][0]["checked"] = HOSTILE[3]
    return {**document, **changes}


def _documents():
    documents = dict(sorted(story(days=24, columns=6).items()))
    other = drift_document(BUSY, run=EARLIER_RUN, rows=900, drifted=2)
    busy = drift_document(
        BUSY,
        other_runs=[other],
        refused_files={"MissingColumns": 1},
        extra_columns=["customer"],
        domino=domino_document("euribor3m", "column_07"),
    )
    busy["alarms"].append(
        {"column": None, "kind": "volume", "message": "4,000 rows, fewer than half of the usual."}
    )
    documents[BUSY] = (busy, quality_document(BUSY, verdict="worse", auc=0.68))
    documents[QUIET] = (drift_document(QUIET, drifted=0), quality_document(QUIET))
    documents[THIN] = (drift_document(THIN, rows=120), quality_document(THIN, verdict="not enough labels"))
    documents[ONLY_LABELS] = (None, quality_document(ONLY_LABELS))
    documents[ODD] = ({"verdict": "perhaps"}, [])
    quality = quality_document(NASTY, verdict="worse", reasons=list(HOSTILE), run=HOSTILE[0])
    quality["other_runs"] = [quality_document(NASTY, run=HOSTILE[1])]
    documents[NASTY] = (hostile_drift(), quality)
    documents[MULTICLASS] = (drift_document(MULTICLASS, drifted=0), _quality(MULTICLASS, class_rows()))
    documents[REGRESSION] = (drift_document(REGRESSION, drifted=0), _quality(REGRESSION, number_rows()))
    documents[WIDE] = (_wide(), quality_document(WIDE, gate={**GATE, "auc": None}, run=RUN))
    return documents


def _quality(day, rows):
    return quality_document(day) | judged_quality(rows)


def _wide():
    parts = {"columns": 50, "drifted": 25, "bins": 23}
    return drift_document(WIDE, **parts, other_runs=[drift_document(WIDE, **parts, run=EARLIER_RUN)])
