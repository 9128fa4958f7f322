"""Synthetic encounters for the parity check of a model: typical ones, and edge cases of every field."""

from collections.abc import Mapping

import numpy as np
from sklearn.pipeline import Pipeline

from readmit.core.coverage import Coverage, FieldCoverage
from readmit.core.encounter import BY_NAME, FEATURES, ICD9, PAYER, SPECIALTY, Kind
from readmit.core.feature_spec import Value
from readmit.core.fit_key import SEED
from readmit.core.model import model_input, probabilities
from readmit.core.parity_check import ParityCheck

SAMPLED_PROBES = 100
REFIT_TOLERANCE = 1e-9
"""Allows for differences between numpy builds, in the last digits; a changed field encoding differs in the first."""
RARE_CODES = {
    ICD9: ("999.99", "E999", "V99", "0", "250"),
    PAYER: ("ZZ",),
    SPECIALTY: ("Nowhere-Specialty/Of & No + Hospital",),
}
"""By pattern, well-formed codes that are rare or unused in practice."""

ProbeSet = Mapping[str, tuple[Value, ...]]


def parity_check_of(model: Pipeline, coverage: Coverage) -> ParityCheck:
    """Return a fitted model's predictions for the probe set, which contains no real encounter."""
    probes = probe_set(coverage)
    return ParityCheck(probes, tuple(probabilities(model, model_input(probes)).tolist()))


def verify(model: Pipeline, proof: ParityCheck) -> None:
    """Compare a model's predictions with those at fit time. Raises VersionUnusable when they differ."""
    proof.verify(probabilities(model, model_input(proof.questions)).tolist(), REFIT_TOLERANCE)


def probe_set(coverage: Coverage) -> ProbeSet:
    """Return encounters sampled from the training values, one of them with each edge value, and edge values only."""
    rng = np.random.default_rng(SEED)
    samples = {name: _sample_values(name, coverage.fields[name], rng) for name in FEATURES}
    typical = [{name: samples[name][index] for name in FEATURES} for index in range(SAMPLED_PROBES)]
    edges = {name: _edge_values(name) for name in FEATURES}
    single_edges = [{**typical[0], name: edge} for name in FEATURES for edge in edges[name]]
    rows = max(map(len, edges.values()))
    all_edges = [{name: values[min(index, len(values) - 1)] for name, values in edges.items()} for index in range(rows)]
    probes = [*typical, *single_edges, *all_edges]
    return {name: tuple(probe[name] for probe in probes) for name in FEATURES}


def example_encounter(coverage: Coverage) -> dict[str, Value]:
    """Return one encounter of the probe set, as a request: without what is not recorded in it."""
    values = {name: column[0] for name, column in probe_set(coverage).items()}
    return {name: value for name, value in values.items() if value is not None}


def _sample_values(name: str, field: FieldCoverage, rng: np.random.Generator) -> list[Value]:
    """Return SAMPLED_PROBES values drawn from those of the training data, and None if the field is not required."""
    values: list[Value] = [*sorted(field.values, key=str)] if field.values else [*range(field.low, field.high + 1)]
    if not BY_NAME[name].required or not values:
        values.append(None)
    return [values[index] for index in rng.integers(0, len(values), SAMPLED_PROBES)]


def _edge_values(name: str) -> list[Value]:
    """Return the bounds of a count, all choices, or rare codes; and None if the field is not required."""
    field = BY_NAME[name]
    if field.kind is Kind.COUNT:
        values: list[Value] = [field.low, field.high]
    elif field.choices:
        values = [int(choice) if field.whole_number else choice for choice in field.choices]
    else:
        values = [*RARE_CODES[field.pattern]]
    return values if field.required else [*values, None]
