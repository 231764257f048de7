"""CloudFormation in the sandbox: deployments take effect, and failed ones change nothing."""

import json
import time
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, WaiterError

from sandbox.client import running_sandbox

pytestmark = pytest.mark.sandbox
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
ANSWERING = """
import json, urllib.request

def answer(event, context):
    said = event["ResourceProperties"]
    failed = said.get("FailOn") == event["RequestType"]
    body = {"Status": "FAILED" if failed else "SUCCESS", "Reason": "as told", "PhysicalResourceId": "thing",
            "StackId": event["StackId"], "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"], "Data": {"Said": event["RequestType"] + said["Word"]}}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(body).encode(), method="PUT")
    urllib.request.urlopen(request)

def echo(event, context):
    import os
    return [os.environ["WORD"], context.memory_limit_in_mb]
"""
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        },
        "Policies": [
            {
                "PolicyName": "Own",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
                },
            }
        ],
    },
}


def function(handler, **properties):
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": f"index.{handler}",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": ANSWERING},
            **properties,
        },
    }


def template(**resources):
    return {
        "Parameters": {
            "Word": {"Type": "String", "Default": "one"},
            "Size": {"Type": "Number", "Default": 128},
        },
        "Resources": {
            "Role": ROLE,
            "Echo": function(
                "echo", Environment={"Variables": {"WORD": {"Ref": "Word"}}}, MemorySize={"Ref": "Size"}
            ),
            **resources,
        },
        "Outputs": {"Name": {"Value": {"Ref": "Echo"}}},
    }


QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "own", "VisibilityTimeout": {"Ref": "Size"}}}
BROKEN = {"Type": "AWS::SQS::Queue", "DependsOn": "Echo", "Properties": {"Nonsense": 1}}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running_sandbox(None, state_dir=tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def cloudformation(sandbox):
    client = sandbox.client("cloudformation")
    yield client
    for stack in client.describe_stacks()["Stacks"]:
        client.delete_stack(StackName=stack["StackName"])
        finished(client, "stack_delete_complete", stack["StackId"])


def finished(client, waiter, stack):
    client.get_waiter(waiter).wait(StackName=stack, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})


def create(client, body, name="stack", **options):
    stack = client.create_stack(
        StackName=name, TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_IAM"], **options
    )["StackId"]
    finished(client, "stack_create_complete", stack)
    return stack


def update(client, body, parameters, name="stack"):
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    client.update_stack(
        StackName=name, TemplateBody=json.dumps(body), Parameters=given, Capabilities=["CAPABILITY_IAM"]
    )
    finished(client, "stack_update_complete", name)


def echo(sandbox, client):
    name = described(client)["Outputs"][0]["OutputValue"]
    return json.loads(sandbox.client("lambda").invoke(FunctionName=name)["Payload"].read())


def described(client, name="stack"):
    return client.describe_stacks(StackName=name)["Stacks"][0]


