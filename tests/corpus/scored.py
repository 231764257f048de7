"""Awkward files that are scored. A new case is a new entry: the file's bytes, and its expected rows.

The files are written as bytes, because editors and git would repair the line ends and byte order marks under test.
"""

from tests.corpus.case import Scored

NOT_A_NUMBER = "Column age does not hold a number."
NAMES = ('say "x"', "two words", "dot.ted", "größe", "日本", "🙂", "semi;colon", "com,ma", "line\nbreak")

ORDINARY = {
    "one row": Scored(b"age,job\n1,x\n", [("1", "x")]),
    "one column": Scored(b"age\n1\n2\n", [("1",), ("2",)], ("age",), features=(("age", "numeric"),)),
    "one column with missing values": Scored(
        b'age\n1\n""\n\n2\n', [("1",), ("",), ("2",)], ("age",), features=(("age", "numeric"),)
    ),
    "a column id of the user's": Scored(b"id,age,job\n7,1,x\n", [("7", "1", "x")], ("id", "age", "job")),
    "our name for ids": Scored(
        b"autowatch_id,age,job\n7,1,x\n", [("7", "1", "x")], ("autowatch_id", "age", "job")
    ),
    "columns in another order": Scored(b"job,age\nx,1\n", [("x", "1")], ("job", "age")),
    "5,000 rows": Scored(
        b"age,job\n" + b"".join(b"%d,job%d\n" % (number % 99, number) for number in range(5000)),
        [(str(number % 99), f"job{number}") for number in range(5000)],
    ),
}

LINE_ENDS = {
    "no final newline": Scored(b"age,job\n1,x", [("1", "x")]),
    "CRLF": Scored(b"age,job\r\n1,x\r\n2,y\r\n", [("1", "x"), ("2", "y")]),
    "CRLF, and none at the end": Scored(b"age,job\r\n1,x", [("1", "x")]),
    "CR at the very end": Scored(b"age,job\n1,x\r", [("1", "x")]),
    "two CRs before the LF": Scored(b"age,job\r\r\n1,x\r\r\n", [("1", "x")]),
    "mixed line ends": Scored(b"age,job\r\n1,x\n2,y\r\n3,z", [("1", "x"), ("2", "y"), ("3", "z")]),
    "blank lines before the header": Scored(b"\n\r\nage,job\n1,x\n", [("1", "x")]),
    "blank lines in the middle": Scored(b"age,job\n1,x\n\n\r\n2,y\n", [("1", "x"), ("2", "y")]),
    "blank lines at the end": Scored(b"age,job\n1,x\n\n\r\n\n", [("1", "x")]),
    "line breaks in fields": Scored(b'age,job\n1,"x\ny\r\nz\rw"\n', [("1", "x\ny\r\nz\rw")]),
    "line break at the end of a field": Scored(
        b'age,job\n1,"x\n"\n2,"\r\n"\n', [("1", "x\n"), ("2", "\r\n")]
    ),
    "Unicode line ends in fields": Scored(
        "age,job\n1,\u2028\u2029\x85\x0b\x0c\x1e\n".encode(), [("1", "\u2028\u2029\x85\x0b\x0c\x1e")]
    ),
}

QUOTES = {
    "everything quoted": Scored(b'"age","job"\n"1","x"\n', [("1", "x")]),
    "quoted delimiter": Scored(b'age,job\n1,"x,y"\n', [("1", "x,y")]),
    "doubled quotes": Scored(b'age,job\n1,"say ""x"""\n2,""""\n', [("1", 'say "x"'), ("2", '"')]),
    "quote in the middle of a bare field": Scored(b'age,job\n1,5" disk\n', [("1", '5" disk')]),
    "space before a quote": Scored(b'age,job\n1, "x"\n', [("1", ' "x"')]),
    "apostrophes and brackets": Scored(b"age,job\n1,['it''s'; \x22no\x22]\n", [("1", "['it''s'; \"no\"]")]),
    "backslashes": Scored(b'age,job\n1,a\\b\\\n2,"\\"\n', [("1", "a\\b\\"), ("2", "\\")]),
    "BOM": Scored(b"\xef\xbb\xbfage,job\n1,x\n", [("1", "x")]),
    "BOM and quotes": Scored(b'\xef\xbb\xbf"age","job"\n"1","x"\n', [("1", "x")]),
    "BOM in a field": Scored(b"age,job\n1,\xef\xbb\xbfx\n", [("1", "\ufeffx")]),
}

