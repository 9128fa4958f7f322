"""The inference API: predictions, and what the UI reads of days, batches and versions."""
