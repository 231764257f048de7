import pytest

from autowatch.reports.documents import fields

ODD = [None, True, "1", [], {}, [1], {"a": 1}, float("nan"), float("inf"), -float("inf"), 10**400, 1e300]


@pytest.mark.parametrize("value", ODD)
def test_values_that_are_not_numbers_are_absent(value):
    assert fields.number({"rows": value}, "rows") is None
    assert fields.whole({"rows": value}, "rows") is None


@pytest.mark.parametrize("value", [*ODD, 3, 0.5])
def test_values_of_another_form_are_absent(value):
    document = {"field": value}

    assert isinstance(fields.text(document, "field"), str | None)
    assert all(isinstance(item, str) for item in fields.texts(document, "field"))
    assert all(isinstance(item, dict) for item in fields.mappings(document, "field"))
    assert isinstance(fields.mapping(document, "field"), dict)


def test_present_values_are_read():
    document = {
        "text": "a",
        "rows": 3,
        "share": 0.5,
        "names": ["a", 1, "b"],
        "runs": [{"a": 1}, 2],
        "one": {"b": 2},
    }

    assert fields.text(document, "text") == "a"
    assert fields.whole(document, "rows") == 3
    assert fields.number(document, "share") == 0.5
    assert fields.texts(document, "names") == ["a", "b"]
    assert fields.mappings(document, "runs") == [{"a": 1}]
    assert fields.mapping(document, "one") == {"b": 2}


def test_missing_values_are_absent():
    assert fields.text({}, "a") is fields.number({}, "a") is fields.whole({}, "a") is None
    assert fields.texts({}, "a") == fields.mappings({}, "a") == []
    assert fields.mapping({}, "a") == {}
