"""A reader of Thrift's compact protocol, in which Parquet writes its footer and its page headers.

It bounds what it builds, and refuses what two readers could understand differently.
"""

from dataclasses import dataclass
from typing import Union

from readmit.core.table_limits import InvalidTable

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
INTEGERS = (I16, I32, I64)
MOST_DEPTH = 24
MOST_VARINT_BYTES = 10
MOST_FIELD_ID = 32_767

Value = Union[int, bytes, list["Value"], "ThriftStruct", None]


@dataclass(frozen=True, slots=True)
class ThriftStruct:
    """The fields by id and type: a field of another type than the schema's is absent, as it is to other readers."""

    fields: dict[tuple[int, int], Value]

    def integer(self, field: int, kind: int, default: int | None = None) -> int:
        """Return an integer that is not negative. Raises InvalidTable when it is, or is absent without a default."""
        value = self.fields.get((field, kind), default)
        if not isinstance(value, int) or value < 0:
            raise InvalidTable(f"a number of its metadata is missing or negative (field {field})")
        return value

    def binary(self, field: int) -> bytes:
        """Return a byte string. Raises InvalidTable when it is absent."""
        value = self.fields.get((field, BINARY))
        if not isinstance(value, bytes):
            raise InvalidTable(f"a text of its metadata is missing (field {field})")
        return value

    def struct(self, field: int) -> "ThriftStruct":
        """Return a struct. Raises InvalidTable when it is absent."""
        value = self.fields.get((field, STRUCT))
        if not isinstance(value, ThriftStruct):
            raise InvalidTable(f"a part of its metadata is missing (field {field})")
        return value

    def structs(self, field: int) -> list["ThriftStruct"]:
        """Return a list of structs; where it is absent, none. Raises InvalidTable when it is a list of others."""
        values = self.fields.get((field, LIST), [])
        found = [each for each in values if isinstance(each, ThriftStruct)] if isinstance(values, list) else []
        if not isinstance(values, list) or len(found) != len(values):
            raise InvalidTable(f"a list of its metadata holds something else (field {field})")
        return found


class ThriftReader:
    """Reads from `at` up to `end`. Every method raises InvalidTable when the bytes are not what they should be."""

    def __init__(self, content: memoryview, at: int, end: int) -> None:
        self._content = content
        self.at = at
        self._end = end

    def struct(self, depth: int = 0) -> ThriftStruct:
        """Read a struct; its maps, which Parquet does not use, are refused."""
        if depth > MOST_DEPTH:
            raise InvalidTable("its metadata is nested too deeply")
        fields: dict[tuple[int, int], Value] = {}
        seen: set[int] = set()
        last = 0
        while head := self._byte():
            kind, step = head & 0x0F, head >> 4
            last = last + step if step else self._zigzag()
            if not 0 < last <= MOST_FIELD_ID or last in seen:
                raise InvalidTable("its metadata names a field twice, or one that cannot be")
            seen.add(last)
            fields[last, kind] = int(kind == TRUE) if kind in (TRUE, FALSE) else self._value(kind, depth)
        return ThriftStruct(fields)

    def _value(self, kind: int, depth: int) -> Value:
        if kind in INTEGERS:
            return self._zigzag()
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind == DOUBLE:
            self._skip(8)
            return None
        if kind == BINARY:
            length = self._varint()
            start = self.at
            self._skip(length)
            return bytes(self._content[start : start + length])
        if kind in (LIST, SET):
            return self._list(depth)
        if kind == STRUCT:
            return self.struct(depth + 1)
        raise InvalidTable("its metadata holds a type that Parquet does not use")

    def _list(self, depth: int) -> list[Value]:
        if depth > MOST_DEPTH:
            raise InvalidTable("its metadata is nested too deeply")
        head = self._byte()
        kind, size = head & 0x0F, head >> 4
        size = self._varint() if size == 15 else size
        # Each element takes a byte at least, so a length that cannot be is found before anything is built.
        if size > self._end - self.at:
            raise InvalidTable("its metadata ends too early")
        return [self._value(kind, depth + 1) for _ in range(size)]

    def _byte(self) -> int:
        if self.at >= self._end:
            raise InvalidTable("its metadata ends too early")
        self.at += 1
        return self._content[self.at - 1]

    def _skip(self, length: int) -> None:
        if length > self._end - self.at:
            raise InvalidTable("its metadata ends too early")
        self.at += length

    def _varint(self) -> int:
        value = 0
        for place in range(MOST_VARINT_BYTES):
            byte = self._byte()
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value
        raise InvalidTable("a number of its metadata is too long")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
