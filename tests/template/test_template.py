"""Properties of the template, checked in its source and after the SAM transform."""

import importlib
import json
import re
import subprocess
import sys
from collections import defaultdict
from fnmatch import fnmatchcase
from graphlib import TopologicalSorter

import pytest

from autowatch.training.serving.endpoints import VARIANT
from autowatch.training.start import read_request
from tests.permissions.statements import role_statements
from tests.template.conftest import ROOT

FUNCTION = "AWS::Serverless::Function"
WRITTEN_PREFIXES = {"audit/", "predictions/", "rejected/", "models/", "monitoring/", "reports/", "transform/"}


def functions(template):
    return {
        name: item["Properties"] for name, item in template["Resources"].items() if item["Type"] == FUNCTION
    }


def of_type(resources, kind):
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def references(node):
    """The logical ids that a piece of a template refers to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield value.split(".")[0] if isinstance(value, str) else value[0]
            elif key == "Fn::Sub":
                text, names = value if isinstance(value, list) else (value, {})
                yield from (
                    name.split(".")[0] for name in re.findall(r"\$\{([^}!]+)\}", text) if name not in names
                )
                yield from references(names)
            elif key == "DependsOn":
                yield from [value] if isinstance(value, str) else value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_no_resource_depends_on_itself(resources):
    graph = {name: set(references(item)) & resources.keys() for name, item in resources.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(resources)


def test_the_circle_test_finds_a_circle():
    graph = {"A": set(references({"Fn::Sub": "${B.Arn}/x"})), "B": set(references({"DependsOn": ["A"]}))}
    with pytest.raises(ValueError, match="cycle"):
        list(TopologicalSorter(graph).static_order())


def test_every_parameter_is_described_bounded_and_works_by_default(template):
    for name, parameter in template["Parameters"].items():
        assert parameter["Type"] in ("String", "Number", "CommaDelimitedList"), name
        assert len(parameter["Description"]) > 20, name
        default = parameter["Default"]
        if parameter["Type"] == "Number":
            if "AllowedValues" in parameter:
                assert default in parameter["AllowedValues"], name
            else:
                assert parameter["MinValue"] <= default <= parameter["MaxValue"], name
        else:
            assert {"AllowedValues", "AllowedPattern", "MaxLength"} & parameter.keys(), name
            assert default in parameter.get("AllowedValues", [default]), name
            assert re.fullmatch(parameter.get("AllowedPattern", ".*"), default), name
        if "AllowedPattern" in parameter:
            assert parameter["ConstraintDescription"], name


def test_every_parameter_is_used_and_shown_in_a_group(template):
    used = set(references(template["Resources"])) | set(references(template["Conditions"]))
    used |= set(references(template["Globals"]))
    shown = [
        name
        for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        for name in group["Parameters"]
    ]
    assert set(template["Parameters"]) <= used
    assert sorted(shown) == sorted(template["Parameters"])


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("EndpointName", ["", "a", "bank-2"], ["-a", "a-", "a_b", "ä", "Bank"]),
        (
            "TrainingKey",
            ["", "training/", "training/2026/", "training/a.csv", "training/2026/a b.csv"],
            ["a.csv", "training", "training/2026", "training/a.txt", "inference/a.csv"],
        ),
        ("InstanceType", ["", "ml.m5.large", "ml.c6i.xlarge"], ["m5.large", "ml.m5", "large"]),
        ("ResourceTags", ["", "team=risk", "a=b,c d=,e=f"], ["team", "=risk", "a=b,", "a=b=c"]),
        ("KmsKeyArn", ["", "arn:aws:kms:eu-west-1:123456789012:key/1-a"], ["1-a", "alias/bank"]),
        ("SubnetIds", ["", "subnet-0a1b"], ["subnet", "sg-0a1b", "subnet-0a1b subnet-1"]),
        ("SecurityGroupIds", ["", "sg-0a1b"], ["subnet-0a1b", "sg-"]),
        ("DailySchedule", ["cron(0 20 * * ? *)", "rate(1 day)"], ["0 20 * * *", "cron"]),
        ("TimeZone", ["UTC", "Europe/Berlin", "Etc/GMT+5"], ["", "Europe/", "../etc"]),
        ("AlertEmail", ["", "a@b.cd"], ["a", "a@b", "a b@c.de"]),
        (
            "DmmUrl",
            [
                "",
                "https://h/api/v0/models/",
                "https://h/model-monitor/v2/api/",
                "http://127.0.0.1:8080/domino/",
                "http://localhost/",
            ],
            [
                "https://h/api/v0/models",
                "h/",
                "http://h/api/v0/models/",
                "http://127.0.0.1.h/",
                "http://localhost@h/",
                "http://127x0x0x1/",
            ],
        ),
        (
            "DecisionThreshold",
            ["model", "auto", "0.3", ".05", "0.999"],
            ["", "0", "1", "0.0", ".", "1.5", "-0.3", "0,3", "3e-1", "half"],
        ),
        *(
            (name, ["", "10", "0.5", ".5", "10.25", "100"], ["0", "0.0", "-1", "1,5", "ten", ".", "1."])
            for name in ("CostOfMiss", "CostOfAlarm")
        ),
        ("DmmDatasource", ["", "bank bucket_1.0-b"], ["a/b", "ä", "a\nb"]),
        ("DmmTokenHeader", ["", "X-Api-Key"], ["X Api", "X:", "ä"]),
        ("DmmTokenScheme", ["", "Bearer"], ["Bearer ", "a b"]),
        ("DmmTokenSecretArn", ["", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-b"], ["token"]),
    ],
)
def test_patterns_let_the_right_values_through(template, name, good, bad):
    pattern = template["Parameters"][name]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in good)
    assert not any(re.fullmatch(pattern, value) for value in bad)


def test_notifications_fire_only_on_uploads_of_people(template):
    rules = []
    for properties in functions(template).values():
        for event in properties.get("Events", {}).values():
            if event["Type"] == "S3":
                filters = event["Properties"]["Filter"]["S3Key"]["Rules"]
                rules.append({item["Name"]: item["Value"] for item in filters})
    assert rules == [{"prefix": prefix} for prefix in ("inference/", "labels/")]
    assert not any(prefix.startswith(rule["prefix"]) for prefix in WRITTEN_PREFIXES for rule in rules)


_GRANTED_BY_STAR_ALONE = {
    "cloudwatch:PutMetricData",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "logs:DescribeLogGroups",
    "sagemaker:ListAutoMLJobs",
    "sagemaker:ListCandidatesForAutoMLJob",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModels",
    "sagemaker:ListTransformJobs",
}


def test_no_role_may_do_everything_nor_write_where_notifications_fire(translated):
    own = [
        item
        for item in role_statements(translated)
        if not item.policy.startswith("AWSLambda") and item.body["Effect"] == "Allow"
    ]
    for statement in own:
        actions, places = statement.listed("Action"), statement.listed("Resource")
        assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", action) for action in actions), statement.name
        if "*" in places and statement.policy != "vpc":
            assert set(actions) <= _GRANTED_BY_STAR_ALONE, statement.name
        if "s3:PutObject" in actions:
            written = {re.sub(r"^arn:aws:s3:::[^/]+/([a-z]+/).*$", r"\1", place) for place in places}
            assert written <= WRITTEN_PREFIXES, statement.name
            is_once = statement.body.get("Condition") == {"Null": {"s3:if-none-match": "false"}}
            assert is_once == (written == {"audit/"}), statement.name
    assert len(own) > 60


def test_nothing_but_the_end_of_the_stack_deletes_records_of_audits(translated):
    record = "arn:aws:s3:::autowatch-123456789012-us-east-1/audit/record.json"
    deleting = {
        item.owner
        for item in role_statements(translated)
        if item.body["Effect"] == "Allow"
        and any(action.startswith("s3:Delete") for action in item.listed("Action"))
        if any(fnmatchcase(record, place) for place in item.listed("Resource"))
    }
    assert deleting == {"CleanUpFunctionRole"}


def test_passing_the_role_is_bound_to_sagemaker(translated):
    passing = [item for item in role_statements(translated) if "iam:PassRole" in item.listed("Action")]
    assert {item.owner for item in passing} == {
        "PreparePromotionFunctionRole",
        "StartAutopilotFunctionRole",
        "StageFunctionRole",
        "SageMakerRole",
    }
    for statement in passing:
        passed_to = statement.body["Condition"]["StringEquals"]["iam:PassedToService"]
        assert passed_to == "sagemaker.amazonaws.com"


def test_the_bucket_is_encrypted_private_versioned_tls_only_and_kept(resources):
    bucket = resources["DataBucket"]
    properties = bucket["Properties"]
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["DeletionPolicy"] == "Retain"
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    statement, once, reference = resources["DataBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (once["Effect"], once["Action"]) == ("Deny", "s3:PutObject")
    assert once["Condition"] == {"Null": {"s3:if-none-match": "true"}}
    assert reference["Fn::If"][0] == "HasReferenceWriters"
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


def test_every_handler_exists_under_the_agreed_name(template):
    for name, properties in functions(template).items():
        module, function = properties["Handler"].rsplit(".", 1)
        assert function == "lambda_handler", name
        assert callable(getattr(importlib.import_module(module), function)), name


_LAYERS = {
    "CoreLayer": {"requests"},
    "AnalysisLayer": {"numpy", "scipy", "jinja2"},
    "ScoringLayer": {"pyarrow"},
}
_IMPORT_WITHOUT = """
import importlib, sys

