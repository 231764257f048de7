"""From a training file to its baseline and the judgement of another file, as the functions do it, without a model."""

import boto3
import msgspec
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.monitoring.drift.judge import DriftRules, judge
from autowatch.records.keys import baseline_key
from autowatch.scoring.raw_profile import profile_table
from autowatch.tabular.profile import Baseline
from autowatch.tabular.table import read_table
from autowatch.training.data.files import find_training_files
from autowatch.training.data.prepare import Preparation, prepare_training_data

_PREPARATION = Preparation(target="y", positive_label="", dropped_columns=(), holdout_percent=20)


def to_csv(header, rows):
    """A CSV of these rows, whose fields need no quotes."""
    return "".join(f"{','.join(row)}\n" for row in [header, *rows])


def trained(text, preparation=_PREPARATION):
    """The baseline of a run that was trained on a CSV, and its data report."""
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="bank")
        s3.put_object(Bucket="bank", Key="training/x.csv", Body=text.encode())
        bucket = Bucket(s3, "bank")
        prepare_training_data(bucket, "r", find_training_files(bucket, "training/x.csv"), preparation)
        baseline = msgspec.convert(bucket.read_json(baseline_key("r")), Baseline)
        return baseline, bucket.read_json("models/r/data.json")


def counted(baseline, text):
    """The profile of a CSV on the bins of a baseline."""
    return profile_table(read_table([text.encode()]), baseline).profile


def judged(baseline, text, rules=None):
    """The judgement of a CSV, and its columns by name."""
    report = judge(baseline, counted(baseline, text), rules or DriftRules())
    return report, {column.name: column for column in report.columns}
