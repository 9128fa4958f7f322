"""The OpenAPI document: named schemas of an encounter made from its fields, request bodies, errors and tags.

Litestar generates the rest from the handlers. It cannot see the bodies of /predict and /predict_batch, which the API
parses itself in order to report every error of a record.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Reference,
    RequestBody,
    Schema,
    Tag,
)
from litestar.openapi.spec.security_scheme import SecurityScheme
from litestar.router import Router
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from api.example import EXAMPLE
from api.openapi_examples import ERROR, ROLLBACK_REQUEST, example_csv
from api.request_parsing import CSV, JSON, PARQUET, ZIP
from api.schemas import ErrorResponse
from readmit import __version__
from readmit.core.applicability import NOT_APPLICABLE
from readmit.core.encounter import (
    BY_NAME,
    DISPOSITION,
    DRUGS,
    EXCLUDED_DISPOSITIONS,
    NOT_RECORDED,
    Field,
)
from readmit.core.request import ACCEPTED_FIELDS, IGNORED_FIELDS

TOKEN_SCHEME, KEY_SCHEME = "token", "key"
API_KEY_SECURITY: list[dict[str, list[str]]] = [{KEY_SCHEME: []}, {}]
"""The key is optional in the document: an API without a configured key requires none."""
RELOAD_TOKEN_SECURITY: list[dict[str, list[str]]] = [{TOKEN_SCHEME: []}]

PREDICTION_TAG, MODEL_TAG, DATA_TAG, OPERATIONS_TAG = "prediction", "model", "data", "operations"
DOCUMENTATION_TAG = "documentation"
TAGS = [
    Tag(PREDICTION_TAG, "Predict readmission for one encounter or for a batch."),
    Tag(MODEL_TAG, "Inspect, reload and roll back model versions."),
    Tag(DATA_TAG, "Read batches, quarantine and statistics."),
    Tag(OPERATIONS_TAG, "Read the health and metrics of the API, pipeline runs and the state of other services."),
    Tag(DOCUMENTATION_TAG, "Read this document, as JSON or as an interactive page."),
]

TABLE_DESCRIPTION = (
    "Columns: index, prediction, probability, error, warnings. A row without a prediction has an error instead, which "
    f"is {NOT_APPLICABLE!r} for a stay that ended in death or hospice. The warnings are a list in Parquet, and joined "
    "by blanks in CSV."
)
CSV_DESCRIPTION = (
    "A header row, then one row per encounter; separated by commas, semicolons (with decimal commas), tabs or vertical "
    "bars, in UTF-8 or UTF-16. The names of fields may differ in case, and have `.` or `-` instead of `_`."
)
ERROR_DESCRIPTIONS = {
    400: "The body or a parameter is invalid.",
    401: "The API key or token is missing or wrong.",
    404: "The version, its evaluation or the file does not exist.",
    406: "The Accept header allows none of the route's formats.",
    409: "The rollback is not possible, for example because there is no such version.",
    413: "The body is too large.",
    415: "The content type, charset or content encoding is not supported.",
    422: "The body is well-formed but invalid; `fields` lists the invalid fields. A stay that ended in death or "
    f"hospice gets no prediction and is reported at {DISPOSITION}.",
    500: "Internal error.",
    503: "No model is loaded, or a service that the route needs is unavailable.",
}

SCHEMA_NAMES = {
    "race": "Race",
    "gender": "Gender",
    "age": "AgeBand",
    "weight": "WeightBand",
    "admission_type_id": "AdmissionType",
    DISPOSITION: "DischargeDisposition",
    "admission_source_id": "AdmissionSource",
    "payer_code": "PayerCode",
    "medical_specialty": "MedicalSpecialty",
    **dict.fromkeys(("diag_1", "diag_2", "diag_3"), "Icd9Code"),
    "max_glu_serum": "GlucoseResult",
    "A1Cresult": "A1cResult",
    **dict.fromkeys(DRUGS, "DrugLevel"),
    "change": "MedicationChange",
    "diabetesMed": "DiabetesMedication",
}
"""The component of each field whose values are a closed set or follow a pattern; equal sets share one."""
ENCOUNTER_SCHEMA, NOT_RECORDED_SCHEMA = "Encounter", "NotRecorded"


def operation_id(handler: HTTPRouteHandler, *_: object) -> str:
    """Return the name of the handler's function, which generated clients use as the name of their function."""
    return handler.handler_name


