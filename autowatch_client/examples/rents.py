"""Flats of an invented town and their rents: a numeric target.

All rows are random. The rent follows from the row, plus noise with a standard deviation of 90.
"""

from random import Random

COLUMNS = ("flat", "area", "rooms", "floor", "built", "district", "balcony", "heating", "rent")

_DISTRICTS = {"old town": 4.5, "harbour": 3.0, "north": 0.0, "hill": 1.5, "station": -1.0}
_HEATINGS = {"district": 0.0, "gas": 15.0, "oil": -10.0, "electric": -40.0}


def draw_flat(random: Random, area_factor: float) -> list[str]:
    """A row; areas are multiplied by the factor."""
    area = min(180.0, max(18.0, random.lognormvariate(4.1, 0.4))) * area_factor
    rooms = max(1, round(area / 26 + random.gauss(0, 0.6)))
    floor, built = random.randrange(7), random.randrange(1890, 2024)
    district, heating = random.choice(tuple(_DISTRICTS)), random.choice(tuple(_HEATINGS))
    balcony = random.random() < 0.5
    rent = (
        120
        + area * (8.5 + _DISTRICTS[district] + max(0, built - 1990) / 15)
        + 12 * floor
        + 45 * balcony
        + _HEATINGS[heating]
        + random.gauss(0, 90)
    )
    return [
        f"F{random.randrange(10**9):09}",
        f"{area:.1f}",
        str(rooms),
        str(floor),
        str(built),
        district,
        "yes" if balcony else "no",
        heating,
        f"{max(150, rent):.2f}",
    ]
