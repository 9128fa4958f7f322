"""Versions: from the registry what they are, from the database how they were judged, and among whom."""

from collections.abc import Mapping
from datetime import datetime

from api.read_api.days import utc
from api.read_api.schemas import CandidateItem, CurvesItem, IntervalItem, NoteItem, VersionDetail, VersionItem
from readmit.core.candidates import RUN, Fact, by_candidate
from readmit.core.verdict import Curves, Interval, Verdict
from readmit.core.version import Note, Version
from readmit.io.database import ledger, promotions, run_queries

Verdicts = Mapping[str, tuple[Verdict, datetime]]


def verdicts() -> Verdicts:
    """By version: the verdict, and when it was given."""
    return {verdict.version: (verdict, decided_at) for verdict, decided_at in promotions.decided()}


def told(version: Version, production: Version | None, judged: Verdicts) -> VersionItem:
    """A version in short."""
    return VersionItem(**_in_short(version, production, judged))  # type: ignore[arg-type]  # its own fields


def told_in_full(version: Version, production: Version | None, judged: Verdicts) -> VersionDetail:
    """A version with all that the database knows of it."""
    in_short, candidates = _in_short(version, production, judged), _candidates(version)
    if version.number not in judged:
        return VersionDetail(**in_short, candidates=candidates)  # type: ignore[arg-type]  # its own fields
    verdict = judged[version.number][0]
    return VersionDetail(
        **in_short,  # type: ignore[arg-type]  # its own fields
        rival=verdict.rival,
        rival_figures=verdict.rival_figures,
        intervals={"roc_auc": _interval(verdict.roc_auc)},
        rival_roc_auc=_interval(verdict.rival_roc_auc) if verdict.rival_roc_auc else None,
        roc_auc_change=_interval(verdict.roc_auc_change) if verdict.roc_auc_change else None,
        curves=_curves(verdict.curves) if verdict.curves else None,
        candidates=candidates,
    )


def _in_short(version: Version, production: Version | None, judged: Verdicts) -> dict[str, object]:
    verdict, decided_at = judged.get(version.number, (None, None))
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
        "in_production": production is not None and production.number == version.number,
        "outcome": None if verdict is None else verdict.outcome,
        "reasons": [] if verdict is None else list(verdict.reasons),
        "decided_at": None if decided_at is None else utc(decided_at),
        "placed": _note(version.promoted_note),
        "rolled_back": _note(version.rolled_back_note),
    }


def _candidates(version: Version) -> list[CandidateItem]:
    """Those of the last training for the version's target on its batch."""
    trainings = (ledger.facts_of(run) for run in run_queries.trainings(version.batch))
    facts: Mapping[str, Fact] = {}
    for each in trainings:
        facts = each if each.get("target") == version.target else facts
    return [_candidate(name, figures, name == version.candidate) for name, figures in by_candidate(facts).items()]


def _candidate(name: str, facts: Mapping[str, Fact], chosen: bool) -> CandidateItem:
    figures = {figure: None if value is None else float(value) for figure, value in facts.items() if figure != RUN}
    run = facts.get(RUN)
    return CandidateItem(name, chosen, None if run is None else str(run), figures)


def _interval(found: Interval) -> IntervalItem:
    return IntervalItem(found.low, found.high)


def _curves(found: Curves) -> CurvesItem:
    return CurvesItem(found.roc, found.precision_recall, found.calibration)


def _note(note: Note | None) -> NoteItem | None:
    return None if note is None else NoteItem(datetime.fromisoformat(note.at), note.by, note.why)
