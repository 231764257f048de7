"""Trains on early rows of the Bank Marketing file and judges on later ones: measurements/training-by-time.md.

Two runs on one stack with HoldoutBy=newest, HoldoutPercent=50, DropColumns=duration and otherwise defaults. The first
run gets the whole file: it trains on the first half and is judged on the second. The second run gets only the second
half: it trains on the third quarter and is judged on the fourth, together with the first run's model if that was
released.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox.client import Sandbox, running_sandbox
from sandbox.demo.bank_marketing import bank_marketing_csv
from sandbox.install import REPOSITORY

PARAMETERS = {"HoldoutBy": "newest", "HoldoutPercent": "50", "DropColumns": "duration", "PollSeconds": "1"}
_RUN_SECONDS = 900


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", metavar="PATH", help="bank-additional-full.csv, plain or .gz")
    parser.add_argument("--reports", type=Path, metavar="FOLDER", help="keep the pages of the runs there")
    parser.add_argument("--decision-threshold", default="model", help="the parameter DecisionThreshold")
    options = parser.parse_args()
    parameters = PARAMETERS | {"DecisionThreshold": options.decision_threshold}
    source = bank_marketing_csv(options.data, os.environ, REPOSITORY / ".sandbox" / "data")
    print(f"Data: {source.description}")
    with tempfile.TemporaryDirectory() as folder, running_sandbox(parameters=parameters) as sandbox:
        whole, half = Path(folder) / "whole.csv", Path(folder) / "second-half.csv"
        whole.write_bytes(source.path.read_bytes())
        write_second_half(whole, half)
        for title, path in (("the whole file", whole), ("the second half", half)):
            tell(sandbox, title, train(sandbox, path), options.reports)


def write_second_half(source: Path, target: Path) -> None:
    header, *rows = source.read_bytes().splitlines(keepends=True)
    target.write_bytes(b"".join([header, *rows[len(rows) // 2 :]]))


def train(sandbox: Sandbox, path: Path) -> str:
    """Uploads the file, waits for the end of its run, and returns the run's name."""
    key = f"training/{path.name}"
    sandbox.client("s3").upload_file(str(path), sandbox.outputs["DataBucketName"], key)
    stepfunctions = sandbox.client("stepfunctions")
    execution = stepfunctions.start_execution(
        stateMachineArn=sandbox.outputs["TrainStateMachineArn"], input=json.dumps({"training_key": key})
    )["executionArn"]
    deadline = time.monotonic() + _RUN_SECONDS
    while (answer := stepfunctions.describe_execution(executionArn=execution))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            sys.exit(f"The run on {path.name} did not end within {_RUN_SECONDS} s.")
        time.sleep(1)
    if answer["status"] != "SUCCEEDED":
        sys.exit(f"The run on {path.name} ended as {answer['status']}: {answer.get('cause')}")
    return str(read(sandbox, "models/latest.json")["run"])


def tell(sandbox: Sandbox, title: str, run: str, reports: Path | None) -> None:
    data, leaderboard, gate, record = (
        read(sandbox, f"models/{run}/{name}.json") for name in ("data", "leaderboard", "gate", "run")
    )
    print(f"\n## {title}: {record['status']}\n\n{record['reason']}\n")
    print("| rows | | no | yes |\n|---|---:|---:|---:|")
    for name in ("train", "holdout"):
        part = data[name]
        print(f"| {name} | {part['rows']:,} | {part['classes']['no']:,} | {part['classes']['yes']:,} |")
    names = list(dict.fromkeys(name for item in leaderboard["candidates"] for name in item["metrics"]))
    print(f"\n| candidate | {' | '.join(names)} | seconds |\n|---|{'---:|' * (len(names) + 1)}")
    for item in leaderboard["candidates"]:
        values = [f"{item['metrics'][name]:.4f}" if name in item["metrics"] else "" for name in names]
        print(f"| {item['name']} | {' | '.join(values)} | {item['seconds'] or 0:.1f} |")
    models = [name for name in ("challenger", "champion") if gate.get(name)]
    print(f"\n| hold-out | {' | '.join(models)} |\n|---|{'---:|' * len(models)}")
    for name in gate["challenger"]["metrics"]:
        values = [f"{gate[model]['metrics'][name]:.4f}" for model in models]
        print(f"| {name} | {' | '.join(values)} |")
    for name in models:
        print(f"\n{name}: threshold {gate[name]['threshold']}, {gate[name]['confusion']}")
    print()
    for check in gate["checks"]:
        print(f"- {check['name']}, {'passed' if check['passed'] else 'not passed'}: {check['message']}")
    if gate.get("champion_skipped"):
        print(f"- {gate['champion_skipped']}")
    for warning in data["warnings"]:
        print(f"- {warning}")
    if reports:
        reports.mkdir(parents=True, exist_ok=True)
        page = sandbox.client("s3").get_object(
            Bucket=sandbox.outputs["DataBucketName"], Key=f"models/{run}/report.html"
        )
        (reports / f"{run}.html").write_bytes(page["Body"].read())


def read(sandbox: Sandbox, key: str) -> dict[str, Any]:
    answer = sandbox.client("s3").get_object(Bucket=sandbox.outputs["DataBucketName"], Key=key)
    document: dict[str, Any] = json.loads(answer["Body"].read())
    return document


if __name__ == "__main__":
    main()
