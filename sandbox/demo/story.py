"""The whole loop on one stack, as a user would run it: train, release, score, watch, alert, retrain.

It sees only what a user sees of the application: the bucket, the endpoint, the state machine and the mail.
"""

import csv
import io
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sandbox.client import Connection
from sandbox.demo.progress import Outcome, Progress
from sandbox.demo.spans import TARGET, Batch, Fit, Span, fit_of
from sandbox.events.mailbox import Mail

DATASOURCE = "autowatch"
ADDRESS = "you@example.com"

PARAMETERS = {
    # The duration is known only after the call, so it is dropped. Without it, the early span is hard to predict.
    "DropColumns": "duration",
    "MinimumAuc": "0.55",
    "MaxTrainingSeconds": "120",
    "PollSeconds": "1",
    "AlertEmail": ADDRESS,
    "DmmApi": "v2",
    "DmmUrl": "{endpoint}/domino/model-monitor/v2/api/",
    "DmmDatasource": DATASOURCE,
    "DmmTokenSecretArn": "{domino_token_secret_arn}",
}
"""The parameters of the stack on which the story is played."""

_REPORTS = "reports/"
_HISTORY = f"{_REPORTS}index.html"
_CHECKS_KEY = "monitoring/domino/checks.json"
_TRAINING_SECONDS = 600
_SCORING_SECONDS = 120
_DAILY_SECONDS = 120
_DETAIL_SECONDS = 1.0
# Longer than any state takes, including its retries.
_NEWEST_EVENTS = 50


class StoryError(Exception):
    """A step of the story did not happen, or ended unexpectedly."""


@dataclass(frozen=True)
class Released:
    """A training run that released its model."""

    run: str
    trigger: str
    rows: int
    candidate: str
    holdout_auc: float


@dataclass(frozen=True)
class Scored:
    """A scored batch: counts, and how well the predictions match the true labels."""

    key: str
    run: str
    rows_in: int
    scored: int
    rejected: int
    fit: Fit


@dataclass(frozen=True)
class Measured:
    """The verdict of a day's labels on its predictions."""

    verdict: str
    rows_scored: int
    rows_labelled: int
    auc: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Judged:
    """The daily run's verdict on the day.

    Attributes:
        page: the key of the day's page.
        reports: the objects under reports/ and all run pages after the daily run, by key.
    """

    verdict: str
    rows: int
    drifted_columns: tuple[str, ...]
    page: str
    reports: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True)
class Story:
    """Everything that happened, in order."""

    first_release: Released
    early_batch: Scored
    first_day: Judged
    early_labels: Measured
    late_batch: Scored
    second_day: Judged
    second_release: Released
    late_batch_again: Scored
    last_day: Judged
    registered_with_domino: tuple[str, ...]
    mails: tuple[Mail, ...]


def play(sandbox: Connection, early: Span, late: Span, progress: Progress) -> Story:
    """Plays the story.

    Raises:
        StoryError: a step did not end as expected.
    """
    stage = _Stage(sandbox, progress)
    progress.chapter("1. Train on the early span")
    stage.set_up_domino()
    stage.upload(early.training, "training/early.csv")
    arn = stage.start_training("training/early.csv")
    first_release = stage.follow(arn, "training and release")

    progress.chapter("2. Score a batch of the same span")
    early_batch = stage.score(early.batch, "inference/early batch.csv")
    first_day = stage.daily_run("no drift")
    early_labels = stage.label(early.batch, "labels/early.csv")

    progress.chapter("3. The world changes: score a batch of the later span")
    late_batch = stage.score(late.batch, "inference/late batch.csv")
    progress.say("    the first labels of the later span come in: training/late.csv")
    stage.upload(late.training, "training/late.csv")
    second_day = stage.daily_run("drift")

    progress.chapter("4. Drift has started a training run")
    second_release = stage.follow(stage.await_other_execution(arn), "retraining and release")

    progress.chapter("5. Score the later span again, with the new model")
    late_batch_again = stage.score(late.batch, "inference/late batch again.csv")
    last_day = stage.daily_run("no drift")
    return Story(
        first_release=first_release,
        early_batch=early_batch,
        first_day=first_day,
        early_labels=early_labels,
        late_batch=late_batch,
        second_day=second_day,
        second_release=second_release,
        late_batch_again=late_batch_again,
        last_day=last_day,
        registered_with_domino=stage.registered_with_domino(),
        mails=tuple(sandbox.mailbox.messages()),
    )


