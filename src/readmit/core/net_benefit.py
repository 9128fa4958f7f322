"""Net benefit of acting on flags, by the threshold of the probability (Vickers and Elkin 2006).

The share of true alarms less the share of false alarms, which count as much as the odds of the threshold: at 0.11, who
acts accepts about eight false alarms for a true one. Acting on nobody has a net benefit of 0.
"""

import numpy as np

from readmit.core.metrics import Floats
from readmit.core.patient_resamples import Bools


def net_benefit(labels: Floats, flagged: Bools, threshold: float) -> float:
    """Return the net benefit per encounter of acting on the flagged ones."""
    return float(benefits(labels, flagged, threshold).mean())


def benefits(labels: Floats, flagged: Bools, threshold: float) -> Floats:
    """Return what acting on each encounter brings, shape (rows,): their mean is the net benefit."""
    return np.where(flagged, np.where(labels == 1, 1.0, -threshold / (1 - threshold)), 0.0)
