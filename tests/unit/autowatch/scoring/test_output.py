import pytest

from autowatch.scoring.output import rejected_header, rejected_rows


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
