"""Encounters to probabilities, in one call for any number of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from readmit.core.encounter import FEATURES
from readmit.core.model import model_input, probabilities
from readmit.core.request import Encounter
from readmit.core.served import ServedModel

EXAMPLE: Mapping[str, object] = json.loads(Path(__file__).with_name("example.json").read_text(encoding="utf-8"))
"""An encounter such as is posted to /predict: shown in the documentation, and what a loaded model is tried on."""


def scores(model: ServedModel, encounters: Sequence[Encounter]) -> list[float]:
    """The probability of readmission of each encounter."""
    if not encounters:
        return []
    columns = {name: [encounter.values[name] for encounter in encounters] for name in FEATURES}
    return [float(probability) for probability in probabilities(model.pipeline, model_input(columns))]
