"""Reader of Thrift's compact protocol, the format of Parquet footers and page headers.

It limits what it builds, and rejects input that readers could interpret differently.
"""

from dataclasses import dataclass
from typing import Union

from readmit.core.tabular.table_limits import InvalidTable

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
INTEGERS = (I16, I32, I64)
MAX_DEPTH = 24
MAX_VARINT_BYTES = 10
MAX_FIELD_ID = 32_767

Value = Union[int, bytes, list["Value"], "ThriftStruct", None]


@dataclass(frozen=True, slots=True)
class ThriftStruct:
    """A struct: fields by ID and type. A field of another type than the schema's is absent, as in other readers."""

    fields: dict[tuple[int, int], Value]

    def integer(self, field: int, kind: int, default: int | None = None) -> int:
        """Return a non-negative integer. Raises InvalidTable when it is negative, or absent without a default."""
        value = self.fields.get((field, kind), default)
        if not isinstance(value, int) or value < 0:
            raise InvalidTable(f"a number in its metadata is missing or negative (field {field})")
        return value

    def binary(self, field: int) -> bytes:
        """Return a byte string. Raises InvalidTable when it is absent."""
        value = self.fields.get((field, BINARY))
        if not isinstance(value, bytes):
            raise InvalidTable(f"a string in its metadata is missing (field {field})")
        return value

    def struct(self, field: int) -> "ThriftStruct":
        """Return a struct. Raises InvalidTable when it is absent."""
        value = self.fields.get((field, STRUCT))
        if not isinstance(value, ThriftStruct):
            raise InvalidTable(f"a struct in its metadata is missing (field {field})")
        return value

    def structs(self, field: int) -> list["ThriftStruct"]:
        """Return a list of structs, empty when absent. Raises InvalidTable when it has other items."""
        values = self.fields.get((field, LIST), [])
        structs = [value for value in values if isinstance(value, ThriftStruct)] if isinstance(values, list) else []
        if not isinstance(values, list) or len(structs) != len(values):
            raise InvalidTable(f"a list in its metadata has items of an unexpected type (field {field})")
        return structs


class ThriftReader:
    """A reader of the bytes from `offset` to `end`. Every method raises InvalidTable for malformed input."""

    def __init__(self, content: memoryview, offset: int, end: int) -> None:
        self._content = content
        self.offset = offset
        self._end = end

    def struct(self, depth: int = 0) -> ThriftStruct:
        """Read a struct. Maps, which Parquet does not use, are rejected."""
        if depth > MAX_DEPTH:
            raise InvalidTable("its metadata is nested too deeply")
        fields: dict[tuple[int, int], Value] = {}
        seen: set[int] = set()
        last = 0
        while header := self._byte():
            kind, delta = header & 0x0F, header >> 4
            last = last + delta if delta else self._zigzag()
            if not 0 < last <= MAX_FIELD_ID or last in seen:
                raise InvalidTable("its metadata has a duplicate or invalid field ID")
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
            start = self.offset
            self._skip(length)
            return bytes(self._content[start : start + length])
        if kind in (LIST, SET):
            return self._list(depth)
        if kind == STRUCT:
            return self.struct(depth + 1)
        raise InvalidTable("its metadata has a type that Parquet does not use")

    def _list(self, depth: int) -> list[Value]:
        if depth > MAX_DEPTH:
            raise InvalidTable("its metadata is nested too deeply")
        header = self._byte()
        kind, size = header & 0x0F, header >> 4
        size = self._varint() if size == 15 else size
        # Each element takes at least one byte, so an impossible length is detected before anything is built.
        if size > self._end - self.offset:
            raise InvalidTable("its metadata ends too early")
        return [self._value(kind, depth + 1) for _ in range(size)]

    def _byte(self) -> int:
        if self.offset >= self._end:
            raise InvalidTable("its metadata ends too early")
        self.offset += 1
        return self._content[self.offset - 1]

    def _skip(self, length: int) -> None:
        if length > self._end - self.offset:
            raise InvalidTable("its metadata ends too early")
        self.offset += length

    def _varint(self) -> int:
        value = 0
        for index in range(MAX_VARINT_BYTES):
            byte = self._byte()
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return value
        raise InvalidTable("a number in its metadata is too long")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
