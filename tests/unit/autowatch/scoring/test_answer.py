import csv
import io
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autowatch.records.problem import Problem
from autowatch.scoring.answer import AnswerMismatch, AnswerUnreadable, parse_answer
from autowatch.scoring.answer_columns import read_answer

LABELS = ("no", "yes")
READERS = (parse_answer, read_answer)


BINARY = Problem("binary", LABELS, "yes")
COLOURS = Problem("multiclass", ("blue", "green", "red"), each_probability=True)
NUMBERS = Problem("regression")


def parse(text, rows=1, problem=BINARY):
    """The result on which both parsers agree, or their common error."""
    slow, quick = (outcome(reader, text.encode(), rows, problem) for reader in READERS)
    assert slow == quick
    if isinstance(slow[0], type):
        raise slow[0](slow[1])
    return slow


def outcome(reader, *arguments):
    try:
        predictions = reader(*arguments)
    except (AnswerMismatch, AnswerUnreadable) as error:
        return type(error), str(error)
    return tuple(list(pa.array(column, pa.string()).to_pylist()) for column in predictions.columns)


@pytest.mark.parametrize(
    ("text", "label", "probability"),
    [
        pytest.param(
            """no,0.93,"[0.93, 0.07]","['no', 'yes']"\n""", "no", "0.07", id="ensembling: P(predicted)"
        ),
        pytest.param("""no,0.07,"[0.93, 0.07]","['no', 'yes']"\n""", "no", "0.07", id="HPO: P(positive)"),
        pytest.param("""yes,0.6,"[0.6, 0.4]","['yes', 'no']"\n""", "yes", "0.6", id="positive label first"),
        pytest.param("""no,1,"[1,0]","['no','yes']"\r\n""", "no", "0", id="no spaces, CRLF"),
        pytest.param(
            """no,1,"[1, 7.3e-05]","['no', 'yes']\"""", "no", "7.3e-05", id="text stays, no line end"
        ),
        pytest.param('no,0.9,"[0.9, 0.1]","[""no"", ""yes""]"\n', "no", "0.1", id="JSON quotes"),
        pytest.param('no,0.9,"[0.9, 0.1]","[no, yes]"\n', "no", "0.1", id="bare labels"),
        pytest.param('"no","0.9","[0.9, 0.1]","[\'no\', \'yes\']"\n', "no", "0.1", id="everything quoted"),
        pytest.param(
            """yes,1.0000001,"[0.0, 1.0000001]","['no', 'yes']"\n""", "yes", "1.0000001", id="float32"
        ),
    ],
)
def test_picks_the_positive_label(text, label, probability):
    assert parse(text) == ([label], [probability])


def test_rows_may_list_the_labels_in_different_orders():
    text = """no,0.9,"[0.9, 0.1]","['no', 'yes']"\nyes,0.8,"[0.8, 0.2]","['yes', 'no']"\n"""
    assert parse(text, rows=2) == (["no", "yes"], ["0.1", "0.8"])


def test_numeric_labels():
    assert parse('1,0.6,"[0.4, 0.6]","[0, 1]"\n', problem=Problem("binary", ("0", "1"), "1")) == (
        ["1"],
        ["0.6"],
    )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_answers_that_are_not_one_for_each_row(count):
    with pytest.raises(AnswerMismatch, match=f"{count} predictions to 2 rows"):
        parse("""no,0.9,"[0.9, 0.1]","['no', 'yes']"\n""" * count, rows=2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("no\n", "SAGEMAKER_INFERENCE_OUTPUT", id="the container's default output"),
        pytest.param("no,0.9,[0.9, 0.1],['no', 'yes']\n", "four outputs", id="lists without quotes"),
        pytest.param('"no,0.9\n', "not CSV", id="open quote"),
        pytest.param(
            """maybe,0.9,"[0.9, 0.1]","['no', 'yes']"\n""", "other than 'no', 'yes'", id="unknown label"
        ),
        pytest.param(
            """no,0.9,"[0.9, 0.1]","['no', 'maybe']"\n""", "list of labels", id="unknown in the list"
        ),
        pytest.param("""no,0.9,"[0.9, 0.1]","['no', 'yes', 'x']"\n""", "list of labels", id="three labels"),
        pytest.param(
            """no,0.9,"[0.9]","['no', 'yes']"\n""", "one probability per label", id="one probability"
        ),
        pytest.param("""no,0.9,"[0.9, nan]","['no', 'yes']"\n""", "from 0 to 1", id="NaN"),
        pytest.param("""no,0.9,"[0.9, 1.5]","['no', 'yes']"\n""", "from 0 to 1", id="more than 1"),
        pytest.param("""no,0.9,"[0.9, x]","['no', 'yes']"\n""", "from 0 to 1", id="no number"),
        pytest.param('no,0.9,"[0.9, 0.1]",7\n', "list of labels", id="no list of labels"),
        pytest.param("""no,0.9,"[0.9, 0.1]","['no', 'yes'\n""", "not CSV", id="open quote in the list"),
        pytest.param("""no,0.9,[0.9, 0.1]",""['no', 'yes']"\n""", "not CSV", id="four quotes elsewhere"),
    ],
)
def test_other_answers_are_refused(text, says):
    with pytest.raises(AnswerUnreadable, match=says):
        parse(text)


