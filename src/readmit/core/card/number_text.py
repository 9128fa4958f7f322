"""Numbers as text, by the customs of a language."""

import math
from dataclasses import dataclass

SWAPPED = str.maketrans(",.", ".,")
MINUS_SIGN, HARD_BLANK = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class NumberText:
    """The format of numbers: 1,234.5 or, with a decimal comma, 1.234,5. None for what is not finite."""

    decimal_comma: bool

    def decimal(self, value: float | None, digits: int = 3) -> str | None:
        """Return a number with this many digits after the decimal sign."""
        if value is None or not math.isfinite(value):
            return None
        text = f"{value:,.{digits}f}"
        return (text.translate(SWAPPED) if self.decimal_comma else text).replace("-", MINUS_SIGN)

    def whole(self, value: int | None) -> str | None:
        """Return a whole number."""
        return self.decimal(value, 0)

    def percent(self, share: float | None) -> str | None:
        """Return a share (0 to 1) in per cent."""
        text = self.decimal(None if share is None else 100 * share, 1)
        return None if text is None else f"{text}{HARD_BLANK}%"
