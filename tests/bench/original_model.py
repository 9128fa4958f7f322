"""`python -m tests.bench.original_model ROWS FOLDER`: fit the original's model and save it in MLflow's format.

Twice: with a signature, as MLflow recommends, and without, because `mlflow.pyfunc` validates requests against it.
Beside each: `columns.json`, the input columns, and `body.json`, one row.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import mlflow
import pandas as pd
import polars as pl
from mlflow.models import ModelSignature, infer_signature
from sklearn.ensemble import GradientBoostingClassifier

from readmit.core.encounter import OUTCOME
from readmit.core.model import TRUSTED_TYPES
from tests.bench.original_columns import original_columns

TREES, DEPTH, SEED = 200, 3, 130
SIGNED, UNSIGNED = "signed", "unsigned"


def main(arguments: Sequence[str]) -> int:
    rows, folder = (Path(argument) for argument in arguments)
    data = original_columns(pl.read_parquet(rows))
    features = data.drop(OUTCOME).to_pandas()
    model = GradientBoostingClassifier(n_estimators=TREES, max_depth=DEPTH, random_state=SEED)
    model.fit(features, data[OUTCOME].to_numpy())
    signature = infer_signature(features.head(), model.predict_proba(features.head()))
    _save(model, features, folder / SIGNED, signature)
    _save(model, features, folder / UNSIGNED, None)
    return 0


def _save(
    model: GradientBoostingClassifier, features: pd.DataFrame, folder: Path, signature: ModelSignature | None
) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    mlflow.sklearn.save_model(
        model,
        folder / "model",
        signature=signature,
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[],
        skops_trusted_types=list(TRUSTED_TYPES),
    )
    (folder / "columns.json").write_text(json.dumps(list(features.columns)))
    (folder / "body.json").write_text(features.head(1).to_json(orient="records", lines=True).strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
