"""Encoding of a text file: UTF-8 or UTF-16, both with or without a byte order mark, as UTF-8 bytes."""

import codecs
import re

from readmit.core.tabular.table_limits import InvalidTable

CHUNK_BYTES = 1_000_000
SAMPLE_BYTES = 64
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LINE_END = re.compile(rb"\r\n|\r|\n")


def to_utf8(content: bytes) -> bytes:
    """Return the content as UTF-8 without a byte order mark.

    Raises InvalidTable, with the line, when it is not valid in its encoding or contains NUL characters.
    """
    if (encoding := _wide_encoding(content)) is not None:
        try:
            content = content.decode(encoding).encode()
        except UnicodeError as error:
            raise InvalidTable(f"it begins like {encoding.upper()} text, but is not valid in this encoding") from error
    content = content.removeprefix(codecs.BOM_UTF8)
    _check_utf8(content)
    if (position := content.find(b"\0")) >= 0:
        raise InvalidTable(f"line {line_at(content, position)}: a NUL character: it is not a text file")
    return content


def _wide_encoding(content: bytes) -> str | None:
    """Return the encoding of text with two or four bytes for each character; None for other content."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    sample = content[:SAMPLE_BYTES]
    if len(sample) < 4 or len(content) % 2:
        return None
    if not sample[0::2].strip(b"\0") and b"\0" not in sample[1::2]:
        return "utf-16-be"
    return "utf-16-le" if not sample[1::2].strip(b"\0") and b"\0" not in sample[0::2] else None


def _check_utf8(content: bytes) -> None:
    """Check the encoding in chunks: decoded as a whole, the text may take four times its size."""
    if content.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), CHUNK_BYTES):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(content[start : start + CHUNK_BYTES], final=start + CHUNK_BYTES >= len(content))
        except UnicodeDecodeError as error:
            line = line_at(content, start - pending + error.start)
            raise InvalidTable(f"line {line}: not UTF-8 text: save the file with the encoding UTF-8") from error


def line_at(content: bytes, position: int) -> int:
    """Return the number of the line at a byte offset; lines end with LF, CR or CR LF."""
    return count_line_ends(content, 0, position) + 1


def count_line_ends(content: bytes, start: int, end: int) -> int:
    """Return the number of line ends in a part of the content that does not begin between CR and LF."""
    pairs = content.count(b"\r\n", start, end)
    return content.count(b"\n", start, end) + content.count(b"\r", start, end) - pairs
