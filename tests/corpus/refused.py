"""Awkward files that are refused as a whole. A new case is a new entry: the file's bytes, the error and its reason."""

from tests.corpus.case import Refused

REFUSED: dict[str, Refused] = {
    # Nothing to score
    "no bytes": Refused(b"", "EmptyFile", "file is empty"),
    "BOM only": Refused(b"\xef\xbb\xbf", "EmptyFile", "file is empty"),
    "blank lines only": Refused(b"\r\n\r\n", "EmptyFile", "file is empty"),
    "header only": Refused(b"age,job", "NoRows", "header but no rows"),
    "header and a newline": Refused(b"age,job\n", "NoRows", "header but no rows"),
    "header and blank lines": Refused(b"age,job\r\n\r\n\n", "NoRows", "header but no rows"),
    # The header
    "no header": Refused(b"1,2\n3,4\n", "NoHeader", "numbers only"),
    "no header, texts": Refused(
        b"41,admin.\n42,retired\n", "MissingColumns", "lacks the columns 'age', 'job',"
    ),
    "no header, the same text twice": Refused(
        b"41,retired,retired\n42,student,student\n", "DuplicateColumns", "Columns 2 and 3"
    ),
    "index column without a name": Refused(b",age,job\n0,1,x\n", "NoHeader", "Column 1 has no name"),
    "name of spaces": Refused(b"age,job,  \n1,x,2\n", "NoHeader", "Column 3 has no name"),
    "delimiter at the end of every line": Refused(b"age,job,\n1,x,\n", "NoHeader", "Column 3 has no name"),
    "two columns of one name": Refused(b"age,job,age\n1,x,2\n", "DuplicateColumns", "Columns 1 and 3"),
    "two pairs of one name": Refused(b"age,job,age,job\n1,x,2,y\n", "DuplicateColumns", "Columns 1 and 3"),
    "a name of 200 kB twice": Refused(
        b"age," + b"n" * 200_000 + b"," + b"n" * 200_000 + b"\n1,2,3\n",
        "DuplicateColumns",
        "Columns 2 and 3",
    ),
    "a name of 1 MB": Refused(
        b"age," + b"n" * 1_000_000 + b"\n1,2\n", "HeaderTooLarge", "The header has 1,000,005 bytes"
    ),
    "5,001 columns": Refused(
        b"age,job," + b",".join(b"c%d" % number for number in range(4_999)) + b"\n1,2\n",
        "HeaderTooLarge",
        "names 5,001 columns",
    ),
    "a column is missing": Refused(b"age,jobs\n1,x\n", "MissingColumns", "lacks the column 'job',"),
    "names in capitals": Refused(b"AGE,JOB\n1,x\n", "MissingColumns", "lacks the columns 'age', 'job',"),
    "a column id and our name for ids": Refused(
        b"age,job,id,autowatch_id\n1,x,7,8\n", "ReservedColumns", "has the column 'autowatch_id',"
    ),
    "all reserved names": Refused(
        b"age,job,id,autowatch_id,y_probability,y_actual,prediction_date\n1,x,7,8,0.5,no,now\n",
        "ReservedColumns",
        "has the columns 'autowatch_id', 'y_probability', 'y_actual', 'prediction_date',",
    ),
    "a predictions file": Refused(
        b"age,job,id,y,y_probability,prediction_date\n1,x,abc-1,no,0.1,2026-11-23T09:00:00Z\n",
        "ReservedColumns",
        "has the columns 'y_probability', 'prediction_date',",
    ),
    # Another kind of file
    "gzip": Refused(b"\x1f\x8b\x08\x00", "OtherFormat", "compressed by gzip"),
    "Excel": Refused(b"PK\x03\x04rest", "OtherFormat", "an Excel workbook"),
    "Parquet": Refused(b"PAR1rest", "OtherFormat", "a Parquet file"),
    "UTF-16": Refused("age,job\n1,x\n".encode("utf-16"), "OtherFormat", "UTF-16"),
    "HTML": Refused(b"<html>\n<body>Not found</body>\n</html>\n", "MissingColumns", "lacks the columns"),
    "JSON": Refused(b'{"age": 1, "job": "x"}\n', "MissingColumns", "lacks the columns 'age', 'job',"),
    "UTF-16 without its BOM": Refused(
        "age,job\n1,x\n".encode("utf-16-le"), "MissingColumns", "lacks the columns"
    ),
    "UTF-32": Refused("age,job\n1,x\n".encode("utf-32"), "OtherFormat", "UTF-16"),
    # Bytes that are not UTF-8
    "Latin-1": Refused(b"age,job\n1,\xfcber\n", "NotUtf8", "byte 11, on line 2"),
    "Latin-1 in the header": Refused(b"age,job,gr\xf6\xdfe\n1,x,2\n", "NotUtf8", "byte 11, on line 1"),
    "a lone surrogate": Refused(b"age,job\n1,\xed\xa0\x80\n", "NotUtf8", "byte 11, on line 2"),
    "surrogates for one emoji": Refused(
        b"age,job\n1,\xed\xa0\xbd\xed\xb8\x80\n", "NotUtf8", "byte 11, on line 2"
    ),
    "NUL in two bytes": Refused(b"age,job\n1,\xc0\x80\n", "NotUtf8", "byte 11, on line 2"),
    "a character cut off at the end": Refused(b"age,job\n1,\xf0\x9f\x99", "NotUtf8", "byte 11, on line 2"),
    "a surrogate across the border of a chunk": Refused(
        b"age,job\n1," + b"x" * (262_144 - 11) + b"\xed\xa0\x80\n", "NotUtf8", "byte 262144, on line 2"
    ),
    "not UTF-8 after many rows": Refused(
        b"age,job\n" + b"1,x\n" * 5000 + b"\xff\n", "NotUtf8", "byte 20009, on line 5002"
    ),
    # Quotes and line ends
    "open quote": Refused(b'age,job\n1,x\n2,"y\n3,z\n', "MalformedCsv", "begins on line 3.*never closed"),
    "open quote in the header": Refused(
        b'age,"job\n1,x\n', "MalformedCsv", "quote in the header is not closed"
    ),
    "a quote in the middle of a bare name": Refused(
        b'age,job,5" disk\n1,x,2\n',
        "MalformedCsv",
        "quote in the header is not closed. Close it, or double it",
    ),
    "text after a quote": Refused(b'age,job\n1,"x"y\n', "MalformedCsv", "line 2.*follows a closing quote"),
    "CR line ends": Refused(b"age,job\r1,x\r2,y\r", "MalformedCsv", "carriage return stands alone"),
    "one CR between two rows": Refused(b"age,job\n1,x\r2,y\n", "MalformedCsv", "line 2.*carriage return"),
    "a line without end": Refused(
        b"age,job\n1," + b"x" * 17_000_000, "MalformedCsv", "line of the file is longer than 16777216 bytes"
    ),
    # Too many bad rows
    "more bad rows than are allowed": Refused(
        b"age,job\n1,x\nold,y\nolder,z\n2,x\n",
        "TooManyRejected",
        "2 of 4 rows.*40 %.*line 3: Column age does not hold a number",
    ),
    "all rows bad": Refused(b"age,job\nold,x\nolder,y\n", "TooManyRejected", "2 of 2 rows.*line 2"),
    "one bad row where none is allowed": Refused(
        b"age,job\n" + b"1,x\n" * 99 + b"old,x\n", "TooManyRejected", "1 of 100 rows.*0 %.*line 101", 0
    ),
    "delimiter at the end of every row": Refused(
        b"age,job\n1,x,\n2,y,\n", "TooManyRejected", "2 of 2 rows.*line 2: The row has 3 fields, the header 2"
    ),
    "decimal commas without quotes": Refused(
        b"age,job\n1,5,x\n2,5,y\n", "TooManyRejected", "2 of 2 rows.*line 2: The row has 3 fields"
    ),
    "all rows refused by the model": Refused(
        b"age,job\n1,refuse me\n", "TooManyRejected", "1 of 1 rows.*line 2: The model refused the row"
    ),
}
