from collections.abc import Sequence

import numpy as np
import pandas as pd
import sklearn
from sklearn.model_selection import GroupKFold

from readmit.core.rate_encoder import RateEncoder


def fitted(texts: Sequence[str], outcomes: Sequence[int], patients: Sequence[int]) -> tuple[RateEncoder, np.ndarray]:
    encoder = RateEncoder(30, 20.0, GroupKFold(5, shuffle=True, random_state=1))
    with sklearn.config_context(enable_metadata_routing=True):
        encoded = encoder.fit_transform(pd.DataFrame({"code": texts}), outcomes, groups=patients)
    return encoder, encoded


def encoding(encoder: RateEncoder, *texts: str) -> list[float]:
    return [float(rate) for (rate,) in encoder.transform(pd.DataFrame({"code": texts}))]


def test_a_category_of_fewer_than_30_rows_has_the_overall_rate_as_an_unseen_one_has() -> None:
    texts = ["common"] * 200 + ["rare"] * 29 + ["enough"] * 30
    outcomes = [0, 1] * 100 + [1] * 29 + [0] * 30
    encoder, encoded = fitted(texts, outcomes, range(len(texts)))
    overall = float(np.mean(outcomes))
    assert encoding(encoder, "rare", "never seen") == [overall, overall]
    assert set(encoded[200:229, 0]) == {overall}
    (enough,) = encoding(encoder, "enough")
    assert 0 < enough < overall, "30 rows without the outcome lower the rate, but not to 0"


def test_all_stays_of_a_patient_are_encoded_without_the_outcomes_of_that_patient() -> None:
    """Each patient has one code and 40 stays with the same outcome: nothing else is known of a code."""
    patients = [patient for patient in range(10) for _ in range(40)]
    outcomes = [patient % 2 for patient in patients]
    _, encoded = fitted([f"code of {patient}" for patient in patients], outcomes, patients)
    readmitted = np.array(outcomes) == 1
    assert encoded[readmitted].mean() <= encoded[~readmitted].mean() + 1e-9
