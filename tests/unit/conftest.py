import pytest

from autowatch.aws import bulk
from autowatch.aws.clients import made_client


@pytest.fixture(autouse=True)
def _clients_of_each_test_alone():
    """No client reaches from one mocked account into the next."""
    made_client.cache_clear()
    yield
    made_client.cache_clear()


@pytest.fixture(autouse=True)
def moto_answers_boto3_alone(monkeypatch):
    """Inside `mock_aws` moto sees what boto3 asks; obstore has an HTTP client of its own, which would ask AWS."""
    monkeypatch.setattr(bulk, "_is_path", lambda key: False)
