from dataclasses import replace

import msgspec
import pytest

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.monitoring.drift.baselines import Baselines, BaselineUnusable
from autowatch.records.contract import Contract, Feature
from tests.support.monitored_bucket import BUCKET, release


def test_each_is_read_once_even_if_missing(s3):
    release(s3)
    baselines = Baselines(Bucket(s3, BUCKET))
    kept = baselines.of("run-1")
    with pytest.raises(BaselineUnusable):
        baselines.of("run-0")
    s3.delete_object(Bucket=BUCKET, Key="models/run-1/baseline.json")
    release(s3, "run-0")
    assert baselines.of("run-1") is kept
    with pytest.raises(BaselineUnusable):
        baselines.of("run-0")
    assert baselines.columns(["run-1", "run-0"]) == {"age", "job"}
    assert baselines.columns([]) == set()


def test_a_models_use_of_columns_is_read_once(s3):
    bucket, key = Bucket(s3, BUCKET), "models/run-1/contract.json"
    features = (Feature("age", "numeric"), Feature("job", "categorical"))
    training = ObjectVersion("k", None, "e", 1)
    contract = Contract("run-1", "y", ("no", "yes"), "yes", features, (), 2_000, 1, training)
    bucket.write_json(key, replace(contract, importance={"age": 0.8, "job": 0.2}))
    baselines = Baselines(bucket)
    assert baselines.use("run-1") == {"age": 0.8, "job": 0.2}
    of_an_earlier_version = msgspec.to_builtins(contract)
    del of_an_earlier_version["importance"]
    bucket.write_json(key, of_an_earlier_version)
    assert baselines.use("run-1") == {"age": 0.8, "job": 0.2}
    assert Baselines(bucket).use("run-1") == {}


@pytest.mark.parametrize("body", [None, b"", b'{"importance": {"age": "much"}}'])
def test_without_a_readable_contract_the_use_is_unknown(s3, body):
    if body is not None:
        s3.put_object(Bucket=BUCKET, Key="models/run-1/contract.json", Body=body)
    assert Baselines(Bucket(s3, BUCKET)).use("run-1") == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"columns": [{}], "run": "r", "rows": 1}'])
def test_a_damaged_one_is_named_with_the_remedy(s3, body):
    s3.put_object(Bucket=BUCKET, Key="models/run-1/baseline.json", Body=body)
    with pytest.raises(BaselineUnusable, match=r"models/run-1/baseline\.json cannot be read: .* Restore"):
        Baselines(Bucket(s3, BUCKET)).of("run-1")
