import random

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.aws.uploads import LARGEST_PART, SMALLEST_PART, Source, concatenate, cut_parts

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def client():
    return boto3.client("s3", "us-east-1")


@pytest.fixture
def s3(client):
    with mock_aws():
        client.create_bucket(Bucket="bucket")
        client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        yield client


def put(s3, sizes):
    contents = [random.Random(size).randbytes(size) for size in sizes]
    for number, content in enumerate(contents):
        s3.put_object(Bucket="bucket", Key=f"source/{number}", Body=content)
    return [Source(f"source/{number}", size) for number, size in enumerate(sizes)], b"".join(contents)


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [0],
        [10, 0, 20],
        [6 * MEGABYTE],
        [6 * MEGABYTE, 7 * MEGABYTE, 1],
        [100, 6 * MEGABYTE],
        [6 * MEGABYTE, 100, 6 * MEGABYTE, 0, 5 * MEGABYTE],
        [3 * MEGABYTE] * 5,
        [SMALLEST_PART - 1, 1, SMALLEST_PART],
    ],
    ids=str,
)
def test_the_target_is_the_concatenated_sources(s3, sizes):
    sources, expected = put(s3, sizes)
    version = concatenate(Bucket(s3, "bucket"), sources, "target", "text/csv")
    answer = s3.get_object(Bucket="bucket", Key="target")
    assert answer["Body"].read() == expected
    assert (answer["VersionId"], answer["ContentType"]) == (version, "text/csv")
    assert s3.list_multipart_uploads(Bucket="bucket").get("Uploads", []) == []


@pytest.mark.parametrize("seed", range(40))
def test_every_part_but_the_last_is_large_enough_and_no_byte_is_lost(seed):
    chance = random.Random(seed)
    largest = chance.choice([10, SMALLEST_PART, 3 * SMALLEST_PART, 3 * LARGEST_PART])
    sources = [Source(str(number), chance.randrange(largest)) for number in range(chance.randrange(30))]
    parts = cut_parts(sources)
    sizes = [sum(each.size for each in part) for part in parts]
    assert all(SMALLEST_PART <= size <= LARGEST_PART for size in sizes[:-1])
    assert all(len(part) == 1 or size <= SMALLEST_PART for part, size in zip(parts, sizes, strict=True))
    joined = [(each.key, place) for part in parts for each in part for place in (each.start, each.end)]
    reached = {source.key: 0 for source in sources}
    for (key, start), (_, end) in zip(joined[::2], joined[1::2], strict=True):
        assert start == reached[key]
        reached[key] = end
    assert reached == {source.key: source.size for source in sources}
    order = [int(key) for key, _ in joined]
    assert order == sorted(order)


def test_large_sources_are_copied_inside_s3(s3):
    sources, _ = put(s3, [6 * MEGABYTE, 8 * MEGABYTE, 100])
    read = []
    s3.meta.events.register("before-call.s3.GetObject", lambda params, **_: read.append(params["url_path"]))
    concatenate(Bucket(s3, "bucket"), sources, "target", "text/csv")
    assert len(read) == 1
    assert read[0].endswith("source/2")


def test_a_missing_source_leaves_no_object(s3):
    sources, _ = put(s3, [6 * MEGABYTE, 6 * MEGABYTE])
    s3.delete_object(Bucket="bucket", Key="source/1")
    with pytest.raises(ClientError, match="404|NoSuchKey"):
        concatenate(Bucket(s3, "bucket"), sources, "target", "text/csv")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="bucket", Key="target")
    assert s3.list_multipart_uploads(Bucket="bucket").get("Uploads", []) == []
