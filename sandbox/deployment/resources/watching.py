"""AWS::Logs and AWS::CloudWatch: log groups, alarms and dashboards."""

from typing import Any

from sandbox.deployment.resources.kind import Context, Kind, Made, Request, tags_of, take


class LogGroup(Kind):
    """AWS::Logs::LogGroup."""

    name_property = "LogGroupName"
    longest_name = 512
    replaced_by = frozenset({"LogGroupClass"})

    def create(self, context: Context, request: Request) -> Made:
        """Create the group and set its retention."""
        names = ("KmsKeyId", "LogGroupName", "RetentionInDays", "Tags")
        properties = take(request.properties, request.logical_id, *names)
        options: dict[str, Any] = {}
        if "KmsKeyId" in properties:
            options["kmsKeyId"] = properties["KmsKeyId"]
        if tags := tags_of(request):
            options["tags"] = tags
        context.call("logs", "create_log_group", logGroupName=request.name, **options)
        self._retain(context, request.name, properties)
        return Made(request.name, {"Arn": context.arn("logs", f"log-group:{request.name}:*")}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Change the retention."""
        if "RetentionInDays" in before and "RetentionInDays" not in request.properties:
            context.call("logs", "delete_retention_policy", logGroupName=made.name)
        self._retain(context, made.name, request.properties)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the group."""
        context.call("logs", "delete_log_group", logGroupName=made.name)

    @staticmethod
    def _retain(context: Context, name: str, properties: dict[str, Any]) -> None:
        if days := properties.get("RetentionInDays"):
            context.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=days)


class Alarm(Kind):
    """AWS::CloudWatch::Alarm."""

    name_property = "AlarmName"
    longest_name = 255

    def create(self, context: Context, request: Request) -> Made:
        """Put the alarm, which begins without data."""
        self._put(context, request.name, request.properties)
        # moto's alarms begin as OK.
        context.call(
            "cloudwatch",
            "set_alarm_state",
            AlarmName=request.name,
            StateValue="INSUFFICIENT_DATA",
            StateReason="Unchecked: Initial alarm creation",
        )
        return Made(request.name, {"Arn": context.arn("cloudwatch", f"alarm:{request.name}")}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Put it again."""
        self._put(context, made.name, request.properties)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the alarm."""
        context.call("cloudwatch", "delete_alarms", AlarmNames=[made.name])

    @staticmethod
    def _put(context: Context, name: str, properties: dict[str, Any]) -> None:
        context.call("cloudwatch", "put_metric_alarm", **{**properties, "AlarmName": name})


class Dashboard(Kind):
    """AWS::CloudWatch::Dashboard."""

    name_property = "DashboardName"
    longest_name = 255

    def create(self, context: Context, request: Request) -> Made:
        """Put the dashboard."""
        context.call(
            "cloudwatch",
            "put_dashboard",
            DashboardName=request.name,
            DashboardBody=request.properties["DashboardBody"],
        )
        return Made(request.name, name=request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Put it again."""
        return self.create(context, request)

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the dashboard."""
        context.call("cloudwatch", "delete_dashboards", DashboardNames=[made.name])
