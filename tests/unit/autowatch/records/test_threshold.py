import msgspec
import pytest

from autowatch.evaluation.figures import Costs
from autowatch.records.contract import Contract
from autowatch.records.threshold import DecisionThreshold, ThresholdParameters, ThresholdRule
from autowatch.settings import InvalidSetting
from tests.support.scoring_bucket import CONTRACT


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (("model", "", ""), None),
        (("0.3", "", ""), ThresholdRule(0.3)),
        (("auto", "", ""), ThresholdRule()),
        (("auto", "10", "0.5"), ThresholdRule(costs=Costs(10.0, 0.5))),
    ],
)
def test_the_parameters_determine_how_the_threshold_is_chosen(written, rule):
    assert ThresholdParameters(*written).read() == rule


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (("half", "", ""), ["DecisionThreshold is 'half'", "model, auto or a number between 0 and 1"]),
        (("", "", ""), ["DecisionThreshold is ''"]),
        (("0", "", ""), ["DecisionThreshold is '0'"]),
        (("1", "", ""), ["DecisionThreshold is '1'"]),
        (("nan", "", ""), ["DecisionThreshold is 'nan'"]),
        (("auto", "10", ""), ["CostOfMiss is set and CostOfAlarm is not"]),
        (("auto", "", "10"), ["CostOfAlarm is set and CostOfMiss is not"]),
        (("auto", "0", "1"), ["CostOfMiss is '0', not a number above 0"]),
        (("auto", "1", "-1"), ["CostOfAlarm is '-1', not a number above 0"]),
        (("auto", "1", "inf"), ["CostOfAlarm is 'inf'"]),
        (("auto", "ten", "1"), ["CostOfMiss is 'ten'"]),
        (("model", "10", "1"), ["CostOfMiss and CostOfAlarm", "DecisionThreshold is 'model'", "auto"]),
        (("0.3", "10", "1"), ["DecisionThreshold is '0.3'"]),
    ],
)
def test_contradictory_parameters_are_rejected_by_name(written, names):
    with pytest.raises(InvalidSetting) as caught:
        ThresholdParameters(*written).read()
    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize(
    ("threshold", "origin"),
    [
        (DecisionThreshold(0.3, "parameter"), "set by the parameter DecisionThreshold"),
        (DecisionThreshold(0.2, "f1"), "the largest F1 on the hold-out"),
        (
            DecisionThreshold(0.1, "cost", Costs(10.0, 0.5)),
            "the lowest cost on the hold-out, at 10 per miss and 0.5 per false alarm",
        ),
    ],
)
def test_a_threshold_says_how_it_was_chosen_and_survives_json(threshold, origin):
    assert threshold.origin == origin
    assert msgspec.json.decode(msgspec.json.encode(threshold), type=DecisionThreshold) == threshold


def test_a_contract_without_threshold_has_the_models_own_label():
    document = msgspec.to_builtins(CONTRACT)
    del document["decision_threshold"]
    assert msgspec.convert(document, Contract).decision_threshold is None