def physical_ids(client):
    resources = client.describe_stack_resources(StackName="stack")["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}


def statuses(client, stack):
    events = client.describe_stack_events(StackName=stack)["StackEvents"]
    return [
        event["ResourceStatus"]
        for event in reversed(events)
        if event["PhysicalResourceId"] == event["StackId"]
    ]


def test_an_update_reaches_the_running_function(sandbox, cloudformation):
    create(cloudformation, template())
    assert echo(sandbox, cloudformation) == ["one", "128"]
    update(cloudformation, template(), {"Word": "two", "Size": "256"})
    assert echo(sandbox, cloudformation) == ["two", "256"]


def test_new_code_runs_and_keeps_the_functions_name(sandbox, cloudformation):
    create(cloudformation, template())
    before = described(cloudformation)["Outputs"]
    body = template()
    body["Resources"]["Echo"]["Properties"]["Code"]["ZipFile"] = "def echo(event, context): return 'new code'"
    update(cloudformation, body, {})
    assert echo(sandbox, cloudformation) == "new code"
    assert described(cloudformation)["Outputs"] == before


def test_a_change_set_lists_its_changes_and_makes_them(sandbox, cloudformation):
    create(cloudformation, template(Queue=QUEUE))
    body = template(Topic={"Type": "AWS::SNS::Topic"})
    answer = cloudformation.create_change_set(
        StackName="stack",
        ChangeSetName="change",
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": "Word", "ParameterValue": "three"}],
        Capabilities=["CAPABILITY_IAM"],
    )
    assert echo(sandbox, cloudformation)[0] == "one"
    change_set = cloudformation.describe_change_set(ChangeSetName=answer["Id"])
    changes = [change["ResourceChange"] for change in change_set["Changes"]]
    assert {
        (change["Action"], change["LogicalResourceId"], change.get("Replacement")) for change in changes
    } == {
        ("Modify", "Echo", "False"),
        ("Add", "Topic", None),
        ("Remove", "Queue", None),
    }
    cloudformation.execute_change_set(ChangeSetName=answer["Id"])
    finished(cloudformation, "stack_update_complete", "stack")
    assert echo(sandbox, cloudformation)[0] == "three"
    assert sandbox.client("sqs").list_queues().get("QueueUrls", []) == []


def test_a_change_set_without_changes_fails_as_sam_expects(cloudformation):
    create(cloudformation, template())
    cloudformation.create_change_set(
        StackName="stack",
        ChangeSetName="same",
        TemplateBody=json.dumps(template()),
        Capabilities=["CAPABILITY_IAM"],
    )
    change_set = cloudformation.describe_change_set(StackName="stack", ChangeSetName="same")
    assert change_set["Status"] == "FAILED"
    assert "didn't contain changes" in change_set["StatusReason"]


def test_a_property_that_cannot_change_replaces_the_resource(sandbox, cloudformation):
    create(cloudformation, template(Queue=QUEUE))
    renamed = {**QUEUE, "Properties": {**QUEUE["Properties"], "QueueName": "other"}}
    update(cloudformation, template(Queue=renamed), {})
    [url] = sandbox.client("sqs").list_queues()["QueueUrls"]
    assert url.endswith("/other")


def test_new_tags_of_the_stack_replace_nothing(sandbox, cloudformation):
    topic = {"Type": "AWS::SNS::Topic"}
    subscription = {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": "a@example.com"},
    }
    layer = {
        "Type": "AWS::Lambda::LayerVersion",
        "Properties": {"LayerName": "own", "Content": {"S3Bucket": "code", "S3Key": "layer.zip"}},
    }
    sandbox.client("s3").create_bucket(Bucket="code")
    sandbox.client("s3").put_object(Bucket="code", Key="layer.zip", Body=EMPTY_ZIP)
    body = template(Topic=topic, Subscription=subscription, Layer=layer)
    create(cloudformation, body)
    before = physical_ids(cloudformation)
    tags = [{"Key": "team", "Value": "risk"}]
    cloudformation.update_stack(
        StackName="stack", TemplateBody=json.dumps(body), Tags=tags, Capabilities=["CAPABILITY_IAM"]
    )
    finished(cloudformation, "stack_update_complete", "stack")
    assert physical_ids(cloudformation) == before
    sandbox.client("s3").delete_object(Bucket="code", Key="layer.zip")
    sandbox.client("s3").delete_bucket(Bucket="code")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (BROKEN, "Nonsense"),
        (function("echo", TracingConfig={"Mode": "Active"}), "X-Ray, which the sandbox does not have"),
    ],
)
def test_a_stack_that_fails_leaves_nothing_and_can_be_deleted(sandbox, cloudformation, broken, words):
    with pytest.raises(WaiterError):
        create(cloudformation, template(Broken=broken))
    stack = described(cloudformation)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert statuses(cloudformation, "stack")[-2:] == ["ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"]
    events = cloudformation.describe_stack_events(StackName="stack")["StackEvents"]
    [reason] = [each["ResourceStatusReason"] for each in events if each["ResourceStatus"] == "CREATE_FAILED"]
    assert words in reason
    assert sandbox.client("lambda").list_functions()["Functions"] == []
    assert sandbox.client("iam").list_roles()["Roles"] == []


def test_a_failed_update_is_rolled_back(sandbox, cloudformation):
    create(cloudformation, template())
    with pytest.raises(WaiterError):
        update(cloudformation, template(Broken=BROKEN), {"Word": "two"})
    assert described(cloudformation)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert echo(sandbox, cloudformation) == ["one", "128"]
    assert sandbox.client("sqs").list_queues().get("QueueUrls", []) == []


