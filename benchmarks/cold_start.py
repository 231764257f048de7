"""The cost of a cold start: the CPU time of a function's imports and of its first client, in a fresh process.

Run as `python -m benchmarks.cold_start`; it prints a Markdown table. Each process has the packages of the function: its
code, its layers and those of Lambda's runtime.
"""

import subprocess
import sys
from typing import Any

from sandbox.deployment.template import read_template
from sandbox.install import REPOSITORY, environments

_ROUNDS = 5
_CHILD = """
import importlib, sys, time
begun = time.process_time()
importlib.import_module(sys.argv[1])
imported = time.process_time()
from autowatch.aws.clients import client
client("s3")
print((imported - begun) * 1000, (time.process_time() - begun) * 1000)
"""


def main() -> None:
    """Prints the table."""
    print("| function | imports, CPU ms | with its first client |\n|---|---:|---:|")
    template = read_template(REPOSITORY / "template.yaml")
    shared = template["Globals"]["Function"].get("Layers", [])
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            layers = [each["Ref"] for each in [*shared, *properties.get("Layers", [])]]
            imports, whole = _measure(properties["Handler"], layers, template["Resources"])
            print(f"| {name} | {imports:.0f} | {whole:.0f} |")


def _measure(handler: str, layers: list[str], resources: dict[str, Any]) -> tuple[float, float]:
    """The minimum of several rounds: other load on the machine only makes rounds longer."""
    installed = environments()
    folders = [installed.layer(resources[each]["Properties"]["ContentUri"].split("/")[-1]) for each in layers]
    path = [REPOSITORY / "src", *folders, installed.runtime]
    command = [sys.executable, "-S", "-P", "-c", _CHILD, handler.removesuffix(".lambda_handler")]
    variables = {
        "PYTHONPATH": ":".join(map(str, path)),
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    answers = [
        subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(_ROUNDS)
    ]
    return min(float(each[0]) for each in answers), min(float(each[1]) for each in answers)


if __name__ == "__main__":
    main()
