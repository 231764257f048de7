"""The definitions of the two state machines, state by state."""

import json

from tests.support.repository import ROOT

NAMES = ("train", "transform")


def definition(name):
    """The definition of the machine `name`."""
    return json.loads((ROOT / f"statemachine/{name}.asl.json").read_text())


def all_states(machine):
    """Every state of a machine with its name, those of its Map states' processors too."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from all_states(state["ItemProcessor"])
