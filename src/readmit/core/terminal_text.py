"""Escaping of untrusted text for a terminal."""


def printable(text: str) -> str:
    """Return the text with unprintable characters escaped, since terminals execute some control sequences."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
