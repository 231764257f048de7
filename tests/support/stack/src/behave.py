"""Functions for every behaviour that a function can have."""

import json
import os
import sys
import time
import urllib.parse
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


class QuotaError(Exception):
    """Named, so that a state machine can catch it by name."""


def echo(event, context):
    return {
        "event": event,
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "remaining": context.get_remaining_time_in_millis(),
        "process": os.getpid(),
        "variables": dict(os.environ),
        "path": sys.path,
    }


def use_layer(event, context):
    import greeting

    return greeting.WORD


def without_layer(event, context):
    import greeting

    return greeting.WORD


def fail(event, context):
    raise QuotaError("the quota is used up")


def misbehave(event, context):
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "megabytes" in event:
        return len(bytearray(event["megabytes"] * 1024 * 1024))
    if "exit" in event:
        os._exit(event["exit"])
    if event.get("raise"):
        raise QuotaError("the quota is used up")
    if "print" in event:
        sys.stdout.write(event["print"] + "\n")
    return os.getpid()


def call(event, context):
    """Call a service with the function's role; its answer's status, or the error's code and message."""
    client = boto3.client(event["service"], config=Config(retries={"total_max_attempts": 1}))
    try:
        answer = getattr(client, event["operation"])(**event.get("arguments", {}))
    except ClientError as error:
        return {"code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
    return {"status": answer["ResponseMetadata"]["HTTPStatusCode"], "errors": answer.get("Errors", [])}


def environment(event, context):
    """What a function may see of its own Runtime API."""
    return {"api": os.environ["AWS_LAMBDA_RUNTIME_API"]}


def record(event, context):
    """Write each event that arrives to a bucket, fail as long as it is told to."""
    s3 = boto3.client("s3")
    bucket = os.environ["BUCKET"]
    attempts = Path(os.environ["TMPDIR"]) / "attempts"
    s3.put_object(
        Bucket=bucket, Key=f"seen/{context.aws_request_id}-{time.time_ns()}.json", Body=json.dumps(event)
    )
    for item in event.get("Records", []):
        key = urllib.parse.unquote_plus(item["s3"]["object"]["key"])
        if "poison" in key:
            raise QuotaError(f"{key} is poison")
    if event.get("fail_times"):
        count = int(attempts.read_text()) if attempts.exists() else 0
        attempts.write_text(str(count + 1))
        if count < event["fail_times"]:
            raise QuotaError("not yet")
        attempts.unlink()
