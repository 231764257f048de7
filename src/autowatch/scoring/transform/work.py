"""Removing what a transform has left to itself between its states."""

from autowatch.aws.objects import Bucket
from autowatch.aws.uploads import abort_uploads
from autowatch.records.keys import Work


def remove_work(bucket: Bucket, work: Work) -> None:
    """Removes every work object, and every upload of one that a dead attempt had begun.

    All versions go, since what is only deleted would be kept, and paid for.
    """
    abort_uploads(bucket, work.prefix)
    bucket.delete_versions(work.prefix)
