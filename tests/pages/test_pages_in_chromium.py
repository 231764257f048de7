import functools
import http.server
import re
import threading
from pathlib import Path

import pytest

from tests.pages.site import BUSY, HOSTILE, QUIET, write_site

pytestmark = pytest.mark.chromium

CONTRAST, FAULTS = ((Path(__file__).parent / name).read_text() for name in ("contrast.js", "faults.js"))
RUNS = ("run", "multiclass", "regression")
KINDS = ("busy", "quiet", "thin", "only labels", "odd", "hostile", "wide", "history", "file")
JUDGED = (*RUNS, "day of classes", "day of numbers")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return write_site(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def site(pages):
    """The folder on loopback: its address."""
    handler = functools.partial(QuietHandler, directory=pages["history"].parent.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def open_page(chromium):
    """Opens a file in its own context; returns the page, its requests and its console messages."""
    contexts = []

    def open_(path, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (page.complaints.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize("kind", [*KINDS, *JUDGED])
def test_a_page_can_be_read_by_everybody_and_needs_nothing_but_itself(pages, open_page, kind):
    page = open_page(pages[kind])

    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(FAULTS) == []
    assert page.asked == [page.url]
    assert page.complaints == []


@pytest.mark.parametrize("width", [920, 1000, 1110])
def test_the_measures_of_quality_are_never_cut_off_on_a_screen(pages, open_page, width):
    page = open_page(pages["busy"], viewport={"width": width, "height": 900})

    assert page.locator(".measures").count()
    assert not [label for label in page.evaluate(CUT_OFF) if label.startswith("Measures")]


@pytest.mark.parametrize("kind", ["busy", "quiet", "history"])
def test_no_table_is_cut_off_where_there_is_room(pages, open_page, kind):
    page = open_page(pages[kind], viewport={"width": 1280, "height": 900})

    assert page.evaluate(CUT_OFF) == []


CUT_OFF = """[...document.querySelectorAll(".scroll")].filter(box => box.scrollWidth > box.clientWidth)
    .map(box => box.ariaLabel)"""


@pytest.mark.parametrize("kind", ["busy", "history"])
def test_a_page_reads_the_same_without_javascript(pages, open_page, kind):
    texts = [
        open_page(pages[kind], java_script_enabled=enabled).inner_text("body") for enabled in (True, False)
    ]

    assert texts[0] == texts[1]
    assert "drifted" in texts[0]


@pytest.mark.parametrize("kind", ["busy", "quiet", "thin", "history", *JUDGED])
def test_text_has_enough_contrast_in_light_and_dark(pages, open_page, kind):
    page = open_page(pages[kind])
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    grounds = set()

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        looked_at, faint = page.evaluate(CONTRAST)
        assert looked_at > 20
        assert faint == []
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


@pytest.mark.parametrize("way", ["click", "keyboard"])
def test_the_folded_columns_open(pages, open_page, way):
    fold = open_page(pages["quiet"], java_script_enabled=False).locator("details.fold").first
    column = fold.locator(".steady > details").nth(1)
    rows = column.locator("tbody tr")
    assert not rows.first.is_visible()

    for summary in (fold.locator("summary").first, column.locator("summary").first):
        summary.click() if way == "click" else summary.press("Enter")

    assert rows.first.is_visible()
    assert rows.count() == 12 + 5


@pytest.mark.parametrize("way", ["click", "keyboard"])
def test_a_link_to_a_folded_column_opens_it(pages, open_page, way):
    page = open_page(pages["quiet"], java_script_enabled=False)
    page.locator("summary").first.press("Enter")
    link = page.locator(".chips a").nth(3)
    target = page.locator(link.get_attribute("href"))
    assert not target.is_visible()

    link.click() if way == "click" else link.press("Enter")

    target.wait_for(state="visible")


@pytest.mark.parametrize("width", [390, 1280])
def test_a_name_is_not_broken_within_a_word(pages, open_page, width):
    page = open_page(pages["busy"], viewport={"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")

    assert page.evaluate(BROKEN_NAMES) == []


BROKEN_NAMES = """[...document.querySelectorAll("bdi")].filter(name => !/[ -]/.test(name.textContent.trim()))
    .filter(name => name.checkVisibility() && name.getClientRects().length > 1).map(name => name.textContent)"""


def test_the_links_lead_from_day_to_day_and_back(site, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(10_000)
    missing = []
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"{site}/reports/index.html")

    page.click(f"text={QUIET.isoformat()} >> nth=-1")
    assert page.url == f"{site}/reports/date={QUIET.isoformat()}/index.html"
    page.click("text=Day after")
    assert page.url == f"{site}/reports/date={BUSY.isoformat()}/index.html"
    assert page.locator("text=Day after").count() == 0
    page.click("text=Day before")
    assert page.url == f"{site}/reports/date={QUIET.isoformat()}/index.html"
    page.click("text=All days")
    assert page.url == f"{site}/reports/index.html"
    page.goto(f"{site}/reports/file=a/b-0123/index.html")
    page.click("text=All days")
    assert page.url == f"{site}/reports/index.html"
    page.goto(f"{site}/reports/date={BUSY.isoformat()}/index.html")
    page.click("text=drift.json")
    context.close()
    assert [url for url in missing if not url.endswith("favicon.ico")] == []


def test_no_link_leads_nowhere(pages):
    for path in pages.values():
        page = path.read_text()
        links = re.findall(r'<a href="([^"#]+)"', page)
        assert links
        assert [link for link in links if not (path.parent / link).is_file()] == []
        assert [
            place for place in re.findall(r'<a href="#([^"]+)"', page) if f' id="{place}"' not in page
        ] == []


def test_print_has_every_histogram(pages, open_page):
    page = open_page(pages["busy"])
    page.emulate_media(media="print")

    shown = page.evaluate(
        "[...document.querySelectorAll('table.bars,svg.density')].map(shape => shape.checkVisibility())"
    )
    document = page.pdf(format="A4")

    assert shown == [True] * (20 + 10)
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", document)) <= 12


@pytest.mark.parametrize("kind", ["run", "regression", "history", "day of classes"])
def test_folded_parts_are_printed_and_no_table_is_cut_off_on_paper(pages, open_page, kind):
    page = open_page(pages[kind], viewport={"width": 794, "height": 1123})
    page.emulate_media(media="print")

    tables = page.evaluate(
        "[...document.querySelectorAll('table,svg')].map(shape => shape.checkVisibility())"
    )
    assert tables
    assert all(tables)
    assert (
        page.evaluate("[...document.querySelectorAll('nav')].filter(nav => nav.checkVisibility()).length")
        == 0
    )
    assert page.pdf(format="A4")


@pytest.mark.parametrize("kind", ["busy", "history", "run"])
def test_nothing_on_a_page_moves(pages, open_page, kind):
    page = open_page(pages[kind], reduced_motion="no-preference")

    assert page.evaluate("document.getAnimations().length") == 0
    styles = page.evaluate(
        "[...document.querySelectorAll('*')].map(each => getComputedStyle(each)).filter(style => "
        "style.animationName !== 'none' || style.transitionDuration !== '0s' || style.scrollBehavior !== 'auto').length"
    )
    assert styles == 0


@pytest.mark.parametrize("kind", ["hostile", "file", "history"])
def test_foreign_texts_are_text(pages, open_page, kind):
    page = open_page(pages[kind])
    page.hover("h1")

    assert page.complaints == []
    assert page.asked == [page.url]
    assert page.locator("script,img,iframe,object,embed,link,base,form,input").count() == 0
    assert page.evaluate(ACTIVE) == []
    assert page.locator("style").count() == 1
    assert page.locator("body").is_visible()


ACTIVE = """[...document.querySelectorAll("*")].flatMap(element => [...element.attributes])
    .filter(({name, value}) => name.startsWith("on") || (/^(xlink:)?(href|src)$/.test(name) && value.includes(":")))
    .map(attribute => attribute.name)"""


def test_hostile_names_are_shown_as_they_are(pages, open_page):
    page = open_page(pages["hostile"])
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    names = page.locator("h3 bdi").all_inner_texts() + page.locator("summary bdi").all_inner_texts()
    text = page.locator("body").inner_text()

    for name in (*HOSTILE[:7], "(no name)"):
        assert name in names
    assert "nul⟨U+0000⟩and⟨U+001B⟩[31m and ⟨U+D800⟩ lone" in text
    assert "⟨U+202E⟩right to left override" in text
    assert not set(text) & set("\0\u202e\u2067\ufffd")
    assert max(map(len, re.findall("w+", text))) < 500


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("wide", 500_000),
        ("hostile", 500_000),
        ("history", 200_000),
        ("run", 200_000),
        ("regression", 200_000),
    ],
)
def test_pages_are_small_enough_for_a_phone(pages, kind, most):
    assert len(pages[kind].read_bytes()) < most


def test_fifty_columns_are_all_drawn(pages, open_page):
    page = open_page(pages["wide"])

    assert page.locator("table.bars").count() == 50
    assert page.locator("table.bars tbody tr").count() == 50 * 23
    assert page.locator("svg.density").count() == 25
    assert page.locator("svg.trend").count() == 75
