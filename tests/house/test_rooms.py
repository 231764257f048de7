"""The picture of the rooms is the one that the import contracts give."""

from benchmarks.rooms import PICTURE, draw, read_contracts


def test_the_picture_is_drawn_from_the_contracts_as_they_are():
    assert PICTURE.read_text(encoding="utf-8") == draw(read_contracts()), "python -m benchmarks.rooms"


def test_a_changed_contract_changes_the_picture():
    contracts = read_contracts()
    before = draw(contracts)
    contracts[0] = contracts[0] | {"layers": [*contracts[0]["layers"], "cellar"]}
    assert "cellar" in draw(contracts)
    assert "cellar" not in before
