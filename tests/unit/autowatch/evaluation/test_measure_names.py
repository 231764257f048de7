"""The names of measures, and the format of their figures."""

import pytest

from autowatch.evaluation.measures import MEASURES, MEASURES_OF, Floors, say_number


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (0.0001234, "0.0001234"),
        (0.00001234, "1.234e-05"),
        (1.23456, "1.235"),
        (-12.3456, "-12.35"),
        (999.94, "999.9"),
        (12_345.6, "12,346"),
        (1.7e308, "1.7e+308"),
    ],
)
def test_a_number_has_four_digits(value, words):
    assert say_number(value) == words


def test_figures_with_a_unit_are_formatted_unlike_shares():
    assert MEASURES["auc"].say(0.77124) == "AUC 0.7712"
    assert MEASURES["rmse"].say(12_345.6) == "RMSE 12,346"


@pytest.mark.parametrize("problem_type", MEASURES_OF)
def test_deciding_measures_are_measured_and_have_names(problem_type):
    of_type = MEASURES_OF[problem_type]
    assert set(of_type.decides + of_type.beside) <= set(of_type.measures) <= set(MEASURES)


def test_every_type_has_its_floors():
    floors = Floors(0.6, minimum_macro_f1=0.4, minimum_r2=0.1)
    assert floors.floors("binary") == {"auc": 0.6}
    assert floors.floors("multiclass") == {"macro_auc": 0.6, "macro_f1": 0.4}
    assert floors.floors("regression") == {"r2": 0.1}
    assert Floors(0.6).floors("multiclass") == {"macro_auc": 0.6}
