"""The facts that a card is filled from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from readmit.core.card.training_facts import TrainingFacts
from readmit.core.estimate import Estimate
from readmit.core.evaluation import VersionEvaluation
from readmit.core.verdict import Interval, Verdict
from readmit.core.version import Version


@dataclass(frozen=True, slots=True)
class LaterBatch:
    """The evaluation of a version on a batch that it had not been trained on, before anything was learned from it.

    `estimates`: by name of the metric, with 95 % intervals.
    """

    batch: int
    rows: int
    readmitted: int
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class SubgroupResult:
    """The evaluation of a version on the test patients of a group; without counts and estimates if it is too small."""

    field: str
    values: tuple[str, ...]
    rows: int | None
    readmitted: int | None
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Performance:
    """The figures of a version on the test split, and the 95 % interval of its ROC-AUC."""

    figures: Mapping[str, float]
    roc_auc: Interval | None

    @classmethod
    def of(cls, version: Version, verdict: Verdict | None) -> "Performance":
        """Return those of a verdict; of the version's tags if there is none."""
        if verdict is None:
            return cls(version.figures, None)
        return cls(verdict.figures, verdict.roc_auc)


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on a version as its card has it. `decided_at`: UTC, to the minute.

    `gates`: the reason against promotion by gate, None where it was passed; empty in verdicts of older releases.
    `consulted`: how many verdicts were based on the test split up to this one; None in those of older releases.
    """

    outcome: str
    reasons: tuple[str, ...]
    champion: str | None
    decided_at: str
    gates: Mapping[str, str | None] = field(default_factory=dict)
    consulted: int | None = None

    @classmethod
    def of(cls, verdict: Verdict, decided_at: str) -> "Decision":
        """Return what a card has of a verdict."""
        consulted = verdict.consultations if verdict.gates else None
        return cls(verdict.outcome, verdict.reasons, verdict.rival, decided_at, verdict.gates, consulted)


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All facts of a card; what is None, or has no figures, is not available."""

    version: Version
    training: TrainingFacts | None
    performance: Performance
    decision: Decision | None = None
    prospective: tuple[LaterBatch, ...] | None = None
    subgroups: tuple[SubgroupResult, ...] | None = None
    evaluation: VersionEvaluation | None = None
