import functools
import os

import botocore.session
from hypothesis import settings

pytest_plugins = ["tests.support.moto_patches"]

# On a busy machine an example may take any time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# No test uses the AWS settings of the developer's shell.
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


def pytest_xdist_auto_num_workers():
    """One and a half times the processors, since tests mostly wait for processes."""
    return (os.cpu_count() or 2) * 3 // 2


# The slowest files, slowest first. They start before the others, so that no worker is still busy with one of them when
# the others have finished.
LONGEST = (
    "e2e/test_sam_story.py",
    "e2e/test_release_under_load.py",
    "e2e/test_sam.py",
    "e2e/test_killed_states.py",
    "e2e/test_train_branches.py",
    "e2e/test_loop.py",
    "e2e/test_tutorial.py",
    "e2e/test_public_tables.py",
    "e2e/test_train_limits.py",
    "e2e/test_rights.py",
    "e2e/test_ended_runs.py",
    "e2e/test_scoring_faults.py",
    "e2e/test_domino_faults.py",
    "e2e/test_transform.py",
    "sandbox/test_sagemaker.py",
    "e2e/test_quality.py",
    "pages/test_pages_in_chromium.py",
    "e2e/test_cli.py",
    "e2e/test_template_alarms.py",
    "sandbox/test_server.py",
    "sandbox/test_command.py",
    "e2e/test_domino_application.py",
)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))
