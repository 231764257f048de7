"""Removes a transform's work objects."""

from autowatch.aws.objects import Bucket
from autowatch.aws.uploads import abort_uploads
from autowatch.records.keys import Work


def remove_work(bucket: Bucket, work: Work) -> None:
    """Removes every work object, and every unfinished upload of a killed attempt.

    All versions are removed; versions that are only marked as deleted would be stored and paid for.
    """
    abort_uploads(bucket, work.prefix)
    bucket.delete_versions(work.prefix)