DELIMITERS = {
    "semicolons, commas in fields": Scored(b"age;job\n1;x,y\n2;,\n", [("1", "x,y"), ("2", ",")]),
    "semicolons in fields, commas between them": Scored(b"age,job\n1,x;y;z\n", [("1", "x;y;z")]),
    "delimiter in quotes in the header": Scored(
        b'"com,ma,s";job;age\n7;x;1\n', [("7", "x", "1")], ("com,ma,s", "job", "age")
    ),
    "other delimiter in quotes in the header": Scored(
        b'"semi;co;lons",job,age\n7,x,1\n', [("7", "x", "1")], ("semi;co;lons", "job", "age")
    ),
}

COLUMNS = {
    "names with all kinds of characters": Scored(
        b'"say ""x""",two words,dot.ted,gr\xc3\xb6\xc3\x9fe,\xe6\x97\xa5\xe6\x9c\xac,\xf0\x9f\x99\x82,'
        b'semi;colon,"com,ma","line\nbreak"\n1,2,3,4,5,6,7,8,9\n',
        [tuple("123456789")],
        NAMES,
        features=tuple((name, "numeric") for name in NAMES),
    ),
    "names that are numbers": Scored(
        b"1,2,age,job\na,b,1,x\n", [("a", "b", "1", "x")], ("1", "2", "age", "job")
    ),
    "names that differ only in spaces": Scored(
        b"age, age,job\n1,a,x\n", [("1", "a", "x")], ("age", " age", "job")
    ),
    "names that differ only in their normalisation form": Scored(
        "age,job,\u00e9,e\u0301\n1,x,a,b\n".encode(),
        [("1", "x", "a", "b")],
        ("age", "job", "\u00e9", "e\u0301"),
    ),
    "target present": Scored(b"age,job,y\n1,x,no\n", [("1", "x", "no")], ("age", "job", "y_actual")),
    "target first": Scored(b"y,age,job\n,1,x\n", [("", "1", "x")], ("y_actual", "age", "job")),
    "target in the middle, with a label never seen": Scored(
        b"age,y,job\n1,perhaps,x\n", [("1", "perhaps", "x")], ("age", "y_actual", "job")
    ),
    "extra columns before, between and after": Scored(
        b'key,age,note,job,seen\n7,1,"a, b",x,\n',
        [("7", "1", "a, b", "x", "")],
        ("key", "age", "note", "job", "seen"),
    ),
    "extra columns named as a rejected row's": Scored(
        b"line,reason,age,job\na,b,1,x\n", [("a", "b", "1", "x")], ("line", "reason", "age", "job")
    ),
    "1,000 columns": Scored(
        b"age,job," + b",".join(b"c%d" % number for number in range(998)) + b"\n1,x" + b",z" * 998 + b"\n",
        [("1", "x", *["z"] * 998)],
        ("age", "job", *(f"c{number}" for number in range(998))),
    ),
}

