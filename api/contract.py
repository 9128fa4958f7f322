"""The OpenAPI document's part that Litestar can't see: the request bodies, made from the fields of the encounter."""

from dataclasses import dataclass

from litestar.enums import MediaType
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.security_scheme import SecurityScheme

from api.body import CSV, JSON
from api.scoring import EXAMPLE
from api.wire import Error
from readmit.core.encounter import BY_NAME, NOT_RECORDED, Field, Kind
from readmit.core.request import DROPPED, TAKEN

TOKEN = "token"

MEANINGS = {
    400: "the body can't be read: empty, no valid JSON or CSV, not UTF-8, or of another shape",
    401: "no token, or another one",
    406: "Accept names no format of this route",
    413: "the body is too large",
    415: "the body is of a content type that this route does not take",
    422: "the record is no encounter; `fields` names what is missing, unknown or out of range",
    500: "a fault of the API",
    503: "no model is loaded",
}

DOCS = SwaggerRenderPlugin(path="/docs")


def errors(*statuses: int) -> dict[int, ResponseSpec]:
    """What a route declares to answer besides its own."""
    return {
        status: ResponseSpec(Error, generate_examples=False, description=MEANINGS[status])
        for status in (*statuses, 500)
    }


def _value_schema(field: Field) -> Schema:
    if field.choices and field.whole_number:
        return Schema(type=OpenAPIType.INTEGER, enum=[int(choice) for choice in field.choices])
    if field.whole_number:
        return Schema(type=OpenAPIType.INTEGER, minimum=field.low, maximum=field.high)
    if field.kind is Kind.CODE:
        return Schema(type=OpenAPIType.STRING, pattern=f"^(?:{field.pattern})$")
    return Schema(type=OpenAPIType.STRING, enum=list(field.choices))


def _field_schema(field: Field) -> Schema:
    schema = _value_schema(field)
    if not field.required:
        unrecorded = [Schema(type=OpenAPIType.NULL), Schema(const=NOT_RECORDED)]
        schema = Schema(any_of=[schema, *unrecorded], default=field.if_absent)
    schema.description = field.meaning
    return schema


def encounter_schema() -> Schema:
    """An encounter as /predict takes it."""
    dropped = {name: Schema(description=f"{BY_NAME[name].meaning}; dropped unread") for name in DROPPED}
    return Schema(
        type=OpenAPIType.OBJECT,
        title="Encounter",
        description="One inpatient encounter. UCI's spelling of a column, with '-' for '_', is taken as well.",
        properties={**{name: _field_schema(BY_NAME[name]) for name in TAKEN}, **dropped},
        required=[name for name in TAKEN if BY_NAME[name].required],
        additional_properties=False,
    )


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
        CSV: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description="rows of the source, with a header")),
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
    """Adds the batch, and the second format of its answer."""

    def __post_init__(self) -> None:
        self.request_body = BATCH_BODY
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            columns = "index, prediction, probability, error"
            answer.content[CSV] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description=columns))


OPENAPI = OpenAPIConfig(
    title="Readmit",
    version="1",
    description="The probability that a diabetic inpatient is readmitted.",
    path="/schema",
    render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"], media_type=MediaType.JSON)],
    components=Components(security_schemes={TOKEN: SecurityScheme(type="http", scheme="bearer")}),
    use_handler_docstrings=True,
)
