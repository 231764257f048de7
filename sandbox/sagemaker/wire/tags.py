"""Tags on resources, by ARN."""

import threading
from typing import Any

from sandbox.sagemaker.wire.errors import ValidationException
from sandbox.sagemaker.wire.listing import page


class Tags:
    """AddTags and ListTags, kept up to date by create and delete operations."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_arn: dict[str, dict[str, str]] = {}

    def start(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """Adds a new resource with its tags."""
        with self._lock:
            self._by_arn[arn] = {tag["Key"]: tag["Value"] for tag in tags or ()}

    def forget(self, arn: str) -> None:
        """Removes a deleted resource."""
        with self._lock:
            self._by_arn.pop(arn, None)

    def add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        """AddTags: overwrites existing keys."""
        with self._lock:
            tags = self._of(request["ResourceArn"])
            tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
            return {"Tags": _as_list(tags)}

    def list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListTags."""
        with self._lock:
            return page(_as_list(self._of(request["ResourceArn"])), request, "Tags")

    def get(self, arn: str) -> dict[str, str]:
        """The tags of a resource; empty if it does not exist."""
        with self._lock:
            return dict(self._by_arn.get(arn, {}))

    def _of(self, arn: str) -> dict[str, str]:
        try:
            return self._by_arn[arn]
        except KeyError:
            raise ValidationException(f'Could not find resource "{arn}".') from None


def _as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