NUMBERS = {
    "digits stay as they are": Scored(
        b"age,job\n1.10,a\n007,b\n+5,c\n1e5,d\n1E-3,e\n-0,f\n.5,g\n5.,h\n100000000000000000001,i\n",
        [
            *[
                ("1.10", "a"),
                ("007", "b"),
                ("+5", "c"),
                ("1e5", "d"),
                ("1E-3", "e"),
                ("-0", "f"),
                (".5", "g"),
            ],
            *[("5.", "h"), ("100000000000000000001", "i")],
        ],
    ),
    "spaces around numbers": Scored(b"age,job\n 1 ,x\n\t2,y\n", [(" 1 ", "x"), ("\t2", "y")]),
    "missing tokens": Scored(
        b"age,job\n,\nNA,NA\nN/A,N/A\nNaN,NaN\nnan,nan\nnull,null\nNULL,NULL\n",
        [("", ""), *((token, token) for token in ("NA", "N/A", "NaN", "nan", "null", "NULL"))],
    ),
    "a text among numbers": Scored(
        'age,job\n1,a\n1_000,b\n2,c\n١٢,d\n3,e\ninf,f\n4,g\n-Infinity,h\n5,i\n0x10,j\n6,k\n"1,5",l\n'.encode(),
        [("1", "a"), ("2", "c"), ("3", "e"), ("4", "g"), ("5", "i"), ("6", "k")],
        rejected=(
            ("3", NOT_A_NUMBER, "1_000", "b"),
            ("5", NOT_A_NUMBER, "١٢", "d"),
            ("7", NOT_A_NUMBER, "inf", "f"),
            ("9", NOT_A_NUMBER, "-Infinity", "h"),
            ("11", NOT_A_NUMBER, "0x10", "j"),
            ("13", NOT_A_NUMBER, "1,5", "l"),
        ),
        numbers=(1, 3, 5, 7, 9, 11),
        max_rejected_percent=50,
    ),
    "nearly numbers": Scored(
        "age,job\n1,a\n1 000,b\n2,c\n1e400,d\n3,e\n--1,f\n4,g\n1e,h\n5,i\n５,j\n6,k\n\u00a01,l\n7,m\nna,n\n".encode(),
        [("1", "a"), ("2", "c"), ("3", "e"), ("4", "g"), ("5", "i"), ("6", "k"), ("7", "m")],
        rejected=(
            ("3", NOT_A_NUMBER, "1 000", "b"),
            ("5", NOT_A_NUMBER, "1e400", "d"),
            ("7", NOT_A_NUMBER, "--1", "f"),
            ("9", NOT_A_NUMBER, "1e", "h"),
            ("11", NOT_A_NUMBER, "５", "j"),
            ("13", NOT_A_NUMBER, "\u00a01", "l"),
            ("15", NOT_A_NUMBER, "na", "n"),
        ),
        numbers=(1, 3, 5, 7, 9, 11, 13),
        max_rejected_percent=50,
    ),
    "a text in an extra column": Scored(
        b"age,job,size\n1,x,large\n", [("1", "x", "large")], ("age", "job", "size")
    ),
}

CELLS = {
    "unseen category": Scored(b"age,job\n1,astronaut\n", [("1", "astronaut")]),
    "spaces and tabs stay": Scored(b"age,job\n1,  x \t\n2, \n", [("1", "  x \t"), ("2", " ")]),
    "formulas": Scored(
        b"age,job\n1,=1+1\n2,@SUM(A1)\n3,=cmd|'/c calc'!A1\n4,-x\n",
        [("1", "=1+1"), ("2", "@SUM(A1)"), ("3", "=cmd|'/c calc'!A1"), ("4", "-x")],
    ),
    "markup": Scored(b"age,job\n1,<b>&amp;</b>\n", [("1", "<b>&amp;</b>")]),
    "NUL and other control characters": Scored(
        b"age,job\n1,\x00\x01\x1f\x7f\n2,\x00\n", [("1", "\x00\x01\x1f\x7f"), ("2", "\x00")]
    ),
    "many scripts": Scored(
        "age,job\n1,Ελλάδα 日本 עברית 😀👩‍👩‍👧\n".encode(), [("1", "Ελλάδα 日本 עברית 😀👩‍👩‍👧")]
    ),
    "normalisation forms stay": Scored(
        "age,job\n1,\u00e9\n2,e\u0301\n3,\ufb01\n".encode(),
        [("1", "\u00e9"), ("2", "e\u0301"), ("3", "\ufb01")],
    ),
    "non-characters": Scored(
        "age,job\n1,\ufffe\ufffd\U0010ffff\n".encode(), [("1", "\ufffe\ufffd\U0010ffff")]
    ),
    "a category of 10,000 characters": Scored(b"age,job\n1," + b"y" * 10_000 + b"\n", [("1", "y" * 10_000)]),
    "a field of 1 MB": Scored(
        b'age,job\n1,"' + b"x\n" * 500_000 + b'"\n2,y\n', [("1", "x\n" * 500_000), ("2", "y")]
    ),
    "a row larger than a request": Scored(
        b"age,job\n1,x\n2," + b"z" * 5_000_000 + b"\n3,y\n",
        [("1", "x"), ("3", "y")],
        rejected=(
            ("3", "The row has 5000003 bytes; a request may have at most 4000000.", "2", "z" * 5_000_000),
        ),
        numbers=(1, 3),
    ),
    "characters of four bytes across every border": Scored(
        b"age,job\n1," + "😀".encode() * 300_001 + b"\n", [("1", "😀" * 300_001)]
    ),
}

