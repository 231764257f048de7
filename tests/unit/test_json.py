"""No JSON contains NaN or an infinity: parsers in other languages reject the whole document for one."""

import ast
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sources():
    """The syntax trees of all modules that use json, by their path in the repository."""
    paths = (path for folder in ("src", "sandbox") for path in (_ROOT / folder).rglob("*.py"))
    texts = {str(path.relative_to(_ROOT)): path.read_text() for path in paths}
    return {
        path: ast.parse(text)
        for path, text in texts.items()
        if "import json" in text or "json import" in text
    }


def _writes_of_json(tree: ast.AST) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("dump", "dumps")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "json"
    ]


def _allows_nan(call: ast.Call) -> bool:
    given = {keyword.arg: keyword.value for keyword in call.keywords}.get("allow_nan")
    return not (isinstance(given, ast.Constant) and given.value is False)


def test_every_write_of_json_refuses_nan(sources):
    writes = {path: _writes_of_json(tree) for path, tree in sources.items()}
    assert sum(map(len, writes.values())) > 20, "json is imported under another name, and nothing is checked"
    assert [
        f"{path}:{call.lineno}" for path, calls in writes.items() for call in calls if _allows_nan(call)
    ] == []


def test_no_source_imports_json_writers_under_another_name(sources):
    imports = [
        path
        for path, tree in sources.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and node.module == "json")
        or (isinstance(node, ast.Import) and any(each.name == "json" and each.asname for each in node.names))
    ]
    assert imports == []


@pytest.mark.parametrize(
    "text", ["json.dumps(x)", "json.dump(x, f, allow_nan=True)", "json.dumps(x, allow_nan=y)"]
)
def test_a_write_that_lets_nan_through_is_found(text):
    (call,) = _writes_of_json(ast.parse(text))
    assert _allows_nan(call)
