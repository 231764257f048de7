"""The picture of the rooms in docs/architecture.md, drawn from the import contracts: `python -m benchmarks.rooms`."""

import re
import tomllib
from html import escape
from typing import Any

from sandbox.install import REPOSITORY

PICTURE = REPOSITORY / "docs" / "rooms.svg"
WIDTH, LEFT, GAP, HEIGHT, STEP = 980, 60, 14, 74, 96
STYLE = """
.bg{fill:#fff} rect{stroke-width:1.5}
.entry rect{fill:#fdf0e1;stroke:#b9742a} .room rect{fill:#eaeefb;stroke:#4a61b0}
.t{font-size:15px;font-weight:600;text-anchor:middle;fill:#1c2530} .s{font-size:11.5px;text-anchor:middle;fill:#4a5563}
.l{font-size:12px;fill:#4a5563} .a{stroke:#5c6878;stroke-width:1.5} .h{fill:#5c6878}
@media (prefers-color-scheme: dark){.bg{fill:#14181e} .l{fill:#aab4c0} .a{stroke:#8f9bab} .h{fill:#8f9bab}
.t{fill:#eef2f6} .s{fill:#c3ccd6} .entry rect{fill:#3d2c18} .room rect{fill:#222c4d}}
""".strip()


def main() -> None:
    """Writes docs/rooms.svg."""
    PICTURE.write_text(draw(read_contracts()), encoding="utf-8")


def read_contracts() -> list[dict[str, Any]]:
    """The contracts of import-linter in pyproject.toml."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return project["tool"]["importlinter"]["contracts"]


def draw(contracts: list[dict[str, Any]]) -> str:
    """An SVG with the entry folders on top and a row for each layer of rooms; upper rows may import lower ones."""
    layered = {each["containers"][0]: each["layers"] for each in contracts if each["type"] == "layers"}
    entries = next(each["modules"] for each in contracts if each["type"] == "independence")
    rows = [[(f"{name}/", "") for name in sorted(entries)]]
    for layer in layered["autowatch"]:
        rooms = layer.split(" | ")
        rows.append([(name, " > ".join(layered.get(f"autowatch.{name}", []))) for name in rooms])
    height = len(rows) * STEP + 40
    title = "The rooms of the code: each imports only from the rows below it; rooms of one row do not know each other."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', sans-serif\">",
        f'<title id="title">{title}</title>',
        f"<style>\n{STYLE}\n</style>",
        f'<rect class="bg" width="{WIDTH}" height="{height}" rx="10"/>',
        f'<path d="M30 30 L30 {height - 52}" class="a"/>',
        f'<path d="M24 {height - 54} L36 {height - 54} L30 {height - 42}z" class="h"/>',
        f'<text x="0" y="0" class="l" text-anchor="middle" transform="translate(20 {height / 2}) rotate(-90)">'
        "imports</text>",
    ]
    for number, row in enumerate(rows):
        parts.append(f'<g class="{"room" if number else "entry"}">')
        parts += _boxes(row, 24 + number * STEP)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _boxes(row: list[tuple[str, str]], top: int) -> list[str]:
    """The boxes of one row, as wide as the picture allows; a room with its own layers has a second line."""
    width = (WIDTH - LEFT - 20 - GAP * (len(row) - 1)) / len(row)
    drawn = []
    for position, (name, inside) in enumerate(row):
        left = LEFT + position * (width + GAP)
        size = ' style="font-size:10px"' if len(row) > 4 else ""
        drawn.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{HEIGHT}" rx="8"/>')
        baseline = top + (32 if inside else 42)
        drawn.append(f'<text x="{left + width / 2:.1f}" y="{baseline}" class="t"{size}>{escape(name)}</text>')
        if inside:
            lines = _lines(inside, int(width / 6.6))
            drawn += [
                f'<text x="{left + width / 2:.1f}" y="{top + 49 + 14 * line}" class="s">{escape(text)}</text>'
                for line, text in enumerate(lines)
            ]
    return drawn


def _lines(text: str, most: int) -> list[str]:
    """The text in one line or, if it is too long, in two of similar length, broken after a sign."""
    if len(text) <= most:
        return [text]
    cut = min((at.end() for at in re.finditer(" [>|]", text)), key=lambda end: max(end, len(text) - end))
    return [text[:cut], text[cut + 1 :]]


if __name__ == "__main__":
    main()
