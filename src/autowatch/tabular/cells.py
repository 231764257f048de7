"""The value of a cell: its type, whether it is missing, and the number that it writes."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

FeatureType = Literal["numeric", "categorical"]

MISSING = frozenset(
    {
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    }
)
"""The texts that pandas, and therefore AutoGluon, reads as a missing value, in numeric and text columns alike (the
`na_values` of `pandas.read_csv`)."""

LARGEST_NUMBER = 3.4028234e38
"""The largest number of a 32-bit float, with which models compute. A larger one makes the container fail."""

PLAIN_NUMBER = r"^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"
"""A regular expression for texts that are not missing and that any parser of decimal numbers reads as `to_number` does,
unless they are too large. Nearly all numbers match; they may be parsed in bulk."""

_GROUPS = " \u00a0\u2009\u202f'\u2019"
_CURRENCIES = "$€£¥₹"
_MINUS = "-\u2212"


@dataclass(frozen=True)
class NumberForm:
    """How the cells of a column write numbers.

    Attributes:
        decimal: the decimal separator, `.` or `,`.
        group: the separator of groups of three digits: `,`, `.`, a space (of any kind, an apostrophe), or nothing.
        affix: the percent sign or the currency of every number, or nothing. 12.5 % is read as 12.5.
        signs: whether a Unicode minus or parentheses may mark a negative number, and spaces of any kind may surround
            one. Every other form accepts these too.
        missing: the texts that mean a missing value in this column, besides `MISSING`; sorted.
    """

    decimal: str = "."
    group: str = ""
    affix: str = ""
    signs: bool = False
    missing: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the model can read the cells as they are."""
        return self == PLAIN_FORM

    @property
    def is_styled(self) -> bool:
        """Whether numbers are written in another way than the model reads them."""
        return bool(self.affix or self.group or self.signs or self.decimal != ".")

    def read(self, text: str) -> float | None:
        """The value of a cell; None if it is missing.

        Raises:
            ValueError: it is neither missing nor a number in this form.
        """
        plain = self.plain(text)
        return None if plain == "" else to_number(plain)

    def plain(self, text: str) -> str:
        """The cell as the model reads it: a decimal number, or empty if it is missing.

        Raises:
            ValueError: it is neither missing nor a number in this form.
        """
        if text in self._missing:
            return ""
        if not self.is_styled:
            to_number(text)
            return text
        return self._plain_of_style(text)

    def plain_each(self, texts: Sequence[str], unreadable: str | None = None) -> list[str]:
        """The cells as the model reads them.

        Args:
            texts: the cells.
            unreadable: the replacement for a text that is neither missing nor a number; None keeps the text.
        """
        known: dict[str, str] = {}
        for text in texts:
            if text not in known:
                try:
                    known[text] = self.plain(text)
                except ValueError:
                    known[text] = text if unreadable is None else unreadable
        return [known[text] for text in texts]

    def _plain_of_style(self, text: str) -> str:
        match = self._pattern.fullmatch(text.strip())
        if match is None or (match["open"] is None) != (match["close"] is None):
            raise ValueError(f"not a number of the column's form: {len(text)} characters")
        whole = re.sub(r"[^0-9]", "", match["whole"])
        negative = "-" if match["open"] or match["sign"] or match["sign_behind"] else ""
        plain = f"{negative}{whole}{'.' + match['part'] if match['part'] else ''}"
        to_number(plain)
        return plain

    @cached_property
    def _missing(self) -> frozenset[str]:
        return missing_values(self)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        group = f"[{_GROUPS}]" if self.group == " " else re.escape(self.group)
        whole = rf"[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{3}})+" if self.group else "[0-9]+"
        before = rf"(?:{re.escape(self.affix)}[\s\u00a0]*)" if self.affix and self.affix != "%" else ""
        behind = rf"(?:[\s\u00a0]*{re.escape(self.affix)})" if self.affix else ""
        number = rf"(?P<whole>{whole})(?:{re.escape(self.decimal)}(?P<part>[0-9]+))?"
        affix_before = f"{before}?" if before else ""
        affix_behind = behind if self.affix == "%" else f"{behind}?" if behind else ""
        need = "" if not before else rf"(?=.*{re.escape(self.affix)})"
        return re.compile(
            rf"{need}(?P<open>\()?(?P<sign>[{_MINUS}])?\+?{affix_before}(?P<sign_behind>[{_MINUS}])?"
            rf"{number}{affix_behind}(?P<close>\))?"
        )


PLAIN_FORM = NumberForm()


LONGEST_QUOTE = 40
"""The longest text of the data, in characters, that a message outside the bucket quotes, and only if several rows have
it."""


def cut(text: str, most: int = LONGEST_QUOTE) -> str:
    """The text cut to at most `most` characters; the last is `…` if any are left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def in_quotes(text: str) -> str:
    """The text between `“` and `”`, with these removed from it, so that the quote ends where it seems to."""
    return f"“{text.translate(_PLAIN_QUOTES)}”"


_PLAIN_QUOTES = str.maketrans("“”", '""')


def bare(text: str) -> str:
    """The text without differences that people overlook: capitals, spaces and the Unicode form."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def differ_unseen(texts: Iterable[str], others: Iterable[str]) -> str:
    """A sentence after a space if a text differs from another one only in what people overlook; otherwise empty."""
    known = set(others)
    alike = set(map(bare, known))
    if any(text not in known and bare(text) in alike for text in texts):
        return " Only capitals, spaces or the Unicode form differ."
    return ""


def missing_values(form: NumberForm = PLAIN_FORM) -> frozenset[str]:
    """The texts that stand for a missing value in a column of this form."""
    return MISSING.union(form.missing)


def to_number(text: str) -> float:
    """The number that `text` writes, as all of Autowatch reads it: a finite decimal with an optional exponent.

    Raises:
        ValueError: the text is not such a number, or is too large for a model. (`float` alone would also accept
            `1_000`, `inf`, `nan` and the digits of every script.)
    """
    number = float(text)
    if not text.isascii() or "_" in text or not abs(number) <= LARGEST_NUMBER:
        raise ValueError(f"not a finite decimal number: {len(text)} characters")
    return number


def number_forms(texts: Iterable[str]) -> list[NumberForm]:
    """The forms in which a column with these texts may write its numbers, the plain one first."""
    affixes = [""]
    for text in texts:
        affixes += [mark for mark in f"%{_CURRENCIES}" if mark in text and mark not in affixes]
    styles = [(".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " ")]
    forms = [NumberForm(decimal, group, affix) for affix in affixes for decimal, group in styles]
    return [PLAIN_FORM, NumberForm(signs=True), *forms[1:]]
