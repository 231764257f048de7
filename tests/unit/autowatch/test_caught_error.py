import json

import pytest

from autowatch.caught_error import read_cause


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
def test_a_cause_is_read_in_whatever_form_it_comes(error, expected):
    assert read_cause(error) == expected
