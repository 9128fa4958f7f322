"""Text from outside, made fit for a terminal."""


def printable(text: str) -> str:
    """What a source sent may hold anything, and a terminal obeys some of it."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
