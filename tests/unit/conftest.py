import pytest

from autowatch.aws.clients import made_client


@pytest.fixture(autouse=True)
def _clients_of_each_test_alone():
    """No client reaches from one mocked account into the next."""
    made_client.cache_clear()
    yield
    made_client.cache_clear()
