"""Batch Transform: CreateTransformJob and related operations."""

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.sagemaker.batch.csv_filter import CsvFilter
from sandbox.sagemaker.batch.transform_object import ObjectFailed, Plan, Stopped, transform_object
from sandbox.sagemaker.batch.transform_request import DEFAULT_PAYLOAD_MEGABYTES, check_transform_request
from sandbox.sagemaker.platform import Platform, split_s3_uri
from sandbox.sagemaker.serving.model_server import (
    ModelServer,
    ModelServerFailed,
    ModelServerGone,
    ModelServerTimeout,
)
from sandbox.sagemaker.serving.models import Models, check_environment, container_to_serve, containers_of
from sandbox.sagemaker.wire.errors import ResourceInUse, ResourceNotFound, ValidationException
from sandbox.sagemaker.wire.listing import page, select
from sandbox.sagemaker.wire.tags import Tags

_STARTUP_SECONDS = 120.0
_SECONDS_TO_END = 10.0
_DEFAULT_INVOCATION_SECONDS = 600
_DEFAULT_RETRIES = 3
_SECONDS_BETWEEN_RETRIES = 0.1
_CHUNK_BYTES = 1024 * 1024
_PROCESSING = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}


@dataclass
class _Job:
    request: dict[str, Any]
    arn: str
    container: dict[str, Any]
    log: Path
    created: float
    modified: float
    status: str = "InProgress"
    started: float | None = None
    ended: float | None = None
    failure: str | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    server: ModelServer | None = None
    thread: threading.Thread | None = None
    logging: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        return str(self.request["TransformJobName"])

    def write_log(self, line: str) -> None:
        """Adds a line in the format of SageMaker's job logs."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        with self.logging, self.log.open("a") as log:
            log.write(f"{moment}:[sagemaker logs]: {line}\n")


class TransformJobs:
    """Batch Transform: one container for each job, and a worker for each instance."""

    def __init__(self, platform: Platform, tags: Tags, models: Models) -> None:
        self._platform = platform
        self._tags = tags
        self._models = models
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateTransformJob.

        Raises:
            ResourceInUse: the name is taken.
            ValidationException: the model does not exist, SageMaker refuses the request, or the sandbox does not
                support it.
        """
        check_transform_request(request)
        container = self._container(request)
        name = request["TransformJobName"]
        arn = self._platform.arn("transform-job", name)
        log = self._platform.state_dir / "logs" / "transform" / f"{name}.log"
        now = time.time()
        with self._lock:
            if name in self._jobs:
                raise ResourceInUse(
                    f"Job name must be unique within an AWS account and region, and a job with this name already"
                    f" exists ({arn})"
                )
            job = self._jobs[name] = _Job(request, arn, container, log, now, now)
        self._tags.start(arn, request.get("Tags"))
        log.parent.mkdir(parents=True, exist_ok=True)
        job.thread = threading.Thread(target=self._run, args=(job,), daemon=True, name=f"transform-{name}")
        job.thread.start()
        return {"TransformJobArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeTransformJob."""
        job = self._find(request["TransformJobName"])
        with self._lock:
            return {
                **job.request,
                **_summary(job),
                "DataProcessing": {**_PROCESSING, **job.request.get("DataProcessing", {})},
                "TransformStartTime": job.started,
            }

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopTransformJob: the job is Stopping until its workers have ended; no output is stored.

        Raises:
            ValidationException: the job has ended.
        """
        job = self._find(request["TransformJobName"])
        with self._lock:
            if job.status not in ("InProgress", "Stopping"):
                raise ValidationException(
                    f"The request was rejected because the transform job is in status {job.status}."
                )
            job.status = "Stopping"
            job.modified = time.time()
            job.stopped.set()
            server = job.server
        if server:
            # Requests in progress end with their container.
            threading.Thread(target=server.close, daemon=True).start()
        return {}

    def list_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListTransformJobs."""
        with self._lock:
            jobs = [_summary(job) for job in self._jobs.values()]
        return page(select(jobs, request, "TransformJob"), request, "TransformJobSummaries")

    def close(self) -> None:
        """Ends all jobs and their containers."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.stopped.set()
            if job.server:
                job.server.close()
        for job in jobs:
            if job.thread:
                job.thread.join(_SECONDS_TO_END)

    def _find(self, name: str) -> _Job:
        with self._lock:
            if name not in self._jobs:
                raise ResourceNotFound(
                    f"Could not find requested job with name: {self._platform.arn('transform-job', name)}"
                )
            return self._jobs[name]

    def _container(self, request: dict[str, Any]) -> dict[str, Any]:
        check_environment(request.get("Environment", {}))
        model = self._models.find(request["ModelName"])
        if len(containers_of(model)) != 1:
            raise ValidationException("A model of several containers is not offered in the sandbox.")
        container = container_to_serve(model)
        return {
            **container,
            "Environment": {**container.get("Environment", {}), **request.get("Environment", {})},
        }

    def _run(self, job: _Job) -> None:
        """The job from its start to its end."""
        with tempfile.TemporaryDirectory(prefix="transform-", dir=self._folder()) as folder:
            failure: str | None = "InternalServerError: We encountered an internal error. Please try again."
            try:
                failure = self._transform(job, Path(folder))
            except ModelServerFailed as error:
                job.write_log(str(error))
                failure = "AlgorithmError: See job logs for more information"
            except (ClientError, BotoCoreError, OSError) as error:
                job.write_log(f"{type(error).__name__}: {error}")
            finally:
                if job.server:
                    job.server.close()
                self._end(job, failure)

    def _end(self, job: _Job, failure: str | None) -> None:
        with self._lock:
            job.failure = None if job.stopped.is_set() else failure
            job.status = "Stopped" if job.stopped.is_set() else "Failed" if failure else "Completed"
            job.ended = job.modified = time.time()

    def _folder(self) -> Path:
        folder = self._platform.state_dir / "transform"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _transform(self, job: _Job, folder: Path) -> str | None:
        """Transforms every object and stores the output; returns the reason if one failed."""
        bucket, prefix = split_s3_uri(job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])
        keys = self._list(self._s3(job), bucket, prefix)
        if not keys:
            return (
                f'ClientError: No S3 objects found under S3 URL "s3://{bucket}/{prefix}" given in input data source.'
                " Please ensure that the bucket exists in the selected region and that objects exist under that S3"
                " prefix."
            )
        with self._lock:
            job.server = ModelServer(self._platform, job.container, "AllTraffic", f"transform-{job.name}")
            job.started = time.time()
        job.server.start(_STARTUP_SECONDS)
        workers = min(job.request["TransformResources"]["InstanceCount"], len(keys))
        with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
            # One worker processes an object from its first record to its last.
            shares = pool.map(
                lambda worker: self._work(job, bucket, keys[worker::workers], folder, worker), range(workers)
            )
            outcomes = [outcome for share in shares for outcome in share]
        if job.stopped.is_set():
            return None
        for outcome in outcomes:
            if outcome.file:
                self._store(job, prefix, outcome.key, outcome.file)
        parties = {outcome.party for outcome in outcomes if outcome.party}
        party = next((each for each in ("AlgorithmError", "ClientError") if each in parties), None)
        return f"{party}: See job logs for more information" if party else None

    def _s3(self, job: _Job) -> Any:
        return self._platform.s3(job.container["ExecutionRoleArn"])

    def _list(self, s3: Any, bucket: str, prefix: str) -> list[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [
            item["Key"]
            for answer in pages
            for item in answer.get("Contents", ())
            if not item["Key"].endswith("/")
        ]

    def _work(self, job: _Job, bucket: str, keys: list[str], folder: Path, worker: int) -> list["_Outcome"]:
        """The work of one instance: its objects, one by one."""
        s3, plan = self._s3(job), _plan(job.request)
        outcomes = []
        for number, key in enumerate(keys):
            file = folder / f"{worker}-{number}"
            body = s3.get_object(Bucket=bucket, Key=key)["Body"]
            try:
                with file.open("wb") as target:
                    transform_object(
                        body.iter_chunks(_CHUNK_BYTES),
                        target,
                        lambda payload: _ask(job, payload),
                        plan,
                        job.stopped,
                    )
            except Stopped:
                break
            except ObjectFailed as error:
                job.write_log(f"{bucket}/{key}: {error}")
                outcomes.append(_Outcome(key, None, error.party))
            else:
                outcomes.append(_Outcome(key, file, None))
            finally:
                body.close()
        return outcomes

    def _store(self, job: _Job, prefix: str, key: str, file: Path) -> None:
        bucket, path = split_s3_uri(job.request["TransformOutput"]["S3OutputPath"])
        below = key[prefix.rfind("/") + 1 :]
        target = f"{path.rstrip('/')}/{below}.out".lstrip("/")
        self._s3(job).upload_file(str(file), bucket, target)


@dataclass(frozen=True)
class _Outcome:
    key: str
    file: Path | None
    party: str | None
    """Which party is at fault if there is no output."""


def _plan(request: dict[str, Any]) -> Plan:
    processing = {**_PROCESSING, **request.get("DataProcessing", {})}
    return Plan(
        by_line=request["TransformInput"].get("SplitType") == "Line",
        many_records=request.get("BatchStrategy", "MultiRecord") == "MultiRecord",
        payload_limit=request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MEGABYTES) * 1024 * 1024,
        concurrency=request.get("MaxConcurrentTransforms") or 1,
        input_filter=CsvFilter(processing["InputFilter"], "InputFilter"),
        output_filter=CsvFilter(processing["OutputFilter"], "OutputFilter"),
        joins_input=processing["JoinSource"] == "Input",
        ends_lines=request["TransformOutput"].get("AssembleWith") == "Line",
    )


def _ask(job: _Job, payload: bytes) -> bytes:
    """The container's response, retried if it failed or took too long.

    Raises:
        ObjectFailed: the container refuses the payload, or fails at every retry.
    """
    assert job.server is not None  # noqa: S101 (the job's workers start after its server)
    client = job.request.get("ModelClientConfig", {})
    timeout = client.get("InvocationsTimeoutInSeconds", _DEFAULT_INVOCATION_SECONDS)
    content_type = job.request["TransformInput"].get("ContentType", "application/octet-stream")
    accept = job.request["TransformOutput"].get("Accept", "*/*")
    for attempt in range(1 + client.get("InvocationsMaxRetries", _DEFAULT_RETRIES)):
        # A job that is being stopped does not retry.
        if attempt and job.stopped.wait(_SECONDS_BETWEEN_RETRIES * 2 ** (attempt - 1)):
            break
        try:
            answer = job.server.invoke(payload, content_type, accept, timeout)
        except ModelServerTimeout:
            failure = "Model server did not respond to /invocations request within time"
        except ModelServerGone:
            failure = "Unable to get response from algorithm"
        else:
            if answer.status < 400:
                return answer.body
            message = answer.body.decode(errors="replace")
            if answer.status < 500:
                raise ObjectFailed("ClientError", f"ClientError: {answer.status}. Message: {message}")
            failure = f"AlgorithmError: {answer.status}. Message: {message}"
    raise ObjectFailed("AlgorithmError", failure)


def _summary(job: _Job) -> dict[str, Any]:
    return {
        "TransformJobName": job.name,
        "TransformJobArn": job.arn,
        "TransformJobStatus": job.status,
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
        "TransformEndTime": job.ended,
        "FailureReason": job.failure,
    }
