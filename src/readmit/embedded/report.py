"""What the days did, from the ledger and the registry: the demo's report."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from readmit.core.figures import finite
from readmit.core.judging import Verdict
from readmit.core.splitting import Split
from readmit.core.version import MODEL, Version
from readmit.io.database import ledger, promotions
from readmit.io.database.tables import StepRun
from readmit.io.source import SourceState
from readmit.pipeline import STEPS

AS_THE_WARD_SAYS = {"recall": "sensitivity", "precision": "ppv"}
"""Two figures have a clinical name, by which the report calls them."""


@dataclass(frozen=True, slots=True)
class Production:
    """The model in production: the candidate's name, the batch that it learnt until, its figures on the test split.

    `tested_on_batch`: the last batch whose test patients judged it, be it as challenger or as the one in place.
    """

    name: str
    model: str
    version: str
    batch: int
    threshold: float
    tested_on_batch: int
    test: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Day:
    """One batch: the verdict in words, None if none was made, and the seconds of each step's last good attempt."""

    batch: int
    verdict: str | None
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Report:
    """`candidates`: of the last batch that was trained on, measured on validation. `prediction`: what the API answered.

    `target`: of the version in production; without one, what the settings ask for.
    """

    data: Mapping[str, str | int]
    target: str
    new_days: int
    rows: Mapping[str, int]
    candidates: tuple[Mapping[str, str | float], ...]
    production: Production | None
    prediction: Mapping[str, object] | None
    days: tuple[Day, ...]
    seconds: float

    def to_json(self) -> str:
        """The report as JSON, which knows no NaN: a figure that is no number is null."""
        return json.dumps(_numbers_or_null(asdict(self)), indent=2, allow_nan=False)


def _numbers_or_null(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _numbers_or_null(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers_or_null(inner) for inner in value]
    return finite(value) if isinstance(value, float) else value


def report(
    source: SourceState,
    asked_target: str,
    production: Version | None,
    new_days: int,
    prediction: Mapping[str, object] | None,
    seconds: float,
) -> Report:
    """The report of all days so far; `new_days`: how many of them this run did, in how many seconds."""
    runs = [run for run in ledger.step_runs() if run.state == "done"]
    return Report(
        data={"source": source.kind, "rows": source.rows, "batches": source.batches},
        target=asked_target if production is None else production.target,
        new_days=new_days,
        rows=_rows(),
        candidates=_candidates(runs),
        production=None if production is None else _production(production),
        prediction=prediction,
        days=_days(runs),
        seconds=round(seconds, 1),
    )


def _rows() -> dict[str, int]:
    """Encounters of all batches so far, at each station of their way."""
    batches = ledger.batch_rows()
    parts = ledger.parts_until(max((row.batch for row in batches), default=0))
    stations = {"raw": "rows", "clean": "clean", "quarantined": "quarantined", "excluded": "excluded"}
    counts = {station: sum(getattr(row, column) or 0 for row in batches) for station, column in stations.items()}
    return {**counts, **{split.value: sum(part.rows for part in parts if part.split == split) for split in Split}}


def _candidates(runs: list[StepRun]) -> tuple[Mapping[str, str | float], ...]:
    """Of the highest batch: a batch that is done again in between is not the last word."""
    trained = [run for run in runs if run.step == "train"]
    if not trained:
        return ()
    last = max(trained, key=lambda run: (run.batch or 0, run.number))
    found: dict[str, dict[str, str | float]] = {}
    for name, value in ledger.facts_of(last).items():
        candidate, _, figure = name.partition(".")
        if figure and (value is None or isinstance(value, int | float)):
            # The ledger's word for what is no number.
            found.setdefault(candidate, {"name": candidate})[figure] = math.nan if value is None else value
    return tuple(found.values())


def _production(version: Version) -> Production:
    tested_on, last = max(_judgements(version.number), key=lambda judgement: judgement[0])
    figures = {AS_THE_WARD_SAYS.get(name, name): value for name, value in last.items()}
    return Production(version.candidate, MODEL, version.number, version.batch, version.threshold, tested_on, figures)


def _judgements(version: str) -> list[tuple[int, dict[str, float]]]:
    """A version's figures, by the batch whose verdict they stand in: its own, and those in which it was the rival."""
    verdicts = promotions.verdicts()
    own = [(batch, verdict.figures) for batch, verdict in verdicts if verdict.version == version]
    return own + [(batch, verdict.rival_figures) for batch, verdict in verdicts if verdict.rival == version]


def _days(runs: list[StepRun]) -> tuple[Day, ...]:
    verdicts = dict(promotions.verdicts())
    batches = sorted({run.batch for run in runs if run.batch is not None and run.step != "check_source"})
    return tuple(_day(batch, [run for run in runs if run.batch == batch], verdicts.get(batch)) for batch in batches)


def _day(batch: int, runs: list[StepRun], verdict: Verdict | None) -> Day:
    took = {run.step: round(run.seconds or 0.0, 3) for run in runs}
    said = None if verdict is None else in_words(verdict)
    return Day(batch, said, {step.name: took[step.name] for step in STEPS if step.name in took})


def in_words(verdict: Verdict) -> str:
    """A verdict as a sentence."""
    word = "provisionally promoted" if verdict.provisional else "promoted" if verdict.promoted else "refused"
    return f"version {verdict.version} {word}: {'; '.join(verdict.reasons)}"
