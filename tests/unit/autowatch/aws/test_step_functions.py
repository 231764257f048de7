import json

import pytest
from botocore.exceptions import ClientError

from autowatch.aws.step_functions import Throttled, naming_throttling, next_wait, read_cause


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            {
                "Error": "X",
                "Cause": json.dumps({"errorType": "TooFewRows", "errorMessage": "499", "stackTrace": []}),
            },
            ("TooFewRows", "499"),
        ),
        ({"Error": "States.Timeout", "Cause": "timed out"}, ("States.Timeout", "timed out")),
        ({"Error": "Lambda.Unknown", "Cause": ""}, ("Lambda.Unknown", "Step Functions gave no cause.")),
        ({"Error": "X", "Cause": "[1]"}, ("X", "[1]")),
    ],
)
def test_a_cause_is_read_in_every_form(error, expected):
    assert read_cause(error) == expected


@pytest.mark.parametrize(
    ("elapsed", "shortest", "wait"), [(0, 1, 1), (0, 30, 30), (100, 1, 1), (3000, 30, 30), (86400, 1, 864)]
)
def test_waits_grow_with_the_elapsed_time(elapsed, shortest, wait):
    assert next_wait(elapsed, shortest) == wait


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "Rate exceeded"}}, "DescribeEndpoint")


def test_throttling_becomes_an_error_to_retry_on():
    with pytest.raises(Throttled, match="SageMaker throttled DescribeEndpoint"), naming_throttling():
        raise refused("ThrottlingException")


def test_any_other_refusal_is_unchanged():
    with pytest.raises(ClientError) as caught, naming_throttling():
        raise refused("ValidationException")
    assert not isinstance(caught.value, Throttled)
