"""The tests' changes to moto, each with its reason. Loaded as a plugin by `tests/conftest.py`."""

import threading

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_idle_work():
    """Skips needless work of moto, which takes half of a short test's time.

    At every request it loads the module of S3's URLs anew, twice; at every `mock_aws` it prepares a thousand answers
    for the library `requests`, with which nothing here calls AWS.
    """
    import moto.core.models
    import moto.s3.urls
    from moto.s3.models import S3Backend

    S3Backend._url_module = moto.s3.urls
    moto.core.models.RESPONSES_METHODS.clear()


@pytest.fixture(scope="session", autouse=True)
def one_request_at_a_time():
    """Serialises concurrent requests to moto. Otherwise moto discards an object's content while another thread reads
    it.
    """
    from moto.core.botocore_stubber import BotocoreStubber

    answer, lock = BotocoreStubber.process_request, threading.RLock()

    def process_request(self, request):
        with lock:
            return answer(self, request)

    BotocoreStubber.process_request = process_request
