"""Column names of a table, matched with the fields of an encounter where the meaning is certain."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from readmit.core.encounter import BY_NAME, COLUMNS, FEATURES
from readmit.core.request import printable_excerpt
from readmit.core.tabular.table_limits import DuplicateColumns, InvalidTable, MissingColumns

SEPARATORS = re.compile(r"[\s._-]+")
ROW_ERROR = "row_error"
"""Column of the data API with what is wrong with a row as a whole; such a row has no values."""
MAX_NAMES = 20
"""Columns named in an error; the others are counted."""


def normalize(name: str) -> str:
    """Return a column name without case and surrounding blanks, and with `.`, `-`, `_` and blanks as one `_`."""
    return SEPARATORS.sub("_", name.strip().strip("\ufeff")).casefold()


INDEX_COLUMN = re.compile(r"|unnamed:_\d+|_index_level_\d+_")
"""Normalized name of a column that only numbers the rows, as pandas and R write it: it counts as nameless."""
FIELD_BY_NAME = {normalize(name): name for name in COLUMNS}


@dataclass(frozen=True, slots=True)
class TableHeader:
    """The columns of a table. `names`: as in the file; `fields`: the column index of each field.

    `unknown`: printable names of the columns that are no field; `nameless`: indices of the columns without a name.
    """

    names: tuple[str, ...]
    fields: Mapping[str, int]
    unknown: tuple[str, ...]
    nameless: tuple[int, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The features that the table lacks."""
        return tuple(name for name in FEATURES if name not in self.fields)

    def require(self, fields: Sequence[str]) -> None:
        """Check that the table has these fields. Raises MissingColumns."""
        if missing := tuple(name for name in fields if name not in self.fields):
            raise MissingColumns(missing)

    def require_known(self) -> None:
        """Check that every column is a field. Raises InvalidTable."""
        if self.unknown:
            raise InvalidTable(f"unknown columns: {join_names(self.unknown)}")

    def require_certainty(self) -> None:
        """Check that no other column can be a feature whose name is misspelled. Raises InvalidTable."""
        if self.unknown and self.missing:
            raise InvalidTable(
                f"unknown columns: {join_names(self.unknown)}. One of them may be a missing column: "
                f"{join_names(self.missing)}. Correct the names, or remove the unknown columns"
            )

    def position(self, index: int) -> str:
        """Return `column 3`, with the field's name if it is one."""
        field = next((name for name, position in self.fields.items() if position == index), None)
        return f"column {index + 1}" if field is None else f"column {index + 1} ({field})"


def match_header(names: Sequence[str]) -> TableHeader:
    """Match column names with fields.

    Raises DuplicateColumns when a name occurs twice, InvalidTable when no column is a field of an encounter.
    """
    normalized = [normalize(name) for name in names]
    nameless = tuple(index for index, name in enumerate(normalized) if INDEX_COLUMN.fullmatch(name))
    others = [index for index in range(len(names)) if index not in nameless]
    repeated = [name for name, count in Counter(normalized[index] for index in others).items() if count > 1]
    if repeated:
        raise DuplicateColumns(tuple(FIELD_BY_NAME.get(name, printable_excerpt(name)) for name in repeated))
    fields = {FIELD_BY_NAME[name]: index for index, name in enumerate(normalized) if name in FIELD_BY_NAME}
    if not fields:
        raise InvalidTable("no column of the header is a field of an encounter, such as encounter_id or race")
    unknown = tuple(printable_excerpt(names[index]) for index in others if normalized[index] not in FIELD_BY_NAME)
    return TableHeader(tuple(names), fields, unknown, nameless)


def uci_names(header: TableHeader) -> list[str]:
    """Return the column names with fields spelled as UCI spells them; other names stay as they are."""
    spelled = {index: BY_NAME[name].uci_name or name for name, index in header.fields.items()}
    return [spelled.get(index, name) for index, name in enumerate(header.names)]


def join_names(names: Sequence[str]) -> str:
    """Return the names separated by commas; only the first MAX_NAMES, and the number of the others."""
    rest = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")
