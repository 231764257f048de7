from datetime import date

from autowatch.aws.objects import Bucket
from autowatch.monitoring.days.due import list_days
from tests.support.monitored_bucket import BUCKET

FIRST, LAST = date(2026, 11, 9), date(2026, 11, 10)


def put(s3, *keys):
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")


def test_each_day_has_its_manifests_and_refusals(s3):
    wanted = {
        FIRST: (["predictions/date=2026-11-09/a.manifest.json"], ["rejected/date=2026-11-09/x.error.json"]),
        LAST: (
            [
                "predictions/date=2026-11-10/b/ü 😀.manifest.json",
                "predictions/date=2026-11-10/\U0010fffd.manifest.json",
            ],
            [],
        ),
    }
    put(s3, *(key for manifests, refused in wanted.values() for key in (*manifests, *refused)))
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

    found = list_days(Bucket(s3, BUCKET), "predictions/", FIRST, LAST)

    assert {day: (list(files.manifests), list(files.refused)) for day, files in found.items()} == wanted


def test_the_digest_changes_with_an_object_that_is_replaced(s3):
    key = "predictions/date=2026-11-09/a.manifest.json"
    digests = []
    for body in (b"1", b"2", b"1"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        digests.append(list_days(Bucket(s3, BUCKET), "predictions/", FIRST, LAST)[FIRST].digest)
    assert digests[0] == digests[2] != digests[1]


def test_days_without_files_are_left_out(s3):
    assert list_days(Bucket(s3, BUCKET), "predictions/", FIRST, LAST) == {}
