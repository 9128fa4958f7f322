"""The data API: serves hospital encounters in batches."""
