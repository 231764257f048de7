"""A soak test: many files under every kind of fault, a release in the middle, labels, large files, Domino down.

`make soak` runs it with fixed seeds, followed by 40 aborted runs (`tests/e2e/test_ended_runs.py`), and prints the
results of both. The seeds fix the files, the faults and their rates; which requests fail depends on the timing of
threads. Every row has its own prediction, determined by the row and the model's run, so lost, duplicated and mixed-up
rows are detected.
"""

import argparse
import csv
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from autowatch_client.objects import Bucket as ClientBucket
from autowatch_client.redrive import redrive
from sandbox.client import Sandbox, running_sandbox
from sandbox.faults import Fault
from sandbox.server import REGION
from tests.support.released_stack import ENDPOINT, ReleasedStack
from tests.support.stub_model import probability
from tests.support.train_walker import wait_for

SCORING, LABELS, DAILY, LOADER = (
    "InvokeEndpointFunction",
    "MeasureQualityFunction",
    "DetectDriftFunction",
    "LoadDmmFunction",
)
TRANSFORM = tuple(
    f"Transform{state}Function"
    for state in ("Plan", "CheckPiece", "Accept", "RunJob", "FinishPiece", "Assemble", "CleanUp")
)
OLD, NEW = "20260101-000000-0001", "20260101-000000-0002"
SMALL_FILES, SMALL_ROWS, LARGE_FILES, LARGE_ROWS = 150, 60, 3, 4000
PARAMETERS = {
    "EndpointName": ENDPOINT,
    "PollSeconds": "1",
    "MaxBatchBytes": "1000",
    "ScoringConcurrency": "2",
    "TransformThresholdBytes": "60000",
    "TransformPieceBytes": "20000",
    "MaxTransformSeconds": "600",
    "AlertEmail": "you@example.com",
    "DmmApi": "v2",
    "DmmUrl": "{endpoint}/domino/model-monitor/v2/api/",
    "DmmDatasource": "lake",
    "DmmTokenSecretArn": "{domino_token_secret_arn}",
}
FAULTS = (
    # Only the first requests fail, so that the release's smoke test can pass.
    Fault("InvokeEndpoint", "short", after=20, times=4),
    Fault("InvokeEndpoint", "garbage", after=40, times=4),
    Fault("InvokeEndpoint", "throttle", share=0.05, seed=1),
    Fault("InvokeEndpoint", "container_error", share=0.02, seed=2),
    Fault("InvokeEndpoint", "unavailable", share=0.02, seed=3),
    Fault("InvokeEndpoint", "time_out", share=0.01, seed=4, seconds=0.2),
    Fault("InvokeEndpoint", "slow", share=0.02, seed=5, seconds=0.2),
    Fault("InvokeEndpoint", "hang", share=0.01, seed=6, seconds=0.3),
    Fault("InvokeEndpoint", "drop", share=0.02, seed=7),
    Fault("InvokeEndpoint", "lost_answer", share=0.02, seed=8),
    Fault("InvokeEndpoint", "break", share=0.02, seed=9),
    *(
        Fault("*", kind, share=0.005, seed=seed, function=SCORING, by=SCORING)
        for kind, seed in (("kill_before", 10), ("kill_after", 11))
    ),
    *(
        Fault("*", "kill_after", after=number, times=2, function=name, by=name)
        for number, name in enumerate(TRANSFORM)
    ),
    Fault("s3:*", "internal_error", share=0.01, seed=12),
    Fault("s3:*", "slow_down", share=0.02, seed=13),
    Fault("GetObject", "break", share=0.02, seed=14),
    Fault("GetObject", "hang", share=0.002, seed=15, seconds=0.5),
    Fault("GetObject", "drop", share=0.01, seed=16),
    Fault("PutObject", "lost_answer", share=0.02, seed=17),
    Fault("PutObject", "drop", share=0.01, seed=18),
)


