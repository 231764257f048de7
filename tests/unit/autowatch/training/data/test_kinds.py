import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from autowatch.training.data.kinds import are_identifiers, date_form
from tests.support.trained_baseline import to_csv, trained

DAYS = [
    datetime(2024, 1, 1, 8, 30, tzinfo=UTC) + timedelta(days=7 * number, minutes=number)
    for number in range(60)
]


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("%Y-%m-%d", "YYYY-MM-DD"),
        ("%Y-%m-%dT%H:%M:%SZ", "YYYY-MM-DD"),
        ("%Y-%m-%d %H:%M:%S.%f+02:00", "YYYY-MM-DD"),
        ("%Y/%m/%d", "YYYY/MM/DD"),
        ("%d.%m.%Y", "DD/MM/YYYY"),
        ("%d/%m/%Y %H:%M", "DD/MM/YYYY"),
        ("%m/%d/%Y %I:%M %p", "MM/DD/YYYY"),
        ("%d-%b-%Y", "DD Mon YYYY"),
        ("%B %d, %Y", "Mon DD, YYYY"),
        ("%Y%m%d", "YYYYMMDD"),
        ("%s", "seconds since 1970"),
    ],
)
def test_dates_are_recognised(written, form):
    texts = [str(int(day.timestamp())) if written == "%s" else day.strftime(written) for day in DAYS]
    assert date_form(Counter(texts)) == form
    assert date_form(Counter([*texts, "unknown"])) == form


def test_milliseconds_are_recognised():
    assert date_form(Counter(f"{day.timestamp() * 1000:.0f}" for day in DAYS)) == "milliseconds since 1970"


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-01"] * 500,
        [f"{number}" for number in range(10_000_000, 10_000_500)],
        [f"{number:.2f}" for number in range(500)],
        [f"20{number:06d}" for number in range(0, 990_000, 2_000)],
        [f"2024-{number}" for number in range(500)],
        [f"{number}/{number + 1}/2024" for number in range(13, 300)],
        [f"{day:%Y-%m-%d}" for day in DAYS] + ["no date"] * 30,
        [f"{number}" for number in range(5_000_000_000, 5_000_000_400)],
        ["Jan 5", "may"] * 50,
        [],
    ],
)
def test_other_values_are_not_dates(texts):
    assert date_form(Counter(texts)) == ""


def identified(texts, feature_type="numeric"):
    counts = Counter(texts)
    return are_identifiers(counts, feature_type, len(texts), len(counts))


GENERATOR = random.Random(6)


@pytest.mark.parametrize(
    ("texts", "feature_type", "expected"),
    [
        ([f"C-{number}" for number in range(1_000)], "categorical", True),
        ([f"C-{number // 2}" for number in range(1_000)], "categorical", False),
        ([str(number) for number in range(1_000)], "numeric", True),
        ([str(GENERATOR.randrange(10**9, 10**10)) for _ in range(1_000)], "numeric", True),
        ([f"{GENERATOR.gauss(0, 1):.6f}" for _ in range(1_000)], "numeric", False),
        ([str(GENERATOR.randrange(20_000, 200_000)) for _ in range(1_000)], "numeric", False),
        ([str(number) for number in range(60)], "numeric", False),
    ],
)
def test_identifiers_are_distinguished_from_amounts(texts, feature_type, expected):
    assert identified(texts, feature_type) is expected


def test_the_data_report_warns_of_both():
    rows = [
        (f"C{number:05d}", f"{DAYS[number % 60]:%Y-%m-%d}", str(number % 70), "no" if number % 3 else "yes")
        for number in range(700)
    ]
    _, report = trained(to_csv(("customer", "joined", "age", "y"), rows))
    assert {column["name"]: column["kind"] for column in report["columns"]} == {
        "customer": "identifiers",
        "joined": "dates",
        "age": "",
        "y": "",
    }
    dates, identifiers = sorted(report["warnings"], key=lambda warning: "dates or times" not in warning)[:2]
    assert dates.startswith(
        "The column 'joined' holds dates or times (YYYY-MM-DD). A model that learns calendar days"
    )
    assert identifiers.startswith("The column 'customer' has a different value in nearly every row")
