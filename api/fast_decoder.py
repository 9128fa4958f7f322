"""The plain encounter: an object of the fields as /predict takes them, with nothing out of the ordinary.

Nearly every request is one, and msgspec reads it forty times as fast as our parser. What is plain is what both read
alike, which a test holds; all else is left to the parser (`readmit.core.request`), which knows every fault by name.
"""

from typing import Any

from msgspec import UNSET, DecodeError, Struct, UnsetType, defstruct
from msgspec.json import Decoder
from msgspec.structs import astuple

from readmit.core.applicability import NOT_APPLICABLE
from readmit.core.encounter import BY_NAME, CANNOT_RETURN, DISPOSITION, ENCOUNTER, Field
from readmit.core.feature_spec import BASE_COLUMNS
from readmit.core.request import DROPPED, json_text, value_of
from readmit.core.scorer import EncodedValue, Scorer

LAST = (*DROPPED, ENCOUNTER)
NAMES = (*BASE_COLUMNS, *LAST)


def _slot(field: Field) -> tuple[str, Any] | tuple[str, Any, UnsetType]:
    kind: Any = int | str | None if field.whole_number else str | None
    return (field.name, kind) if field.required else (field.name, kind | UnsetType, UNSET)


def _shape(name: str, spelled: dict[str, str]) -> type[Struct]:
    unread = [(field, Any, UNSET) for field in DROPPED]
    slots = [*(_slot(BY_NAME[field]) for field in BASE_COLUMNS), *unread, _slot(BY_NAME[ENCOUNTER])]
    return defstruct(name, slots, rename=spelled, forbid_unknown_fields=True, kw_only=True)


SHAPES = (
    Decoder(_shape("Encounter", {})),
    Decoder(_shape("EncounterAsUciSpellsIt", {name: BY_NAME[name].ucis_name or name for name in NAMES})),
)


def plain_values(body: bytes) -> tuple[Any, ...] | None:
    """What stands at each of NAMES in a plain encounter, UNSET where it is absent; None: the body is none."""
    for shape in SHAPES:
        try:
            values = astuple(shape.decode(body))
            break
        # UnicodeDecodeError and RecursionError: what is no text, and what is nested too deeply
        except (DecodeError, UnicodeDecodeError, RecursionError):
            continue
    else:
        return None
    # No value of ours holds a colon, so there are as many as pairs: more, and a name stood twice.
    return values if body.count(b":") == len(NAMES) - values.count(UNSET) else None


def _applicable_text(field: Field, raw: object) -> str | None:
    """Read a JSON value like `json_text`. Raises ValueError for a disposition of death or hospice.

    Its cell is never remembered, so the check costs the fast path nothing.
    """
    text = json_text(field, raw)
    if field.name == DISPOSITION and text in CANNOT_RETURN:
        raise ValueError(NOT_APPLICABLE)
    return text


class FastDecoder:
    """Plain encounters as one model sees them. For one thread."""

    def __init__(self, scorer: Scorer) -> None:
        self._cells = scorer.cells(_applicable_text)
        for name, cells in zip(BASE_COLUMNS, self._cells, strict=True):
            if not BY_NAME[name].required:
                cells[UNSET] = cells[None]

    def read(self, body: bytes) -> list[EncodedValue] | None:
        """The cells of a plain encounter, one for each of SINGLE; None: the body is none, whatever else it is.

        An encounter that ended in death or hospice is none either: the app refuses it.
        """
        values = plain_values(body)
        if values is None:
            return None
        try:
            if values[-1] is not UNSET:
                value_of(BY_NAME[ENCOUNTER], values[-1], json_text)
            return [cells[value] for cells, value in zip(self._cells, values, strict=False)]
        except ValueError:
            return None