def responses(
    response: type, example: object, *statuses: int, description: str = "Success."
) -> Mapping[int, ResponseSpec]:
    """Return the responses that a route declares: status 200 with an example, and its errors."""
    examples = [Example(summary="A response", value=example)]
    success = ResponseSpec(response, generate_examples=False, description=description, examples=examples)
    return {200: success, **errors(*statuses)}


def errors(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the error responses of a route; every route declares 500."""
    examples = [Example(summary="An error", value=ERROR)]
    return {
        status: ResponseSpec(
            ErrorResponse, generate_examples=False, description=ERROR_DESCRIPTIONS[status], examples=examples
        )
        for status in (*statuses, 500)
    }


def file_response(media_type: str, *statuses: int, example: str | None = None) -> Mapping[int, ResponseSpec]:
    """Return the responses of a route that returns a file of this type, and its errors."""
    examples = None if example is None else [Example(summary="A response", value=example)]
    success = ResponseSpec(
        str, generate_examples=False, description="Success.", media_type=media_type, examples=examples
    )
    return {200: success, **errors(*statuses)}


def reference(schema: str, description: str | None = None) -> Reference:
    """Return a reference to a named schema."""
    return Reference(f"#/components/schemas/{schema}", description=description)


def _value_schema(field: Field) -> Schema:
    if field.choices:
        return _choice_schema(field)
    if field.whole_number:
        return Schema(type=OpenAPIType.INTEGER, minimum=field.low, maximum=field.high)
    return Schema(type=OpenAPIType.STRING, pattern=f"^(?:{field.pattern})$", description=field.hint)


def _choice_schema(field: Field) -> Schema:
    """Return the choices that get a prediction: a stay that ended in death or hospice gets status 422."""
    excluded = EXCLUDED_DISPOSITIONS if field.name == DISPOSITION else ()
    allowed = [choice for choice in field.choices if choice not in excluded]
    meanings = dict(zip(field.choices, field.choice_meanings, strict=False))
    description = "; ".join(f"{choice}: {meanings[choice]}" for choice in allowed if choice in meanings)
    if field.whole_number:
        return Schema(type=OpenAPIType.INTEGER, enum=[int(choice) for choice in allowed], description=description)
    return Schema(type=OpenAPIType.STRING, enum=allowed, description=description)


def _field_schema(field: Field) -> Schema | Reference:
    description = field.meaning
    if field.name == DISPOSITION:
        description += f"; {', '.join(EXCLUDED_DISPOSITIONS)}: no prediction ({NOT_APPLICABLE})"
    name = SCHEMA_NAMES.get(field.name)
    schema: Reference | Schema = reference(name) if name else _value_schema(field)
    if field.required:
        schema.description = description
        return schema
    unrecorded: list[Reference | Schema] = [Schema(type=OpenAPIType.NULL), reference(NOT_RECORDED_SCHEMA)]
    return Schema(any_of=[schema, *unrecorded], default=field.if_absent, description=description)


def encounter_schema() -> Schema:
    """Return the schema of an encounter as /predict accepts it."""
    ignored = {name: Schema(description=f"{BY_NAME[name].meaning}; ignored") for name in IGNORED_FIELDS}
    return Schema(
        type=OpenAPIType.OBJECT,
        title=ENCOUNTER_SCHEMA,
        description="One inpatient encounter. UCI's column names, with '-' instead of '_', are also accepted.",
        properties={**{name: _field_schema(BY_NAME[name]) for name in ACCEPTED_FIELDS}, **ignored},
        required=[name for name in ACCEPTED_FIELDS if BY_NAME[name].required],
        additional_properties=False,
    )


def encounter_schemas() -> dict[str, Schema]:
    """Return the named schemas of an encounter and of its values."""
    values = {name: _value_schema(BY_NAME[field]) for field, name in SCHEMA_NAMES.items()}
    # An enum, because generated clients reject all other text where they read a `const`.
    unrecorded = Schema(type=OpenAPIType.STRING, enum=[NOT_RECORDED], description="The value was not recorded.")
    return {ENCOUNTER_SCHEMA: encounter_schema(), NOT_RECORDED_SCHEMA: unrecorded, **values}


@dataclass
class DocumentComponents(Components):
    """Components with the schemas of an encounter: Litestar assigns those that it finds in the handlers alone."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "schemas" and isinstance(value, dict):
            value = dict(sorted({**value, **encounter_schemas()}.items()))
        super().__setattr__(name, value)


ENCOUNTER_BODY = RequestBody(
    content={
        JSON: OpenAPIMediaType(
            schema=reference(ENCOUNTER_SCHEMA),
            examples={"encounter": Example(summary="A stay of five days", value=EXAMPLE)},
        )
    },
    required=True,
)
BATCH_BODY = RequestBody(
    content={
        JSON: OpenAPIMediaType(
            schema=Schema(type=OpenAPIType.ARRAY, items=reference(ENCOUNTER_SCHEMA)),
            examples={"encounters": Example(summary="A batch of one encounter", value=[EXAMPLE])},
        ),
        CSV: OpenAPIMediaType(
            schema=Schema(type=OpenAPIType.STRING, description=CSV_DESCRIPTION),
            examples={"rows": Example(summary="One row", value=example_csv())},
        ),
        PARQUET: OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.STRING,
                format=OpenAPIFormat.BINARY,
                description="One row per encounter; columns are text or numbers.",
            )
        ),
        ZIP: OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="A zip with one CSV or Parquet file."
            )
        ),
    },
    required=True,
)


