import pytest

from tests.support.monitored_bucket import monitored_bucket


@pytest.fixture
def clients():
    """Gives the clients of a bucket with models to watch, and of what is told about them."""
    with monitored_bucket() as clients:
        yield clients


@pytest.fixture
def s3(clients):
    return clients.bucket.client
