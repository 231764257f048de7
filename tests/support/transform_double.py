"""A double of SageMaker for testing a transform's states one by one; it joins as Batch Transform does."""

import csv
import io
import re
from datetime import UTC, datetime

from autowatch.aws.objects import Bucket
from autowatch.records.keys import Work
from autowatch.scoring.transform.accept import accept_file, plan_file
from autowatch.scoring.transform.plan import TransformSettings, read_plan
from tests.support.scoring_bucket import BUCKET, keys, read_document
from tests.support.stub_runtime import StubRuntime

WORK = Work("20261123-0123456789abcdef")
SETTINGS = TransformSettings(
    predictions_prefix="predictions/",
    max_rejected_percent=40.0,
    max_batch_bytes=4_000_000,
    metrics_namespace="Test",
    stack="bank",
)


def run_job(s3, plan, stub=None, spoil=lambda text: text):
    """The job's output for its input: no header, line by line, with the answer joined."""
    stub = stub or StubRuntime()
    for key in keys(s3, plan.work.input):
        text = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        lines = text.removesuffix("\n").split("\n")
        rows = [next(csv.reader([line], strict=True)) for line in lines]
        answers = stub.answer([pick(row, plan.rows.input_filter) for row in rows]).splitlines()
        joined = "".join(f"{line(row)},{answer}\n" for row, answer in zip(rows, answers, strict=True))
        name = key.removeprefix(plan.work.input)
        s3.put_object(Bucket=BUCKET, Key=f"{plan.work.output}/{name}.out", Body=spoil(joined).encode())


def line(row):
    text = io.StringIO()
    # Python 3.11 quotes a carriage return only where a line may end with one.
    csv.writer(text, lineterminator="\r\n").writerow(row)
    return text.getvalue().removesuffix("\r\n")


def pick(row, expression):
    """The fields that a filter of indexes, or of one open slice, selects."""
    if expression == "$":
        return row
    if begins := re.fullmatch(r"\$\[(\d+):\]", expression):
        return row[int(begins[1]) :]
    return [row[int(item)] for item in re.fullmatch(r"\$\[([\d,]+)\]", expression)[1].split(",")]


def plan(s3, arrival, piece_bytes=1500, settings=SETTINGS):
    return plan_file(
        Bucket(s3, BUCKET), settings, WORK, arrival, piece_bytes, datetime(2026, 11, 23, 9, 1, tzinfo=UTC)
    )


def check(s3, arrival, piece_bytes=1500, settings=SETTINGS):
    """The states up to the job: the decision, and the plan where there is one."""
    from autowatch.scoring.transform.check import check_piece
    from autowatch.scoring.transform.plan import Piece

    decision = plan(s3, arrival, piece_bytes, settings)
    if decision != "check":
        return decision, None
    made = read_plan(Bucket(s3, BUCKET), WORK.name)
    for item in read_document(s3, WORK.pieces):
        check_piece(Bucket(s3, BUCKET), made, Piece(**item), settings.max_batch_bytes)
    return accept_file(Bucket(s3, BUCKET), settings, made).decision, made


def transform(s3, arrival, piece_bytes=1500, settings=SETTINGS, **job):
    """Runs all states; returns the manifest, or None for a refused file."""
    from autowatch.scoring.transform.accept import AcceptedPiece
    from autowatch.scoring.transform.assemble import assemble
    from autowatch.scoring.transform.finish import finish_piece

    decision, made = check(s3, arrival, piece_bytes, settings)
    if decision == "refused":
        return None
    if decision == "score":
        run_job(s3, made, **job)
    for item in read_document(s3, WORK.accepted):
        finish_piece(Bucket(s3, BUCKET), made, AcceptedPiece(**item))
    return assemble(Bucket(s3, BUCKET), made, settings, datetime(2026, 11, 23, 9, 5, tzinfo=UTC))