REJECTED_ROWS = {
    "too few and too many fields": Scored(
        b"age,job\n1,x\n2\n3,y\n4,z,\n5,w\n",
        [("1", "x"), ("3", "y"), ("5", "w")],
        rejected=(
            ("3", "The row has 1 fields, the header 2.", "2"),
            ("5", "The row has 3 fields, the header 2.", "4", "z", ""),
        ),
        numbers=(1, 3, 5),
    ),
    "a row of spaces": Scored(
        b"age,job\n1,x\n  \n2,y\n",
        [("1", "x"), ("2", "y")],
        rejected=(("3", "The row has 1 fields, the header 2.", "  "),),
        numbers=(1, 3),
    ),
    "another delimiter in one row": Scored(
        b"age,job\n1,x\n2;y\n3,z\n",
        [("1", "x"), ("3", "z")],
        rejected=(("3", "The row has 1 fields, the header 2.", "2;y"),),
        numbers=(1, 3),
    ),
    "the header again in the middle": Scored(
        b"age,job\n1,x\nage,job\n2,y\n",
        [("1", "x"), ("2", "y")],
        rejected=(("3", NOT_A_NUMBER, "age", "job"),),
        numbers=(1, 3),
    ),
    "lines are counted through line breaks and blank lines": Scored(
        b'\n"age",job\r\n1,"x\n\ny"\n\nold,"a\rb"\n2,z\n',
        [("1", "x\n\ny"), ("2", "z")],
        rejected=(("7", NOT_A_NUMBER, "old", "a\rb"),),
        numbers=(1, 3),
    ),
    "as many bad rows as are allowed": Scored(
        b"age,job\n1,x\nold,y\nolder,z\n2,x\n3,x\n",
        [("1", "x"), ("2", "x"), ("3", "x")],
        rejected=(("3", NOT_A_NUMBER, "old", "y"), ("4", NOT_A_NUMBER, "older", "z")),
        numbers=(1, 4, 5),
    ),
    "all rows bad, which is allowed": Scored(
        b"age,job\nold,x\n",
        [],
        rejected=(("2", NOT_A_NUMBER, "old", "x"),),
        max_rejected_percent=100,
    ),
    "a row that the model refuses": Scored(
        b"age,job\n1,x\n2,refuse me\n3,y\n",
        [("1", "x"), ("3", "y")],
        rejected=(("3", "The model refused the row. cannot read refuse me", "2", "refuse me"),),
        numbers=(1, 3),
    ),
}

SCORED: dict[str, Scored] = {
    **ORDINARY,
    **LINE_ENDS,
    **QUOTES,
    **DELIMITERS,
    **COLUMNS,
    **NUMBERS,
    **CELLS,
    **REJECTED_ROWS,
}
