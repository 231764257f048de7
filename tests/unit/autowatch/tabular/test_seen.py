import math
import random
import zlib

import msgspec
import pytest

from autowatch.tabular.seen import PLACES, SeenValues, value_hash


def values(letter, number):
    return [f"{letter}{each:06d}" for each in range(number)]


def test_every_value_of_the_set_is_found():
    seen = SeenValues.of(map(value_hash, values("M", 5_000)))
    assert all(seen.holds(value_hash(value)) for value in values("M", 5_000))


@pytest.mark.parametrize("number", [2_500, 50_000])
@pytest.mark.parametrize("other", ["N", "XM", "m", "M1"])
def test_false_positives_are_as_rare_as_stated_even_for_similar_values(number, other):
    known = set(values("M", number))
    seen = SeenValues.of(map(value_hash, known))
    others = [value for value in values(other, 20_000) if value not in known]
    stated = 1 - math.exp(-number / PLACES)
    rate = sum(seen.holds(value_hash(value)) for value in others) / len(others)
    assert rate == pytest.approx(stated, abs=5 * math.sqrt(stated / len(others)))


def test_a_set_survives_its_document_and_stays_small():
    generator = random.Random(1)
    few = SeenValues.of(generator.getrandbits(32) for _ in range(2_500))
    many = SeenValues.of_bits(generator.randbytes(PLACES // 8))
    documents = [msgspec.json.encode(seen) for seen in (few, many)]
    assert [msgspec.json.decode(document, type=SeenValues) for document in documents] == [few, many]
    assert len(documents[0]) < 9_000
    assert len(documents[1]) < 176_000


@pytest.mark.parametrize("content", [b"", b"no", zlib.compress(b"too short")])
def test_damaged_bits_are_refused(content):
    with pytest.raises(ValueError, match="set of seen values"):
        SeenValues(content)


def test_the_compression_does_not_affect_equality():
    seen = SeenValues.of([1, 1 << 31])
    assert SeenValues(zlib.compress(seen.bits, 0)).digest == seen.digest != SeenValues.of([1]).digest


def test_a_hash_is_the_same_everywhere():
    assert [value_hash(text) for text in ("", "a", "Ä", "\ud800")] == [0, 0xC5ED31B7, 0x85CB1BD6, 0xB039EB41]
