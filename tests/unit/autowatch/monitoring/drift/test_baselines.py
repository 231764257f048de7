import pytest

from autowatch.aws.objects import Bucket
from autowatch.monitoring.drift.baselines import Baselines, BaselineUnusable
from tests.support.monitored_bucket import BUCKET, release


def test_each_is_read_once_whether_it_is_there_or_not(s3):
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


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"columns": [{}], "run": "r", "rows": 1}'])
def test_a_damaged_one_is_named_with_the_remedy(s3, body):
    s3.put_object(Bucket=BUCKET, Key="models/run-1/baseline.json", Body=body)
    with pytest.raises(BaselineUnusable, match=r"models/run-1/baseline\.json cannot be read: .* Restore"):
        Baselines(Bucket(s3, BUCKET)).of("run-1")
