import pytest

from autowatch.scoring.output import predictions_header, rejected_header, rejected_rows


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+A1", "'+A1"),
        ("-A1*2", "'-A1*2"),
        ("\t=1", "'\t=1"),
        ("'=1", "'=1"),
        ("-5", "-5"),
        ("-.5e-3", "-.5e-3"),
        ("-Infinity", "-Infinity"),
        ("-inf+cmd|'/c calc'!A0", "'-inf+cmd|'/c calc'!A0"),
        ("+nan(1)", "'+nan(1)"),
        ("-2+3+cmd|x", "'-2+3+cmd|x"),
        ("\n=1", '"\'\n=1"'),
        ("＝1+1", "'＝1+1"),
        ("－A1", "'－A1"),
        ("+1.234,5 %", '"+1.234,5 %"'),
        ("-", "-"),
        ("(5)", "(5)"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_nothing_in_a_rejected_file_is_a_formula(field, written):
    assert rejected_rows([(7, "why", [field])]).decode() == f"7,why,{written}\n"
    assert rejected_header([field]).decode() == f"line,reason,{written}\n"


def test_the_names_of_predictions_are_neutralised_on_request():
    own, predicted = ["=1+1", "age"], ["@y", "@y_probability"]
    header = predictions_header(own, "id", predicted).decode()
    assert header == "=1+1,age,id,@y,@y_probability,prediction_date\n"
    neutral = predictions_header(own, "id", predicted, neutralise=True).decode()
    assert neutral == "'=1+1,age,id,'@y,'@y_probability,prediction_date\n"
