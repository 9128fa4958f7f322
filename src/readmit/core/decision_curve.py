"""The decision curve: net benefit by threshold, of a model and of what could be done without it.

Vickers and Elkin 2006, 'Decision curve analysis', Medical Decision Making 26:565. A threshold states how many needless
follow-ups a caught readmission is worth, so each reader looks at their own.
"""

import numpy as np

from readmit.core.evaluation import DecisionPoint, Measure
from readmit.core.metrics import Floats
from readmit.core.net_benefit import benefits, net_benefit
from readmit.core.patient_resamples import PatientResamples, percentile_estimate

THRESHOLDS = tuple(percent / 100 for percent in range(5, 31))
STAYS_CUT_OFFS = (1, 2, 3)
"""The rules by inpatient stays: flag who had at least so many of them."""


def decision_curve(
    labels: Floats, probabilities: Floats, stays: Floats, reference: Floats | None, resamples: PatientResamples
) -> tuple[DecisionPoint, ...]:
    """Return the net benefits at each of THRESHOLDS. All but `resamples` are of shape (rows,).

    The rule by stays gets the best of its cut-offs at each threshold, chosen on these very encounters: that favours it.
    """
    by_encounter = np.column_stack([benefits(labels, probabilities >= value, value) for value in THRESHOLDS])
    resampled = resamples.sums(by_encounter) / resamples.sums(np.ones((labels.size, 1)))
    everyone = np.ones(labels.size, dtype=bool)
    return tuple(
        DecisionPoint(
            threshold=value,
            model=Measure.of(percentile_estimate(float(by_encounter[:, index].mean()), resampled[:, index])),
            everyone=net_benefit(labels, everyone, value),
            nobody=net_benefit(labels, ~everyone, value),
            stays=max(net_benefit(labels, stays >= cut_off, value) for cut_off in STAYS_CUT_OFFS),
            reference=None if reference is None else net_benefit(labels, reference >= value, value),
        )
        for index, value in enumerate(THRESHOLDS)
    )
