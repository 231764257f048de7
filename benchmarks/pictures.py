"""Takes the README's pictures from the results of the demo: `python -m benchmarks.pictures`, after `make demo`.

Needs Chromium (Debian's `chromium`). Each picture is kept below 500 kB.
"""

import html
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from sandbox.install import REPOSITORY

DEMO = REPOSITORY / ".sandbox" / "demo"
IMAGES = REPOSITORY / "docs" / "images"
LARGEST_BYTES = 500_000
MAIL_STYLE = """
body { margin: 0; padding: 24px; background: #eef1f6; font: 15px/1.5 system-ui, sans-serif; color: #1c2330; }
article { background: #fff; border: 1px solid #d4d9e2; border-radius: 8px; padding: 20px 28px; }
h1 { font-size: 19px; margin: 0 0 6px; }
header { color: #5a6271; border-bottom: 1px solid #e4e8ee; padding-bottom: 12px; }
pre { white-space: pre-wrap; font: 13.5px/1.55 ui-monospace, monospace; overflow-wrap: anywhere; }
"""


def main() -> None:
    """Writes docs/images/report.png and docs/images/mail.png."""
    browser_path = shutil.which("chromium")
    pages = sorted(DEMO.glob("reports/2-drift/reports/date=*/index.html"))
    mails = [path for path in sorted(DEMO.glob("mail/*.txt")) if "autowatch--drift-on" in path.name]
    if browser_path is None or not pages or not mails:
        sys.exit("Install Chromium (apt-get install chromium) and run the demo first: make demo")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path)
        picture(browser, pages[-1].as_uri(), IMAGES / "report.png", 1240)
        mail = DEMO / "mail.html"
        mail.write_text(mail_page(mails[-1].read_text()), encoding="utf-8")
        picture(browser, mail.as_uri(), IMAGES / "mail.png", 820)
        browser.close()


def picture(browser: Browser, address: str, path: Path, width: int) -> None:
    """The upper part of a page in light mode, at double resolution if the file stays small enough."""
    for scale in (2, 1):
        page = browser.new_page(viewport={"width": width, "height": width}, device_scale_factor=scale)
        page.goto(address)
        height = min(float(width), page.evaluate("document.body.getBoundingClientRect().height"))
        page.screenshot(path=path, clip={"x": 0, "y": 0, "width": width, "height": height})
        page.close()
        if path.stat().st_size < LARGEST_BYTES:
            print(f"{path}: {path.stat().st_size:,} bytes")
            return
    sys.exit(f"{path} has {path.stat().st_size:,} bytes; at most {LARGEST_BYTES:,} are kept.")


def mail_page(text: str) -> str:
    """A mail in the style of a mail program."""
    head, body = text.split("\n\n", 1)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    shown = "<br>".join(html.escape(f"{name}: {fields[name]}") for name in ("From", "To", "Date"))
    return (
        f"<!doctype html><meta charset=utf-8><style>{MAIL_STYLE}</style>"
        f"<article><h1>{html.escape(fields['Subject'])}</h1>"
        f"<header>{shown}</header><pre>{html.escape(body)}</pre></article>"
    )


if __name__ == "__main__":
    main()
