"""Invokes the drift detector and reads its verdicts."""

import json
from dataclasses import dataclass
from typing import Any

from autowatch_client.errors import RefusedError
from autowatch_client.objects import Bucket


@dataclass(frozen=True)
class Judgement:
    """One verdict.

    Attributes:
        what: the judged day, range or file.
        verdict: `drift`, `no drift`, `not enough data`.
        moved: name of each drifted column, worst first, with a sentence about the change.
        alarms: sentences.
        notified: whether this call sent an alert about it.
        page_key: the page's key in the bucket; None without a page.
    """

    what: str
    verdict: str
    rows: int
    moved: tuple[tuple[str, str], ...]
    alarms: tuple[str, ...]
    notified: bool
    page_key: str | None


@dataclass(frozen=True)
class Judgements:
    """The verdicts of one call; `reason` explains an empty list."""

    judged: tuple[Judgement, ...]
    reason: str | None


def judge(lambda_client: Any, function: str, bucket: Bucket, event: dict[str, str]) -> Judgements:
    """Invokes the drift detector and reads the documents that it wrote.

    Raises:
        RefusedError: the detector rejected `event`.
    """
    answer = invoke(lambda_client, function, event)
    judged = [_day(bucket, day) for day in answer["days"]]
    if window := answer.get("window"):
        judged.append(_window(bucket, window))
    return Judgements(tuple(judged), answer.get("reason"))


def invoke(lambda_client: Any, function: str, event: dict[str, str]) -> dict[str, Any]:
    """Invokes a function and returns its answer.

    Raises:
        RefusedError: the function raised an error; the message is quoted.
    """
    answer = lambda_client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    document = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        raise RefusedError(str((document or {}).get("errorMessage") or document))
    return dict(document)


def _day(bucket: Bucket, day: dict[str, Any]) -> Judgement:
    folder = f"reports/date={day['date']}"
    document = bucket.read_json(f"{folder}/drift.json") or {}
    return Judgement(
        what=day["date"],
        verdict=day["verdict"],
        rows=day["rows"],
        moved=_moved(document),
        alarms=_alarms(document),
        notified=day["notified"],
        page_key=f"{folder}/index.html",
    )


def _window(bucket: Bucket, window: dict[str, Any]) -> Judgement:
    document = bucket.read_json(window["report_key"]) or {}
    span = f"{document.get('from')} to {document.get('to')}"
    return Judgement(
        what=str(document["key"]) if "key" in document else span,
        verdict=window["verdict"],
        rows=window["rows"],
        moved=_moved(document),
        alarms=_alarms(document),
        notified=False,
        page_key=window["page_key"],
    )


def _moved(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    columns = {column["name"]: column for column in document.get("columns", ())}
    drifted = [columns[name] for name in document.get("drifted_columns", ()) if name in columns]
    return tuple((column["name"], column.get("moved") or "") for column in drifted)


def _alarms(document: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{alarm['column']}: {alarm['message']}" if alarm.get("column") else alarm["message"]
        for alarm in document.get("alarms", ())
    )
