"""The daily job over many scored files: in memory, and complete over HTTP against a stub of S3 in another process.

    python -m benchmarks.drift_daily memory|job [FILES] [COLUMNS] [LATENCY]

Runs one part in this process and prints its figures; `show_daily` runs each part in a separate process. LATENCY is the
stub's response time in milliseconds.
"""

import asyncio
import json
import logging
import os
import re
import resource
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import msgspec

from autowatch.tabular.profile import Baseline, baseline_column

ROOT = Path(__file__).resolve().parent.parent
FILES, COLUMNS, ROWS = 10_000, 50, 1_000
BUCKET, RUN, DAY = "bench", "20261120-071500-aaaa", "2026-11-23"
BASELINE_KEY = f"models/{RUN}/baseline.json"
DISTINCT = 100
NUMBER = "NUMBER"
LATENCY = 15
"""Milliseconds; S3 takes 10 to 30 for a small object."""
PAGE = 1000
GOALS = "goals: under 5 s, under 200 MB"


def baseline(columns: int) -> Baseline:
    """A baseline with numbers in half of the columns and texts in the others."""
    random = Random(0)
    numbers = Counter(f"{random.gauss(0, 1):.3f}" for _ in range(20_000))
    texts = Counter(f"value {min(int(random.expovariate(0.2)), 30)}" for _ in range(20_000))
    return Baseline(
        RUN,
        20_000,
        tuple(
            baseline_column(f"column {index}", "feature", "categorical", texts)
            if index % 2
            else baseline_column(f"column {index}", "feature", "numeric", numbers)
            for index in range(columns)
        ),
    )


def counts_documents(reference: Baseline) -> list[dict[str, Any]]:
    """The counts of some files, each drawn from the reference."""
    random, documents = Random(1), []
    for _ in range(DISTINCT):
        columns = {}
        for column in reference.columns:
            drawn = Counter(random.choices(range(len(column.counts)), column.counts, k=ROWS))
            columns[column.name] = [drawn[index] for index in range(len(column.counts))]
        document = {
            "profile_version": 1,
            "run": RUN,
            "bins": reference.bins,
            "rows": ROWS,
            "columns": columns,
        }
        documents.append(document)
    return documents


def manifest_documents(reference: Baseline) -> list[bytes]:
    """The manifests of some files, as scoring writes them, with `NUMBER` for the file's number."""
    stem = f"predictions/date={DAY}/file-{NUMBER}-0123456789abcdef"
    manifest = {
        "manifest_version": 1,
        "input": {"key": f"inference/file-{NUMBER}.csv", "version_id": "v", "etag": "e", "size": 1},
        "predictions_key": f"{stem}.csv",
        "predictions_version_id": "v",
        "profile_key": f"{stem}.profile.json",
        "profile_version_id": "v",
        "rejected_key": None,
        "rejected_version_id": None,
        "rows": {"in": ROWS, "scored": ROWS, "rejected": 0},
        "run": RUN,
        "model_name": "m",
        "endpoint_name": "e",
        "endpoint_config": "c",
        "prediction_date": f"{DAY}T09:00:00Z",
        "started": f"{DAY}T09:00:01Z",
        "finished": f"{DAY}T09:00:02Z",
        "columns": [column.name for column in reference.columns],
        "versions": {"autowatch": "0.1.0", "python": "3.13.0"},
    }
    documents = counts_documents(reference)
    return [json.dumps(manifest | {"counts": counts}, indent=1).encode() for counts in documents]


_MANIFEST = re.compile(r"predictions/.*/file-(\d+)-\w+\.manifest\.json")


