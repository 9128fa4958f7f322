"""`python -m tests.bench.pipeline FOLDER`: score the batch with pandas and the production scikit-learn pipeline.

Each format twice, the second time measured. Writes the seconds to `pipeline.json` and the predictions, in the columns
of the API, to `pipeline.csv` and `pipeline.parquet`.
"""

import io
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import mlflow
import pandas as pd
from sklearn.pipeline import Pipeline

from readmit.core.encounter import BY_NAME, FEATURES, NOT_RECORDED
from readmit.core.model import model_input, probabilities, single_threaded
from readmit.core.version import MODEL, PRODUCTION
from readmit.settings import load
from tests.bench.bodies import CSV, PARQUET

TEXTS = {name: str for name in FEATURES if not BY_NAME[name].whole_number}


def main(arguments: Sequence[str]) -> int:
    folder = Path(arguments[0])
    mlflow.set_tracking_uri(load().mlflow_tracking_uri)
    uri = f"models:/{MODEL}@{PRODUCTION}"
    model, threshold = mlflow.sklearn.load_model(uri), load().threshold
    seconds = {}
    with single_threaded():
        for kind in (CSV, PARQUET):
            body = (folder / f"batch.{kind}").read_bytes()
            (folder / f"pipeline.{kind}").write_bytes(_predictions(kind, body, model, threshold))
            started = time.perf_counter()
            _predictions(kind, body, model, threshold)
            seconds[kind] = time.perf_counter() - started
    (folder / "pipeline.json").write_text(json.dumps(seconds))
    return 0


def _predictions(kind: str, body: bytes, model: Pipeline, threshold: float) -> bytes:
    frame = _read_csv(body) if kind == CSV else pd.read_parquet(io.BytesIO(body), columns=list(FEATURES))
    scores = probabilities(model, model_input({name: frame[name].tolist() for name in FEATURES}))
    table = pd.DataFrame({"prediction": (scores >= threshold).astype(int), "probability": scores, "error": None})
    table.index.name = "index"
    if kind == CSV:
        return table.to_csv().encode()
    return bytes(table.reset_index().to_parquet(index=False))


def _read_csv(body: bytes) -> pd.DataFrame:
    """Read the features; `None` is a value of the laboratory columns: not measured."""
    return pd.read_csv(
        io.BytesIO(body), usecols=list(FEATURES), dtype=TEXTS, keep_default_na=False, na_values=["", NOT_RECORDED]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
