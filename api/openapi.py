"""The OpenAPI document's part that Litestar can't see: request bodies, made from the fields, and examples."""

from collections.abc import Mapping
from dataclasses import dataclass

from litestar.enums import MediaType
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.security_scheme import SecurityScheme

from api.example import EXAMPLE
from api.openapi_examples import ERROR, ROLLBACK
from api.request_parsing import CSV, JSON, PARQUET
from api.schemas import ErrorResponse
from readmit.core.applicability import NOT_APPLICABLE
from readmit.core.encounter import BY_NAME, CANNOT_RETURN, DISPOSITION, FIELDS, NOT_RECORDED, Field, Kind
from readmit.core.request import ACCEPTED_FIELDS, DROPPED

TOKEN, KEY = "token", "key"
TABLE = (
    f"index, prediction, probability, error; in a row of a stay without a risk, `error` is {NOT_APPLICABLE!r} "
    "and prediction and probability are empty"
)
WITH_KEY: list[dict[str, list[str]]] = [{KEY: []}, {}]
"""Where the API was given a key; else nobody is asked for one."""
WITH_TOKEN: list[dict[str, list[str]]] = [{TOKEN: []}]

MEANINGS = {
    400: "the body can't be read: empty, no valid JSON, CSV or Parquet, not UTF-8, or of another shape",
    401: "no key or token, or another one",
    404: "there is none of that name or number",
    406: "Accept names no format of this route",
    409: "there is no such version to go back to",
    413: "the body is too large",
    415: "the body is of a content type that this route does not take",
    422: "the record is no encounter: `fields` names what is missing, unknown or out of range; or the stay ended in "
    f"death or hospice: `fields` names {DISPOSITION}",
    500: "a fault of the API",
    503: "no model is loaded, or what the route needs is away",
}


def responses(answer: type, example: object, *statuses: int, answered: str = "") -> Mapping[int, ResponseSpec]:
    """What a route declares to answer: its own, with an example, and errors."""
    shown = [Example(summary="an answer", value=example)]
    own = {200: ResponseSpec(answer, generate_examples=False, description=answered or "as asked", examples=shown)}
    return {**own, **errors(*statuses)}


def errors(*statuses: int) -> dict[int, ResponseSpec]:
    """The errors that a route may answer with."""
    shown = [Example(summary="an error", value=ERROR)]
    return {
        status: ResponseSpec(ErrorResponse, generate_examples=False, description=MEANINGS[status], examples=shown)
        for status in (*statuses, 500)
    }


def _value_schema(field: Field) -> Schema:
    if field.choices and field.whole_number:
        return Schema(type=OpenAPIType.INTEGER, enum=_ids(field))
    if field.whole_number:
        return Schema(type=OpenAPIType.INTEGER, minimum=field.low, maximum=field.high)
    if field.kind is Kind.CODE:
        return Schema(type=OpenAPIType.STRING, pattern=f"^(?:{field.pattern})$")
    return Schema(type=OpenAPIType.STRING, enum=list(field.choices))


def _ids(field: Field) -> list[int]:
    """Return the ids that get a prediction: a stay that ended in death or hospice is a 422."""
    refused = CANNOT_RETURN if field.name == DISPOSITION else ()
    return [int(choice) for choice in field.choices if choice not in refused]


def _field_schema(field: Field) -> Schema:
    schema = _value_schema(field)
    if not field.required:
        unrecorded = [Schema(type=OpenAPIType.NULL), Schema(const=NOT_RECORDED)]
        schema = Schema(any_of=[schema, *unrecorded], default=field.if_absent)
    schema.description = field.meaning
    if field.name == DISPOSITION:
        schema.description += f"; {', '.join(CANNOT_RETURN)}: no prediction ({NOT_APPLICABLE})"
    return schema


def encounter_schema() -> Schema:
    """An encounter as /predict takes it."""
    dropped = {name: Schema(description=f"{BY_NAME[name].meaning}; dropped unread") for name in DROPPED}
    return Schema(
        type=OpenAPIType.OBJECT,
        title="Encounter",
        description="One inpatient encounter. UCI's spelling of a column, with '-' for '_', is taken as well.",
        properties={**{name: _field_schema(BY_NAME[name]) for name in ACCEPTED_FIELDS}, **dropped},
        required=[name for name in ACCEPTED_FIELDS if BY_NAME[name].required],
        additional_properties=False,
    )


def example_csv() -> str:
    """The example as a file of the source would hold it."""
    names = [field.name for field in FIELDS if field.name in EXAMPLE]
    return "\n".join([",".join(names), ",".join(str(EXAMPLE[name]) for name in names)]) + "\n"


ENCOUNTER_BODY = RequestBody(
    content={
        JSON: OpenAPIMediaType(
            schema=encounter_schema(),
            examples={"encounter": Example(summary="A stay of five days", value=EXAMPLE)},
        )
    },
    required=True,
)
BATCH_BODY = RequestBody(
    content={
        JSON: OpenAPIMediaType(
            schema=Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT)),
            examples={"encounters": Example(summary="Encounters as /predict takes them", value=[EXAMPLE])},
        ),
        CSV: OpenAPIMediaType(
            schema=Schema(type=OpenAPIType.STRING, description="rows of the source, with a header"),
            examples={"rows": Example(summary="One row", value=example_csv())},
        ),
        PARQUET: OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="columns as text, or as numbers"
            )
        ),
    },
    required=True,
)


@dataclass
class PredictOperation(Operation):
    """Adds the encounter: Litestar sees no typed body, since it would stop at the first fault of a record."""

    def __post_init__(self) -> None:
        self.request_body = ENCOUNTER_BODY


@dataclass
class BatchOperation(Operation):
    """Adds the batch, and the other formats of its answer."""

    def __post_init__(self) -> None:
        self.request_body = BATCH_BODY
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            answer.content[CSV] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description=TABLE))
            file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description=TABLE)
            answer.content[PARQUET] = OpenAPIMediaType(schema=file)


@dataclass
class RollbackOperation(Operation):
    """Adds an example of what is asked."""

    def __post_init__(self) -> None:
        if isinstance(self.request_body, RequestBody):
            shown = Example(summary="Back to the version before", value=ROLLBACK)
            self.request_body.content[JSON].examples = {"rollback": shown}


OPENAPI = OpenAPIConfig(
    title="Readmit",
    version="1",
    description="The probability that a diabetic inpatient is readmitted.",
    path="/schema",
    render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"], media_type=MediaType.JSON)],
    components=Components(
        security_schemes={
            TOKEN: SecurityScheme(type="http", scheme="bearer"),
            KEY: SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
        }
    ),
    use_handler_docstrings=True,
)
