import pytest

from autowatch.scoring import endpoint
from tests.support.scoring_fixtures import client, s3

__all__ = ["client", "s3"]


@pytest.fixture
def no_waits(monkeypatch):
    """Failed requests are retried without a wait."""
    monkeypatch.setattr(endpoint, "_FIRST_WAIT", 0.0)
    monkeypatch.setattr(endpoint, "_LONGEST_WAIT", 0.0)