def refuse(name):
    raise ModuleNotFoundError(f"{name} is in no layer of this function")

class Absent:
    def find_spec(self, name, path=None, target=None):
        return refuse(name) if name in sys.argv[1].split(",") else None

sys.meta_path.insert(0, Absent())
for module in sys.argv[2].split(","):
    importlib.import_module(module)
"""


def test_every_function_imports_nothing_but_what_its_layers_hold(template):
    shared = template["Globals"]["Function"]["Layers"]
    modules = defaultdict(set)
    for properties in functions(template).values():
        layers = frozenset(item["Ref"] for item in [*shared, *properties.get("Layers", [])])
        modules[layers].add(properties["Handler"].rsplit(".", 1)[0])
    everything = set().union(*_LAYERS.values())
    for layers, handlers in modules.items():
        absent = everything - set().union(*(_LAYERS[layer] for layer in layers))
        arguments = [",".join(sorted(absent)), ",".join(sorted(handlers))]
        answer = subprocess.run(
            [sys.executable, "-c", _IMPORT_WITHOUT, *arguments],
            cwd=ROOT / "src",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr


def test_every_function_is_described_and_logs_to_a_group_with_retention(template):
    for name, properties in functions(template).items():
        assert properties["Description"].endswith("."), name
        group = properties["LoggingConfig"]["LogGroup"]["Ref"]
        retention = template["Resources"][group]["Properties"]["RetentionInDays"]
        assert retention == {"Ref": "LogRetentionDays"}, name


def test_asynchronous_functions_have_a_place_for_what_failed(template):
    asynchronous = {name: item for name, item in functions(template).items() if item.get("Events")}
    assert set(asynchronous) == {
        "InvokeEndpointFunction",
        "LoadDmmFunction",
        "DetectDriftFunction",
        "MeasureQualityFunction",
        "EndRunFunction",
        "TransformFailFunction",
    }
    for name, properties in asynchronous.items():
        failures = properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
        assert failures["Type"] == "SQS", name
        queue = next(references(failures))
        alarms = json.dumps(of_type(template["Resources"], "AWS::CloudWatch::Alarm"))
        assert f'"{queue}' in alarms, name
        for event in properties["Events"].values():
            if event["Type"] == "ScheduleV2":
                assert event["Properties"]["DeadLetterConfig"], name
                assert event["Properties"]["ScheduleExpressionTimezone"] == {"Ref": "TimeZone"}, name


def test_a_second_stack_has_no_name_conflict(resources):
    """Every named resource carries the stack's name."""
    for name, item in resources.items():
        for key, value in item["Properties"].items():
            if key in (
                "Name",
                "BucketName",
                "FunctionName",
                "StateMachineName",
                "TopicName",
                "QueueName",
                "RoleName",
            ):
                own = "${AWS::StackName}" in json.dumps(value) or "Ref" in value or "Fn::GetAtt" in value
                assert own, (name, key)


