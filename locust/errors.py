"""Errors of the load test."""


class LoadRefused(Exception):
    """A load test that can't run; the message gives the reason and what to do."""
