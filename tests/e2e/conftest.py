import pytest

import autowatch_client


@pytest.fixture
def stack(sandbox, monkeypatch):
    """The client's stack in the module's sandbox, for files without a `stack` of their own."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return autowatch_client.connect()
