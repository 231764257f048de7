"""EventBridge Scheduler: cron, rate and at expressions in their time zone, on time or at once by name."""

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend

from sandbox.access.decisions import Sender
from sandbox.errors import NotFoundError, TemplateError
from sandbox.functions.invocations import Deliveries

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_AT = re.compile(r"at\((.+)\)")


@dataclass(frozen=True)
class Schedule:
    """One schedule of the stack."""

    logical_id: str
    name: str
    arn: str
    expression: str
    time_zone: str
    target_arn: str
    role_arn: str
    body: str | None
    retries: int
    dead_letter_arn: str | None
    enabled: bool = True


def install(schedules: "Schedules") -> None:
    """Apply every call of EventBridge Scheduler's API to the clock; moto only stores the request."""

    def take(kept: Any) -> Any:
        unsupported = [name for name in ("start_date", "end_date", "kms_key_arn") if getattr(kept, name)]
        if unsupported or kept.group_name != "default":
            raise ValidationException(
                f"The sandbox's schedules have no {', '.join(unsupported) or 'groups'}."
            )
        target = kept.target
        try:
            schedules.add(
                Schedule(
                    logical_id=schedules.logical_id(kept.name),
                    name=kept.name,
                    arn=kept.arn,
                    expression=kept.schedule_expression,
                    time_zone=kept.schedule_expression_timezone,
                    target_arn=target["Arn"],
                    role_arn=target["RoleArn"],
                    body=target.get("Input"),
                    retries=int(target["RetryPolicy"].get("MaximumRetryAttempts", 3)),
                    dead_letter_arn=target.get("DeadLetterConfig", {}).get("Arn"),
                    enabled=(kept.state or "ENABLED") == "ENABLED",
                )
            )
        except TemplateError as error:
            raise ValidationException(str(error)) from error
        return kept

    def create_schedule(backend: Any, **arguments: Any) -> Any:
        kept = _create(backend, **arguments)
        try:
            return take(kept)
        except ValidationException:
            _delete(backend, arguments["group_name"], arguments["name"])
            raise

    def update_schedule(backend: Any, **arguments: Any) -> Any:
        return take(_update(backend, **arguments))

    def delete_schedule(backend: Any, group_name: str | None, name: str) -> None:
        _delete(backend, group_name, name)
        schedules.remove(name)

    replaced = cast(Any, EventBridgeSchedulerBackend)
    replaced.create_schedule = create_schedule
    replaced.update_schedule = update_schedule
    replaced.delete_schedule = delete_schedule


_create = EventBridgeSchedulerBackend.create_schedule
_update = EventBridgeSchedulerBackend.update_schedule
_delete = EventBridgeSchedulerBackend.delete_schedule


