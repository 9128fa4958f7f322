"""Meanings of the IDs of an encounter: UCI's IDS_mapping.csv, abbreviations spelled out and typing errors corrected.

Each table is the complete published set, not only the IDs that occur in one file.
"""

from collections.abc import Mapping

ADMISSION_TYPES: Mapping[int, str] = {
    1: "Emergency",
    2: "Urgent",
    3: "Elective",
    4: "Newborn",
    5: "Not available",
    6: "NULL",
    7: "Trauma center",
    8: "Not mapped",
}

DISCHARGE_DISPOSITIONS: Mapping[int, str] = {
    1: "Discharged to home",
    2: "Discharged/transferred to another short term hospital",
    3: "Discharged/transferred to a skilled nursing facility (SNF)",
    4: "Discharged/transferred to an intermediate care facility (ICF)",
    5: "Discharged/transferred to another type of inpatient care institution",
    6: "Discharged/transferred to home with home health service",
    7: "Left against medical advice (AMA)",
    8: "Discharged/transferred to home under care of a home intravenous (IV) provider",
    9: "Admitted as an inpatient to this hospital",
    10: "Neonate discharged to another hospital for neonatal aftercare",
    11: "Expired",
    12: "Still patient or expected to return for outpatient services",
    13: "Hospice / home",
    14: "Hospice / medical facility",
    15: "Discharged/transferred within this institution to a Medicare approved swing bed",
    16: "Discharged/transferred/referred to another institution for outpatient services",
    17: "Discharged/transferred/referred to this institution for outpatient services",
    18: "NULL",
    19: "Expired at home. Medicaid only, hospice",
    20: "Expired in a medical facility. Medicaid only, hospice",
    21: "Expired, place unknown. Medicaid only, hospice",
    22: "Discharged/transferred to another rehabilitation facility, including rehabilitation units of a hospital",
    23: "Discharged/transferred to a long term care hospital",
    24: "Discharged/transferred to a nursing facility certified under Medicaid but not certified under Medicare",
    25: "Not mapped",
    26: "Unknown/invalid",
    27: "Discharged/transferred to a federal health care facility",
    28: "Discharged/transferred/referred to a psychiatric hospital or psychiatric distinct part unit of a hospital",
    29: "Discharged/transferred to a critical access hospital (CAH)",
    30: "Discharged/transferred to another type of health care institution not defined elsewhere",
}

ADMISSION_SOURCES: Mapping[int, str] = {
    1: "Physician referral",
    2: "Clinic referral",
    3: "Health maintenance organization (HMO) referral",
    4: "Transfer from a hospital",
    5: "Transfer from a skilled nursing facility (SNF)",
    6: "Transfer from another health care facility",
    7: "Emergency room",
    8: "Court/law enforcement",
    9: "Not available",
    10: "Transfer from a critical access hospital",
    11: "Normal delivery",
    12: "Premature delivery",
    13: "Sick baby",
    14: "Extramural birth",
    15: "Not available",
    17: "NULL",
    18: "Transfer from another home health agency",
    19: "Readmission to the same home health agency",
    20: "Not mapped",
    21: "Unknown/invalid",
    22: "Transfer from hospital inpatient, same facility, resulting in a separate claim",
    23: "Born inside this hospital",
    24: "Born outside this hospital",
    25: "Transfer from an ambulatory surgery center",
    26: "Transfer from hospice",
}
