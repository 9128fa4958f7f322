"""The counts of a snapshot's parts for a card, part by part: as one frame they take gigabytes."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from readmit.core.card.training_facts import FlowFacts, GroupFacts, SplitFacts, TrainingFacts
from readmit.core.encounter import FEATURES, OUTCOME, RACE, SEX, labels
from readmit.core.feature_spec import AGE
from readmit.core.snapshot import PATIENT_KEY, Snapshot
from readmit.core.splitting import REFIT_SPLITS
from readmit.core.suppression import MIN_CELL_SIZE, sums_by_name, suppress_small_cells, to_groups

GROUPED_BY = (AGE, SEX, RACE)
"""Fields that describe whom the training data are about."""
Hashes = npt.NDArray[np.uint64]


class TrainingCensus:
    """The counts of the parts added so far, for one target."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._patients: dict[str, list[Hashes]] = defaultdict(list)
        self._not_recorded: Counter[str] = Counter()
        self._groups: dict[str, dict[str, tuple[int, ...]]] = {name: {} for name in GROUPED_BY}

    def add(self, split: str, rows: pl.DataFrame) -> None:
        """Add the rows of a part of a split."""
        outcomes = labels(rows[OUTCOME], self._target)
        self._counts[split].update(rows=len(outcomes), readmitted=sum(outcomes))
        self._patients[split].append(rows[PATIENT_KEY].hash().unique().to_numpy())
        if split in REFIT_SPLITS:
            self._not_recorded.update({name: rows[name].null_count() for name in FEATURES})
            for name in GROUPED_BY:
                self._count_groups(name, rows[name], outcomes)

    def _count_groups(self, name: str, values: pl.Series, outcomes: list[int]) -> None:
        counted = pl.DataFrame({"value": values, "outcome": outcomes}).group_by("value")
        counts = counted.agg(pl.len(), pl.col("outcome").sum()).rows()
        added = [(value, (rows, readmitted)) for value, rows, readmitted in counts]
        self._groups[name] = sums_by_name(name, [*self._groups[name].items(), *added])

    def facts(self, snapshot: Snapshot, flow: FlowFacts | None) -> TrainingFacts:
        """Return the facts of a snapshot whose parts were added."""
        splits = {name: self._split(name) for name in self._counts}
        fitted = sum(splits[name].rows for name in REFIT_SPLITS if name in splits)
        return TrainingFacts(
            batches=tuple(sorted({part.batch for part in snapshot.parts})),
            set_aside=snapshot.set_aside,
            flow=flow,
            splits=splits,
            fitted_on=tuple(name for name in REFIT_SPLITS if name in splits),
            not_recorded={name: _shown(self._not_recorded[name], fitted) for name in FEATURES},
            groups=tuple(group for name in GROUPED_BY for group in _shown_groups(name, self._groups[name])),
        )

    def _split(self, name: str) -> SplitFacts:
        counts = self._counts[name]
        return SplitFacts(counts["rows"], counts["readmitted"], _distinct(self._patients[name]))


def _distinct(hashes: Collection[Hashes]) -> int:
    return int(np.unique(np.concatenate(list(hashes))).size)


def _shown(not_recorded: int, rows: int) -> int | None:
    """Return a count, None if it or its complement is a small cell."""
    return None if any(0 < cell < MIN_CELL_SIZE for cell in (not_recorded, rows - not_recorded)) else not_recorded


def _shown_groups(name: str, sums: dict[str, tuple[int, ...]]) -> Iterable[GroupFacts]:
    groups = to_groups(name, ((value, rows, readmitted) for value, (rows, readmitted) in sums.items()))
    return (
        GroupFacts(name, group.values, group.encounters, group.readmitted) for group in suppress_small_cells(groups)
    )
