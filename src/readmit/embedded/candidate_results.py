"""The candidates of the last training, from what `train` noted in the ledger and keeps in the registry."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice, takewhile

from readmit.core.candidates import RUN, Fact, by_candidate
from readmit.core.verdict import Curves
from readmit.io.database import ledger, promotions
from readmit.io.database.tables import StepRun
from readmit.io.registry.experiment_runs import ExperimentRuns
from readmit.pipeline import Facts

IMPORTANCES = 15
"""So many fields are told of each candidate: those that it leans on most."""


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """One candidate of a batch, measured on validation. `chosen`: it was refitted, as `version`, and judged: `outcome`.

    `figures`: NaN where it was no number. `curves` and `importances`, by raw field: those that its run keeps.
    """

    name: str
    batch: int
    chosen: bool
    version: str | None
    outcome: str | None
    figures: Mapping[str, float]
    curves: Curves | None
    importances: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Training:
    """A good attempt at `train`. `chosen`, `version`: as the step after it told, None where it did not."""

    batch: int
    number: int
    facts: Facts
    chosen: str | None
    version: str | None


def candidates(runs: list[StepRun], target: str, registry: ExperimentRuns) -> tuple[CandidateResult, ...]:
    """Those of the highest batch that was trained on for the target. `runs`: the good attempts, oldest first.

    A batch that is done again in between is not the last word.
    """
    trainings = [_training(runs[place:]) for place, run in enumerate(runs) if run.step == "train"]
    last = max((each for each in trainings if each.facts["target"] == target), key=_place, default=None)
    return (
        ()
        if last is None
        else tuple(_trained(name, told, last, registry) for name, told in by_candidate(last.facts).items())
    )


def _place(training: _Training) -> tuple[int, int]:
    return training.batch, training.number


def _training(runs: list[StepRun]) -> _Training:
    """The first of the runs, which is an attempt at `train`, and what the others of its batch made of it."""
    train = runs[0]
    rest = (run for run in islice(runs, 1, None) if run.batch == train.batch)
    followed = {run.step: ledger.facts_of(run) for run in takewhile(lambda run: run.step != "train", rest)}
    registered = followed.get("register", {})
    return _Training(
        batch=train.batch or 0,
        number=train.number,
        facts=ledger.facts_of(train),
        chosen=_text(registered.get("candidate")),
        version=_text(registered.get("version")),
    )


def _text(fact: object) -> str | None:
    return None if fact is None else str(fact)


def _trained(name: str, told: dict[str, Fact], training: _Training, registry: ExperimentRuns) -> CandidateResult:
    run = told.pop(RUN, None)
    kept = {} if run is None else registry.importances(str(run))
    version = training.version if name == training.chosen else None
    verdict = None if version is None else promotions.verdict_on(version)
    return CandidateResult(
        name=name,
        batch=training.batch,
        chosen=name == training.chosen,
        version=version,
        outcome=None if verdict is None else verdict.outcome,
        # Null is the ledger's word for what is no number.
        figures={figure: math.nan if value is None else float(value) for figure, value in told.items()},
        curves=None if run is None else registry.curves(str(run)),
        importances=dict(islice(kept.items(), IMPORTANCES)),
    )
