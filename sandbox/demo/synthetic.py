"""Synthetic bank marketing data: the published file's shape, marginals and drift, from tables of measured shares.

The published file (UCI 222, `bank-additional-full.csv`: Moro, Cortez, Rita 2014) lists phone calls in time order. The
tables hold counts from it: 25 stretches of one month and one state of the economy each, and the people called before
and after the crisis. No row is copied. One thing is invented. In the published file, the outcome before the crisis
hardly depends on the person (a model reaches an AUC of 0.6). Here it depends more, so that a model can learn it, and
the relation no longer holds afterwards.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

PUBLISHED_ROWS = 41_188

COLUMNS = (
    "age", "job", "marital", "education", "default", "housing", "loan", "contact", "month", "day_of_week",
    "duration", "campaign", "pdays", "previous", "poutcome", "emp.var.rate", "cons.price.idx", "cons.conf.idx",
    "euribor3m", "nr.employed", "y",
)  # fmt: skip

Shares = Mapping[str, float]


class Period(NamedTuple):
    """One stretch of the file: its rows, the economy, and the shares of calls with a property."""

    rows: int
    month: str
    employment_variation_rate: str
    consumer_price_index: str
    consumer_confidence_index: str
    employees: str
    euribor_low: float
    euribor_mean: float
    euribor_high: float
    cellular: float
    contacted_recently: float
    contacted_before: float
    calls: float
    yes: float


class Callers(NamedTuple):
    """The people called in one span, and how much each value adds to the log-odds of yes."""

    job: Shares
    job_effect: Shares
    default: Shares
    default_effect: Shares
    day: Shares
    day_effect: Shares
    housing: Shares
    contact_effect: Shares
    history_effect: Shares
    log_duration: tuple[tuple[float, float], tuple[float, float]]
    oldest: int


# rows, month, emp.var.rate, cons.price.idx, cons.conf.idx, nr.employed, euribor3m lowest/mean/highest,
# cellular, pdays below 999, previous above 0, mean of campaign, yes
BEFORE_THE_CRISIS = (
    Period(7763, "may", "1.1", "93.994", "-36.4", "5191", 4.855, 4.858, 4.864, 0.0, 0.0, 0.0, 2.51, 0.031),
    Period(4374, "jun", "1.4", "94.465", "-41.8", "5228.1", 4.864, 4.932, 4.967, 0.0, 0.0, 0.0, 3.36, 0.043),
    Period(6685, "jul", "1.4", "93.918", "-42.7", "5228.1", 4.955, 4.962, 4.968, 0.852, 0.0, 0.0, 3.24, 0.061),
    Period(5175, "aug", "1.4", "93.444", "-36.1", "5228.1", 4.962, 4.965, 4.97, 0.972, 0.0, 0.0, 2.84, 0.052),
    Period(67, "oct", "-0.1", "93.798", "-40.4", "5195.8", 4.76, 4.924, 5.045, 0.015, 0.0, 0.03, 1.0, 0.627),
    Period(3616, "nov", "-0.1", "93.2", "-42", "5195.8", 3.853, 4.115, 4.733, 0.899, 0.01, 0.202, 1.91, 0.053),
)  # fmt: skip
AFTER_THE_CRISIS = (
    Period(282, "mar", "-1.8", "92.843", "-50", "5099.1", 1.51, 1.646, 1.811, 0.929, 0.014, 0.078, 2.51, 0.447),
    Period(2458, "apr", "-1.8", "93.075", "-47.1", "5099.1", 1.365, 1.412, 1.498, 0.933, 0.027, 0.271, 1.94, 0.18),
    Period(5794, "may", "-1.8", "92.893", "-46.2", "5099.1", 1.244, 1.294, 1.354, 0.923, 0.028, 0.323, 2.36, 0.09),
    Period(715, "jun", "-2.9", "92.963", "-40.8", "5076.2", 1.099, 1.258, 1.286, 0.915, 0.101, 0.267, 1.75, 0.369),
    Period(178, "jul", "-2.9", "92.469", "-33.6", "5076.2", 0.899, 1.025, 1.085, 0.86, 0.073, 0.236, 2.19, 0.371),
    Period(770, "aug", "-2.9", "92.201", "-31.4", "5076.2", 0.821, 0.866, 0.884, 0.912, 0.191, 0.418, 1.72, 0.343),
    Period(267, "sep", "-3.4", "92.379", "-29.8", "5017.5", 0.739, 0.783, 0.819, 0.891, 0.21, 0.404, 1.68, 0.397),
    Period(447, "oct", "-3.4", "92.431", "-26.9", "5017.5", 0.72, 0.735, 0.754, 0.872, 0.168, 0.387, 1.52, 0.403),
    Period(357, "nov", "-3.4", "92.649", "-30.1", "5017.5", 0.714, 0.716, 0.722, 0.871, 0.311, 0.549, 1.92, 0.471),
    Period(172, "dec", "-3", "92.713", "-33", "5023.5", 0.7, 0.713, 0.721, 0.855, 0.267, 0.483, 2.23, 0.512),
    Period(264, "mar", "-1.8", "93.369", "-34.8", "5008.7", 0.634, 0.646, 0.655, 0.848, 0.326, 0.595, 1.88, 0.568),
    Period(174, "apr", "-1.8", "93.749", "-34.6", "5008.7", 0.635, 0.646, 0.663, 0.868, 0.276, 0.529, 2.11, 0.557),
    Period(212, "may", "-1.8", "93.876", "-40", "5008.7", 0.668, 0.686, 0.701, 0.807, 0.396, 0.642, 1.89, 0.575),
    Period(229, "jun", "-1.7", "94.055", "-39.8", "4991.6", 0.702, 0.733, 0.767, 0.725, 0.358, 0.541, 1.75, 0.467),
    Period(311, "jul", "-1.7", "94.215", "-40.3", "4991.6", 0.782, 0.85, 0.899, 0.794, 0.338, 0.598, 2.11, 0.566),
    Period(233, "aug", "-1.7", "94.027", "-38.3", "4991.6", 0.886, 0.899, 0.905, 0.768, 0.382, 0.588, 1.91, 0.515),
    Period(303, "sep", "-1.1", "94.199", "-37.5", "4963.6", 0.876, 0.88, 0.886, 0.805, 0.347, 0.584, 1.86, 0.495),
    Period(204, "oct", "-1.1", "94.601", "-49.5", "4963.6", 0.942, 0.995, 1.045, 0.843, 0.402, 0.632, 1.78, 0.456),
    Period(128, "nov", "-1.1", "94.767", "-50.8", "4963.6", 1.028, 1.042, 1.05, 0.906, 0.344, 0.602, 1.8, 0.453),
)  # fmt: skip

EARLY_CALLERS = Callers(
    job={
        "admin.": 0.2441, "blue-collar": 0.2376, "technician": 0.1761, "services": 0.0986, "management": 0.0711,
        "retired": 0.0289, "entrepreneur": 0.0385, "self-employed": 0.0353, "housemaid": 0.0302,
        "unemployed": 0.0233, "student": 0.0070, "unknown": 0.0093,
    },
    job_effect={
        "blue-collar": 0.7, "services": 0.45, "entrepreneur": 0.6, "admin.": -0.45, "technician": -0.5,
        "student": -0.8, "retired": -0.7, "unemployed": -0.4, "management": -0.3,
    },
    default={"no": 0.7363, "unknown": 0.2636, "yes": 0.0001},
    default_effect={"unknown": 0.35},
    day={"mon": 0.2049, "tue": 0.2101, "wed": 0.2134, "thu": 0.2044, "fri": 0.1672},
    day_effect={"mon": 0.4, "fri": 0.55, "tue": -0.45, "thu": -0.25},
    housing={"yes": 0.5016, "no": 0.4739, "unknown": 0.0245},
    contact_effect={"telephone": 0.35},
    history_effect={"success": 0.6, "failure": -0.3},
    log_duration=((5.09, 0.85), (6.66, 0.45)),
    oldest=60,
)  # fmt: skip
LATE_CALLERS = Callers(
    job={
        "admin.": 0.2696, "blue-collar": 0.2007, "technician": 0.1407, "services": 0.0921, "management": 0.0708,
        "retired": 0.0656, "entrepreneur": 0.0295, "self-employed": 0.0331, "housemaid": 0.0174,
        "unemployed": 0.0271, "student": 0.0477, "unknown": 0.0057,
    },
    job_effect={
        "blue-collar": -0.55, "services": -0.4, "entrepreneur": -0.3, "retired": 0.5, "student": 0.5, "admin.": 0.1,
        "housemaid": 0.3, "unemployed": 0.3,
    },
    default={"no": 0.8931, "unknown": 0.1069, "yes": 0.0},
    default_effect={"unknown": -0.7},
    day={"mon": 0.2100, "tue": 0.1711, "wed": 0.1680, "thu": 0.2185, "fri": 0.2324},
    day_effect={"mon": -0.25, "fri": -0.3, "tue": 0.25, "wed": 0.15},
    housing={"yes": 0.5651, "no": 0.4117, "unknown": 0.0232},
    contact_effect={"telephone": -0.3},
    history_effect={"success": 1.3, "failure": -0.1},
    log_duration=((5.09, 0.87), (5.82, 0.66)),
    oldest=98,
)  # fmt: skip

# In percent by job: university.degree, high.school, basic.9y, professional.course, basic.4y, basic.6y, unknown,
# illiterate; then married, single, divorced, unknown; then the ages at 0, 5, 25, 50, 75, 95 and 100 %.
EDUCATIONS = (
    "university.degree", "high.school", "basic.9y", "professional.course", "basic.4y", "basic.6y", "unknown",
    "illiterate",
)  # fmt: skip
MARITALS = ("married", "single", "divorced", "unknown")
AGE_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
PEOPLE = {
    "admin.": ((55.2, 31.9, 4.8, 3.5, 0.7, 1.4, 2.4, 0), (50.4, 37.2, 12.3, 0.1), (20, 27, 31, 36, 44, 55, 72)),
    "blue-collar": ((1, 9.5, 39.2, 4.9, 25, 15.4, 4.9, 0.1), (72.3, 19.7, 7.9, 0.2), (20, 26, 33, 39, 46, 55, 80)),
    "technician": ((26.8, 12.9, 5.7, 49.2, 0.9, 1.3, 3.1, 0), (54.4, 33.9, 11.5, 0.2), (20, 27, 32, 37, 44, 55, 70)),
    "services": ((4.4, 67.6, 9.8, 5.5, 3.3, 5.7, 3.8, 0), (57.8, 28.6, 13.4, 0.2), (20, 25, 31, 36, 45, 55, 69)),
    "management": ((70.6, 10.2, 5.7, 3, 3.4, 2.9, 4.2, 0), (71.4, 17.1, 11.3, 0.1), (21, 29, 35, 42, 50, 58, 80)),
    "retired": ((16.6, 16, 8.4, 14, 34.7, 4.4, 5.7, 0.2), (74.1, 5.4, 20.2, 0.3), (23, 48, 56, 59, 69, 82, 98)),
    "entrepreneur": ((41.9, 16.1, 14.4, 9.3, 9.4, 4.9, 3.9, 0.1), (73.6, 13.9, 12.3, 0.2), (20, 29, 35, 41, 49, 56, 69)
    ),
    "self-employed": ((53.8, 8.3, 15.5, 11.8, 6.5, 1.8, 2, 0.2), (63.6, 26.7, 9.4, 0.4), (21, 27, 32, 39, 47, 57, 71)),
    "housemaid": ((13.1, 16.4, 8.9, 5.6, 44.7, 7.3, 4, 0.1), (73.3, 11.2, 15.2, 0.3), (21, 30, 37, 45, 53, 62, 85)),
    "unemployed": ((25.8, 25.5, 18.3, 14, 11, 3.4, 1.9, 0), (62.5, 24.8, 12.2, 0.5), (21, 26, 32, 39, 47, 56, 66)),
    "student": ((19.4, 40.8, 11.3, 4.9, 3, 1.5, 19.1, 0), (4.7, 94.2, 1, 0.1), (17, 19, 22, 25, 29, 35, 47)),
    "unknown": ((13.6, 11.2, 9.4, 3.6, 15.8, 6.7, 39.7, 0), (70.9, 22.4, 3.9, 2.7), (24, 27, 37, 45, 53, 63, 81)),
}  # fmt: skip

LOAN = {"no": 0.846, "yes": 0.154}
DAYS_SINCE_CONTACT = {
    "0": 10, "1": 20, "2": 40, "3": 300, "4": 75, "5": 28, "6": 270, "7": 40, "8": 12, "9": 44, "10": 36, "11": 20,
    "12": 40, "13": 25, "14": 13, "15": 17, "16": 8, "17": 5, "18": 5, "19": 2, "21": 2, "22": 2, "25": 1, "27": 1,
}  # fmt: skip
PREVIOUS_AFTER_FAILURE = {"1": 0.89, "2": 0.09, "3": 0.02}
PREVIOUS_AFTER_CONTACT = {"1": 0.58, "2": 0.27, "3": 0.10, "4": 0.035, "5": 0.015}

_SUCCESS_AFTER_CONTACT = 0.9
_MOST_CALLS = 56
_LONGEST_CALL_SECONDS = 4918
_ROWS_AT_ONCE = 5000
_AGE_STEPS = 400


def write_bank_marketing(path: Path, rows: int = PUBLISHED_ROWS, seed: int = 0) -> None:
    """Writes `rows` synthetic calls to `path`: `;` between fields, texts in quotes, CRLF, in the order of time.

    The same rows and seed give the same bytes. Memory does not grow with the rows.
    """
    random = Random(seed)  # noqa: S311 (reproducible, not secret)
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(";".join(f'"{column}"' for column in COLUMNS) + "\r\n")
        for period, callers, count in _schedule(rows):
            for done in range(0, count, _ROWS_AT_ONCE):
                file.writelines(_calls(random, period, callers, min(_ROWS_AT_ONCE, count - done)))


def _schedule(rows: int) -> Iterator[tuple[Period, Callers, int]]:
    """The periods in order, each with its number of rows."""
    spans = [
        *((period, EARLY_CALLERS) for period in BEFORE_THE_CRISIS),
        *((period, LATE_CALLERS) for period in AFTER_THE_CRISIS),
    ]
    total = sum(period.rows for period, _ in spans)
    ends = [round(rows * end / total) for end in accumulate((period.rows for period, _ in spans), initial=0)]
    for (period, callers), (start, end) in zip(spans, pairwise(ends), strict=True):
        yield period, callers, end - start


def _calls(random: Random, period: Period, callers: Callers, count: int) -> Iterator[str]:
    """The lines of `count` calls.

    The answer is drawn first, then the person given the answer (Bayes' rule). So the share of yes is the period's, and
    each column depends on the answer by its effects.
    """
    outcomes = [random.random() < period.yes for _ in range(count)]
    yes = outcomes.count(True)
    lines = (
        _lines(random, period, callers, "no", count - yes),
        _lines(random, period, callers, "yes", yes),
    )
    return (next(lines[outcome]) for outcome in outcomes)


def _lines(random: Random, period: Period, callers: Callers, y: str, count: int) -> Iterator[str]:
    def draw(shares: Shares, effects: Shares) -> list[str]:
        return _draw(random, _given_outcome(shares, effects, period.yes, y), count)

    contact = {"cellular": period.cellular, "telephone": 1 - period.cellular}
    history = {
        "success": period.contacted_recently * _SUCCESS_AFTER_CONTACT,
        "recent failure": period.contacted_recently * (1 - _SUCCESS_AFTER_CONTACT),
        "failure": period.contacted_before - period.contacted_recently,
        "nonexistent": 1 - period.contacted_before,
    }
    economy = (
        f"{period.employment_variation_rate};{period.consumer_price_index};{period.consumer_confidence_index}"
    )
    return (
        f'{_age(random, job, callers.oldest)};"{job}";{_marital_and_education(random, job)};"{default}";'
        f'{_loans(random, housing)};"{contact_kind}";"{period.month}";"{day}";'
        f"{_duration(random, *callers.log_duration[y == 'yes'])};{_campaign(random, period.calls)};"
        f"{_earlier_contacts(random, outcome)};{economy};{_euribor(random, period)};{period.employees};"
        f'"{y}"\r\n'
        for job, default, housing, contact_kind, day, outcome in zip(
            draw(callers.job, callers.job_effect),
            draw(callers.default, callers.default_effect),
            draw(callers.housing, {}),
            draw(contact, callers.contact_effect),
            draw(callers.day, callers.day_effect),
            draw(history, callers.history_effect),
            strict=True,
        )
    )


def _given_outcome(shares: Shares, effects: Shares, yes: float, y: str) -> dict[str, float]:
    """The shares among those who answer `y`, up to a factor: `effects` is added to the log-odds of yes."""
    odds = {value: math.exp(effects.get(value, 0.0)) for value in shares}
    return {
        value: share * (odds[value] if y == "yes" else 1.0) / (1 - yes + yes * odds[value])
        for value, share in shares.items()
    }


def _draw(random: Random, weights: Shares, count: int) -> list[str]:
    return random.choices(list(weights), cum_weights=list(accumulate(weights.values())), k=count)


def _ages(quantiles: tuple[int, ...]) -> tuple[int, ...]:
    """Equally likely ages: the quantiles, with straight lines between them."""
    ages = []
    for step in range(_AGE_STEPS):
        position = (step + 0.5) / _AGE_STEPS
        part = next(i for i, end in enumerate(AGE_QUANTILES[1:]) if position < end)
        low, high = AGE_QUANTILES[part], AGE_QUANTILES[part + 1]
        within = (position - low) / (high - low)
        ages.append(round(quantiles[part] + within * (quantiles[part + 1] - quantiles[part])))
    return tuple(ages)


def _pairs(educations: tuple[float, ...], maritals: tuple[float, ...]) -> tuple[list[str], list[float]]:
    shares = {
        f'"{marital}";"{education}"': of_marital * of_education
        for marital, of_marital in zip(MARITALS, maritals, strict=True)
        for education, of_education in zip(EDUCATIONS, educations, strict=True)
    }
    return list(shares), list(accumulate(shares.values()))


_AGES = {job: _ages(quantiles) for job, (_, _, quantiles) in PEOPLE.items()}
_PAIRS = {job: _pairs(educations, maritals) for job, (educations, maritals, _) in PEOPLE.items()}


def _age(random: Random, job: str, oldest: int) -> int:
    age = _AGES[job][int(random.random() * _AGE_STEPS)]
    # Nobody above 60 was called before the crisis: they are replaced by people in their last working years.
    return age if age <= oldest else oldest - int(random.random() * 12)


def _marital_and_education(random: Random, job: str) -> str:
    pairs, cumulated = _PAIRS[job]
    return random.choices(pairs, cum_weights=cumulated)[0]


def _loans(random: Random, housing: str) -> str:
    if housing == "unknown":
        return '"unknown";"unknown"'
    return f'"{housing}";"yes"' if random.random() < LOAN["yes"] else f'"{housing}";"no"'


def _duration(random: Random, mean: float, deviation: float) -> int:
    return min(int(math.exp(random.gauss(mean, deviation))), _LONGEST_CALL_SECONDS)


def _campaign(random: Random, mean: float) -> int:
    """Calls until the person was reached: geometric."""
    if mean == 1:
        return 1
    return min(1 + int(math.log(1 - random.random()) / math.log(1 - 1 / mean)), _MOST_CALLS)


def _earlier_contacts(random: Random, history: str) -> str:
    if history == "nonexistent":
        return '999;0;"nonexistent"'
    if history == "failure":
        return f'999;{_draw(random, PREVIOUS_AFTER_FAILURE, 1)[0]};"failure"'
    days, previous = _draw(random, DAYS_SINCE_CONTACT, 1)[0], _draw(random, PREVIOUS_AFTER_CONTACT, 1)[0]
    return f'{days};{previous};"{"success" if history == "success" else "failure"}"'


def _euribor(random: Random, period: Period) -> float:
    mode = 3 * period.euribor_mean - period.euribor_low - period.euribor_high
    mode = min(max(mode, period.euribor_low), period.euribor_high)
    return round(random.triangular(period.euribor_low, period.euribor_high, mode), 3)
