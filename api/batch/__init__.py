"""Predictions for a whole file: parsing, scoring in a worker process, and writing the response."""
