"""The hours of the day in which the EC2 instance of the data API is scheduled to run."""

import re
from dataclasses import dataclass

PATTERN = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d) (\S+)", re.ASCII)
MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Hours from `opens` to `closes`, in minutes since midnight in a time zone; from 22:00 to 06:00 spans midnight."""

    opens: int
    closes: int
    zone: str

    @classmethod
    def parse(cls, text: str) -> "OpeningHours":
        """Parse a text such as `08:55-23:55 America/Lima`. Raises ValueError when it is not of this form."""
        match = PATTERN.fullmatch(text)
        if match is None:
            raise ValueError("not hours and a time zone, such as 08:55-23:55 America/Lima")
        opens, closes = (_minutes(*match.group(first, first + 1)) for first in (1, 3))
        if opens in (closes, MINUTES_PER_DAY):
            raise ValueError("the hours are empty: the whole day is 00:00-24:00")
        return cls(opens, closes, match[5])

    def includes(self, minute: int) -> bool:
        """Return whether a minute since midnight, in the time zone, is within the hours. The last one is excluded."""
        if self.opens < self.closes:
            return self.opens <= minute < self.closes
        return minute >= self.opens or minute < self.closes

    def __str__(self) -> str:
        return f"{_clock(self.opens)}-{_clock(self.closes)} {self.zone}"


def _minutes(hours: str, minutes: str) -> int:
    total = 60 * int(hours) + int(minutes)
    if int(minutes) > 59 or total > MINUTES_PER_DAY:
        raise ValueError(f"{hours}:{minutes} is not a time from 00:00 to 24:00")
    return total


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
