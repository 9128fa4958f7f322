"""Errors at start-up."""


class StartupError(Exception):
    """A failed start of the data API. The message is one sentence that names the setting to change."""
