"""The refit of the winning candidate on train and validation, and the compiled model that is served."""

from dataclasses import replace

import pandas as pd
from sklearn.pipeline import Pipeline

from readmit.core.absence import with_absences
from readmit.core.compiled_model import COMPILED_TOLERANCE
from readmit.core.compiler import compile_model
from readmit.core.cross_credits import with_cross_credits
from readmit.core.dataset import dataset
from readmit.core.fit_key import FitKey
from readmit.core.model import Candidate, chunks, fit_candidate, probabilities, raw_values
from readmit.core.parity_check import ParityCheck
from readmit.core.probe_set import parity_check_of
from readmit.core.reference_model import fit_reference
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import Split
from readmit.io.lightgbm_native import load_scorer
from readmit.io.object_store import Bucket
from readmit.io.registry.experiment_runs import Fit


def refit(winner: Candidate, key: FitKey, bucket: Bucket, name: str, snapshot: Snapshot) -> Fit:
    """Return a fit without an evaluation: its own training data can't measure it, and test is for `promote`."""
    data, test = (
        dataset(bucket.each_parquet(part.object_name for part in snapshot.of(*splits)), key.target)
        for splits in (key.rows, (Split.TEST.value,))
    )
    model = fit_candidate(winner, key.seed, data.encounters, data.labels, data.patients)
    proof = parity_check_of(model, data.coverage)
    scorer = load_scorer(compile_model(model, data.encounters, data.coverage, proof).to_json())
    coverage = with_absences(data.coverage, scorer, data.encounters)
    compiled = replace(with_cross_credits(scorer, data.encounters), coverage=coverage).to_json()
    _check_parity(model, compiled, test.encounters)
    reference = fit_reference(data.encounters, data.labels)
    rows = {split: snapshot.rows(split) for split in key.rows}
    address = bucket.address(name)
    return Fit(key, model, coverage, address, rows, evaluation=None, scorer=compiled, reference=reference)


def _check_parity(model: Pipeline, compiled: bytes, test: pd.DataFrame) -> None:
    """Check that the compiled model, loaded as the API loads it, predicts the same as the fitted one.

    Compares them on every test encounter, and on the synthetic ones of the parity check that the compiled model
    carries. Raises VersionUnusable when they differ.
    """
    scorer = load_scorer(compiled)
    scorer.verify()
    for chunk in chunks(test):
        values = raw_values(chunk)
        ParityCheck(values, tuple(probabilities(model, chunk).tolist())).verify(
            scorer.probabilities(values), COMPILED_TOLERANCE
        )