class Bucket:
    """The objects of the stub: manifests by number, and objects that were put."""

    def __init__(self, files: int, columns: int) -> None:
        self._files = files
        reference = baseline(columns)
        self._manifests = manifest_documents(reference)
        champion = {
            "run": RUN,
            "endpoint_name": "e",
            "endpoint_config": "c",
            "model_name": "m",
            "contract_key": f"models/{RUN}/contract.json",
            "baseline_key": BASELINE_KEY,
            "released": f"{DAY}T07:00:00Z",
            "metrics": {},
            "previous_run": None,
        }
        self.kept = {
            "models/champion.json": json.dumps(champion).encode(),
            BASELINE_KEY: msgspec.json.encode(reference),
        }

    def get(self, key: str) -> bytes | None:
        """The object's bytes, if there is such an object."""
        if found := _MANIFEST.fullmatch(key):
            return self._manifests[int(found[1]) % DISTINCT].replace(NUMBER.encode(), found[1].encode())
        return self.kept.get(key)

    def page(self, query: dict[str, list[str]]) -> bytes:
        """One page of a listing."""
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        keys = self._keys()
        start = max(bisect_left(keys, prefix), bisect_right(keys, after))
        page = [key for key in keys[start : start + PAGE] if key.startswith(prefix)]
        truncated = start + PAGE < len(keys) and bool(page)
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>1</Size><ETag>e</ETag>"
            "<LastModified>2026-11-23T09:00:00.000Z</LastModified></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if truncated else ""
        return (
            f"<ListBucketResult><IsTruncated>{str(truncated).lower()}</IsTruncated>{token}"
            f"<KeyCount>{len(page)}</KeyCount>{contents}</ListBucketResult>"
        ).encode()

    @cache  # noqa: B019 (there is one bucket in the process)
    def _keys(self) -> list[str]:
        stems = (
            f"predictions/date={DAY}/file-{number:05d}-0123456789abcdef" for number in range(self._files)
        )
        return [f"{stem}.{ending}" for stem in stems for ending in ("csv", "manifest.json", "profile.json")]


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection; requests are handled one after the other."""

    def __init__(self, bucket: Bucket, seconds: float) -> None:
        self._bucket, self._seconds, self._received = bucket, seconds, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not end or len(body) < (int(length[1]) if length else 0):
            if end and b"100-continue" in head.lower() and not body:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self._received = b""
        method, target = head.split(b" ", 2)[:2]
        self._answer(method.decode(), urlsplit(target.decode()), body)

    def _answer(self, method: str, target: Any, body: bytes) -> None:
        key = unquote(target.path).partition("/")[2].partition("/")[2]
        found: bytes | None = b""
        if method == "PUT":
            self._bucket.kept[key] = body
        else:
            found = self._bucket.get(key) if key else self._bucket.page(parse_qs(target.query))
        status = "404 Not Found" if found is None else "200 OK"
        answer = b"<Error><Code>NoSuchKey</Code></Error>" if found is None else found
        head = (
            f'HTTP/1.1 {status}\r\nContent-Length: {len(answer)}\r\nETag: "e"\r\nx-amz-version-id: v\r\n\r\n'
        )
        self._loop.call_later(self._seconds, self._transport.write, head.encode() + answer)


async def serve(files: int, columns: int, latency: int) -> None:
    """Prints the port and serves until the process ends, with a latency in milliseconds."""
    bucket = Bucket(files, columns)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(bucket, latency / 1000), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def add_up_in_memory(files: int, columns: int) -> str:
    """Adds up the counts from the manifests' bytes, and judges the sum."""
    from autowatch.monitoring.drift.judge import DriftRules, judge
    from autowatch.records.manifest import CountedManifest
    from autowatch.tabular.profile import ProfileSum

    reference = baseline(columns)
    documents = manifest_documents(reference)
    begun = time.perf_counter(), time.process_time()
    sums = ProfileSum(RUN)
    for number in range(files):
        counts = msgspec.json.decode(documents[number % DISTINCT], type=CountedManifest).counts
        assert counts is not None
        sums.add(counts)
    report = judge(reference, sums.build(), DriftRules())
    return _figures("reading, adding up and judging, from memory", begun, report.rows == files * ROWS)


def run_job(files: int, columns: int, latency: int) -> str:
    """The whole daily job, against the stub."""
    from autowatch.aws.clients import data_bucket
    from autowatch.monitoring.requests import DueDays
    from autowatch.monitoring.settings import DriftClients, MonitoringSettings
    from autowatch.monitoring.watch import watch

    command = [sys.executable, "-m", "benchmarks.drift_daily", "serve"]
    command += map(str, (files, columns, latency))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stub:
        try:
            os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{stub.stdout.readline().strip()}"
            os.environ |= {
                "AWS_ACCESS_KEY_ID": "benchmark",
                "AWS_SECRET_ACCESS_KEY": "benchmark",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            nobody: Any = SimpleNamespace(
                publish=lambda **_: {}, put_events=lambda **_: {"FailedEntryCount": 0}
            )
            settings = MonitoringSettings(
                "predictions/", "topic", "Autowatch", "autowatch", "us-east-1", "own"
            )
            begun = time.perf_counter(), time.process_time()
            now = datetime(2026, 11, 23, 20, tzinfo=UTC)
            result = watch(
                DriftClients(data_bucket(BUCKET), nobody, nobody, nobody),
                settings,
                DueDays(),
                now,
                lambda: 900.0,
            )
            judged = sum(day.files for day in result.days) == files
            return _figures(f"the whole job, over HTTP, answers after {latency} ms", begun, judged)
        finally:
            stub.terminate()


def _figures(name: str, begun: tuple[float, float], is_right: bool) -> str:
    assert is_right, f"{name}: not every file was counted"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
    return f"| {name} | {seconds:.2f} | {cpu:.2f} | {peak:.0f} |"


def show_daily() -> None:
    """Prints the parts, each measured in a separate process."""
    print(
        f"\n{FILES:,} scored files of {COLUMNS} columns ({GOALS})\n\n| part | s | CPU s | peak MB |\n|---|---|---|---|"
    )
    for part, latency in (("memory", 0), ("job", 0), ("job", LATENCY)):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.drift_daily", part, str(FILES), str(COLUMNS), str(latency)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=600,
        )
        print(done.stdout.splitlines()[-1], flush=True)


def main(part: str, files: str = str(FILES), columns: str = str(COLUMNS), latency: str = "0") -> None:
    """Serves, or measures one part."""
    logging.disable(logging.CRITICAL)
    load = int(files), int(columns), int(latency)
    if part == "serve":
        asyncio.run(serve(*load))
    else:
        print(run_job(*load) if part == "job" else add_up_in_memory(*load[:2]))


if __name__ == "__main__":
    main(*sys.argv[1:])
