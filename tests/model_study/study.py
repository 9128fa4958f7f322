"""Fits of variants on the training patients of the real file, compared on its validation patients."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from sklearn import config_context

from readmit.core.cleaning import clean, to_text_columns
from readmit.core.encounter import ENCOUNTER, FEATURES, OUTCOME, PATIENT, labels
from readmit.core.estimate import Estimate
from readmit.core.fit_key import SEED
from readmit.core.metrics import Floats, Ints, classification_metrics, log_losses
from readmit.core.model import model_input, probabilities, single_threaded
from readmit.core.patient_resamples import PatientResamples, percentile_estimate, resampled_ratios
from readmit.core.splitting import SPLIT, Split, with_split
from readmit.core.threshold import threshold_from_cost_ratio
from tests.model_study.variants import Variant

TARGET, RESAMPLES = "within_30_days", 1_000


@dataclass(frozen=True)
class Patients:
    """The encounters of a split with their outcomes and patients."""

    encounters: pd.DataFrame
    labels: Floats
    patients: Ints


@dataclass(frozen=True)
class Fitted:
    """A variant's probabilities on validation."""

    name: str
    probabilities: Floats


@dataclass(frozen=True)
class Result:
    """A variant's figures on validation, with the changes against another one on the same patients."""

    name: str
    figures: dict[str, float]
    roc_auc: Estimate
    auc_change: Estimate
    loss_change: Estimate


def read_splits(path: Path) -> tuple[Patients, Patients]:
    """Return the training and the validation patients of UCI's file, zipped or not."""
    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        content = zipfile.ZipFile(path).read("diabetic_data.csv")
    cleaned = clean(to_text_columns(pl.read_csv(io.BytesIO(content), infer_schema=False)), ()).clean
    rows = with_split(cleaned).sort(ENCOUNTER)
    train, validation = (_patients(rows.filter(pl.col(SPLIT) == split)) for split in (Split.TRAIN, Split.VALIDATION))
    return train, validation


def _patients(rows: pl.DataFrame) -> Patients:
    encounters = model_input(rows.select(FEATURES).to_dict(as_series=False))
    outcomes = np.asarray(labels(rows[OUTCOME], TARGET), dtype=np.float64)
    return Patients(encounters, outcomes, rows[PATIENT].to_numpy())


def fit_variants(variants: Iterable[Variant], train: Patients, validation: Patients) -> Iterator[Fitted]:
    """Yield each variant, fitted to the training patients."""
    for variant in variants:
        with single_threaded(), config_context(enable_metadata_routing=True):
            pipeline = variant.build(SEED)
            pipeline.fit(variant.prepared(train.encounters), train.labels, groups=train.patients)
        print(variant.name, flush=True)
        yield Fitted(variant.name, probabilities(pipeline, variant.prepared(validation.encounters)))


def compare_with(base: Fitted, others: Iterable[Fitted], validation: Patients) -> list[Result]:
    """Return the results of variants, with their changes against a base."""
    resamples = PatientResamples(validation.patients, RESAMPLES, SEED)
    return [_result(other, base, validation.labels, resamples) for other in others]


def _result(fitted: Fitted, base: Fitted, y: Floats, resamples: PatientResamples) -> Result:
    threshold = threshold_from_cost_ratio(None, TARGET)
    figures, base_figures = (
        classification_metrics(y.astype(int).tolist(), p, threshold) for p in (fitted.probabilities, base.probabilities)
    )
    aucs, base_aucs = (resamples.roc_aucs(y, p) for p in (fitted.probabilities, base.probabilities))
    losses = log_losses(y, fitted.probabilities) - log_losses(y, base.probabilities)
    return Result(
        name=fitted.name,
        figures=figures,
        roc_auc=percentile_estimate(figures["roc_auc"], aucs),
        auc_change=percentile_estimate(figures["roc_auc"] - base_figures["roc_auc"], aucs - base_aucs),
        loss_change=percentile_estimate(
            float(losses.mean()), resampled_ratios(resamples, losses, np.ones_like(losses))
        ),
    )
