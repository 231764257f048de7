import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.domino.files import Dataset


def name(key, version_id=None):
    return Dataset("predictions", key, "run", version_id).name


def test_a_datasets_name_is_readable():
    key = "predictions/date=2026-11-23/sub/a b+ü-0123456789abcdef.csv"
    assert re.fullmatch("predictions-date-2026-11-23-sub-a-b--0123456789abcdef-[0-9a-f]{16}", name(key)), (
        name(key)
    )


@given(st.text(max_size=2000), st.none() | st.text(max_size=50))
def test_a_datasets_name_is_short_with_safe_characters(key, version_id):
    assert re.fullmatch("[A-Za-z0-9_-]{1,97}", name(key, version_id))
    assert name(key, version_id) == name(key, version_id)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a b.csv",), ("a-b.csv",)),
        (("x" * 900 + "1.csv",), ("y" + "x" * 899 + "1.csv",)),
        (("a.csv", "v1"), ("a.csv", "v2")),
        (("a.csv",), ("a.csv", "v1")),
    ],
)
def test_a_datasets_name_is_unique_to_the_version(one, other):
    assert name(*one) != name(*other)