def next_time(expression: str, time_zone: str, after: datetime) -> datetime | None:
    """The first time after `after` (timezone-aware) at which the expression fires, in UTC; None if it never does again.

    A rate counts from `after`. Raises TemplateError for an unknown expression or time zone.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise TemplateError(f"{time_zone} is not a time zone of the IANA database.") from error
    if rate := _RATE.fullmatch(expression):
        if int(rate[1]) < 1:
            raise TemplateError(f"The schedule {expression} needs a rate of at least 1.")
        return after + timedelta(**{f"{rate[2]}s": int(rate[1])})
    if at := _AT.fullmatch(expression):
        moment = datetime.fromisoformat(at[1]).replace(tzinfo=zone).astimezone(UTC)
        return moment if moment > after else None
    cron = _CRON.fullmatch(expression)
    if not cron:
        raise TemplateError(f"The schedule {expression} is not a cron(), rate() or at() expression.")
    minute, hour, day, month, weekday, year = cron.groups()
    weekday = re.sub(r"(?<![#\d])\d", lambda digit: str(int(digit[0]) - 1), weekday)
    fields = (minute, hour, day, month, weekday)
    try:
        times = CronSim(" ".join(fields).replace("?", "*"), after.astimezone(zone))
        last_year = after.year + 50
        for moment in times:
            if moment.year > last_year:
                return None
            if _matches_year(year, moment.year):
                return moment.astimezone(UTC)
    except (CronSimError, ValueError) as error:
        raise TemplateError(f"The schedule {expression} is not understood: {error}.") from error
    return None


def _matches_year(pattern: str, year: int) -> bool:
    if pattern == "*":
        return True
    for part in pattern.split(","):
        first, _, last = part.partition("-")
        if int(first) <= year <= int(last or first):
            return True
    return False


@dataclass
class Schedules:
    """The schedules and the clock that fires them."""

    deliveries: Deliveries
    _logical_ids: dict[str, str] = field(default_factory=dict)
    _schedules: dict[str, Schedule] = field(default_factory=dict)
    _due: dict[str, datetime | None] = field(default_factory=dict)
    _changed: threading.Event = field(default_factory=threading.Event)
    _closed: bool = False

    def add(self, schedule: Schedule) -> None:
        """Add a schedule; raise TemplateError if its expression is not understood."""
        self._due[schedule.name] = next_time(schedule.expression, schedule.time_zone, datetime.now(UTC))
        self._schedules[schedule.name] = schedule
        self._changed.set()

    def remove(self, name: str) -> None:
        """Delete a schedule."""
        self._schedules.pop(name, None)
        self._due.pop(name, None)

    def name(self, name: str, logical_id: str) -> None:
        """Set the logical id of the schedule with this name."""
        self._logical_ids[name] = logical_id

    def logical_id(self, name: str) -> str:
        """The schedule's logical id, or its name without one."""
        return self._logical_ids.get(name, name)

    def start(self) -> None:
        """Start the clock."""
        threading.Thread(target=self._watch, name="schedules", daemon=True).start()

    def close(self) -> None:
        """Stop the clock."""
        self._closed = True
        self._changed.set()

    def get(self, name: str) -> Schedule:
        """The schedule with this name or logical id; raises NotFoundError."""
        for schedule in list(self._schedules.values()):
            if name in (schedule.name, schedule.logical_id):
                return schedule
        known = ", ".join(schedule.logical_id for schedule in self._schedules.values())
        raise NotFoundError(f"There is no schedule {name}; there are: {known or 'none'}.")

    def all(self) -> list[Schedule]:
        """Every schedule."""
        return list(self._schedules.values())

    def upcoming(self) -> dict[str, str | None]:
        """When each schedule fires next (ISO 8601, UTC), by its logical id."""
        return {
            schedule.logical_id: due.isoformat()
            if (due := self._due.get(name)) and schedule.enabled
            else None
            for name, schedule in list(self._schedules.items())
        }

    def fire(self, name: str, moment: datetime | None = None) -> None:
        """Deliver the schedule's event as if due at `moment` (default: now)."""
        schedule = self.get(name)
        body = _body(schedule, moment or datetime.now(UTC))
        sender = Sender("scheduler.amazonaws.com", schedule.arn, schedule.role_arn)
        self.deliveries.submit(schedule.target_arn, body, schedule.retries, schedule.dead_letter_arn, sender)

    def _watch(self) -> None:
        while not self._closed:
            now = datetime.now(UTC)
            for name, due in list(self._due.items()):
                if due is None or due > now:
                    continue
                schedule = self._schedules.get(name)
                if schedule is None:
                    continue
                self._due[name] = next_time(schedule.expression, schedule.time_zone, now)
                if schedule.enabled:
                    self.fire(name, due)
            self._changed.wait(1.0)
            self._changed.clear()


def _body(schedule: Schedule, moment: datetime) -> str:
    time = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if schedule.body is None:
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": schedule.arn.split(":")[4],
            "time": time,
            "region": schedule.arn.split(":")[3],
            "resources": [schedule.arn],
            "detail": "{}",
        }
        return json.dumps(event, allow_nan=False)
    body = schedule.body
    for attribute, value in {
        "schedule-arn": schedule.arn,
        "scheduled-time": time,
        "execution-id": str(uuid.uuid4()),
        "attempt-number": "1",
    }.items():
        body = body.replace(f"<aws.scheduler.{attribute}>", value)
    return body
