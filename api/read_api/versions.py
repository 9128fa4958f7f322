"""Model versions: their properties from the registry, verdicts and candidates from the database."""

from collections.abc import Mapping
from datetime import datetime

from api.read_api.days import utc
from api.read_api.schemas import CandidateItem, CurvesItem, IntervalItem, NoteItem, VersionDetail, VersionItem
from readmit.core.candidates import RUN, Fact, by_candidate
from readmit.core.verdict import Curves, Interval, Verdict
from readmit.core.version import Note, Version
from readmit.io.database import ledger, promotions, run_queries

Verdicts = Mapping[str, tuple[Verdict, datetime, int]]


def verdicts() -> Verdicts:
    """Return the verdict on each version, when it was decided, and how often the test patients were consulted."""
    consultations = promotions.count_consultations()
    return {
        verdict.version: (verdict, decided_at, consultations[verdict.version])
        for verdict, decided_at in promotions.list_decisions()
    }


def version_item(version: Version, production: Version | None, verdicts: Verdicts) -> VersionItem:
    """Return a version for the list."""
    return VersionItem(**_version_fields(version, production, verdicts))  # type: ignore[arg-type]  # its own fields


def version_detail(version: Version, production: Version | None, verdicts: Verdicts) -> VersionDetail:
    """Return a version with everything that the database has about it."""
    fields, candidates = _version_fields(version, production, verdicts), _candidates(version)
    if version.number not in verdicts:
        return VersionDetail(**fields, candidates=candidates)  # type: ignore[arg-type]  # the fields of a VersionItem
    verdict = verdicts[version.number][0]
    return VersionDetail(
        **fields,  # type: ignore[arg-type]  # the fields of a VersionItem
        rival=verdict.rival,
        gates=verdict.gates,
        best=verdict.best,
        rival_figures=verdict.rival_figures,
        intervals={"roc_auc": _interval(verdict.roc_auc)},
        rival_roc_auc=_interval(verdict.rival_roc_auc) if verdict.rival_roc_auc else None,
        roc_auc_change=_interval(verdict.roc_auc_change) if verdict.roc_auc_change else None,
        curves=_curves(verdict.curves) if verdict.curves else None,
        candidates=candidates,
    )


def _version_fields(version: Version, production: Version | None, verdicts: Verdicts) -> dict[str, object]:
    verdict, decided_at, consulted = verdicts.get(version.number, (None, None, None))
    return {
        "version": version.number,
        "candidate": version.candidate,
        "target": version.target,
        "threshold": version.threshold,
        "batch": version.batch,
        "snapshot": version.snapshot,
        "code": version.code,
        "run_id": version.run_id,
        "figures": dict(version.figures if verdict is None else verdict.figures),
        "consulted": consulted,
        "in_production": production is not None and production.number == version.number,
        "outcome": None if verdict is None else verdict.outcome,
        "reasons": [] if verdict is None else list(verdict.reasons),
        "decided_at": None if decided_at is None else utc(decided_at),
        "placed": _note(version.promoted_note),
        "rolled_back": _note(version.rolled_back_note),
        "comparable_roc_auc": version.comparable_roc_auc,
    }


def _candidates(version: Version) -> list[CandidateItem]:
    """Return the candidates of the last training for the version's target on its batch."""
    trainings = (ledger.parse_facts(run) for run in run_queries.list_training_runs(version.batch))
    facts: Mapping[str, Fact] = {}
    for training in trainings:
        facts = training if training.get("target") == version.target else facts
    return [_candidate(name, figures, name == version.candidate) for name, figures in by_candidate(facts).items()]


def _candidate(name: str, facts: Mapping[str, Fact], chosen: bool) -> CandidateItem:
    figures = {figure: None if value is None else float(value) for figure, value in facts.items() if figure != RUN}
    run = facts.get(RUN)
    return CandidateItem(name, chosen, None if run is None else str(run), figures)


def _interval(interval: Interval) -> IntervalItem:
    return IntervalItem(interval.low, interval.high)


def _curves(curves: Curves) -> CurvesItem:
    return CurvesItem(curves.roc, curves.precision_recall, curves.calibration)


def _note(note: Note | None) -> NoteItem | None:
    return None if note is None else NoteItem(datetime.fromisoformat(note.at), note.by, note.why)
