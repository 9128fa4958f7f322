"""The candidates of the last training, as `train` recorded them in the ledger and in the registry."""

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


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """One candidate of a batch, measured on validation.

    `chosen`: it won, was refitted as `version` and judged with `outcome`. `figures`: NaN where undefined.
    `curves`: those stored in its run.
    """

    name: str
    batch: int
    chosen: bool
    version: str | None
    outcome: str | None
    figures: Mapping[str, float]
    curves: Curves | None


@dataclass(frozen=True, slots=True)
class _Training:
    """A successful attempt at `train`. `chosen`, `version`: as `register` recorded them, None where it did not."""

    batch: int
    number: int
    facts: Facts
    chosen: str | None
    version: str | None


def candidate_results(runs: list[StepRun], target: str, registry: ExperimentRuns) -> tuple[CandidateResult, ...]:
    """Return those of the highest batch trained on for the target. `runs`: successful attempts, oldest first.

    A lower batch that was processed again later does not count as the last one.
    """
    trainings = [_training(runs[index:]) for index, run in enumerate(runs) if run.step == "train"]
    of_target = (training for training in trainings if training.facts["target"] == target)
    last = max(of_target, key=_batch_and_attempt, default=None)
    return (
        ()
        if last is None
        else tuple(_candidate_result(name, facts, last, registry) for name, facts in by_candidate(last.facts).items())
    )


def _batch_and_attempt(training: _Training) -> tuple[int, int]:
    return training.batch, training.number


def _training(runs: list[StepRun]) -> _Training:
    """Return the training of the first run, an attempt at `train`, with what later steps of its batch recorded."""
    train = runs[0]
    rest = (run for run in islice(runs, 1, None) if run.batch == train.batch)
    followed = {run.step: ledger.parse_facts(run) for run in takewhile(lambda run: run.step != "train", rest)}
    registered = followed.get("register", {})
    return _Training(
        batch=train.batch or 0,
        number=train.number,
        facts=ledger.parse_facts(train),
        chosen=_text_or_none(registered.get("candidate")),
        version=_text_or_none(registered.get("version")),
    )


def _text_or_none(fact: object) -> str | None:
    return None if fact is None else str(fact)


def _candidate_result(
    name: str, facts: dict[str, Fact], training: _Training, registry: ExperimentRuns
) -> CandidateResult:
    run_id = facts.pop(RUN, None)
    version = training.version if name == training.chosen else None
    verdict = None if version is None else promotions.get_verdict(version)
    return CandidateResult(
        name=name,
        batch=training.batch,
        chosen=name == training.chosen,
        version=version,
        outcome=None if verdict is None else verdict.outcome,
        # The ledger stores an undefined figure as null.
        figures={figure: math.nan if value is None else float(value) for figure, value in facts.items()},
        curves=None if run_id is None else registry.curves(str(run_id)),
    )
