"""What a source of encounters and a target are called before people."""

SOURCES = {
    "uci": "UCI's published file",
    "file": "the file that READMIT_DATA names",
    "sample": "a synthetic sample, because nothing could be downloaded: its figures say nothing about patients",
}
COME_BACK = {"within_30_days": "within 30 days", "any": "at any later time"}
"""When a patient who comes back does so, by target."""
