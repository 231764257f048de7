"""Object keys are composed in one module, and the environment is read in one."""

import ast
import re

import pytest

from tests.support.repository import ROOT

SOURCES = sorted((ROOT / "src").rglob("*.py"))
# A part of a key, not one within a sentence or of a link between two pages.
KEY = re.compile(
    r"^(models|reports|monitoring|predictions|rejected|transform|labels|inference)/|^/?date=|\.manifest\.json$"
)


def composed_keys(source):
    """The f-strings and sums of texts in a module that make keys."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr | ast.BinOp):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node.left, node.right]
            texts = [
                part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            if any(KEY.search(text) for text in texts):
                yield ast.unparse(node)


@pytest.mark.parametrize(
    "source", ['f"models/{run}/x.json"', 'f"{prefix}date={day}/"', 'f"{key}.manifest.json"']
)
def test_a_composed_key_is_noticed(source):
    assert list(composed_keys(source))


def test_keys_are_composed_in_one_module():
    found = {str(path.relative_to(ROOT / "src")): list(composed_keys(path.read_text())) for path in SOURCES}
    assert [name for name, keys in found.items() if keys] == ["autowatch/records/keys.py"], found


def test_the_environment_is_read_in_one_module():
    reading = [
        str(path.relative_to(ROOT / "src"))
        for path in SOURCES
        if re.search(r"os\.(environ|getenv)", path.read_text())
    ]
    assert reading == ["autowatch/settings.py"]
