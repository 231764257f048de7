"""How tests change moto, each with its reason. Loaded as a plugin by `tests/conftest.py`."""

import threading

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_idle_work():
    """What moto does in vain: half of the time of a short test.

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
    """What two threads ask moto for at once it answers one after the other, as a service keeps requests apart.

    By itself it disposes of an object's content while another thread that has just written it reads it again.
    """
    from moto.core.botocore_stubber import BotocoreStubber

    answer, lock = BotocoreStubber.process_request, threading.RLock()

    def process_request(self, request):
        with lock:
            return answer(self, request)

    BotocoreStubber.process_request = process_request
