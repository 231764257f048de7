import functools
import os
import threading

import botocore.session
import pytest

# Whatever the developer's shell is set up for, no test talks to it.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    SAM_CLI_TELEMETRY="0",
)

# A session of botocore reads and parses a megabyte of JSON for its first client, and every mock_aws begins a new one.
# The reader is shared instead, which keeps what it has read: 10 ms a client in place of 75.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)


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


def pytest_xdist_auto_num_workers():
    """Half as many again as there are processors: much of the tests is waiting for processes."""
    return (os.cpu_count() or 2) * 3 // 2


# The files that take longest, the longest first. They begin before the others, so that no worker is left alone with one
# of them at the end while the others have nothing to do.
LONGEST = (
    "sandbox/test_train_branches.py",
    "sandbox/test_loop.py",
    "sandbox/test_scoring_faults.py",
    "sandbox/test_domino_faults.py",
    "sandbox/test_transform.py",
    "sandbox/test_sagemaker.py",
    "sandbox/test_quality.py",
    "pages/test_pages_in_chromium.py",
    "sandbox/test_cli.py",
    "sandbox/test_template_alarms.py",
    "sandbox/test_server.py",
    "sandbox/test_command.py",
    "sandbox/test_domino_application.py",
)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))
