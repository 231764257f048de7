"""The dashboard: a valid body, with every alarm on it and no overlapping widgets."""

import json
import re

import pytest

from autowatch.evaluation.measures import MEASURES
from autowatch.training.serving.endpoints import VARIANT

_VALUES = {
    "AWS::StackName": "bank",
    "AWS::Region": "eu-west-1",
    "Endpoint": "bank-endpoint",
    "Console": "console",
}


def substitute(text, values):
    """Evaluates Fn::Sub; a reference without a value becomes its own name."""
    text = re.sub(r"\$\{([^!}][^}]*)\}", lambda match: values.get(match[1], match[1]), text)
    return text.replace("${!", "${")


@pytest.fixture(
    params=[set(), {"HasDomino"}, {"HasInstances"}, {"HasDomino", "HasInstances"}],
    ids=lambda names: " ".join(sorted(names)),
)
def dashboard(request, template):
    """The body, and the conditions that hold."""
    text, names = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    values = dict(_VALUES)
    for name in ("DominoHeartbeat", "ModelErrors"):
        condition, there, absent = names[name]["Fn::If"]
        values[name] = substitute(there["Fn::Sub"], {}) if condition in request.param else absent
    return json.loads(substitute(text, values)), request.param


@pytest.fixture
def widgets(dashboard):
    return dashboard[0]["widgets"]


def metrics(widget):
    """The metrics of a widget, without their display options; expressions are left out."""
    rows = widget["properties"]["metrics"]
    return [[item for item in row if isinstance(item, str)] for row in rows if isinstance(row[0], str)]


def test_every_alarm_of_the_stack_is_on_it(dashboard, template):
    document, conditions = dashboard
    (alarms,) = (widget for widget in document["widgets"] if widget["type"] == "alarm")
    expected = {
        f"{name}.Arn"
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and resource.get("Condition", "") in conditions | {""}
    }
    shown = alarms["properties"]["alarms"]
    assert (set(shown), len(shown)) == (expected, len(expected))


def test_widgets_fit_the_grid_and_do_not_overlap(widgets):
    taken = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(taken) == len(set(taken))
    assert {x for x, _ in taken} == set(range(24))


def test_every_graph_has_a_title_and_reads_a_known_metric(widgets):
    graphs = [widget for widget in widgets if widget["type"] == "metric"]
    assert len(graphs) >= 15
    for graph in graphs:
        properties = graph["properties"]
        assert properties["title"]
        assert properties["region"] == "eu-west-1"
        assert properties["period"] in (300, 3600, 86400)
        for namespace, name, *dimensions in metrics(graph):
            assert namespace in ("Autowatch", "AWS/SageMaker", "AWS/SQS", "AWS/States"), name
            assert len(dimensions) % 2 == 0, name
            if namespace == "Autowatch":
                assert dimensions == ["Stack", "bank"], name
            if namespace == "AWS/SageMaker":
                assert dimensions == ["EndpointName", "bank-endpoint", "VariantName", VARIANT], name


def test_every_measure_of_every_type_of_problem_is_on_it(widgets):
    graphs = [widget for widget in widgets if widget["type"] == "metric"]
    shown = {name for graph in graphs for _, name, *_ in metrics(graph)}
    assert {measure.metric for measure in MEASURES.values() if measure.metric} <= shown


def test_columns_are_found_by_search_within_this_stack_and_named(widgets):
    searches = [
        row[0]
        for widget in widgets
        for row in widget["properties"].get("metrics", [])
        if isinstance(row[0], dict)
    ]
    assert len(searches) == 2
    for search in searches:
        assert re.fullmatch(
            r"SORT\(SEARCH\('\{Autowatch,Stack,Column\} MetricName=\"\w+\" Stack=\"bank\"', 'Maximum', 86400\), "
            r"MAX, DESC, 10\)",
            search["expression"],
        )
        assert search["label"] == "${PROP('Dim.Column')}"


def test_the_same_stack_in_two_regions_has_two_dashboards(template):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html: names are global."""
    name = template["Resources"]["Dashboard"]["Properties"]["DashboardName"]
    assert name == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}