def test_a_deletion_keeps_only_retained_resources(sandbox, cloudformation):
    s3 = sandbox.client("s3")
    bucket = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": "stays"}}
    stack = create(cloudformation, template(Bucket=bucket, Queue=QUEUE))
    cloudformation.delete_stack(StackName="stack")
    finished(cloudformation, "stack_delete_complete", stack)
    assert described(cloudformation, stack)["StackStatus"] == "DELETE_COMPLETE"
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["stays"]
    assert sandbox.client("lambda").list_functions()["Functions"] == []
    with pytest.raises(ClientError, match="Stack with id stack does not exist"):
        described(cloudformation)
    s3.delete_bucket(Bucket="stays")


def test_a_bucket_that_is_not_empty_stops_the_deletion(sandbox, cloudformation):
    s3 = sandbox.client("s3")
    stack = create(
        cloudformation, template(Bucket={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}})
    )
    s3.put_object(Bucket="full", Key="a", Body=b"")
    cloudformation.delete_stack(StackName="stack")
    with pytest.raises(WaiterError):
        finished(cloudformation, "stack_delete_complete", stack)
    assert "[Bucket]" in described(cloudformation)["StackStatusReason"]
    s3.delete_object(Bucket="full", Key="a")


def test_a_custom_resources_function_is_called_and_its_answer_counts(sandbox, cloudformation):
    resources = {
        "Answer": function("answer"),
        "Thing": {
            "Type": "Custom::Thing",
            "Properties": {"ServiceToken": {"Fn::GetAtt": ["Answer", "Arn"]}, "Word": {"Ref": "Word"}},
        },
    }
    body = template(**resources)
    body["Outputs"] = {"Said": {"Value": {"Fn::GetAtt": ["Thing", "Said"]}}}
    create(cloudformation, body)
    assert described(cloudformation)["Outputs"][0]["OutputValue"] == "Createone"
    update(cloudformation, body, {"Word": "two"})
    assert described(cloudformation)["Outputs"][0]["OutputValue"] == "Updatetwo"


def test_a_custom_resource_that_fails_stops_the_deployment(cloudformation):
    thing = {"ServiceToken": {"Fn::GetAtt": ["Answer", "Arn"]}, "Word": "x", "FailOn": "Create"}
    with pytest.raises(WaiterError):
        create(
            cloudformation,
            template(Answer=function("answer"), Thing={"Type": "Custom::Thing", "Properties": thing}),
        )
    events = cloudformation.describe_stack_events(StackName="stack")["StackEvents"]
    assert any("as told" in event.get("ResourceStatusReason", "") for event in events)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (template(A={"Type": "AWS::DynamoDB::Table"}), r"cannot create A \(AWS::DynamoDB::Table\)"),
        (
            template(A={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "B"}}}),
            r"dependencies \[B\]",
        ),
        (
            template(
                A={"Type": "AWS::SNS::Topic", "DependsOn": "B"},
                B={"Type": "AWS::SNS::Topic", "DependsOn": "A"},
            ),
            r"Circular dependency between resources: \[A, B\]",
        ),
        ({"Transform": "AWS::LanguageExtensions", **template()}, "no transform AWS::LanguageExtensions"),
    ],
)
def test_an_invalid_template_is_refused_before_anything_is_created(sandbox, cloudformation, body, words):
    with pytest.raises(ClientError, match=words):
        create(cloudformation, body)
    assert sandbox.client("iam").list_roles()["Roles"] == []


def test_identities_need_to_be_acknowledged(cloudformation):
    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_IAM\]"):
        cloudformation.create_stack(StackName="stack", TemplateBody=json.dumps(template()))


def test_a_role_reads_back_as_it_was_written(sandbox, cloudformation):
    create(cloudformation, template())
    iam = sandbox.client("iam")
    [role] = iam.list_roles()["Roles"]
    policy = iam.get_role_policy(RoleName=role["RoleName"], PolicyName="Own")["PolicyDocument"]
    assert policy == ROLE["Properties"]["Policies"][0]["PolicyDocument"]


