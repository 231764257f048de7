"""Common to SageMaker's List operations: filters, order and pages."""

from collections.abc import Iterable
from typing import Any

from botocore.utils import parse_to_aware_datetime

from sandbox.sagemaker.wire.errors import ValidationException

_DEFAULT_PAGE = 100


def select(items: Iterable[dict[str, Any]], request: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The items that the request's filters leave, in the order that it asks for (newest first by default).

    `kind` is the prefix of the items' name and status members, such as `Endpoint` in `EndpointName`.
    """
    name, status = f"{kind}Name", f"{kind}Status"
    chosen = [
        item
        for item in items
        if request.get("NameContains", "") in item[name]
        and request.get("StatusEquals", item.get(status)) == item.get(status)
        and _within(item, request, "CreationTime")
        and _within(item, request, "LastModifiedTime")
    ]
    order = {"Name": name, "Status": status}.get(request.get("SortBy", ""), "CreationTime")
    chosen.sort(key=lambda item: item[order], reverse=request.get("SortOrder", "Descending") == "Descending")
    return chosen


def page(items: list[dict[str, Any]], request: dict[str, Any], member: str) -> dict[str, Any]:
    """The answer with one page of `items` under `member`, and the token for the next one if there is one.

    Raises:
        ValidationException: the request's token was not issued by this function.
    """
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise ValidationException("The NextToken is not valid. Start again without one.")
    start = int(token)
    end = start + request.get("MaxResults", _DEFAULT_PAGE)
    return {member: items[start:end], "NextToken": str(end) if end < len(items) else None}


def _within(item: dict[str, Any], request: dict[str, Any], member: str) -> bool:
    after, before = request.get(f"{member}After"), request.get(f"{member}Before")
    return (after is None or item[member] > _epoch(after)) and (
        before is None or item[member] < _epoch(before)
    )


def _epoch(value: Any) -> float:
    return parse_to_aware_datetime(value).timestamp()
