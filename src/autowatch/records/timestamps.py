"""Times as Autowatch writes them: ISO 8601, UTC, whole seconds."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """`moment` (with a time zone) as `2026-11-23T20:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_text(text: str) -> datetime:
    """The moment that an ISO 8601 text names; UTC if it has no time zone."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