class _Stage:
    """One stack, and the user's actions on it."""

    def __init__(self, sandbox: Connection, progress: Progress) -> None:
        self._sandbox, self._progress = sandbox, progress
        self._s3, self._stepfunctions = sandbox.client("s3"), sandbox.client("stepfunctions")
        self._sagemaker = sandbox.client("sagemaker")
        self._bucket = sandbox.outputs["DataBucketName"]
        self._machine = sandbox.outputs["TrainStateMachineArn"]
        self._report_key = self._predictions_key = ""

    def upload(self, path: Path, key: str) -> None:
        self._s3.upload_file(str(path), self._bucket, key)

    def set_up_domino(self) -> None:
        """Does what a person does in the real Domino's pages: adds the bucket and the alert address."""
        domino = self._sandbox.domino
        domino.add_datasource(DATASOURCE, self._bucket, self._sandbox.environment["AWS_REGION"])
        domino.change_settings(alert_address=ADDRESS)

    def registered_with_domino(self) -> tuple[str, ...]:
        """The locations of the predictions files that are registered in Domino, for all models."""
        return tuple(
            dataset["location"]
            for model in self._sandbox.domino.models()
            for dataset in model["datasets"]
            if dataset["kind"] == "predictions"
        )

    def start_training(self, key: str) -> str:
        answer = self._stepfunctions.start_execution(
            stateMachineArn=self._machine, input=json.dumps({"training_key": key}, allow_nan=False)
        )
        return str(answer["executionArn"])

    def await_other_execution(self, first: str) -> str:
        """The execution that the user did not start."""
        with self._progress.step("waiting for the run that drift starts") as outcome:
            found: list[str] = []

            def look() -> bool:
                executions = self._stepfunctions.list_executions(stateMachineArn=self._machine)["executions"]
                found.extend(item["executionArn"] for item in executions if item["executionArn"] != first)
                return bool(found)

            _wait_for(look, outcome, "the event DriftDetected", 60)
            outcome.text = found[0].rsplit(":", 1)[-1]
            return found[0]

    def follow(self, arn: str, title: str) -> Released:
        """Waits for the end of a training run that is expected to release its model."""
        with self._progress.step(title) as outcome:
            answer: dict[str, Any] = {}

            def look() -> bool:
                answer.update(self._stepfunctions.describe_execution(executionArn=arn))
                return bool(answer["status"] != "RUNNING")

            _wait_for(look, outcome, lambda: self._state_of(arn), _TRAINING_SECONDS)
            if answer["status"] != "SUCCEEDED":
                raise StoryError(
                    f"The training run ended as {answer['status']}: {answer.get('error')}: {answer.get('cause')}"
                )
            output = json.loads(answer["output"])
            if output["finish"]["value"]["status"] != "released":
                raise StoryError(f"The model was not released: {output['finish']['value']['reason']}")
            released = self._release(output)
            outcome.text = (
                f"{released.rows:,} rows, best of Autopilot's candidates {released.candidate}, "
                f"hold-out AUC {released.holdout_auc:.3f}"
            )
            return released

    def _release(self, output: dict[str, Any]) -> Released:
        run = output["prepare"]["value"]["run"]
        return Released(
            run=run,
            trigger=self._read_json(f"models/{run}/run.json")["trigger"],
            rows=output["prepare"]["value"]["rows"],
            candidate=output["job"]["value"]["best_candidate"],
            holdout_auc=output["gate"]["value"]["metrics"]["auc"],
        )

    def _state_of(self, arn: str) -> str:
        newest = self._stepfunctions.get_execution_history(
            executionArn=arn, reverseOrder=True, maxResults=_NEWEST_EVENTS
        )["events"]
        states = [
            event["stateEnteredEventDetails"] for event in newest if "stateEnteredEventDetails" in event
        ]
        if not states:
            return "starting"
        state = states[0]["name"]
        if "Autopilot" not in state:
            # WaitForCandidate: wait for candidate
            return re.sub(r"(?<!^)(?=[A-Z])", " ", str(state)).lower()
        jobs = self._sagemaker.list_auto_ml_jobs(SortBy="CreationTime", SortOrder="Descending", MaxResults=1)
        job = jobs["AutoMLJobSummaries"][0] if jobs["AutoMLJobSummaries"] else None
        return f"Autopilot: {job['AutoMLJobSecondaryStatus']}" if job else "Autopilot"

    def score(self, batch: Batch, key: str) -> Scored:
        """Uploads a batch and waits for its predictions."""
        with self._progress.step(f"scoring {key}") as outcome:
            before = self._keys("predictions/") | self._keys("rejected/")
            self.upload(batch.path, key)
            found: dict[str, Any] = {}

            def look() -> bool:
                for new in (self._keys("predictions/") | self._keys("rejected/")) - before:
                    if new.endswith((".manifest.json", ".error.json")):
                        found.update(self._read_json(new))
                return bool(found)

            _wait_for(look, outcome, f"{len(batch.labels):,} rows", _SCORING_SECONDS)
            if "error" in found:
                raise StoryError(f"{key} was refused: {found['reason']}")
            # The day that the file counts for, in case midnight passes before it is judged.
            self._report_key = f"{_REPORTS}{found['predictions_key'].split('/')[1]}/drift.json"
            self._predictions_key = found["predictions_key"]
            rows = found["rows"]
            scored = Scored(
                key=key,
                run=found["run"],
                rows_in=rows["in"],
                scored=rows["scored"],
                rejected=rows["rejected"],
                fit=self._fit(found["predictions_key"], batch),
            )
            outcome.text = (
                f"{scored.scored:,} of {scored.rows_in:,} rows; by the labels AUC {scored.fit.auc:.3f}, promised "
                f"{scored.fit.promised:.1%} yes, came true {scored.fit.came_true:.1%}"
            )
            return scored

    def label(self, batch: Batch, key: str) -> Measured:
        """Uploads the true labels of the last scored batch, and waits for the quality of its day."""
        with self._progress.step(f"labels {key}") as outcome:
            ids = [row["id"] for row in self._read_rows(self._predictions_key)]
            lines = ["id,label", *(",".join(pair) for pair in zip(ids, batch.labels, strict=True)), ""]
            quality_key = self._report_key.replace("drift.json", "quality.json")
            self._s3.put_object(Bucket=self._bucket, Key=key, Body="\n".join(lines).encode())
            _wait_for(
                lambda: bool(self._objects(quality_key)), outcome, "measuring the day", _SCORING_SECONDS
            )
            document = self._read_json(quality_key)
            auc = document["metrics"]["auc"]
            measured = Measured(
                verdict=document["verdict"],
                rows_scored=document["rows_scored"],
                rows_labelled=document["rows_labelled"],
                auc=auc["value"],
                lower=auc["lower"],
                upper=auc["upper"],
            )
            outcome.text = (
                f"AUC {measured.auc:.3f} ({measured.lower:.3f} to {measured.upper:.3f}), {measured.verdict}"
            )
            return measured

    def _fit(self, key: str, batch: Batch) -> Fit:
        probabilities = [float(row[f"{TARGET}_probability"]) for row in self._read_rows(key)]
        return fit_of(batch.labels, probabilities)

    def _read_rows(self, key: str) -> list[dict[str, str]]:
        text = self._read(key).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def daily_run(self, expected: str) -> Judged:
        """Fires both schedules of 20:00 now and waits for their results."""
        self._register_predictions()
        with self._progress.step("the daily run: drift") as outcome:
            before = self._tag(self._report_key), self._tag(_HISTORY)
            self._sandbox.fire("DetectDriftFunction")
            _wait_for(lambda: self._is_judged_since(*before), outcome, "judging the day", _DAILY_SECONDS)
            report = self._read_json(self._report_key)
            judged = Judged(
                verdict=report["verdict"],
                rows=report["rows"],
                drifted_columns=tuple(report["drifted_columns"]),
                page=self._report_key.replace("drift.json", "index.html"),
                reports=self._reports(),
            )
            outcome.text = f"{judged.verdict}, {judged.rows:,} rows"
            if judged.drifted_columns:
                outcome.text += f"; drifted: {', '.join(judged.drifted_columns)}"
        if judged.verdict != expected:
            raise StoryError(f"The daily run said {judged.verdict!r} where {expected!r} was expected.")
        return judged

    def _register_predictions(self) -> None:
        with self._progress.step("the daily run: Domino") as outcome:
            scored = {key for key in self._keys("predictions/") if key.endswith(".manifest.json")}
            self._sandbox.fire("LoadDmmFunction")
            _wait_for(
                lambda: len(self._keys("monitoring/domino/predictions/")) >= len(scored),
                outcome,
                "registering predictions",
                _DAILY_SECONDS,
            )
            outcome.show("reading Domino's verdicts")
            self._sandbox.wait_until_idle(_DAILY_SECONDS)
            # Domino judges asynchronously; the loader's next run reads the verdict.
            self._sandbox.domino.wait_until_idle(_DAILY_SECONDS)
            self._sandbox.fire("LoadDmmFunction")
            self._sandbox.wait_until_idle(_DAILY_SECONDS)
            drifted = self._read_json(_CHECKS_KEY)["checks"][0]["drifted_columns"]
            files = f"{len(scored)} predictions file{'s' if len(scored) > 1 else ''}"
            said = f"drift in {len(drifted)} column(s)" if drifted else "no drift"
            outcome.text = f"{files} registered so far; the newest: {said}"

    def _is_judged_since(self, report: str | None, history: str | None) -> bool:
        """Whether the day of the last scored file was judged since its report and the history had these ETags."""
        return self._tag(self._report_key) != report and self._tag(_HISTORY) != history

    def _tag(self, key: str) -> str | None:
        found = self._objects(key)
        return found[0]["ETag"] if found else None

    def _reports(self) -> dict[str, bytes]:
        run_pages = {key for key in self._keys("models/") if key.endswith("/report.html")}
        return {key: self._read(key) for key in self._keys(_REPORTS) | run_pages}

    def _keys(self, prefix: str) -> set[str]:
        return {item["Key"] for item in self._objects(prefix)}

    def _objects(self, prefix: str) -> list[dict[str, Any]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [item for page in pages for item in page.get("Contents", [])]

    def _read_json(self, key: str) -> Any:
        return json.loads(self._read(key))

    def _read(self, key: str) -> bytes:
        try:
            return bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        except ClientError as error:
            raise StoryError(f"{key} does not exist: {error}") from error


def _wait_for(
    condition: Callable[[], bool], outcome: Outcome, detail: str | Callable[[], str], seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    asked, text = -math.inf, ""
    while not condition():
        now = time.monotonic()
        if now > deadline:
            raise StoryError(f"No result within {seconds:.0f} s. The functions' logs give the reason.")
        # Reading the details takes longer than looking for a change.
        if now >= asked + _DETAIL_SECONDS:
            asked, text = now, detail if isinstance(detail, str) else detail()
        outcome.show(text)
        time.sleep(0.25)
