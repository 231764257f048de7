"""The files, headings, commands and pins that the documents name exist."""

import re

import pytest

from autowatch_client.command.app import app
from tests.support.repository import ROOT

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("domino/*.md"), *ROOT.glob("sandbox/**/*.md")]
)
COMMANDS = {command.callback.__name__ for command in app.registered_commands}
LARGEST_PICTURE_BYTES = 500_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_existing_files(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    titles = [
        re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_headings_lead_to_existing_headings(page):
    links = re.findall(r"\]\(([^)#\s]*\.md)?#([^)\s]+)\)", page.read_text())
    dead = [
        f"{name}#{anchor}"
        for name, anchor in links
        if anchor not in anchors(page.parent / name if name else page)
    ]
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_commands_exist(page):
    in_code = re.findall(r"`(?:\.venv/bin/)?autowatch ([a-z]+)", page.read_text())
    lines = re.findall(r"^(?:\$ |    )?autowatch ([a-z]+)", page.read_text(), re.MULTILINE)
    assert {*in_code, *lines} <= COMMANDS


def test_named_tests_exist():
    tests = "\n".join(path.read_text() for path in ROOT.glob("tests/**/*.py"))
    there = set(re.findall(r"^(?:    )?(?:def|class) (\w+)", tests, re.MULTILINE))
    named = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"`(test_\w+|Test\w+)(?:\[[^`]*\])?`", page.read_text())
    }
    assert {each for each in named if each[1] not in there} == set()


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text()
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/**/*.md")} - {"index.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_every_command_is_in_its_table():
    page = (ROOT / "docs" / "command.md").read_text()
    assert {name for name in COMMANDS if not re.search(rf"^\|.*`{name}\b", page, re.MULTILINE)} == set()


def test_a_domino_environment_installs_the_notebooks_versions():
    pinned = {}
    for name in ("notebooks/requirements.txt", "requirements/cli.txt"):
        pinned |= dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", (ROOT / name).read_text(), re.MULTILINE))
    installed = re.findall(r"\b([a-z]+)==(\S+)", (ROOT / "domino" / "Dockerfile").read_text())
    assert len(installed) == 6
    assert {name: version for name, version in installed if pinned.get(name) != version} == {}


def test_pictures_stay_small():
    pictures = list(ROOT.glob("docs/images/*.png"))
    assert {picture.name for picture in pictures} == {"report.png", "mail.png"}
    assert max(picture.stat().st_size for picture in pictures) < LARGEST_PICTURE_BYTES
