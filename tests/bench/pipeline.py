"""`python -m tests.bench.pipeline FOLDER`: the batch by pandas and the scikit-learn pipeline in production, in process.

Each format twice, the second time by the clock. `pipeline.json` takes the seconds; `pipeline.csv` and
`pipeline.parquet` the answers, in the columns of the API's.
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
from readmit.core.model import model_input, one_thread, probabilities
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
    with one_thread():
        for kind in (CSV, PARQUET):
            body = (folder / f"batch.{kind}").read_bytes()
            (folder / f"pipeline.{kind}").write_bytes(_answers(kind, body, model, threshold))
            started = time.perf_counter()
            _answers(kind, body, model, threshold)
            seconds[kind] = time.perf_counter() - started
    (folder / "pipeline.json").write_text(json.dumps(seconds))
    return 0


def _answers(kind: str, body: bytes, model: Pipeline, threshold: float) -> bytes:
    frame = _read_csv(body) if kind == CSV else pd.read_parquet(io.BytesIO(body), columns=list(FEATURES))
    said = probabilities(model, model_input({name: frame[name].tolist() for name in FEATURES}))
    told = pd.DataFrame({"prediction": (said >= threshold).astype(int), "probability": said, "error": None})
    told.index.name = "index"
    if kind == CSV:
        return told.to_csv().encode()
    return bytes(told.reset_index().to_parquet(index=False))


def _read_csv(body: bytes) -> pd.DataFrame:
    """`None` is a value in the laboratory's columns: not measured."""
    return pd.read_csv(
        io.BytesIO(body), usecols=list(FEATURES), dtype=TEXTS, keep_default_na=False, na_values=["", NOT_RECORDED]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
