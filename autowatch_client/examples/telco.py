"""Customers of an invented telephone company, with the columns of the well-known Telco churn file.

All rows are random: none is a real customer. Who leaves depends on contract, tenure, charges and services, so that a
model can learn it.
"""

import math
from random import Random

COLUMNS = (
    "customerID", "gender", "SeniorCitizen", "Partner", "Dependents", "tenure", "PhoneService", "MultipleLines",
    "InternetService", "OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV",
    "StreamingMovies", "Contract", "PaperlessBilling", "PaymentMethod", "MonthlyCharges", "TotalCharges", "Churn",
)  # fmt: skip

_ADD_ONS = {
    "OnlineSecurity": 5.0, "OnlineBackup": 5.0, "DeviceProtection": 5.0, "TechSupport": 5.0, "StreamingTV": 10.0,
    "StreamingMovies": 10.0,
}  # fmt: skip
_CONTRACTS = ("Month-to-month", "One year", "Two year")
_PAYMENTS = ("Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)")
_INTERNET = {"DSL": 25.0, "Fiber optic": 50.0, "No": 0.0}


def draw_customer(random: Random, prices: float) -> list[str]:
    """A row; prices are multiplied by the factor."""
    partner = random.random() < 0.48
    contract = random.choices(_CONTRACTS, (0.55, 0.21, 0.24))[0]
    longest = {"Month-to-month": 40, "One year": 72, "Two year": 72}[contract]
    shortest = {"Month-to-month": 0, "One year": 6, "Two year": 15}[contract]
    tenure = min(72, shortest + int(random.betavariate(1.1, 1.6) * (longest - shortest + 1)))
    internet = random.choices(tuple(_INTERNET), (0.34, 0.44, 0.22))[0]
    phone = internet != "DSL" or random.random() < 0.72
    lines = "No phone service" if not phone else _yes(random.random() < 0.47)
    add_ons = {
        name: "No internet service" if internet == "No" else _yes(random.random() < 0.25 + tenure / 200)
        for name in _ADD_ONS
    }
    monthly = 20.0 * phone + _INTERNET[internet] + 5.0 * (lines == "Yes") + random.gauss(0, 0.8)
    monthly = prices * max(
        18.0, monthly + sum(_ADD_ONS[name] for name, has in add_ons.items() if has == "Yes")
    )
    senior, payment = random.random() < 0.16, random.choices(_PAYMENTS, (0.34, 0.23, 0.22, 0.21))[0]
    paperless = random.random() < 0.59
    odds = (
        -1.1
        + {"Month-to-month": 1.1, "One year": -0.6, "Two year": -2.0}[contract]
        + {"DSL": 0.0, "Fiber optic": 1.0, "No": -0.9}[internet]
        - tenure / 22
        + 0.45 * (payment == "Electronic check")
        + 0.35 * senior
        + 0.3 * paperless
        - 0.4 * (add_ons["TechSupport"] == "Yes")
        - 0.4 * (add_ons["OnlineSecurity"] == "Yes")
    )
    leaves = random.random() < 1 / (1 + math.exp(-odds))
    total = f"{monthly * tenure * random.uniform(0.95, 1.05):.2f}" if tenure else ""
    return [
        f"{random.randrange(10_000):04}-{''.join(random.choices('ABCDEFGHIJKLMNOPQRSTUVWXYZ', k=5))}",
        random.choice(("Female", "Male")),
        str(int(senior)),
        _yes(partner),
        _yes(random.random() < (0.5 if partner else 0.1)),
        str(tenure),
        _yes(phone),
        lines,
        internet,
        *add_ons.values(),
        contract,
        _yes(paperless),
        payment,
        f"{monthly:.2f}",
        total,
        _yes(leaves),
    ]


def _yes(truth: bool) -> str:
    return "Yes" if truth else "No"
