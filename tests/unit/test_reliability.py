"""docs/reliability.md names a test behind every guarantee; these are there."""

import ast
import re

from tests.support.repository import ROOT

TEXT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
_, *PARTS = re.split(r"^\*\*(\d+)\. ", TEXT.partition("## What is not promised")[0], flags=re.MULTILINE)
NUMBERS, GUARANTEES = PARTS[::2], PARTS[1::2]
NAMED = re.compile(r"`(tests/\S+\.py)::(\w+)`")


def functions_in(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_document_names_exists():
    named = NAMED.findall(TEXT)
    assert len(named) == TEXT.count("::")
    assert [(path, name) for path, name in named if name not in functions_in(path)] == []


def test_every_guarantee_names_a_test():
    assert [str(number) for number in range(1, len(GUARANTEES) + 1)] == NUMBERS
    assert len(GUARANTEES) >= 14
    assert [text.splitlines()[0] for text in GUARANTEES if not NAMED.search(text)] == []
