"""Elixhauser's comorbidities from three diagnoses, by ICD-9-CM category.

Source: Quan et al. 2005, Medical Care 43:1130. Shortened to three digits where the codes of a comorbidity share a
category: most codes of the file have no more.
"""

from collections.abc import Mapping

import pandas as pd

from readmit.core.feature_spec import DIAGNOSES
from readmit.core.icd9 import icd9_category


def _categories(*ranges: tuple[int, int]) -> frozenset[str]:
    return frozenset(f"{number:03d}" for first, last in ranges for number in range(first, last + 1))


COMORBIDITIES: Mapping[str, frozenset[str]] = {
    "heart_failure": _categories((428, 428)),
    "arrhythmia": _categories((426, 427)),
    "valvular_disease": _categories((394, 397), (424, 424)),
    "pulmonary_circulation": _categories((415, 417)),
    "peripheral_vascular": _categories((440, 441), (443, 443)),
    "hypertension": _categories((401, 405)),
    "paralysis": _categories((342, 344)),
    "other_neurological": _categories((331, 335), (340, 341), (345, 345)),
    "chronic_pulmonary": _categories((490, 505)),
    "hypothyroidism": _categories((243, 244)),
    "renal_failure": _categories((585, 586)),
    "liver_disease": _categories((70, 70), (570, 573)),
    "peptic_ulcer": _categories((531, 534)),
    "aids": _categories((42, 44)),
    "lymphoma": _categories((200, 203)),
    "metastatic_cancer": _categories((196, 199)),
    "solid_tumour": _categories((140, 172), (174, 195)),
    "rheumatic_disease": _categories((446, 446), (710, 710), (714, 714), (720, 720), (725, 725)),
    "coagulopathy": _categories((286, 287)),
    "obesity": _categories((278, 278)),
    "weight_loss": _categories((260, 263)),
    "fluid_and_electrolytes": _categories((276, 276)),
    "anaemia": _categories((280, 281)),
    "alcohol": _categories((303, 303)),
    "drugs": _categories((304, 304)),
    "psychoses": _categories((295, 295), (297, 298)),
    "depression": _categories((296, 296), (311, 311)),
}


def has_comorbidity(name: str, encounters: pd.DataFrame) -> list[object]:
    """Return 1 for each encounter of which a diagnosis belongs to the comorbidity, 0 for the others."""
    categories = COMORBIDITIES[name]
    diagnoses = zip(*(encounters[field].tolist() for field in DIAGNOSES), strict=True)
    return [float(any(icd9_category(code) in categories for code in codes if code is not None)) for codes in diagnoses]
