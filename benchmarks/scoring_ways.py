"""One alternative to score one file, measured in a separate process that benchmarks/scoring.py starts.

    python -m benchmarks.scoring_ways WAY ENDPOINT ROWS

`AWS_ENDPOINT_URL` is the address of benchmarks/scoring_stub.py. Each alternative reads the file from the bucket, has
every row scored and writes the predictions to the bucket. The time is that of the call in a warm process, which has
already scored one row.
"""

import csv
import io
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

BUCKET = "bucket"
TARGET = "y"
NOT_SENT = ("duration", TARGET)
CONCURRENCY = 8
CHUNK_ROWS = 5_000
LARGEST_PAYLOAD = 4_000_000


def score_with_function(endpoint: str, rows: int, name: str = "rows") -> Callable[[], None]:
    """This repository's function: its handler with the event that S3 would send."""
    from invoke_endpoint.app import client, lambda_handler

    os.environ |= {
        "S3_BUCKET": BUCKET,
        "ENDPOINT_NAME": endpoint,
        "PREDICTIONS_PREFIX": "predictions/",
        "MAX_REJECTED_PERCENT": "10",
        "MAX_BATCH_BYTES": str(LARGEST_PAYLOAD),
        "CONCURRENCY": str(CONCURRENCY),
        "METRICS_NAMESPACE": "Benchmark",
        "STACK_NAME": "benchmark",
    }

    class Context:
        function_name = aws_request_id = invoked_function_arn = "benchmark"
        memory_limit_in_mb = 1769

        @staticmethod
        def get_remaining_time_in_millis() -> int:
            return 900_000

    key = _key(rows, name)
    size = client("s3").head_object(Bucket=BUCKET, Key=key)["ContentLength"]
    file = {"key": key, "versionId": "v", "eTag": "e", "size": size}
    record = {"eventTime": "2026-11-23T09:00:00Z", "s3": {"bucket": {"name": BUCKET}, "object": file}}

    def score() -> None:
        outcome = lambda_handler({"Records": [record]}, Context())
        assert outcome == {"scored": 1, "refused": 0}, outcome

    return score


def score_row_by_row(s3: Any, runtime: Any, endpoint: str, rows: int) -> None:
    """The walkthrough's function, extended from the first row to all rows: one request per row."""
    body = s3.get_object(Bucket=BUCKET, Key=_key(rows))["Body"]
    reader = csv.DictReader(io.StringIO(body.read().decode()), delimiter=";")
    predictions = []
    for row in islice(reader, rows):
        line = ",".join(value for name, value in row.items() if name not in NOT_SENT)
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="text/csv", Accept="text/csv", Body=line + "\n"
        )
        row["prediction"] = answer["Body"].read().decode().split(",")[0]
        predictions.append(",".join(row.values()))
    s3.put_object(Bucket=BUCKET, Key="predictions/rows.csv", Body="\n".join(predictions).encode())


def score_with_pandas(s3: Any, runtime: Any, endpoint: str, rows: int) -> None:
    """Chunks of a data frame in a simple loop, with sequential requests; no checks, no profile."""
    import pandas

    body = s3.get_object(Bucket=BUCKET, Key=_key(rows))["Body"]
    predictions = []
    for chunk in pandas.read_csv(body, sep=";", chunksize=CHUNK_ROWS):
        features = chunk.drop(columns=list(NOT_SENT)).to_csv(index=False, header=False)
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="text/csv", Accept="text/csv", Body=features
        )
        scored = pandas.read_csv(answer["Body"], header=None)
        chunk["prediction"], chunk["probability"] = scored[0].to_numpy(), scored[1].to_numpy()
        predictions.append(chunk.to_csv(index=False, header=not predictions))
    s3.put_object(Bucket=BUCKET, Key="predictions/rows.csv", Body="".join(predictions).encode())


def send_prebuilt(endpoint: str, rows: int) -> None:
    """No client at all: prebuilt requests over one socket for each concurrent request.

    It shows the speed that the stub really has on this machine.
    """
    line = b"41,admin.,married,university.degree,no,yes,no,cellular,may,mon,1,999,0,nonexistent,1.1,93.994,-36.4,1,5\n"
    requests = max(-(-rows * len(line) // LARGEST_PAYLOAD), CONCURRENCY)
    sizes = [rows * (number + 1) // requests - rows * number // requests for number in range(requests)]
    head = f"POST /endpoints/{endpoint}/invocations HTTP/1.1\r\nHost: stub\r\nContent-Length: %d\r\n\r\n".encode()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        exchanges = [pool.submit(_exchange, head % (size * len(line)), line * size) for size in sizes]
        for exchange in exchanges:
            exchange.result(60)


def _exchange(head: bytes, body: bytes) -> None:
    host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head)
        connection.sendall(body)
        head, _, begun = connection.recv(1 << 16).partition(b"\r\n\r\n")
        missing = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) - len(begun)
        while missing:
            missing -= len(connection.recv(min(missing, 1 << 18)))


def _with_boto3(way: Callable[..., None], endpoint: str, rows: int) -> Callable[[], None]:
    # Not at the top: the function's memory is measured without packages that it does not import.
    import boto3

    return partial(way, boto3.client("s3"), boto3.client("sagemaker-runtime"), endpoint, rows)


WAYS: dict[str, Callable[[str, int], Callable[[], None]]] = {
    "function": score_with_function,
    "rejects": partial(score_with_function, name="rejects"),
    "row by row": partial(_with_boto3, score_row_by_row),
    "pandas": partial(_with_boto3, score_with_pandas),
    "prebuilt": partial(partial, send_prebuilt),
}
"""The preparation of each alternative; the call of its result is measured."""


def _key(rows: int, name: str = "rows") -> str:
    return f"inference/{name}-{rows}.csv"


def _peak_megabytes() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def main(way: str, endpoint: str, rows: int) -> None:
    """Measures one scoring and prints the figures as JSON."""
    WAYS[way](endpoint, 1)()
    score = WAYS[way](endpoint, rows)
    begun, cpu = time.perf_counter(), time.process_time()
    score()
    figures = {
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - cpu,
        "peak": _peak_megabytes(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
