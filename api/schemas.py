"""The API's request and response bodies, as serialized."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType, field


class FieldError(Struct, frozen=True):
    """An error of one field; `field` is empty when the error concerns the whole record."""

    field: str
    message: str


class ErrorDetail(Struct, frozen=True):
    """What went wrong. `fields`: the invalid fields, if known."""

    message: str
    fields: list[FieldError] = field(default_factory=list)


class ErrorResponse(Struct, frozen=True):
    """The body of every error response."""

    error: ErrorDetail
    request_id: str


class Contribution(Struct, frozen=True):
    """The contribution of a field, with its value, to the score."""

    field: str
    value: str | int | None
    contribution: float


class Explanation(Struct, frozen=True):
    """`score` is the sum of `base` and all contributions. `scale`: log-odds of readmission, or its probability."""

    scale: str
    base: float
    score: float
    contributions: list[Contribution]


class PredictionResponse(Struct, frozen=True):
    """A prediction: 1 when the probability reaches the model's threshold, else 0.

    `explanation`: only with `explain=true`.
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
    """The errors of a batch row. `field`: the first invalid field; `message`: all errors."""

    index: int
    field: str
    message: str


class RejectedRow(Struct, frozen=True):
    """An invalid record of a batch."""

    error: RowError


class NotApplicableRow(Struct, frozen=True):
    """A valid record without a prediction, because the stay ended in death or hospice."""

    not_applicable: RowError


@dataclass(frozen=True, slots=True)
class BatchPredictionResponse:
    """One item per record, in order. A dataclass, since msgspec cannot tell a union of untagged structs apart."""

    predictions: list[PredictionResponse | RejectedRow | NotApplicableRow]


class HealthResponse(Struct, frozen=True):
    """`status`: healthy with a model, else unhealthy. `reload_failure`: why the last attempt to load one failed."""

    message: str
    status: str
    model_loaded: bool
    model_version: str | None
    model_loaded_at: datetime | None
    reload_failure: str | None


class LivenessResponse(Struct, frozen=True):
    """`status` is always alive."""

    status: str


class ModelResponse(Struct, frozen=True):
    """The model version that serves predictions. `figures`: its metrics on the test split."""

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
    """`reloaded`: whether the version changed. `version`: the loaded version, null when there is none."""

    version: str | None
    reloaded: bool


class RollbackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`by`: the person responsible; `why`: the reason; `version`: the target, by default the previous version."""

    by: str
    why: str
    version: str | None = None


class RollbackResponse(Struct, frozen=True):
    """`version`: in production now; `before`: in production until now; `served`: whether this instance loaded it."""

    version: str
    before: str
    served: bool
