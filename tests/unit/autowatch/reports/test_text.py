import pytest

from autowatch.reports.text import (
    count,
    counted,
    listed,
    number,
    p_text,
    percent,
    short,
    subject_line,
    visible,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("nul\0", "nul⟨U+0000⟩"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("\x7f\x85", "⟨U+007F⟩⟨U+0085⟩"),
        ("\u202eabc\u2066", "⟨U+202E⟩abc⟨U+2066⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("שלום 名前 é 👩‍👩‍👧", "שלום 名前 é 👩‍👩‍👧"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_hidden_characters_are_made_visible(text, shown):
    assert visible(text) == shown
    assert visible(text).encode().decode() == shown


def test_a_long_text_keeps_its_beginning_and_its_end():
    names = [short("x" * 5_000 + f"_{place}", 40) for place in range(3)]

    assert len(set(names)) == 3
    assert all(len(name) == 40 for name in names)
    assert short("x" * 40, 40) == "x" * 40
    assert short(12, 40) == "12"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (0, "0%"),
        (1, "100%"),
        (0.0001, "<0.1%"),
        (0.001, "0.1%"),
        (0.0994, "9.9%"),
        (0.0999, "10%"),
        (0.5, "50%"),
        (0.989, "99%"),
        (0.9961, "99.6%"),
        (0.9999, ">99.9%"),
        (1.5, "150.0%"),
        (-0.25, "-25.0%"),
    ],
)
def test_shares_are_readable(share, text):
    assert percent(share) == text


def test_figures_are_readable_and_missing_ones_are_dashes():
    assert [number(value) for value in (None, float("nan"), 0.12345)] == ["–", "–", "0.123"]
    assert [p_text(p) for p in (None, 0.0, 0.00009, 0.05)] == ["–", "< 0.0001", "< 0.0001", "0.0500"]
    assert [count(value) for value in (None, 0, 1_234_567)] == ["–", "0", "1,234,567"]
    assert [counted(value, "file") for value in (0, 1, 2_000)] == ["0 files", "1 file", "2,000 files"]


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c"], "a, b and 1 more")]
)
def test_names_are_listed_and_the_rest_counted(names, text):
    assert listed(names, 2) == text


@pytest.mark.parametrize("length", [3, 30, 60, 300])
@pytest.mark.parametrize("stack", ["bank", "a-name-of-32-characters-for-a-st"])
def test_a_subject_counts_the_other_names_even_if_names_are_long(stack, length):
    names = [f"{number}{'x' * (length - 1)}" for number in range(12)]
    subject = subject_line(f"[{stack}] Drift continues on 2026-11-23", names, 3)
    assert len(subject) <= 99
    named = subject.split(": ")[1].split(" and ")[0].split(", ")
    assert [name[0] for name in named] == ["0", "1", "2"][: len(named)]
    assert subject.endswith(f" and {12 - len(named)} more")


def test_a_subject_has_no_line_breaks_and_no_count_if_all_are_named():
    assert subject_line("Drift", ["a\nb", "c"], 3) == "Drift: a b, c"
