"""Calls the drift detector, and reads its verdicts."""

import json
from dataclasses import dataclass
from typing import Any

from autowatch_client.errors import RefusedError
from autowatch_client.objects import Bucket


@dataclass(frozen=True)
class Judgement:
    """One verdict.

    Attributes:
        what: the day, the range or the file that was judged.
        verdict: `drift`, `no drift`, `not enough data`.
        moved: for each drifted column, worst first, its name and a sentence about what moved.
        alarms: sentences.
        notified: whether this call sent an alert about it.
        page_key: of the page in the bucket; None where there is none.
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
    """The verdicts of one call; `reason` says why there is none."""

    judged: tuple[Judgement, ...]
    reason: str | None


def judge(lambda_client: Any, function: str, bucket: Bucket, event: dict[str, str]) -> Judgements:
    """Calls the drift detector and reads its documents.

    Raises:
        RefusedError: it could not judge what `event` asks for.
    """
    answer = invoke(lambda_client, function, event)
    judged = [_day(bucket, day) for day in answer["days"]]
    if window := answer.get("window"):
        judged.append(_window(bucket, window))
    return Judgements(tuple(judged), answer.get("reason"))


def invoke(lambda_client: Any, function: str, event: dict[str, str]) -> dict[str, Any]:
    """Invokes a function and gives its answer.

    Raises:
        RefusedError: it ended with an error, whose sentence this is.
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
