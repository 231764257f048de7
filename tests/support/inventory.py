"""Everything in an account, by kind, for comparisons of before and after."""


def inventory(client):
    """The names of all resources; `client` gives the boto3 client of a service."""
    lists = {
        "role": ("iam", "list_roles", "Roles", "RoleName"),
        "queue": ("sqs", "list_queues", "QueueUrls", None),
        "topic": ("sns", "list_topics", "Topics", "TopicArn"),
        "subscription": ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
        "function": ("lambda", "list_functions", "Functions", "FunctionName"),
        "layer": ("lambda", "list_layers", "Layers", "LayerName"),
        "log group": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "alarm": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "dashboard": ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        "rule": ("events", "list_rules", "Rules", "Name"),
        "schedule": ("scheduler", "list_schedules", "Schedules", "Name"),
        "parameter": ("ssm", "describe_parameters", "Parameters", "Name"),
        "secret": ("secretsmanager", "list_secrets", "SecretList", "Name"),
        "state machine": ("stepfunctions", "list_state_machines", "stateMachines", "name"),
        "bucket": ("s3", "list_buckets", "Buckets", "Name"),
        "endpoint": ("sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
        "endpoint config": ("sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        "model": ("sagemaker", "list_models", "Models", "ModelName"),
    }
    found = set()
    for kind, (service, operation, member, name) in lists.items():
        items = getattr(client(service), operation)().get(member, [])
        found |= {(kind, item[name] if name else item) for item in items}
    policies = client("iam").list_policies(Scope="Local")["Policies"]
    return found | {("policy", policy["PolicyName"]) for policy in policies}
