"""A fast decoder of plain encounters: JSON objects of the documented fields in which nothing is unusual.

Nearly every request is one, and msgspec decodes it forty times as fast as the parser (`readmit.core.request`). Both
decode a plain encounter to the same values, as a test checks; all others go to the parser, which reports every error.
"""

from typing import Any

from msgspec import UNSET, DecodeError, Struct, UnsetType, defstruct
from msgspec.json import Decoder
from msgspec.structs import astuple

from readmit.core.applicability import NOT_APPLICABLE
from readmit.core.encounter import BY_NAME, DISPOSITION, ENCOUNTER, EXCLUDED_DISPOSITIONS, Field
from readmit.core.feature_spec import BASE_COLUMNS
from readmit.core.request import IGNORED_FIELDS, json_text, parse_value
from readmit.core.scorer import EncodedValue, Scorer

TRAILING_FIELDS = (*IGNORED_FIELDS, ENCOUNTER)
DECODED_FIELDS = (*BASE_COLUMNS, *TRAILING_FIELDS)


def _struct_field(field: Field) -> tuple[str, Any] | tuple[str, Any, UnsetType]:
    annotation: Any = int | float | str | None if field.whole_number else str | None
    return (field.name, annotation) if field.required else (field.name, annotation | UnsetType, UNSET)


def _struct_type(name: str, json_names: dict[str, str]) -> type[Struct]:
    ignored = [(field, Any, UNSET) for field in IGNORED_FIELDS]
    fields = [*(_struct_field(BY_NAME[field]) for field in BASE_COLUMNS), *ignored, _struct_field(BY_NAME[ENCOUNTER])]
    return defstruct(name, fields, rename=json_names, forbid_unknown_fields=True, kw_only=True)


DECODERS = (
    Decoder(_struct_type("Encounter", {})),
    Decoder(_struct_type("EncounterWithUciNames", {name: BY_NAME[name].uci_name or name for name in DECODED_FIELDS})),
)


def fast_values(body: bytes) -> tuple[Any, ...] | None:
    """Return the value of each of DECODED_FIELDS, UNSET where absent; None when the body is no plain encounter."""
    for decoder in DECODERS:
        try:
            values = astuple(decoder.decode(body))
            break
        # UnicodeDecodeError: not UTF-8; RecursionError: nested too deeply.
        except (DecodeError, UnicodeDecodeError, RecursionError):
            continue
    else:
        return None
    # No valid value contains a colon, so there is one per field; more of them mean a duplicate key.
    return values if body.count(b":") == len(DECODED_FIELDS) - values.count(UNSET) else None


def _applicable_text(field: Field, raw: object) -> str | None:
    """Read a JSON value like `json_text`. Raises ValueError when the disposition is death or hospice.

    Only values that pass are cached, and cached values skip this check, so it costs the fast path nothing.
    """
    text = json_text(field, raw)
    if field.name == DISPOSITION and text in EXCLUDED_DISPOSITIONS:
        raise ValueError(NOT_APPLICABLE)
    return text


class FastDecoder:
    """Decoder of plain encounters to the encoded values of one model. Not thread-safe."""

    def __init__(self, scorer: Scorer) -> None:
        self._encoders = scorer.value_encoders(_applicable_text)
        for name, encoder in zip(BASE_COLUMNS, self._encoders, strict=True):
            if not BY_NAME[name].required:
                encoder[UNSET] = encoder[None]

    def decode(self, body: bytes) -> list[EncodedValue] | None:
        """Return the encoded value of each of BASE_COLUMNS; None when the body is no plain encounter.

        Also None for an encounter that ended in death or hospice, which the app rejects.
        """
        values = fast_values(body)
        if values is None:
            return None
        try:
            if values[-1] is not UNSET:
                parse_value(BY_NAME[ENCOUNTER], values[-1], json_text)
            return [encoder[value] for encoder, value in zip(self._encoders, values, strict=False)]
        except ValueError:
            return None
