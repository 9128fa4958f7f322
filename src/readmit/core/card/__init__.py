"""The card of a model version: its items as data, filled from facts of the version."""
