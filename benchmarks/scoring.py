"""The speed of scoring, compared with alternatives and the ideal: measurements/scoring.md.

    make bench-scoring          (about five minutes)

Every measurement runs in a fresh process against benchmarks/scoring_stub.py in another process. The ideal is computed:
the best number of equal requests (of at most 4 MB, CONCURRENCY at a time) at the stub's latency and cost per row, with
a client that costs nothing.
"""

import csv
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import islice
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.champion import Champion
from autowatch.records.contract import Contract, Feature
from autowatch.records.keys import CHAMPION_KEY
from autowatch.tabular.profile import PROBABILITY_BOUNDS, Baseline, baseline_column
from benchmarks.scoring_ways import BUCKET, CONCURRENCY, LARGEST_PAYLOAD, NOT_SENT, TARGET
from sandbox.demo.synthetic import COLUMNS, write_bank_marketing
from sandbox.install import environments

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10_000, 100_000, 1_000_000)
MEMORY_SIZES = (100_000, 1_000_000, 10_000_000)
GENERATED_ROWS = 1_000_000
BASELINE_ROWS = 30_000
REJECTS_ROWS = 100_000
NUMERIC = {"age", "campaign", "pdays", "previous", "euribor3m", "nr.employed"}
NUMERIC |= {"emp.var.rate", "cons.price.idx", "cons.conf.idx"}
SLOW, AT_ONCE = "stub-40-10", "stub-0-0"
REPETITIONS = 3
COLD_STARTS = 9
ROWS_ONE_BY_ONE = {SLOW: 200, AT_ONCE: 2_000}
PAYLOAD_BYTES_PER_ROW = 100

BARE = "import boto3; boto3.client('s3'); boto3.client('sagemaker-runtime')"
FUNCTION = "from invoke_endpoint import app; app.client('s3'); app.client('sagemaker-runtime')"
TELL_CPU = "; import time; print(time.process_time())"

# The template's variables for the functions that read with Arrow.
ARROW_VARIABLES = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
# The function's environment in Lambda: the packages of the runtime and the layer (neither numpy nor awscrt), and the
# variables of the template.
LAMBDA = (sys.executable, "-S")
LAMBDA_PATH = (
    ROOT / "src",
    ROOT,
    environments().runtime,
    environments().layer("core"),
    environments().layer("scoring"),
)
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": ":".join(map(str, LAMBDA_PATH)),
    **ARROW_VARIABLES,
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Figures:
    """One measurement: wall-clock seconds, CPU seconds of client and stub, peak MB, requests to the endpoint."""

    rows: int
    seconds: float
    cpu: float
    stub_cpu: float
    peak: float
    requests: int


