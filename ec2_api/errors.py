"""What stops the data API from starting."""


class StartupError(Exception):
    """The data API can't start; the text is one sentence for a person and names the setting at fault."""