def test_lambdas_own_updates_take_effect_and_read_back(sandbox, cloudformation):
    create(cloudformation, template())
    name = described(cloudformation)["Outputs"][0]["OutputValue"]
    functions = sandbox.client("lambda")
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"WORD": "by hand"}}, LoggingConfig={"LogFormat": "JSON"}
    )
    assert echo(sandbox, cloudformation) == ["by hand", "128"]
    logging = functions.get_function_configuration(FunctionName=name)["LoggingConfig"]
    assert logging == {"LogFormat": "JSON", "LogGroup": f"/aws/lambda/{name}"}
    with pytest.raises(ClientError, match="have no VpcConfig"):
        functions.update_function_configuration(FunctionName=name, VpcConfig={"SubnetIds": []})


def test_an_updated_schedule_is_due_at_its_new_time(sandbox):
    scheduler = sandbox.client("scheduler")
    arguments = {
        "Name": "daily",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:sqs:us-east-1:123456789012:q",
            "RoleArn": "arn:aws:iam::123456789012:role/r",
        },
    }
    scheduler.create_schedule(ScheduleExpression="cron(0 20 * * ? *)", **arguments)
    scheduler.update_schedule(ScheduleExpression="cron(0 6 * * ? *)", **arguments)
    assert datetime.fromisoformat(sandbox.status()["schedules"]["daily"]).astimezone(UTC).hour == 6
    scheduler.delete_schedule(Name="daily")
    assert sandbox.status()["schedules"] == {}


def test_a_protected_stack_is_not_deleted(cloudformation):
    create(cloudformation, template(), EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName="stack")
    cloudformation.update_termination_protection(StackName="stack", EnableTerminationProtection=False)


@pytest.mark.parametrize(
    ("service", "call", "words"),
    [
        (
            "cloudformation",
            lambda client: client.list_exports(),
            "ListExports .*is not offered in the sandbox",
        ),
        ("cloudcontrol", lambda client: client.list_resource_requests(), "no service cloudcontrolapi"),
        (
            "sqs",
            lambda client: client.list_message_move_tasks(SourceArn="arn:aws:sqs:x"),
            "sqs in the sandbox",
        ),
        ("sns", lambda client: client.list_origination_numbers(), "sns in the sandbox"),
    ],
)
def test_unsupported_features_are_refused_by_name(sandbox, service, call, words):
    started = time.monotonic()
    with pytest.raises(ClientError, match=words):
        call(sandbox.client(service))
    assert time.monotonic() - started < 5


def bus_template(denied, rule_on):
    """A bus, a policy that denies it to principals of the type `denied`, and a rule that fills a queue."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
        "Condition": {"StringEquals": {"aws:PrincipalType": denied}},
    }
    deliver = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
    }
    return template(
        Bus={"Type": "AWS::Events::EventBus", "Properties": {"Name": "own-bus"}},
        BusPolicy={
            "Type": "AWS::Events::EventBusPolicy",
            "Properties": {"EventBusName": {"Ref": "Bus"}, "StatementId": "One", "Statement": statement},
        },
        Rule={
            "Type": "AWS::Events::Rule",
            "Properties": {
                **rule_on,
                "EventPattern": {"source": ["tests"]},
                "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            },
        },
        Queue=QUEUE,
        QueuePolicy={
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {"Statement": [{**deliver, "Resource": "*"}]},
            },
        },
    )


def test_a_bus_of_the_stacks_own_has_its_rules_and_its_policy(sandbox, cloudformation):
    events, sqs = sandbox.client("events"), sandbox.client("sqs")

    def heard(**bus):
        events.put_events(Entries=[{"Source": "tests", "DetailType": "x", "Detail": "{}", **bus}])
        sandbox.wait_until_idle(30)
        url = sqs.get_queue_url(QueueName="own")["QueueUrl"]
        return len(sqs.receive_message(QueueUrl=url).get("Messages", []))

    own = {"EventBusName": "own-bus"}
    on_own = {"EventBusName": {"Ref": "Bus"}}
    create(cloudformation, bus_template("AssumedRole", on_own))
    assert (heard(), heard(**own)) == (0, 1)
    update(cloudformation, bus_template("Account", on_own), {})
    with pytest.raises(ClientError, match="explicit deny"):
        heard(**own)
    update(cloudformation, bus_template("AssumedRole", {}), {})
    assert (heard(), heard(**own)) == (1, 0)
    cloudformation.delete_stack(StackName="stack")
    finished(cloudformation, "stack_delete_complete", "stack")
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
