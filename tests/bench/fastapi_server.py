"""The original's design: FastAPI, a pydantic model of 60 integers, pandas, `mlflow.pyfunc`.

`BENCH_MODEL`: the folder written by `original_model`. Imports nothing of this project, to keep its memory low.
"""

import json
import os
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, create_model

FOLDER = Path(os.environ["BENCH_MODEL"])
THRESHOLD = 0.5

app = FastAPI()
model = mlflow.pyfunc.load_model(str(FOLDER / "model"))
FIELDS: dict[str, Any] = dict.fromkeys(json.loads((FOLDER / "columns.json").read_text()), (int, ...))
Features = create_model("Features", **FIELDS)


class Prediction(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    prediction: int
    probability: float
    model_name: str
    model_version: str


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


# Not a plain `def`: FastAPI would run it in a thread, which is slower on one core.
@app.post("/predict")
async def predict(features: Features) -> Prediction:
    probability = float(model.predict(pd.DataFrame([features.model_dump()]))[0][1])
    return Prediction(
        prediction=int(probability >= THRESHOLD),
        probability=probability,
        model_name="diabetes_classifier_production",
        model_version="1",
    )
