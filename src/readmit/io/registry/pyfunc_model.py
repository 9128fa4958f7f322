"""The model as `mlflow.pyfunc` loads it: encounters as pandas reads them, to probabilities."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
import skops.io
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType
from sklearn.pipeline import Pipeline

from readmit.core.applicability import is_applicable
from readmit.core.encounter import BY_NAME, DISPOSITION, FEATURES, Field
from readmit.core.encounter_frame import ParsedFrame, parse_frame
from readmit.core.model import TRUSTED_TYPES, model_input, probabilities
from readmit.core.request import RecordRejected


class PyfuncModel:
    """A fitted model with the interface that MLflow requires."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def predict(self, data: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the probability of readmission of each encounter, shape (rows,), as the inference API does.

        NaN for a stay that ended in death or hospice. `data` may lack optional columns, and spell them as UCI's file
        or with `_`. Raises MlflowException when a row is invalid; the text names it by its position, from 0, with the
        fields and what is wrong with them.
        """
        parsed = parse_frame(data)
        _check(parsed, len(data))
        applicable = np.array(
            [is_applicable({DISPOSITION: value}) for value in parsed.columns[DISPOSITION]], dtype=bool
        )
        predicted = np.full(len(applicable), np.nan)
        if applicable.any():
            predicted[applicable] = probabilities(self._pipeline, model_input(parsed.columns)[applicable])
        return predicted


def _load_pyfunc(path: str) -> PyfuncModel:
    """Load the model from its skops file, with the types that the code trusts, not those that the model's files list.

    MLflow calls this function by its name.
    """
    return PyfuncModel(skops.io.load(path, trusted=list(TRUSTED_TYPES)))


def model_signature() -> ModelSignature:
    """Return the input columns and the output of `PyfuncModel.predict`, derived from the fields of an encounter.

    Required fields are of type `long` or `string`, the others optional. Where UCI's name differs, both spellings are
    columns, since MLflow drops what is not in the signature. Optional columns are of type `any`, which MLflow does not
    check: it would reject a column in which nothing is recorded, for pandas a column of floats, and a diagnosis that
    pandas reads as a number. `predict` checks them.
    """
    columns: list[ColSpec | TensorSpec] = [column for name in FEATURES for column in _columns(BY_NAME[name])]
    return ModelSignature(Schema(columns), Schema([TensorSpec(np.dtype(np.float64), (-1,))]))


def _columns(field: Field) -> Iterator[ColSpec]:
    if field.required:
        yield ColSpec(DataType.long if field.whole_number else DataType.string, field.name)
        return
    for spelling in filter(None, (field.name, field.uci_name)):
        yield ColSpec(AnyType(), spelling, required=False)


def _check(parsed: ParsedFrame, rows: int) -> None:
    if parsed.errors:
        position, errors = min(parsed.errors.items())
        text = f"{len(parsed.errors)} of {rows} rows are invalid; row {position}: {RecordRejected(tuple(errors))}"
        raise MlflowException.invalid_parameter_value(text)