def test_no_secret_is_a_plain_variable(template):
    for name, properties in functions(template).items():
        for variable in properties.get("Environment", {}).get("Variables", {}):
            assert not re.search(r"TOKEN(?!_SECRET_ARN)|PASSWORD|API_KEY", variable), (name, variable)


def test_the_walkthroughs_names_are_kept(template):
    variables = {
        name: {
            **template["Globals"]["Function"]["Environment"]["Variables"],
            **properties.get("Environment", {}).get("Variables", {}),
        }
        for name, properties in functions(template).items()
    }
    assert {"ENDPOINT_NAME", "S3_BUCKET", "PREDICTIONS_PREFIX"} <= variables["InvokeEndpointFunction"].keys()
    loader = {"DMM_URL", "MODEL_ID", "S3_BUCKET", "DMM_TOKEN_SECRET_ARN", "PREDICTIONS_PREFIX"}
    assert loader <= variables["LoadDmmFunction"].keys()


def test_the_outputs_are_stable(template):
    expected = {
        "DataBucketName",
        "EndpointName",
        "TrainStateMachineArn",
        "TransformStateMachineArn",
        "AlertTopicArn",
        "VerdictBusName",
        "DashboardUrl",
    }
    expected |= {f"{name}Name" for name in functions(template)}
    assert set(template["Outputs"]) == expected


