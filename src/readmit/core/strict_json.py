"""Strict JSON, with errors for the people who wrote it: each names its line, its column and what is wrong.

Python's decoder accepts NaN and duplicate keys, and its messages are for those who call it from Python.
"""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from typing import NoReturn

from readmit.core.errors import ReadmitError
from readmit.core.json_faults import ENDS_EARLY, UNCLOSED_TEXT, syntax_fault
from readmit.core.request import printable_excerpt

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
TYPICAL_CHARS = 4_096
_WHITESPACE = re.compile(r"[ \t\n\r]*")
MAX_DEPTH = 100
"""Levels from which on a bracket is reported, once the decoder has given up at several hundred."""
_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_STRUCTURE = re.compile(rf"{_TEXT}([ \t\n\r]*:)?|\{{|\[|\}}|\]", re.DOTALL)
"""A text, of which a key has the group 1, or a bracket."""
_CONSTANT = re.compile(rf"{_TEXT}|(-Infinity|Infinity|NaN)", re.DOTALL)
_DIGITS = re.compile(rf"{_TEXT}|(?<![0-9.eE+])([0-9]{{1000,}})(?![0-9.eE])", re.DOTALL)


class InvalidJson(ReadmitError):
    """The content is not JSON; the text calls it by the label that the caller gave."""

    final = True


class _DuplicateKey(Exception):
    """An object has a key twice."""


class _ConstantFound(Exception):
    """The text has NaN or an infinity."""


def text_of(content: bytes, label: str) -> str:
    """Return the content as text, without a byte order mark. Raises InvalidJson when it is not UTF-8."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        if content.startswith(UTF_16_MARKS):
            raise _wide_text(label) from error
        raise InvalidJson(f"{label} is not UTF-8: invalid byte at offset {error.start}") from error
    if "\0" in text[:4]:
        raise _wide_text(label)
    return text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")


def _wide_text(label: str) -> InvalidJson:
    return InvalidJson(f"{label} is not UTF-8 but UTF-16 or UTF-32: save it as UTF-8")


def value_of(text: str, label: str) -> object:
    """Return the one JSON value of a text. Raises InvalidJson."""
    value, end = value_at(text, 0, len(text), label)
    if end != len(text):
        raise InvalidJson(f"{label} has trailing data after the JSON value, at {position(text, end)}")
    return value


def value_at(text: str, start: int, max_chars: int, label: str) -> tuple[object, int]:
    """Return the JSON value at `start`, which has at most `max_chars`, and the offset of what follows the whitespace.

    Raises InvalidJson.
    """
    if max_chars > TYPICAL_CHARS and start + TYPICAL_CHARS < len(text):
        # A window of the maximum length for each of many short records would dominate the cost.
        with contextlib.suppress(ValueError, RecursionError, _DuplicateKey, _ConstantFound):
            value, end = _decode(text, start, start + TYPICAL_CHARS)
            # A value that fills the window may continue beyond it.
            if end < start + TYPICAL_CHARS:
                return value, skip_whitespace(text, end)
    limit = start + max_chars
    try:
        value, end = _decode(text, start, limit)
    except RecursionError as error:
        where = position(text, _deep_bracket(text, start, limit))
        raise InvalidJson(f"{label} is nested too deeply: more than {MAX_DEPTH} levels at {where}") from error
    except json.JSONDecodeError as error:
        offset, fault = syntax_fault(text[:limit], start + error.pos, error.msg)
        if limit < len(text) and fault in (ENDS_EARLY, UNCLOSED_TEXT):
            raise InvalidJson(f"{label} is not valid JSON, or is longer than {max_chars:,} characters") from error
    except _DuplicateKey:
        offset, fault = next(_duplicate_keys(text, start, limit))
    except _ConstantFound:
        offset, fault = _constant(text, start, limit)
    except ValueError:
        # Python limits the digits of a number.
        offset, fault = _long_number(text, start, limit)
    else:
        return value, skip_whitespace(text, end)
    raise InvalidJson(f"{label} is not valid JSON at {position(text, offset)}: {fault}")


def skip_whitespace(text: str, at: int) -> int:
    """Return the offset of the first character from `at` on that is no whitespace."""
    return _WHITESPACE.match(text, at).end()  # type: ignore[union-attr]  # always matches, possibly the empty string


def position(text: str, offset: int) -> str:
    """Return the line and column of an offset, both counted from 1."""
    line_start = text.rfind("\n", 0, offset) + 1
    return f"line {text.count(chr(10), 0, offset) + 1}, column {offset - line_start + 1}"


def _decode(text: str, start: int, limit: int) -> tuple[object, int]:
    window = text[start:limit]
    value, length = _DECODER.raw_decode(window, skip_whitespace(window, 0))
    return value, start + length


def _constant(text: str, start: int, limit: int) -> tuple[int, str]:
    """Return the offset and the description of the first constant that JSON does not have."""
    token = next(match for match in _CONSTANT.finditer(text, start, limit) if match[1])
    return token.start(), f"{token[1]} is not a JSON value: write null if it was not recorded"


def _long_number(text: str, start: int, limit: int) -> tuple[int, str]:
    """Return the offset and the description of the first whole number that Python does not read."""
    longest = sys.get_int_max_str_digits()
    token = next(match for match in _DIGITS.finditer(text, start, limit) if len(match[1] or "") > longest)
    return token.start(), f"a number of {len(token[1]):,} digits is too long"


def _duplicate_keys(text: str, start: int, limit: int) -> Iterator[tuple[int, str]]:
    """Yield the offset and the description of each key that its object already has."""
    objects: list[set[str]] = []
    for token in _STRUCTURE.finditer(text, start, limit):
        bracket = text[token.start()]
        if token.lastindex:
            quoted = text[token.start() : token.start(1)]
            key = json.loads(quoted) if "\\" in quoted else quoted[1:-1]
            if key in objects[-1]:
                yield token.start(), f"duplicate key {printable_excerpt(key)!r}"
            objects[-1].add(key)
        elif bracket in "[{":
            objects.append(set())
        elif bracket in "]}":
            objects.pop()


def _deep_bracket(text: str, start: int, limit: int) -> int:
    """Return the offset of the first bracket below MAX_DEPTH levels."""
    depth = 0
    for token in _STRUCTURE.finditer(text, start, limit):
        bracket = text[token.start()]
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > MAX_DEPTH:
            return token.start()
    return start


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _DuplicateKey
    return result


def _reject_constant(_: str) -> NoReturn:
    raise _ConstantFound


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_reject_constant)