@dataclass(frozen=True)
class Bench:
    """The stub's address, its bucket, and the file of its certificate if it speaks HTTPS."""

    url: str
    s3: Any
    certificate: str | None = None

    def measure(
        self, way: str, endpoint: str, rows: int, repetitions: int = 1, pinned: Sequence[str] = ()
    ) -> Figures:
        """The repetition with the median wall-clock time; `pinned` is put in front of the command."""
        runs = sorted(
            (self._measure(way, endpoint, rows, pinned) for _ in range(repetitions)),
            key=lambda run: run.seconds,
        )
        return runs[len(runs) // 2]

    def _measure(self, way: str, endpoint: str, rows: int, pinned: Sequence[str]) -> Figures:
        self._release(endpoint)
        python = [str(environments().model_python)] if way == "pandas" else LAMBDA
        before = self._usage()
        command = [*pinned, *python, "-m", "benchmarks.scoring_ways", way, endpoint, str(rows)]
        output = _run(command, self.url, self.certificate)
        after = self._usage()
        return Figures(
            rows=rows,
            stub_cpu=after["cpu"] - before["cpu"],
            requests=int(after["requests"] - before["requests"]) - 1,
            **json.loads(output.splitlines()[-1]),
        )

    def _release(self, endpoint: str) -> None:
        champion = Champion(
            run="r1",
            endpoint_name=endpoint,
            endpoint_config="c",
            model_name="m",
            contract_key="models/contract.json",
            baseline_key="models/baseline.json",
            released="2026-11-20T00:00:00Z",
            metrics={},
        )
        Bucket(self.s3, BUCKET).write_json(CHAMPION_KEY, asdict(champion))

    def _usage(self) -> dict[str, float]:
        trusted = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        with urllib.request.urlopen(f"{self.url}/_usage", timeout=60, context=trusted) as answer:
            usage: dict[str, float] = json.load(answer)
        return usage


def _client(url: str, certificate: str | None) -> Any:
    return boto3.client(
        "s3",
        "us-east-1",
        endpoint_url=url,
        verify=certificate,
        # The stub keeps bodies as they are sent, so they must not be in chunks.
        config=Config(request_checksum_calculation="when_required"),
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",
    )


def _run(command: list[str], url: str, certificate: str | None = None) -> str:
    environment = ENVIRONMENT | {"AWS_ENDPOINT_URL": url}
    if certificate:
        environment["AWS_CA_BUNDLE"] = certificate
    done = subprocess.run(
        command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=600
    )
    return done.stdout


@contextmanager
def running_stub(secure: bool = False) -> Iterator[Bench]:
    """Runs the stub, with a champion in its bucket, for the duration of the block; it speaks HTTPS if `secure`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_bank_marketing(path, GENERATED_ROWS)
        _write_rejects(path)
        certificate = _write_certificate(Path(folder) / "certificate.pem") if secure else None
        command = [
            sys.executable,
            "-m",
            "benchmarks.scoring_stub",
            folder,
            *([certificate] if secure else []),
        ]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                url = f"http{'s' * secure}://127.0.0.1:{process.stdout.readline().strip()}"
                bench = Bench(url, _client(url, certificate), certificate)
                _describe_model(bench.s3, path)
                yield bench
            finally:
                process.terminate()


def _write_certificate(path: Path) -> str:
    """Writes a certificate of 127.0.0.1 that is its own authority, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return str(path)


def _write_rejects(path: Path) -> None:
    """A second file in which one row in a hundred has text in place of a number."""
    with path.open(newline="") as rows, path.with_name("rejects.csv").open("w", newline="") as rejects:
        for number, line in enumerate(islice(rows, REJECTS_ROWS + 1)):
            rejects.write(f'"old"{line[line.index(";") :]}' if number % 100 == 50 else line)


def _describe_model(s3: Any, path: Path) -> None:
    names = [name for name in COLUMNS if name not in NOT_SENT]
    contract = Contract(
        run="r1",
        target=TARGET,
        labels=("no", "yes"),
        positive_label="yes",
        features=tuple(Feature(name, "numeric" if name in NUMERIC else "categorical") for name in names),
        dropped_columns=("duration",),
        rows=BASELINE_ROWS,
        profile_version=1,
        training=ObjectVersion("training/x.csv", "v", "e", 1),
    )
    Bucket(s3, BUCKET).write_json("models/contract.json", contract)
    Bucket(s3, BUCKET).write_json("models/baseline.json", _baseline(path, contract))


def _baseline(path: Path, contract: Contract) -> Baseline:
    with path.open(newline="") as file:
        columns = zip(*islice(csv.reader(file, delimiter=";"), 1, BASELINE_ROWS + 1), strict=True)
        texts = dict(zip(COLUMNS, map(Counter, columns), strict=True))
    features = (
        baseline_column(feature.name, "feature", feature.type, texts[feature.name])
        for feature in contract.features
    )
    probabilities = Counter(str(number / 1000) for number in range(1000))
    prediction = baseline_column(
        contract.probability_column, "prediction", "numeric", probabilities, bounds=PROBABILITY_BOUNDS
    )
    return Baseline("r1", BASELINE_ROWS, (*features, prediction))


def ideal_seconds(rows: int, latency: float, row_cost: float) -> float:
    """The shortest time in which the stub can answer `rows` rows, over all numbers of equal requests.

    Args:
        rows: the number of rows.
        latency: seconds per request.
        row_cost: seconds per row.
    """
    fewest = -(-rows * PAYLOAD_BYTES_PER_ROW // LARGEST_PAYLOAD)
    return min(
        -(-requests // CONCURRENCY) * (latency + -(-rows // requests) * row_cost)
        for requests in range(fewest, fewest + 10 * CONCURRENCY)
    )


def compare_ways(bench: Bench, sizes: Sequence[int]) -> None:
    """Prints the alternatives in a table, with and without latency of the endpoint."""
    print(
        "| endpoint | rows | way | rows/s | of the ideal | CPU s per 10⁶ rows | stub's | peak MB | requests |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for endpoint, latency, row_cost in ((SLOW, 0.040, 10e-6), (AT_ONCE, 0.0, 0.0)):
        for rows in sizes:
            best = ideal_seconds(rows, latency, row_cost)
            name = f"{latency * 1e3:g} ms + {row_cost * 1e6:g} µs a row" if best else "at once"
            if best:
                print(f"| {name} | {rows:,} | the ideal | {rows / best:,.0f} | 1 | 0 | | | |")
            for way, repetitions in (("prebuilt", 1), ("function", REPETITIONS), ("pandas", 1)):
                _print_row(name, WAY_NAMES[way], bench.measure(way, endpoint, rows, repetitions), rows, best)
            one_by_one = bench.measure("row by row", endpoint, ROWS_ONE_BY_ONE[endpoint])
            _print_row(
                name, f"one request a row ({one_by_one.rows} rows, extrapolated)", one_by_one, rows, best
            )


WAY_NAMES = {
    "prebuilt": "no client (requests made beforehand)",
    "function": "**this function**",
    "pandas": "pandas, chunks in a loop",
}


def _print_row(endpoint: str, way: str, figures: Figures, rows: int, best: float) -> None:
    rate = figures.rows / figures.seconds
    scale = rows / figures.rows
    cells = (
        endpoint,
        f"{rows:,}",
        way,
        f"{rate:,.0f}",
        f"{rate * best / rows:.4g}" if best else "",
        f"{figures.cpu / figures.rows * 1e6:.1f}",
        f"{figures.stub_cpu / figures.rows * 1e6:.1f}",
        f"{figures.peak:.0f}",
        f"{figures.requests * scale:,.0f}",
    )
    print(f"| {' | '.join(cells)} |", flush=True)


def show_memory(bench: Bench, sizes: Sequence[int]) -> None:
    """Prints the function's peak resident memory at very different sizes, with a slow endpoint."""
    print("Sizes far apart, with 40 ms and 10 µs a row:\n")
    print("| rows | peak MB | rows/s | of the ideal | CPU s per 10⁶ rows |")
    print("|---|---|---|---|---|")
    for rows in sizes:
        figures = bench.measure("function", SLOW, rows)
        best = ideal_seconds(rows, 0.040, 10e-6)
        cells = (f"{rows:,}", f"{figures.peak:.0f}", f"{rows / figures.seconds:,.0f}")
        print(
            f"| {' | '.join(cells)} | {best / figures.seconds:.3g} | {figures.cpu / rows * 1e6:.1f} |",
            flush=True,
        )


def show_rejects(bench: Bench, rows: int) -> None:
    """Prints the cost of a file in which one row in a hundred is rejected."""
    figures = bench.measure("rejects", AT_ONCE, rows, REPETITIONS)
    cpu = figures.cpu / rows * 1e6
    print(f"One row in a hundred rejected, endpoint at once: {cpu:.2f} CPU s per 10⁶ rows, all told.")


def show_https(plain: Bench, rows: int) -> None:
    """Prints the cost of HTTPS, where botocore does not hash what it uploads; HTTP and HTTPS in turn."""
    with running_stub(secure=True) as secure:
        cpu: dict[str, list[float]] = {"HTTP": [], "HTTPS": []}
        for _ in range(REPETITIONS):
            for name, bench in (("HTTP", plain), ("HTTPS", secure)):
                cpu[name].append(bench.measure("function", AT_ONCE, rows).cpu)
        each = (f"{name} {statistics.median(seconds) / rows * 1e6:.2f}" for name, seconds in cpu.items())
        print(f"CPU s per 10⁶ rows, endpoint at once: {', '.join(each)}.")


def show_one_core(bench: Bench, rows: int) -> None:
    """Prints the speed of the function on one processor, as in Lambda at 1,769 MB, with an immediate endpoint."""
    core = str(min(os.sched_getaffinity(0)))
    figures = bench.measure("function", AT_ONCE, rows, REPETITIONS, ("taskset", "-c", core))
    print(f"Pinned to one processor, endpoint at once: {rows / figures.seconds:,.0f} rows/s (goal: 400,000).")


def show_slow_models(bench: Bench, rows: int) -> None:
    """Prints how a small file is spread over the concurrency of an endpoint with a slow model."""
    print("A small file is spread over the endpoint's places, at 40 ms a request:\n")
    print("| a row takes | rows | requests | of the ideal |")
    print("|---|---|---|---|")
    for microseconds in (10, 100, 1_000):
        best = ideal_seconds(rows, 0.040, microseconds * 1e-6)
        figures = bench.measure("function", f"stub-40-{microseconds}", rows, REPETITIONS)
        cells = (
            f"{microseconds / 1000:g} ms",
            f"{rows:,}",
            str(figures.requests),
            f"{best / figures.seconds:.2f}",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


def show_cold_start(url: str) -> None:
    """Prints the time until a process has its clients, alternating so that both see the same load of the machine."""
    cpu: dict[str, list[float]] = {BARE: [], FUNCTION: []}
    for code in (BARE, FUNCTION) * COLD_STARTS:
        cpu[code].append(float(_run([*LAMBDA, "-c", code + TELL_CPU], url)))
    print("| from the start of the process to its clients | CPU s | ratio |")
    print("|---|---|---|")
    bare = statistics.median(cpu[BARE])
    for name, code in (("boto3 alone", BARE), ("this function", FUNCTION)):
        used = statistics.median(cpu[code])
        print(f"| {name} | {used:.3f} | {used / bare:.2f} |")


def main(arguments: Sequence[str]) -> None:
    """Runs everything, or the named parts: ways, memory, core, rejects, slow, cold, https."""
    parts = arguments or ("ways", "memory", "core", "rejects", "slow", "cold", "https")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} processors, load before the run {load}, Python {sys.version.split()[0]}\n")
    with running_stub() as bench:
        if "ways" in parts:
            compare_ways(bench, SIZES)
            print()
        if "memory" in parts:
            show_memory(bench, MEMORY_SIZES)
            print()
        if "core" in parts:
            show_one_core(bench, max(SIZES))
            print()
        if "rejects" in parts:
            show_rejects(bench, max(SIZES))
            print()
        if "slow" in parts:
            show_slow_models(bench, min(SIZES))
            print()
        if "cold" in parts:
            show_cold_start(bench.url)
            print()
        if "https" in parts:
            show_https(bench, max(SIZES))


if __name__ == "__main__":
    main(sys.argv[1:])