label_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(labels=st.lists(label_texts, min_size=2, max_size=2, unique=True), first=st.booleans())
def test_any_labels_survive(labels, first):
    """Commas, quotes, apostrophes, brackets and line breaks in labels, written as Python writes lists."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow([labels[0], "0.75", "[0.75, 0.25]", str(labels)])
    positive = labels[0] if first else labels[1]
    assert parse(text.getvalue(), 1, Problem("binary", tuple(labels), positive)) == (
        [labels[0]],
        ["0.75" if first else "0.25"],
    )


@given(
    st.lists(st.tuples(st.sampled_from(LABELS), st.floats(0, 1), st.booleans()), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
)
def test_the_quick_parser_agrees_with_the_csv_module(rows, line_end):
    """Quotes around every field send the same answer through the csv module."""
    read = []
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        text = io.StringIO()
        writer = csv.writer(text, quoting=quoting, lineterminator=line_end)
        for label, yes, turned in rows:
            shares, names = [1 - yes, yes], list(LABELS)
            if turned:
                shares, names = shares[::-1], names[::-1]
            writer.writerow([label, yes, shares, names])
        read.append(parse(text.getvalue(), len(rows)))
    assert read[0] == read[1] == ([row[0] for row in rows], [str(row[1]) for row in rows])


@pytest.mark.parametrize(
    "text",
    [
        'no,0.9,"[0.9, 0.1]","[no, yes]"no\n',
        'no0.9,"[0.9, 0.1]","[no, yes]"\nno,0.9,0,"[0.9, 0.1]","[no, yes]"\n',
        'no,0.9,"[0.9, 0.1]";"[no, yes]"\n',
        'no,0.9,"[0.9, 0.1]","[no, yes]",\n',
    ],
)
def test_answers_that_only_look_like_the_common_form(text):
    with pytest.raises((AnswerUnreadable, AnswerMismatch)):
        parse(text, text.count("\n"))


def two_rows(*probabilities):
    return "".join(f"""no,0.9,"{item}","['no', 'yes']"\n""" for item in probabilities)


@pytest.mark.parametrize("probabilities", [("[0.9]", "[0.05, 0.04, 0.01]"), ("[[0.9", "0.1]")])
def test_lists_whose_lengths_only_add_up_are_rejected(probabilities):
    """The file has as many numbers or brackets as two rows have, but not two numbers per row."""
    with pytest.raises(AnswerUnreadable, match="one probability per label"):
        parse(two_rows(*probabilities), 2)


@pytest.mark.parametrize("probabilities", [("0.9, 0.1", "[[0.8, 0.2]"), ("[0.9, 0.1", "0.8], 0.2]]")])
def test_odd_brackets_do_not_shift_what_is_picked(probabilities):
    assert parse(two_rows(*probabilities), 2)[1] == ["0.1", "0.2"]


@pytest.mark.parametrize("wrong", ["nan", "inf", "-0.1", "1.1", "many", ""])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_invalid_probability_anywhere_makes_the_answer_unreadable(wrong, place):
    numbers = ["0.1", "0.2", "0.3"]
    numbers[place] = wrong
    text = "".join(f"""no,0.9,"[0.9, {number}]","['no', 'yes']"\n""" for number in numbers)
    with pytest.raises(AnswerUnreadable):
        parse(text, 3)


ODD = [
    "",
    "no",
    "yes",
    "maybe",
    "0.9",
    '"[0.9, 0.1]"',
    '"[0.1,0.9]"',
    "[0.9]",
    '"[0.9, 0.1"',
    '"[nan, +0.5]"',
    '" 0.5, 1_0"',
]
ODD += [
    "\"['no', 'yes']\"",
    "\"['yes', 'no']\"",
    '"[""no"", ""yes""]"',
    '"[no, yes]"',
    '"a\nb"',
    'x"y',
    "\r",
    "ü",
    "\udcff",
]


@given(st.lists(st.lists(st.sampled_from(ODD), min_size=3, max_size=5), max_size=4), st.integers(0, 4))
def test_odd_answers_are_parsed_alike(rows, count):
    text = "".join(",".join(row) + "\n" for row in rows).encode("utf-8", "surrogateescape")
    for problem in (BINARY, NUMBERS):
        assert outcome(parse_answer, text, count, problem) == outcome(read_answer, text, count, problem)


@given(
    st.lists(st.tuples(*map(st.sampled_from, ([*LABELS, "x"], ["0.9"], ODD[5:11], ODD[11:15]))), max_size=4)
)
def test_answers_of_the_common_form_with_faults_are_parsed_alike(rows):
    text = "".join(",".join(row) + "\n" for row in rows).encode()
    slow, quick = (outcome(reader, text, len(rows), BINARY) for reader in READERS)
    assert slow == quick


PIECES = (
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b']","[',
    b"\xff",
    b"'",
    b" ",
    b"0.5",
    b"no",
    b"[",
    b"]",
    b"\0",
    b'""',
    b"",
)


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 1), st.sampled_from(PIECES)), max_size=2),
)
@example(2, [(17, 0, b"\r")])
def test_damaged_answers_of_the_common_form_are_parsed_alike(rows, damages):
    answer = b"""no,0.9,"[0.9, 0.1]","['no', 'yes']"\n""" * rows
    for place, removed, piece in damages:
        answer = answer[:place] + piece + answer[place + removed :]
    slow, quick = (outcome(reader, answer, rows, BINARY) for reader in READERS)
    assert slow == quick


@pytest.mark.parametrize("each", [True, False])
def test_multiclass_answers_give_the_predicted_labels_probability_in_any_order(each):
    text = (
        """red,0.5,"[0.3, 0.2, 0.5]","['blue', 'green', 'red']"\n"""
        """green,0.6,"[0.1, 0.6, 0.3]","['red', 'green', 'blue']"\n"""
    )
    read = parse(text, 2, replace(COLOURS, each_probability=each))
    assert read[:2] == (["red", "green"], ["0.5", "0.6"])
    assert read[2:] == ((["0.3", "0.3"], ["0.2", "0.6"], ["0.5", "0.1"]) if each else ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("""pink,0.5,"[0.3, 0.2, 0.5]","['blue', 'green', 'red']"\n""", "other than 'blue', 'green', 'red'"),
        ("""red,0.5,"[0.3, 0.7]","['blue', 'green', 'red']"\n""", "one probability per label"),
        ("""red,0.5,"[0.3, 0.2, 1.5]","['blue', 'green', 'red']"\n""", "from 0 to 1"),
        ("""red,0.5,"[nan, 0.2, 0.5]","['blue', 'green', 'red']"\n""", "from 0 to 1"),
        ("""red,0.5,"[0.3, 0.2, 0.5]","['blue', 'green']"\n""", "list of labels"),
        ("red\n", "four outputs"),
    ],
)
def test_other_multiclass_answers_are_refused(text, says):
    with pytest.raises(AnswerUnreadable, match=says):
        parse(text, problem=COLOURS)


shares = st.lists(st.floats(0, 1), min_size=3, max_size=3)


@given(
    st.lists(label_texts, min_size=3, max_size=3, unique=True),
    st.lists(st.tuples(st.integers(0, 2), shares, st.permutations(range(3))), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_multiclass_labels_of_any_kind_survive_in_any_order(labels, rows, each, quoting):
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator="\n")
    for given_place, numbers, order in rows:
        writer.writerow([labels[given_place], "", [numbers[i] for i in order], [labels[i] for i in order]])
    expected = [[labels[place] for place, _, _ in rows], [str(numbers[place]) for place, numbers, _ in rows]]
    if each:
        expected += [[str(numbers[label]) for _, numbers, _ in rows] for label in range(3)]
    problem = Problem("multiclass", tuple(labels), each_probability=each)
    assert parse(text.getvalue(), len(rows), problem) == tuple(expected)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("152.25\n-3\n", ["152.25", "-3"]),
        ("1e-07\r\n2.5E+3", ["1e-07", "2.5E+3"]),
        ('"1.5"\n[2.5]\n', ["1.5", "2.5"]),
        ("\n1\n\n2\n", ["1", "2"]),
    ],
)
def test_numbers_stay_as_they_are_written(text, numbers):
    assert parse(text, 2, NUMBERS) == (numbers,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nan\n", "finite numbers"),
        ("inf\n", "finite numbers"),
        ("1e999\n", "finite numbers"),
        ("many\n", "finite numbers"),
        ("1,2\n", "one number per row"),
    ],
)
def test_a_text_that_is_not_a_number_is_rejected(text, says):
    with pytest.raises(AnswerUnreadable, match=says):
        parse(text, problem=NUMBERS)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.integers(0, 3))
def test_any_finite_numbers_survive(numbers, missing):
    text = "".join(f"{number!r}\n" for number in numbers)
    if missing:
        with pytest.raises(AnswerMismatch):
            parse(text, len(numbers) + missing, NUMBERS)
    else:
        assert parse(text, len(numbers), NUMBERS) == ([repr(number) for number in numbers],)


def test_outcomes_of_the_same_problem_are_compared_by_their_figures():
    assert parse_answer(b"1.5\n", 1, NUMBERS).figures == ["1.5"]
    text = b"""red,0.5,"[0.3, 0.2, 0.5]","['blue', 'green', 'red']"\n"""
    predictions = parse_answer(text, 1, COLOURS)
    assert (list(predictions.figures), [list(each) for each in predictions.of_labels]) == (
        ["0.5"],
        [["0.3"], ["0.2"], ["0.5"]],
    )
