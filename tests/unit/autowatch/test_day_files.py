from datetime import date

import pytest

from autowatch.day_files import DayFiles, list_days
from tests.unit.autowatch.monitored_bucket import BUCKET, monitored_bucket

FIRST, LAST = date(2026, 11, 9), date(2026, 11, 10)


@pytest.fixture
def s3():
    with monitored_bucket() as clients:
        yield clients.s3


def put(s3, *keys):
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")


def test_each_day_has_its_manifests_and_refusals(s3):
    wanted = {
        FIRST: DayFiles(
            ["predictions/date=2026-11-09/a.manifest.json"], ["rejected/date=2026-11-09/x.error.json"]
        ),
        LAST: DayFiles(
            [
                "predictions/date=2026-11-10/b/ü 😀.manifest.json",
                "predictions/date=2026-11-10/\U0010fffd.manifest.json",
            ]
        ),
    }
    put(s3, *(key for files in wanted.values() for key in (*files.manifests, *files.refused)))
    put(
        s3,
        "predictions/date=2026-11-08/z.manifest.json",
        "predictions/date=2026-11-09/a.csv",
        "predictions/date=2026-11-09/a.profile.json",
        "predictions/date=2026-11-1/a.manifest.json",
        "predictions/date=2026-11-11/a.manifest.json",
        "predictions/date=2026-13-40/a.manifest.json",
        "predictions/date=9/a.manifest.json",
        "rejected/date=2026-11-09/x.csv",
        "rejected/labels/date=2026-11-09/x.error.json",
    )

    assert list_days(s3, BUCKET, "predictions/", FIRST, LAST) == wanted


def test_days_without_anything_are_not_in_it(s3):
    assert list_days(s3, BUCKET, "predictions/", FIRST, LAST) == {}