@dataclass
class PredictOperation(Operation):
    """The operation of /predict, with its request body."""

    def __post_init__(self) -> None:
        self.request_body = ENCOUNTER_BODY


@dataclass
class BatchOperation(Operation):
    """The operation of /predict_batch, with its request body and the CSV and Parquet formats of its response."""

    def __post_init__(self) -> None:
        self.request_body = BATCH_BODY
        response = (self.responses or {}).get("200")
        if isinstance(response, OpenAPIResponse) and response.content is not None:
            table = Schema(type=OpenAPIType.STRING, description=TABLE_DESCRIPTION)
            response.content[CSV] = OpenAPIMediaType(schema=table)
            file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description=TABLE_DESCRIPTION)
            response.content[PARQUET] = OpenAPIMediaType(schema=file)


@dataclass
class RollbackOperation(Operation):
    """The operation of /rollback, with an example of its request body."""

    def __post_init__(self) -> None:
        if isinstance(self.request_body, RequestBody):
            example = Example(summary="Roll back to the previous version", value=ROLLBACK_REQUEST)
            self.request_body.content[JSON].examples = {"rollback": example}


class NoRoutes(Router):
    """In place of Litestar's routes of the document, which itself does not list them; ours are in `docs_page`."""

    def register(self, _: ControllerRouterHandler) -> list[BaseRoute]:
        """Leave the route out."""
        return []


OPENAPI_CONFIG = OpenAPIConfig(
    title="Readmit",
    version=__version__,
    description="Estimate the risk that a diabetic inpatient is readmitted. Every route with GET also takes HEAD, and "
    "OPTIONS returns the methods of a route in the header Allow.",
    openapi_router=NoRoutes("/schema", route_handlers=[]),
    components=DocumentComponents(
        security_schemes={
            TOKEN_SCHEME: SecurityScheme(type="http", scheme="bearer"),
            KEY_SCHEME: SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
        }
    ),
    tags=TAGS,
    operation_id_creator=operation_id,
    use_handler_docstrings=True,
)
