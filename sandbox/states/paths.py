"""The syntax of JSONPath, reference paths and intrinsic functions, checked without running anything."""

import re

_NAME = r"[^\W\d][\w\-]*|[\w\-]+"
_FIELD = rf"\.(?:{_NAME})|\[(?:'[^'\]]+'|\"[^\"\]]+\")\]"
_INDEX = r"\[-?\d+\]"
_MANY = (
    r"\.\*|\.\.(?:\*|"
    + _NAME
    + r")|\[\*\]|\[-?\d*:-?\d*(?::-?\d+)?\]|\[-?\d+(?:\s*,\s*-?\d+)+\]|\[\?\(.+?\)\]"
)
_REFERENCE = re.compile(rf"\$(?:\$)?(?:{_FIELD}|{_INDEX})*")
_PATH = re.compile(rf"\$(?:\$)?(?:{_FIELD}|{_INDEX}|{_MANY})*")
_VARIABLE = re.compile(rf"\$(?:[^\W\d]\w*)(?:{_FIELD}|{_INDEX}|{_MANY})*")

_ARGUMENTS = {
    "Format": (1, None),
    "StringToJson": (1, 1),
    "JsonToString": (1, 1),
    "Array": (0, None),
    "ArrayPartition": (2, 2),
    "ArrayContains": (2, 2),
    "ArrayRange": (3, 3),
    "ArrayGetItem": (2, 2),
    "ArrayLength": (1, 1),
    "ArrayUnique": (1, 1),
    "Base64Encode": (1, 1),
    "Base64Decode": (1, 1),
    "Hash": (2, 2),
    "JsonMerge": (3, 3),
    "MathRandom": (2, 3),
    "MathAdd": (2, 2),
    "StringSplit": (2, 2),
    "UUID": (0, 0),
}
"""The minimum and maximum number of arguments of each intrinsic function."""

_CALL = re.compile(r"\s*States\.(\w+)\(")
_LITERAL = re.compile(r"\s*(?:'(?:\\.|[^'\\])*'|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|null|true|false)\s*")
_ARGUMENT_PATH = re.compile(rf"\s*\$(?:\$|[^\W\d]\w*)?(?:{_FIELD}|{_INDEX}|{_MANY})*\s*")


def is_path(text: str) -> bool:
    """Whether the text is a JSONPath into the state's input, the context object (`$$`) or a variable."""
    return bool(_PATH.fullmatch(text) or _VARIABLE.fullmatch(text))


def is_reference_path(text: str) -> bool:
    """Whether the text is a path to exactly one place: only fields and indexes."""
    return bool(_REFERENCE.fullmatch(text))


def is_path_or_call(text: str) -> bool:
    """Whether the text may be the value of a field whose name ends with `.$`."""
    return is_path(text) or _end_of_call(text, 0) == len(text)


def _end_of_call(text: str, start: int) -> int | None:
    """The end of the call that begins at `start`; None if it is malformed."""
    call = _CALL.match(text, start)
    if call is None or call[1] not in _ARGUMENTS:
        return None
    place, count = call.end(), 0
    while not (count == 0 and text[place : place + 1] == ")"):
        end = _end_of_argument(text, place)
        if end is None:
            return None
        place, count = end + 1, count + 1
        if text[end : end + 1] == ")":
            place = end
            break
        if text[end : end + 1] != ",":
            return None
    fewest, most = _ARGUMENTS[call[1]]
    return place + 1 if fewest <= count and (most is None or count <= most) else None


def _end_of_argument(text: str, start: int) -> int | None:
    nested = _end_of_call(text, start)
    if nested is not None:
        return len(text) - len(text[nested:].lstrip())
    match = _LITERAL.match(text, start) or _ARGUMENT_PATH.match(text, start)
    return match.end() if match else None
