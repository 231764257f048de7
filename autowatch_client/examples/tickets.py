"""Messages to an invented shop, each answered by one of four teams: a target of several labels.

All rows are random. The row sets only each team's probability, so no model can be always right.
"""

import math
from random import Random

COLUMNS = (
    "ticket",
    "channel",
    "product",
    "words",
    "hour",
    "orders",
    "days_since_order",
    "attachment",
    "team",
)

_CHANNELS, _PRODUCTS = ("mail", "chat", "phone"), ("shoes", "tools", "books", "garden")


def draw_ticket(random: Random, words_factor: float) -> list[str]:
    """A row; the number of words is multiplied by the factor."""
    channel = random.choices(_CHANNELS, (0.5, 0.35, 0.15))[0]
    product = random.choices(_PRODUCTS, (0.4, 0.2, 0.3, 0.1))[0]
    words, hour = random.lognormvariate(3.5, 0.6), random.randrange(24)
    orders, days = int(random.expovariate(0.3)), random.expovariate(0.08)
    attachment = random.random() < 0.3
    scores = {
        "billing": 1.2 * (orders > 2) - days / 20 + 0.9 * (channel == "mail"),
        "returns": 1.6 * (product == "shoes") + 1.2 * (4 < days < 16) + 1.4 * attachment - 0.6,
        "sales": 1.8 * (orders == 0) + 0.9 * (channel == "chat") - words / 60,
        "technical": 1.8 * (product == "tools") + words / 40 + 0.8 * (channel == "phone") - 0.5,
    }
    chances = [math.exp(1.6 * score) for score in scores.values()]
    return [
        f"T{random.randrange(10**9):09}",
        channel,
        product,
        f"{max(1, words * words_factor):.0f}",
        str(hour),
        str(orders),
        f"{days:.1f}",
        "yes" if attachment else "no",
        random.choices(tuple(scores), chances)[0],
    ]