class Soak(ReleasedStack):
    """The stack, the objects put into it, and what it contains afterwards."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.chance = random.Random(7)
        self.rows: dict[str, list[tuple[str, str, str]]] = {}
        self.announced = 0
        self.told: set[str] = set()
        self.faults: Counter[str] = Counter()
        self.predictions: dict[str, dict[str, Any]] = {}
        self.lambdas, self.stepfunctions = sandbox.client("lambda"), sandbox.client("stepfunctions")

    @property
    def day(self) -> str:
        """Today's date; the soak does not run across midnight."""
        return f"{datetime.now(UTC):%Y-%m-%d}"

    def begin(self) -> None:
        """Releases the first model, prepares the second, and sets up Domino."""
        self.sandbox.domino.add_datasource("lake", self.bucket, REGION)
        self.make(OLD)
        self.wait(self.promote(OLD))
        # A release removes models that were never released.
        self.make(NEW)

    def make(self, run: str) -> None:
        """The objects of a run that passed its gate."""
        self.add_run(run)
        lines = "".join(f"{age},job{age % 7},{'yes' if age % 2 else 'no'}\n" for age in range(400))
        body = f"age,job,y\n{lines}".encode()
        self.s3.put_object(Bucket=self.bucket, Key=f"models/{run}/train.csv", Body=body)

    def promote(self, run: str) -> str:
        """Starts a release."""
        answer = self.stepfunctions.start_execution(
            stateMachineArn=self.sandbox.outputs["TrainStateMachineArn"], input=json.dumps({"promote": run})
        )
        return str(answer["executionArn"])

    def wait(self, execution: str) -> None:
        """Waits for a release, which must succeed."""
        describe = self.stepfunctions.describe_execution
        wait_for(lambda: describe(executionArn=execution)["status"] != "RUNNING", 1200)
        assert describe(executionArn=execution)["status"] == "SUCCEEDED", describe(executionArn=execution)

    def put(self, name: str, rows: int) -> None:
        """Puts a file, and sends some of the events two or three times."""
        self.rows[name] = [(str(number % 90), f"{name} {number}", f"n{number}") for number in range(rows)]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [("age", "job", "note"), *self.rows[name], ("too", "short")]
        )
        body, key = text.getvalue().encode(), f"inference/{name}.csv"
        answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        moment = self.s3.head_object(Bucket=self.bucket, Key=key)["LastModified"]
        stored = {
            "key": key,
            "versionId": answer["VersionId"],
            "eTag": answer["ETag"].strip('"'),
            "size": len(body),
        }
        record = {"eventTime": moment.isoformat(), "s3": {"bucket": {"name": self.bucket}, "object": stored}}
        again = self.chance.choice((0, 0, 0, 1, 2))
        for _ in range(again):
            self.lambdas.invoke(
                FunctionName=self.sandbox.functions[SCORING],
                InvocationType="Event",
                Payload=json.dumps({"Records": [record]}).encode(),
            )
        self.announced += 1 + again

    def under(self, faults: tuple[Fault, ...], act: Callable[[], None], seconds: float = 900) -> None:
        """Acts under faults, waits until everything is processed, and counts the faults that occurred."""
        self.sandbox.faults(*faults)
        act()
        self.sandbox.wait_until_idle(seconds)
        for fault, struck in zip(faults, self.sandbox.faults_struck(), strict=True):
            self.faults[_kind(fault)] += struck
        self.sandbox.faults()

    def burst(self) -> None:
        """The files, including large ones, and the release in the middle."""
        names = [(f"small-{number:03}", SMALL_ROWS) for number in range(SMALL_FILES)]
        for number in range(LARGE_FILES):
            names.insert(number * 40, (f"large-{number}", LARGE_ROWS))
        half = len(names) // 2
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda item: self.put(*item), names[:half]))
            release = self.promote(NEW)
            list(pool.map(lambda item: self.put(*item), names[half:]))
        self.wait(release)

    def redrive(self) -> Counter[str]:
        """Redrives the events that failed in all attempts."""
        found = redrive(self.sandbox.client, ClientBucket(self.s3, self.bucket), "autowatch")
        self.sandbox.wait_until_idle(300)
        return Counter(each.outcome for each in found)

    def put_again(self) -> list[str]:
        """Follows the mails: uploads the files that could not be scored again; returns the subjects."""
        subjects = [
            mail.subject for mail in self.sandbox.mailbox.messages() if "file not scored" in mail.subject
        ]
        for name in sorted({subject.rsplit("/", 1)[1].removesuffix(".csv") for subject in subjects}):
            self.told.add(name)
            self.put(name, len(self.rows[name]))
        self.sandbox.wait_until_idle(300)
        return subjects

    def judge_rows(self) -> Counter[str]:
        """Compares the rows put with the rows written: lost, duplicated, mixed up, or correct.

        A file whose upload was retried has two versions, and each of them counts as a file.
        """
        found: Counter[str] = Counter()
        for key in self.keys(f"predictions/date={self.day}/"):
            if key.endswith(".manifest.json"):
                manifest = json.loads(self.read(key))
                found["files committed twice"] += manifest["input"]["version_id"] in self.predictions
                self.predictions[manifest["input"]["version_id"]] = manifest
                found[f"files by {'the new' if manifest['run'] == NEW else 'the old'} model"] += 1
        versions = self.versions()
        again = self.told & {name for name, version in versions if version in self.predictions}
        for name, version in versions:
            found += self._judge_file(self.rows[name], self.predictions.get(version), told=name in again)
        return found

    def versions(self) -> list[tuple[str, str]]:
        """The names and versions of all files that were put."""
        pages = self.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.bucket, Prefix="inference/"
        )
        items = [item for page in pages for item in page.get("Versions", [])]
        names = [item["Key"].removeprefix("inference/").removesuffix(".csv") for item in items]
        return [(name, item["VersionId"]) for name, item in zip(names, items, strict=True)]

    def _judge_file(
        self, rows: list[tuple[str, str, str]], manifest: dict[str, Any] | None, *, told: bool
    ) -> Counter[str]:
        if manifest is None:
            return Counter({"told" if told else "lost": len(rows)})
        written = list(csv.DictReader(io.StringIO(self.read(manifest["predictions_key"]), newline="")))
        manifest["ids"] = [row["id"] for row in written]
        at = Counter((row["age"], row["job"], row["note"]) for row in written)
        right = [
            row["y_probability"] == probability([row["age"], row["job"]], manifest["run"]) for row in written
        ]
        return Counter(
            {
                "lost": sum(row not in at for row in rows),
                "doubled": sum(at.values()) - len(at) + len(written) - len(set(manifest["ids"])),
                "mixed": len(written) - sum(right),
                "scored": len(written),
                "rejected": manifest["rows"]["rejected"],
            }
        )

    def label(self) -> int:
        """Puts labels for every row, in parts and with corrections; returns the number of labelled rows."""
        ids = [identifier for manifest in self.predictions.values() for identifier in manifest["ids"]]
        parts = [ids[number::3] for number in range(3)]
        for number, part in enumerate([*parts, ids[::10]]):
            lines = "".join(f"{identifier},{self.chance.choice(('yes', 'no'))}\n" for identifier in part)
            body = f"id,y_actual\n{lines}".encode()
            self.s3.put_object(Bucket=self.bucket, Key=f"labels/{number}.csv", Body=body)
        return len(ids)

    def labelled(self) -> int:
        """The labelled rows of both runs on the page of the day."""
        quality = json.loads(self.read(f"reports/date={self.day}/quality.json"))
        return sum(part["rows_labelled"] for part in (quality, *quality["other_runs"]))

    def judged(self) -> int:
        """The rows in the day's report, of both runs."""
        report = json.loads(self.read(f"reports/date={self.day}/drift.json"))
        return sum(part["rows"] for part in (report, *report["other_runs"]))

    def registered(self) -> Counter[int]:
        """How many predictions files Domino has once, twice, and so on."""
        datasets = [
            unquote(each["location"]) for model in self.sandbox.domino.models() for each in model["datasets"]
        ]
        known = Counter(datasets)
        keys = [manifest["predictions_key"] for manifest in self.predictions.values()]
        return Counter(sum(count for place, count in known.items() if place.endswith(key)) for key in keys)

    def metric(self, name: str) -> float:
        """The sum of one of the stack's metrics."""
        now = datetime.now(UTC)
        answer = self.sandbox.client("cloudwatch").get_metric_statistics(
            Namespace="Autowatch",
            MetricName=name,
            Dimensions=[{"Name": "Stack", "Value": "autowatch"}],
            StartTime=now - timedelta(hours=3),
            EndTime=now + timedelta(minutes=5),
            Period=86400,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in answer["Datapoints"]))


