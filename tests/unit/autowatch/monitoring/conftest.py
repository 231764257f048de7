import pytest

from tests.support.monitored_bucket import monitored_bucket


@pytest.fixture
def clients():
    """The clients of a bucket with models to watch, and of their alerts."""
    with monitored_bucket() as clients:
        yield clients


@pytest.fixture
def s3(clients):
    return clients.bucket.client
