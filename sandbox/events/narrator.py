"""Prints a line for each event in a running sandbox: arrived files, scored rows, runs, mails."""

import json
import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.events.mailbox import Mailbox

Heard = Callable[[str, Callable[[], bytes]], None]
"""Called with the key of each object that was created, and a function to read it."""

_LOOK_SECONDS = 0.3
_INPUTS = ("training/", "inference/", "labels/", "monitoring/settings.yaml")


class Narrator:
    """Prints a line for each new object and each new mail."""

    def __init__(self, mailbox: Mailbox, say: Callable[[str], None] = print) -> None:
        self._mailbox, self._say = mailbox, say
        self._keys: queue.SimpleQueue[tuple[str, Callable[[], bytes]] | None] = queue.SimpleQueue()
        self._arrived: dict[str, float] = {}
        self._mails: set[Path] = set()
        self._thread = threading.Thread(target=self._tell_all, daemon=True)
        self._thread.start()

    def hear(self, key: str, read: Callable[[], bytes]) -> None:
        """Queues an object; a separate thread writes the line, so that no request waits for it."""
        self._keys.put((key, read))

    def close(self) -> None:
        """Writes the remaining lines, and ends."""
        self._keys.put(None)
        self._thread.join()

    def _tell_all(self) -> None:
        while True:
            self._tell_mails()
            try:
                heard = self._keys.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if heard is None:
                self._tell_mails()
                return
            if line := self.line(*heard):
                self._tell(line)

    def line(self, key: str, read: Callable[[], bytes]) -> str | None:
        """The line for an object; None if it needs none."""
        if key.startswith(_INPUTS):
            self._arrived[key] = time.monotonic()
            return f"{key} arrived ({len(read()):,} bytes)"
        name = key.rsplit("/", 1)[-1]
        if key.startswith("rejected/labels/") and name.endswith(".csv"):
            return f"{key}: rejected rows, each with its reason"
        if not name.endswith(".json"):
            return None
        teller = self._teller(key)
        try:
            return teller(json.loads(read())) if teller else None
        except (ValueError, KeyError, TypeError):
            # A document in an unknown form is still worth a line.
            return f"{key} was written"

    def _teller(self, key: str) -> Callable[[dict[str, Any]], str | None] | None:
        if key.startswith("predictions/") and key.endswith(".manifest.json"):
            return self._scored
        if key.startswith("rejected/") and key.endswith(".error.json"):
            return lambda document: f"{document['input']['key']} was refused: {document['reason']}"
        if key == "models/latest.json":
            return _run_began
        if key.startswith("models/") and key.endswith("/run.json"):
            return _run_ended
        if key.startswith("reports/") and key.endswith("/drift.json"):
            return _judged
        if key.startswith("reports/") and key.endswith("/quality.json"):
            return _measured
        return None

    def _scored(self, manifest: dict[str, Any]) -> str:
        rows, source = manifest["rows"], manifest["input"]["key"]
        arrived = self._arrived.get(source)
        took = f" in {time.monotonic() - arrived:.1f} s" if arrived else ""
        rejected = f"; {rows['rejected']:,} rejected: {manifest['rejected_key']}" if rows["rejected"] else ""
        return f"{source}: scored {rows['scored']:,} of {rows['in']:,} rows{took}{rejected}"

    def _tell_mails(self) -> None:
        for mail in self._mailbox.messages():
            if mail.path not in self._mails:
                self._mails.add(mail.path)
                self._tell(f"mail to {mail.recipient}: {mail.subject}")

    def _tell(self, line: str) -> None:
        self._say(f"{datetime.now().astimezone():%H:%M:%S}  {line}")


def _run_began(record: dict[str, Any]) -> str | None:
    if record["status"] != "running":
        return None
    on = (
        f"back to the model of {record['promotes']}"
        if record.get("promotes")
        else f"on {record['training']['key']}"
    )
    return f"run {record['run']} began ({record['trigger']}), {on}"


def _run_ended(record: dict[str, Any]) -> str | None:
    if record["status"] == "running":
        return None
    return f"run {record['run']} was {record['status']}: {record['reason']}".replace("was failed", "failed")


def _judged(document: dict[str, Any]) -> str | None:
    # Written once before the alert, and once after.
    if document.get("alerting"):
        return None
    what = document.get("date") or document.get("key") or f"{document.get('from')} to {document.get('to')}"
    drifted = ", ".join(document["drifted_columns"][:5])
    return (
        f"{what} judged: {document['verdict']}, {document['rows']:,} rows{f'; {drifted}' if drifted else ''}"
    )


def _measured(document: dict[str, Any]) -> str | None:
    if document.get("alerting"):
        return None
    name = (document.get("judged") or {}).get("measure", "auc")
    found = document["metrics"].get(name)
    figure = f", {name.replace('_', ' ').upper()} {found['value']:.3f}" if found else ""
    labelled = f"{document['rows_labelled']:,} of {document['rows_scored']:,} rows have labels"
    return f"{document['date']} measured: {document['verdict']}{figure}, {labelled}"