def _kind(fault: Fault) -> str:
    return "kill" if fault.kind.startswith("kill") else f"{fault.operation} {fault.kind}"


def soak(sandbox: Sandbox) -> tuple[list[tuple[str, str]], list[str]]:
    """Runs the soak test; returns the lines of the table, and the failures."""
    world, began = Soak(sandbox), time.monotonic()
    world.begin()
    world.under(FAULTS, world.burst)
    redriven = world.redrive()
    told = world.put_again()
    rows = world.judge_rows()
    down = Fault("domino:*", "refuse", status=503)
    world.under((down,), lambda: sandbox.fire(LOADER))
    asked = world.faults["domino:* refuse"]
    _load_until_done(world)
    world.redrive()
    kill = Fault("PutObject", "kill_after", function=LABELS, by=LABELS, begins="monitoring/labels/", times=2)
    counts: list[int] = []
    world.under((kill,), lambda: counts.append(world.label()))
    world.redrive()
    kill = replace(kill, function=DAILY, by=DAILY, begins="reports/", times=1)
    world.under((kill,), lambda: sandbox.fire(DAILY))
    scored, registered = rows["scored"], world.registered()
    expected = {
        "rows lost": (rows["lost"], 0),
        "rows doubled": (rows["doubled"], 0),
        "rows from another model than the manifest names": (rows["mixed"], 0),
        "files committed twice": (rows["files committed twice"], 0),
        "rows with a label, of those scored": (world.labelled(), counts[0]),
        "rows in the day's report": (world.judged(), scored),
        "files that Domino has once": (registered[1], len(world.predictions)),
    }
    committed, counted = len(world.predictions), int(world.metric("FilesScored"))
    kills = world.faults.pop("kill")
    struck = ", ".join(f"{kind} {count}" for kind, count in sorted(world.faults.items()) if count)
    table = [
        ("files put, small and large", f"{SMALL_FILES} and {LARGE_FILES}"),
        ("announcements of them", f"{world.announced}"),
        ("rows scored and rejected", f"{scored:,} and {rows['rejected']:,}"),
        (
            "files by the model before the release, by the one after it",
            f"{rows['files by the old model']}, {rows['files by the new model']}",
        ),
        ("processes killed", f"{kills}"),
        ("other faults that struck", f"{sum(world.faults.values())}: {struck}"),
        (
            "events in the queue of failures: sent again, done already",
            f"{redriven['sent']}, {redriven['done']}",
        ),
        ("mails that a file could not be scored, and was to be uploaded again; done", f"{len(told)}"),
        ("requests for Domino while it was down, in three tries of the loader", f"{asked}"),
        *(
            (what, f"{found:,}" if wanted == 0 else f"{found:,} of {wanted:,}")
            for what, (found, wanted) in expected.items()
        ),
        ("files in the metric FilesScored", f"{counted} of {committed} committed"),
        ("seconds", f"{time.monotonic() - began:.0f}"),
        ("load of the machine's processors at the end", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()}"),
    ]
    wrong = [what for what, (found, wanted) in expected.items() if found != wanted]
    # An event whose attempts were all killed after the commit is done, but no attempt has counted it.
    if not committed - redriven["done"] <= counted <= committed:
        wrong.append("files in the metric FilesScored")
    return table, wrong


