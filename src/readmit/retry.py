"""Which errors of a step are worth a retry. How often and when a step is retried is in the step table."""

FINAL = "retrying would give the same result"
"""Marks the text of an error that must not be retried, for orchestrators that receive only the text."""


def is_retryable(error: object) -> bool:
    """Return whether another attempt may succeed: not for errors marked `final`, nor for interruptions."""
    return isinstance(error, Exception) and not getattr(error, "final", False)
