"""A version of the model in hand, with all that a prediction needs."""

from dataclasses import dataclass

from sklearn.pipeline import Pipeline

from readmit.core.coverage import Coverage
from readmit.core.version import Version


@dataclass(frozen=True, slots=True)
class ServedModel:
    """`pipeline`: fitted, takes a `model.model_input`. `coverage`: of the rows that it was fitted on."""

    version: Version
    pipeline: Pipeline
    coverage: Coverage
