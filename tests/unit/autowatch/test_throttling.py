import pytest
from botocore.exceptions import ClientError

from autowatch.throttling import Throttled, naming_throttling


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "Rate exceeded"}}, "DescribeEndpoint")


def test_a_throttled_request_has_a_name_to_retry_on():
    with pytest.raises(Throttled, match="SageMaker throttles DescribeEndpoint"), naming_throttling():
        raise refused("ThrottlingException")


def test_any_other_refusal_stays_what_it_is():
    with pytest.raises(ClientError) as caught, naming_throttling():
        raise refused("ValidationException")
    assert not isinstance(caught.value, Throttled)
