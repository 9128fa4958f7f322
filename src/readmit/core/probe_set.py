"""The questions that prove a model: encounters like those that it learnt from, and all that could trip it."""

from collections.abc import Mapping

import numpy as np
from sklearn.pipeline import Pipeline

from readmit.core.coverage import Coverage, FieldCoverage
from readmit.core.encounter import BY_NAME, FEATURES, ICD9, PAYER, SPECIALTY, Kind
from readmit.core.feature_spec import Value
from readmit.core.fit_key import SEED
from readmit.core.model import model_input, probabilities
from readmit.core.parity_check import ParityCheck

LIKELY = 100
REFIT_TOLERANCE = 1e-9
"""Another build of numpy may differ in the last digits; another meaning of a field differs in the first."""
RARE = {
    ICD9: ("999.99", "E999", "V99", "0", "250"),
    PAYER: ("ZZ",),
    SPECIALTY: ("Nowhere-Specialty/Of & No + Hospital",),
}
"""By pattern, codes that are well formed and that hardly any hospital writes."""

ProbeSet = Mapping[str, tuple[Value, ...]]


def parity_check_of(model: Pipeline, coverage: Coverage) -> ParityCheck:
    """Asks a fitted model. Nobody's own encounter is among the questions."""
    asked = probe_set(coverage)
    return ParityCheck(asked, tuple(probabilities(model, model_input(asked)).tolist()))


def verify(model: Pipeline, proof: ParityCheck) -> None:
    """Asks a fitted model again. VersionUnusable: it says something else than it said then."""
    proof.verify(probabilities(model, model_input(proof.questions)).tolist(), REFIT_TOLERANCE)


def probe_set(coverage: Coverage) -> ProbeSet:
    """Encounters drawn from what was seen of each field; one of them with each edge of each field; edges alone."""
    chance = np.random.default_rng(SEED)
    drawn = {name: _drawn(name, coverage.fields[name], chance) for name in FEATURES}
    likely = [{name: drawn[name][place] for name in FEATURES} for place in range(LIKELY)]
    edges = {name: _edges(name) for name in FEATURES}
    one_by_one = [{**likely[0], name: edge} for name in FEATURES for edge in edges[name]]
    most = max(map(len, edges.values()))
    together = [{name: found[min(place, len(found) - 1)] for name, found in edges.items()} for place in range(most)]
    all_of_them = [*likely, *one_by_one, *together]
    return {name: tuple(each[name] for each in all_of_them) for name in FEATURES}


def _drawn(name: str, seen: FieldCoverage, chance: np.random.Generator) -> list[Value]:
    """A value per question: any that was seen of the field, or none where none need be recorded."""
    values: list[Value] = [*sorted(seen.values, key=str)] if seen.values else [*range(seen.low, seen.high + 1)]
    if not BY_NAME[name].required or not values:
        values.append(None)
    return [values[place] for place in chance.integers(0, len(values), LIKELY)]


def _edges(name: str) -> list[Value]:
    """The least and the most that a field takes, every choice of it, what nobody saw, and nothing recorded."""
    field = BY_NAME[name]
    if field.kind is Kind.COUNT:
        found: list[Value] = [field.low, field.high]
    elif field.choices:
        found = [int(choice) if field.whole_number else choice for choice in field.choices]
    else:
        found = [*RARE[field.pattern]]
    return found if field.required else [*found, None]
