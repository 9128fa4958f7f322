"""Readmit: from a hospital's data API to a served prediction of readmission."""

__version__ = "0.1.0"
