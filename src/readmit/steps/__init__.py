"""The steps of the day, one module each."""
