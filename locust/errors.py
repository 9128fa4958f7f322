"""What keeps a load from being made as it was asked for."""


class LoadRefused(Exception):
    """The text says why, and what to do."""
