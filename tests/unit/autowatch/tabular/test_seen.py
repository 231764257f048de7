import math
import random

import pytest

from autowatch.tabular.seen import PLACES, SeenValues, value_hash


def values(letter, number):
    return [f"{letter}{each:06d}" for each in range(number)]


def test_every_value_of_the_set_is_found():
    seen = SeenValues.of(map(value_hash, values("M", 5_000)))
    assert all(seen.holds(value_hash(value)) for value in values("M", 5_000))


@pytest.mark.parametrize("number", [2_500, 50_000])
@pytest.mark.parametrize("other", ["N", "XM", "m", "M1"])
def test_another_value_is_taken_for_one_of_them_as_rarely_as_stated_however_alike_they_are(number, other):
    known = set(values("M", number))
    seen = SeenValues.of(map(value_hash, known))
    others = [value for value in values(other, 20_000) if value not in known]
    stated = 1 - math.exp(-number / PLACES)
    rate = sum(seen.holds(value_hash(value)) for value in others) / len(others)
    assert rate == pytest.approx(stated, abs=5 * math.sqrt(stated / len(others)))


def test_a_set_survives_its_text_and_stays_small():
    generator = random.Random(1)
    few = SeenValues.of(generator.getrandbits(32) for _ in range(2_500))
    many = SeenValues(generator.randbytes(PLACES // 8))
    assert [SeenValues.from_text(seen.to_text()) for seen in (few, many)] == [few, many]
    assert len(few.to_text()) < 9_000
    assert len(many.to_text()) < 175_000


@pytest.mark.parametrize("text", ["", "!", "AAAA", "eJwDAAAAAAE="])
def test_a_damaged_text_is_refused(text):
    with pytest.raises(ValueError):
        SeenValues.from_text(text)


def test_a_hash_is_the_same_everywhere():
    assert [value_hash(text) for text in ("", "a", "Ä", "\ud800")] == [0, 0xC5ED31B7, 0x85CB1BD6, 0xB039EB41]
