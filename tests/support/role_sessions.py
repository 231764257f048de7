"""A function's rights for a test: its role's keys, with which the sandbox enforces the deployed policies."""

import io
import json
import zipfile

import boto3

_HANDLER = """
import os

def lambda_handler(*_):
    return [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN")]
"""


class RoleSessions:
    """As in Lambda, only functions get their role's keys, so this makes each function return its own."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._keys = {}

    def client(self, function, service):
        """A boto3 client of a service with the rights of the function of this logical id, or of this name."""
        if function not in self._keys:
            self._keys[function] = self._ask(self._sandbox.outputs.get(f"{function}Name", function))
        session = boto3.Session(*self._keys[function], region_name="us-east-1")
        return session.client(service, endpoint_url=self._sandbox.endpoint_url)

    def _ask(self, name):
        functions = self._sandbox.client("lambda")
        handler = functions.get_function_configuration(FunctionName=name)["Handler"]
        path = handler.rpartition(".")[0].replace(".", "/")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr(f"{path}.py", _HANDLER)
        functions.update_function_code(FunctionName=name, ZipFile=code.getvalue())
        return json.loads(functions.invoke(FunctionName=name)["Payload"].read())