def test_a_release_is_watched_by_alarms_on_the_endpoints_own_variant(template):
    variables = template["Resources"]["ReleaseFunction"]["Properties"]["Environment"]["Variables"]
    names = [item["Ref"] for item in variables["ROLLBACK_ALARMS"]["Fn::Join"][1]]
    alarms = [template["Resources"][name]["Properties"] for name in names]
    metrics = {alarm["MetricName"] for alarm in alarms}
    # Scoring itself provokes errors of the model when it looks for a bad row.
    assert metrics == {"Invocation5XXErrors", "ModelLatency"}
    for alarm in alarms:
        # One request that fails in a quiet minute is no reason.
        assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3, 2)
        assert alarm["TreatMissingData"] == "notBreaching", "no requests would undo a release"
        dimensions = {item["Name"]: item["Value"] for item in alarm["Dimensions"]}
        assert dimensions["VariantName"] == VARIANT
        assert dimensions["EndpointName"] == template["Outputs"]["EndpointName"]["Value"]


def test_a_metric_that_serverless_endpoints_do_not_have_is_watched_on_instances_alone(template):
    watching = [
        item
        for item in template["Resources"].values()
        if item["Properties"].get("MetricName") == "InvocationModelErrors"
    ]
    assert [item["Condition"] for item in watching] == ["HasInstances"]


def test_scoring_reserves_no_concurrency_by_default(template):
    """Lambda refuses to set aside what leaves less than 100 places, and a new account has ten."""
    scoring = template["Resources"]["InvokeEndpointFunction"]["Properties"]
    reserved = scoring["ReservedConcurrentExecutions"]["Fn::If"]
    assert reserved == ["HasScoringReserve", {"Ref": "ReservedConcurrency"}, {"Ref": "AWS::NoValue"}]
    assert template["Parameters"]["ReservedConcurrency"]["Default"] == 0


def test_retention_and_vpc_are_off_by_default(template):
    parameters = template["Parameters"]
    days = ("InferenceDays", "PredictionsDays", "RejectedDays", "LabelsDays")
    assert [parameters[name]["Default"] for name in days] == [0, 0, 0, 0]
    condition, _, otherwise = template["Globals"]["Function"]["VpcConfig"]["Fn::If"]
    assert (condition, otherwise) == ("HasVpc", {"Ref": "AWS::NoValue"})
    assert parameters["SubnetIds"]["Default"] == parameters["SecurityGroupIds"]["Default"] == ""


def test_only_this_stacks_drift_starts_this_stacks_training(template):
    rule = template["Resources"]["DriftDetectedRule"]["Properties"]
    assert rule["EventBusName"] == {"Ref": "VerdictBus"}
    assert rule["EventPattern"]["detail"]["bucket"], "another stack's event would start a run here"
    asked = json.loads(rule["Targets"][0]["InputTransformer"]["InputTemplate"])
    assert read_request(asked).trigger == "drift"


def test_environments_name_only_parameters_that_exist(template, samconfig):
    assert {"default", "staging", "prod"} <= samconfig.keys()
    for environment in ("default", "staging", "prod"):
        overrides = samconfig[environment]["deploy"]["parameters"].get("parameter_overrides", "")
        names = {item.split("=")[0] for item in overrides.split()}
        assert names <= template["Parameters"].keys(), environment
        assert samconfig[environment]["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"


def test_every_function_has_a_sample_event(template):
    samples = {path.stem for path in (ROOT / "events").glob("*.json")}
    handlers = {
        properties["Handler"].removesuffix(".lambda_handler") for properties in functions(template).values()
    }
    expected = {handler.removesuffix(".app").replace(".", "_") for handler in handlers}
    assert samples == expected
    for path in (ROOT / "events").glob("*.json"):
        assert isinstance(json.loads(path.read_text()), dict), path
