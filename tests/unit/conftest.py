import pytest

from autowatch.aws import bulk
from autowatch.aws.clients import made_client


@pytest.fixture(autouse=True)
def _clients_of_each_test_alone():
    """No client is kept from one mocked account to the next."""
    made_client.cache_clear()
    yield
    made_client.cache_clear()


@pytest.fixture(autouse=True)
def moto_answers_boto3_alone(monkeypatch):
    """Inside `mock_aws` moto answers boto3; obstore has its own HTTP client, which would call AWS."""
    monkeypatch.setattr(bulk, "_is_path", lambda key: False)
