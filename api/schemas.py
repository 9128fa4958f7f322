"""What the API answers, as it stands on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType, field


class FieldError(Struct, frozen=True):
    """`field`: empty when the fault is of the record as a whole."""

    field: str
    message: str


class ErrorDetail(Struct, frozen=True):
    message: str
    fields: list[FieldError] = field(default_factory=list)


class ErrorResponse(Struct, frozen=True):
    """The body of every answer that is an error."""

    error: ErrorDetail
    request_id: str


class Contribution(Struct, frozen=True):
    """What a field, with the value that it has, adds to the score."""

    field: str
    value: str | int | None
    contribution: float


class Explanation(Struct, frozen=True):
    """`base` and all contributions make up `score`. `scale`: log-odds of readmission, or the probability itself."""

    scale: str
    base: float
    score: float
    contributions: list[Contribution]


class PredictionResponse(Struct, frozen=True):
    """`prediction` is 1 where the probability reaches the threshold of the model's version.

    `explanation`: where `explain=true` asked for it.
    """

    prediction: int
    probability: float
    threshold: float
    request_id: str
    model_name: str
    model_version: str
    warnings: list[str]
    explanation: Explanation | UnsetType = UNSET


class RowError(Struct, frozen=True):
    """`field` names the first field at fault, `message` tells of all."""

    index: int
    field: str
    message: str


class RejectedRow(Struct, frozen=True):
    error: RowError


class NotApplicableRow(Struct, frozen=True):
    """A valid record without a prediction: the stay ended in death or hospice."""

    not_applicable: RowError


@dataclass(frozen=True, slots=True)
class BatchPredictionResponse:
    """One item per record, in order. No Struct: msgspec takes no union of two of them without a tag on the wire."""

    predictions: list[PredictionResponse | RejectedRow | NotApplicableRow]


class HealthResponse(Struct, frozen=True):
    """`status`: healthy with a model, else unhealthy. `reload_failure`: why the last try to load one failed."""

    message: str
    status: str
    model_loaded: bool
    model_version: str | None
    model_loaded_at: datetime | None
    reload_failure: str | None


class LivenessResponse(Struct, frozen=True):
    status: str


class ModelResponse(Struct, frozen=True):
    """The version in production that answers here. `figures`: its metrics on the test split."""

    name: str
    version: str
    candidate: str
    target: str
    threshold: float
    batch: int
    snapshot: str
    code: str
    run_id: str
    figures: Mapping[str, float]
    loaded_at: datetime


class ReloadResponse(Struct, frozen=True):
    """`reloaded`: the version changed. `version`: what is served now, null when nothing is in production."""

    version: str | None
    reloaded: bool


class RollbackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`by`: who asks, and `why`. `version`: where to go; absent: to the one that served before."""

    by: str
    why: str
    version: str | None = None


class RollbackResponse(Struct, frozen=True):
    """`version` is in production now, `before` was. `served`: this API serves it already; the others follow."""

    version: str
    before: str
    served: bool
