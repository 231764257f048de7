"""The pages of docs/measurements name the commands that write their tables, and `benchmarks.write` writes them."""

import shlex
import subprocess

import pytest

from benchmarks.write import TABLE, renew
from tests.support.repository import ROOT

PAGES = sorted(ROOT.glob("docs/measurements/*.md"))


@pytest.fixture
def page(tmp_path):
    page = tmp_path / "calendars.md"
    page.write_text("Before\n\n<!-- run: calendar 2026 11 -->\nold\n<!-- end -->\n\nAfter\n")
    return page


def test_a_commands_output_replaces_its_table(page):
    renew(page)
    text = page.read_text()
    assert text.startswith("Before\n\n<!-- run: calendar 2026 11 -->\n\nNovember 2026\n")
    assert text.endswith("<!-- end -->\n\nAfter\n")
    assert "old" not in text
    renew(page)
    assert page.read_text() == text


def test_a_failed_command_leaves_the_page_unchanged(page):
    text = page.read_text() + "\n<!-- run: calendar 2026 13 -->\nold\n<!-- end -->\n"
    page.write_text(text)
    with pytest.raises(subprocess.CalledProcessError):
        renew(page)
    assert page.read_text() == text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_a_benchmark(page):
    modules = {shlex.split(table["words"])[0] for table in TABLE.finditer(page.read_text())}
    assert {name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").exists()} == set()
