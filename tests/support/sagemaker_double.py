"""A double of SageMaker's control plane for states that a real one passes through too quickly.

Its answers and errors are worded as SageMaker's. Requests are checked against botocore's model of the service.
"""

from datetime import UTC, datetime

from botocore.exceptions import ClientError
from botocore.session import Session
from botocore.validate import validate_parameters

_MODEL = Session().get_service_model("sagemaker")


def _refuse(operation, message):
    raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, operation)


class SageMaker:
    def __init__(self):
        self.models, self.configs, self.endpoints, self.jobs = {}, {}, {}, {}
        self.candidates = []
        self.owners = {}
        """The stack in a resource's tag, by the resource's name; without an entry `autowatch`."""
        self.unknown_configs = set()
        self.calls = []
        self.exceptions = type("Exceptions", (), {"ResourceInUse": _InUse, "ResourceNotFound": _NotFound})

    def __getattr__(self, name):
        operation = _OPERATIONS[name]

        def call(**request):
            validate_parameters(request, _MODEL.operation_model(operation).input_shape)
            self.calls.append(operation)
            return getattr(self, f"_{name}")(**request)

        return call

    def put_endpoint(self, name, config, status="InService", reason=None):
        self.endpoints[name] = {"EndpointStatus": status, "EndpointConfigName": config}
        if reason:
            self.endpoints[name]["FailureReason"] = reason

    def put_job(self, name, status, secondary, best=None, reason=None, created=None):
        job = {"AutoMLJobStatus": status, "AutoMLJobSecondaryStatus": secondary}
        job["CreationTime"] = created or datetime.now(UTC)
        self.jobs[name] = (
            job | ({"BestCandidate": best} if best else {}) | ({"FailureReason": reason} if reason else {})
        )

    def _create_model(self, ModelName, **request):
        if ModelName in self.models:
            _refuse("CreateModel", f"Cannot create already existing model arn:.../{ModelName}.")
        self.models[ModelName] = request

    def _create_endpoint_config(self, EndpointConfigName, **request):
        if EndpointConfigName in self.configs:
            _refuse("CreateEndpointConfig", "Cannot create already existing endpoint configuration.")
        self.configs[EndpointConfigName] = request

    def _create_endpoint(self, EndpointName, EndpointConfigName, **_):
        if EndpointName in self.endpoints:
            _refuse("CreateEndpoint", "Cannot create already existing endpoint.")
        if EndpointConfigName in self.unknown_configs:
            _refuse("CreateEndpoint", f'Could not find endpoint configuration "{EndpointConfigName}".')
        self.put_endpoint(EndpointName, EndpointConfigName, "Creating")

    def _update_endpoint(self, EndpointName, EndpointConfigName, DeploymentConfig=None):
        # Deleting it is all that SageMaker lets one do with an endpoint that failed.
        if self.endpoints[EndpointName]["EndpointStatus"] != "InService":
            _refuse("UpdateEndpoint", "Cannot update an endpoint that is not in service.")
        self.put_endpoint(EndpointName, self.endpoints[EndpointName]["EndpointConfigName"], "Updating")
        self.endpoints[EndpointName] |= {
            "PendingDeploymentSummary": {"EndpointConfigName": EndpointConfigName},
            "deployment": DeploymentConfig,
        }

    def settle(self, name):
        """Completes every change that is under way."""
        endpoint = self.endpoints[name]
        if endpoint["EndpointStatus"] == "Deleting":
            del self.endpoints[name]
        else:
            coming = endpoint.get("PendingDeploymentSummary", endpoint)
            self.put_endpoint(name, coming["EndpointConfigName"])

    def _describe_endpoint(self, EndpointName):
        if EndpointName not in self.endpoints:
            _refuse(
                "DescribeEndpoint",
                f'Could not find endpoint "arn:aws:sagemaker:...:endpoint/{EndpointName}".',
            )
        return self.endpoints[EndpointName]

    def _delete_endpoint(self, EndpointName):
        if self.endpoints[EndpointName]["EndpointStatus"] in ("Creating", "Updating", "Deleting"):
            _refuse("DeleteEndpoint", "Cannot update in-progress endpoint.")
        self.endpoints[EndpointName]["EndpointStatus"] = "Deleting"

    def _delete_endpoint_config(self, EndpointConfigName):
        if self.configs.pop(EndpointConfigName, None) is None:
            _refuse("DeleteEndpointConfig", f'Could not find endpoint configuration "{EndpointConfigName}".')

    def _delete_model(self, ModelName):
        if self.models.pop(ModelName, None) is None:
            _refuse("DeleteModel", f'Could not find model "{ModelName}".')

    def _create_auto_ml_job_v2(self, AutoMLJobName, **request):
        if AutoMLJobName in self.jobs:
            raise _InUse({"Error": {"Code": "ResourceInUse", "Message": "in use"}}, "CreateAutoMLJobV2")
        self.put_job(AutoMLJobName, "InProgress", "Starting")
        self.jobs[AutoMLJobName]["request"] = request

    def _describe_auto_ml_job_v2(self, AutoMLJobName):
        if AutoMLJobName not in self.jobs:
            raise _NotFound({"Error": {"Code": "ResourceNotFound", "Message": "none"}}, "DescribeAutoMLJobV2")
        return self.jobs[AutoMLJobName]

    def get_paginator(self, name):
        """One item a page, as SageMaker may answer."""
        if name == "list_candidates_for_auto_ml_job":
            return _Pages("ListCandidatesForAutoMLJob", "Candidates", lambda: self.candidates)
        if name == "list_tags":
            return _Pages("ListTags", "Tags", self._tags)
        kind, things = {
            "list_endpoints": ("Endpoint", self.endpoints),
            "list_endpoint_configs": ("EndpointConfig", self.configs),
            "list_models": ("Model", self.models),
        }[name]

        def listed(NameContains=""):
            chosen = [thing for thing in things if NameContains in thing]
            return [{f"{kind}Name": thing, f"{kind}Arn": f"arn:sagemaker:{thing}"} for thing in chosen]

        return _Pages(f"List{kind}s", f"{kind}s", listed)

    def _tags(self, ResourceArn):
        owner = self.owners.get(ResourceArn.rsplit(":", 1)[1], "autowatch")
        return [{"Key": "autowatch:stack", "Value": owner}]

    def _stop_auto_ml_job(self, AutoMLJobName):
        self.jobs[AutoMLJobName]["AutoMLJobStatus"] = "Stopping"


class _Pages:
    def __init__(self, operation, member, items):
        self._operation, self._member, self._items = operation, member, items

    def paginate(self, **request):
        validate_parameters(request, _MODEL.operation_model(self._operation).input_shape)
        request = {} if self._operation == "ListCandidatesForAutoMLJob" else request
        return [{self._member: [item]} for item in self._items(**request)]


class _InUse(ClientError):
    pass


class _NotFound(ClientError):
    pass


_OPERATIONS = {
    "create_model": "CreateModel",
    "create_endpoint_config": "CreateEndpointConfig",
    "create_endpoint": "CreateEndpoint",
    "update_endpoint": "UpdateEndpoint",
    "describe_endpoint": "DescribeEndpoint",
    "delete_endpoint": "DeleteEndpoint",
    "delete_endpoint_config": "DeleteEndpointConfig",
    "delete_model": "DeleteModel",
    "create_auto_ml_job_v2": "CreateAutoMLJobV2",
    "describe_auto_ml_job_v2": "DescribeAutoMLJobV2",
    "stop_auto_ml_job": "StopAutoMLJob",
}
