"""The three databases: raw and clean encounters with the ledger, and predictions."""
