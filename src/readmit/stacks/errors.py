"""Errors of a stack."""


class StackError(Exception):
    """A stack cannot be started, found or stopped; the message says why and what to do."""