def _load_until_done(world: Soak) -> None:
    """Runs the loader until nothing is pending; the events of failed runs are dropped."""
    for _ in range(5):
        world.sandbox.fire(LOADER)
        world.sandbox.wait_until_idle(300)
        if sum(world.registered().values()) == world.registered()[1]:
            break
    world.sandbox.domino.wait_until_idle(120)


def walk_ended_runs(runs: int, folder: Path) -> tuple[list[str], bool]:
    """Stops or kills `runs` runs; returns a line of the table for each, and whether all ended correctly."""
    lines = folder / "ended-runs.md"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "tests/e2e/test_ended_runs.py"],
        env={**os.environ, "ENDED_RUNS": str(runs), "ENDED_RUNS_TABLE": str(lines)},
        stdout=sys.stderr,
        check=False,
    )
    return lines.read_text(encoding="utf-8").splitlines() if lines.exists() else [], ended.returncode == 0


def write(target: Path, table: list[tuple[str, str]], wrong: list[str], runs: list[str]) -> str:
    """The page with both tables, written to `target`."""
    page = [
        "# A soak",
        "",
        "Written by `make soak`: `benchmarks/soak.py` and `tests/e2e/test_ended_runs.py` say what each line means,",
        "[reliability.md](../reliability.md) what a reader may rely on.",
        "",
        "## Files, releases, labels and Domino under faults",
        "",
        "| what | figure |",
        "|---|---|",
        *(f"| {what} | {figure} |" for what, figure in table),
        "",
        f"Not as it should be: {', '.join(wrong)}." if wrong else "All is as it should be.",
        "",
        "## Training runs that were stopped or killed",
        "",
        "| seed | what was done | execution | the endpoint serves | champion | left over | told |",
        "|---|---|---|---|---|---|---|",
        *runs,
        "",
    ]
    target.write_text("\n".join(page), encoding="utf-8")
    return "\n".join(page)


def main() -> int:
    """Prints the page; returns 1 if anything failed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=40, help="training runs to stop or kill")
    arguments.add_argument("--out", type=Path, default=Path(".sandbox/soak.md"), help="where the page goes")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with running_sandbox(parameters=PARAMETERS, state_dir=folder, retry_seconds=(0.05, 0.1)) as sandbox:
            table, wrong = soak(sandbox)
        runs, all_well = walk_ended_runs(chosen.runs, folder) if chosen.runs else ([], True)
    print(write(chosen.out, table, wrong, runs))
    return 0 if all_well and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
