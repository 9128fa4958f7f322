"""Strict JSON: what it accepts, and errors that name the place and the fault for the person who wrote the text."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readmit.core import json_faults
from readmit.core.strict_json import InvalidJson, text_of, value_at, value_of

POSITION = re.compile(r"at line \d+, column \d+(: |$)")
PYTHON_TERMS = re.compile(
    r"set_int_max_str_digits|Exceeds|Expecting|delimiter|Invalid|Extra data|recursion|codec|Error|char \d"
)
FAULTS = [
    ("{", 1, 2, json_faults.ENDS_EARLY),
    ('{"age": 1', 1, 10, json_faults.ENDS_EARLY),
    ('{"age":\n  ', 2, 3, json_faults.ENDS_EARLY),
    ('{"age": "x', 1, 9, json_faults.UNCLOSED_TEXT),
    ("{'age': 1}", 1, 2, json_faults.SINGLE_QUOTE),
    ("{\"age\": 'x'}", 1, 9, json_faults.SINGLE_QUOTE),
    ("{\u201cage\u201d: 1}", 1, 2, json_faults.TYPOGRAPHIC_QUOTE),
    ('{"age": \u00abx\u00bb}', 1, 9, json_faults.TYPOGRAPHIC_QUOTE),
    ('{"age": 1, // years\n}', 1, 12, json_faults.COMMENT),
    ('{"age": 1 /* years */}', 1, 11, json_faults.COMMENT),
    ('# a case\n{"age": 1}', 1, 1, json_faults.COMMENT),
    ('{"age": 1,}', 1, 10, json_faults.TRAILING_COMMA),
    ('{"age": [1,\n]}', 1, 11, json_faults.TRAILING_COMMA),
    ('{"age": }', 1, 9, json_faults.MISSING_VALUE),
    ('{"age": ,"b": 1}', 1, 9, json_faults.MISSING_VALUE),
    ("[1,,2]", 1, 4, json_faults.MISSING_VALUE),
    ('{"age" 1}', 1, 8, json_faults.MISSING_COLON),
    ('{"age": 1 "gender": 2}', 1, 11, json_faults.MISSING_COMMA),
    ('{"age": "about "70" years"}', 1, 17, json_faults.MISSING_COMMA),
    ("{age: 1}", 1, 2, json_faults.UNQUOTED_NAME),
    ('{"age": old}', 1, 9, json_faults.UNQUOTED_TEXT),
    ('{"age": 1,5}', 1, 11, json_faults.DECIMAL_COMMA),
    ('{"age": 01}', 1, 10, json_faults.LEADING_ZERO),
    *((f'{{"age": {number}}}', 1, column, json_faults.NUMBER) for number, column in ((".5", 9), ("+5", 9), ("-", 9))),
    *((f'{{"age": {number}}}', 1, 10, json_faults.NUMBER) for number in ("5.", "1e", "0x1F", "5mg")),
    ('{"age": "C:\\data"}', 1, 12, json_faults.ESCAPE),
    ('{"age": "\\u12"}', 1, 11, json_faults.UNICODE_ESCAPE),
    ('{"age": "a\tb"}', 1, 11, json_faults.TAB),
    ('{"age": "a\nb"}', 1, 11, json_faults.LINE_BREAK),
    ('{"age": "a\rb"}', 1, 11, json_faults.LINE_BREAK),
    ('{"age": "a\x01b"}', 1, 11, "the control character U+0001 within a text"),
    ('{"age": "a\x00b"}', 1, 11, "the control character U+0000 within a text"),
    *((f'{{"age": {word}}}', 1, 9, json_faults.LITERALS["true"]) for word in ("True", "False", "TRUE")),
    *((f'{{"age": {word}}}', 1, 9, json_faults.LITERALS["null"]) for word in ("None", "nan", "NULL", "undefined")),
    *(
        (f'{{"age": "NaN", "b": {word}}}', 1, 21, f"{word} is not a JSON value: write null if it was not recorded")
        for word in ("NaN", "Infinity", "-Infinity")
    ),
    ('{"age": 1; "b": 2}', 1, 10, "the character ';' does not belong here"),
    ('{"age":\u00a01}', 1, 8, "the character U+00A0 does not belong here"),
    ('{"age": 1]', 1, 10, "the character ']' does not belong here"),
    ('{"age": 1,\n "age": 2}', 2, 2, "duplicate key 'age'"),
    ('{"a": {"b": 1}, "b": 1, "c": {"b": 1, "\\u0062": 2}}', 1, 39, "duplicate key 'b'"),
    ('{"age": ' + "9" * 5_000 + "}", 1, 9, "a number of 5,000 digits is too long"),
    ('{"a": 0.' + "5" * 5_000 + ', "age": -' + "9" * 6_000 + "}", 1, 5_019, "a number of 6,000 digits is too long"),
]


def error_of(text: str) -> str:
    with pytest.raises(InvalidJson) as raised:
        value_of(text, "the body")
    return str(raised.value)


@pytest.mark.parametrize(("text", "line", "column", "fault"), FAULTS, ids=range(len(FAULTS)))
def test_a_fault_is_reported_with_its_line_its_column_and_what_is_wrong(
    text: str, line: int, column: int, fault: str
) -> None:
    assert error_of(text) == f"the body is not valid JSON at line {line}, column {column}: {fault}"


def test_every_described_fault_occurs() -> None:
    described = {value for name, value in vars(json_faults).items() if name.isupper() and isinstance(value, str)}
    assert described - {json_faults.BLANKS} <= {fault for *_, fault in FAULTS}


def test_what_follows_the_value_is_reported_with_its_place() -> None:
    assert error_of('{"a": 1}\n{"a": 2}') == "the body has trailing data after the JSON value, at line 2, column 1"


def test_deep_nesting_is_reported_with_its_depth_and_place() -> None:
    assert error_of("\n" + "[" * 50_000) == "the body is nested too deeply: more than 100 levels at line 2, column 101"
    assert "more than 100 levels at line 1, column 506" in error_of('[{"]": 1},{"a":' + '{"b":' * 9_000)


def test_a_value_that_its_limit_cuts_off_is_reported_as_possibly_too_long() -> None:
    text = json.dumps([{"x" * 90_000: 1}])
    with pytest.raises(InvalidJson, match=r"^record 0 is not valid JSON, or is longer than 70,000 characters$"):
        value_at(text, 1, 70_000, "record 0")


def test_positions_are_those_in_the_whole_text_also_after_long_values() -> None:
    text = json.dumps({"a": "x" * 10_000, "b": "y"}, indent=1) + "\n" + '{"c": NaN}'
    first, end = value_at(text, 0, 60_000, "record 0")
    assert first == {"a": "x" * 10_000, "b": "y"}
    with pytest.raises(InvalidJson, match=r"line 5, column 7: NaN"):
        value_at(text, end, 60_000, "record 1")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_before_the_text_is_accepted(mark: bytes) -> None:
    assert value_of(text_of(mark + b' {"a": 1} ', "the file"), "the file") == {"a": 1}
    assert "U+FEFF" in error_of(text_of(b"\xef\xbb\xbf\xef\xbb\xbf{}", "the file"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_utf_16_and_utf_32_are_named(encoding: str) -> None:
    with pytest.raises(InvalidJson, match=r"^the file is not UTF-8 but UTF-16 or UTF-32: save it as UTF-8$"):
        text_of('{"a": 1}'.encode(encoding), "the file")


@pytest.mark.parametrize("content", [b'{"a": "\xe9"}', b'{"a": "\xed\xa0\x80"}'])
def test_other_bytes_are_reported_with_their_offset(content: bytes) -> None:
    with pytest.raises(InvalidJson, match=r"^the file is not UTF-8: invalid byte at offset 7$"):
        text_of(content, "the file")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda items: st.lists(items) | st.dictionaries(st.text(), items),
    )
)
def test_every_json_value_is_read_as_python_reads_it(value: object) -> None:
    assert value_of(json.dumps(value), "the body") == value


@given(st.text(alphabet="{}[]\",:\\/'#0123456789.eE+-truefalsnNI\n\t \x01\u00e9\u201c", max_size=40))
def test_whatever_is_not_json_gets_an_error_with_a_place_and_without_terms_of_python(text: str) -> None:
    message = ""
    try:
        value_of(text, "the body")
    except InvalidJson as error:
        message = str(error)
    assert not message or POSITION.search(message)
    assert not PYTHON_TERMS.search(message)
    assert "\n" not in message
