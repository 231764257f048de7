import functools
import os

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
def urls_are_read_once():
    """moto loads the module with S3's URLs anew, twice, at every request: a quarter of the request's time."""
    import moto.s3.urls
    from moto.s3.models import S3Backend

    S3Backend._url_module = moto.s3.urls


# The files that take longest, the longest first. They begin before the others, so that no worker is left alone with one
# of them at the end while the others have nothing to do.
LONGEST = (
    "sandbox/test_loop.py",
    "sandbox/test_train_branches.py",
    "sandbox/test_scoring_faults.py",
    "sandbox/test_sagemaker.py",
    "sandbox/test_cli.py",
    "sandbox/test_transform.py",
    "sandbox/test_domino_application.py",
    "sandbox/test_domino_faults.py",
    "sandbox/test_quality.py",
    "sandbox/test_command.py",
    "sandbox/test_template_alarms.py",
    "sandbox/test_server.py",
)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))
