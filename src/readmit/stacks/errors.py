"""What keeps a stack from doing what it was asked for."""


class StackError(Exception):
    """The stack can't be started, found or stopped as it was asked for; the text says why, and what to do."""
