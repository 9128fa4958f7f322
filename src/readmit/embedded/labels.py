"""Labels of sources and targets in the terminal output and on the results page."""

SOURCE_LABELS = {
    "uci": "UCI's published file",
    "file": "the file that READMIT_DATA names",
    "sample": "a synthetic sample, because the published file was unavailable: its figures say nothing about patients",
}
READMISSION_WINDOWS = {"within_30_days": "within 30 days", "any": "at any later time"}
"""When a readmission counts, by target."""
