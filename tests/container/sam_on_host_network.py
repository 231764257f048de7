"""`sam`, with its containers on the machine's own network, since the sandbox listens only on loopback.

SAM gives a container a network of its own, with another loopback, and publishes the port of Lambda's emulator in it; on
the machine's network the emulator itself must listen on that port.
"""

from docker.models.containers import ContainerCollection
from samcli.cli.main import cli

_create = ContainerCollection.create


def _create_on_host_network(self, image, command=None, **options):
    published = options.pop("ports", {})
    ((_, port),) = published.values()
    options["entrypoint"] += ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    return _create(self, image, command, network_mode="host", **options)


if __name__ == "__main__":
    ContainerCollection.create = _create_on_host_network
    cli(prog_name="sam")
