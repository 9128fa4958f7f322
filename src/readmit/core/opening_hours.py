"""The hours, and days of the week, in which the EC2 instance of the data API is scheduled to run."""

import re
from dataclasses import dataclass

PATTERN = re.compile(r"(?:([A-Z,-]+) )?(\d\d):(\d\d)-(\d\d):(\d\d) (\S+)", re.ASCII)
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
EVERY_DAY = tuple(range(len(WEEKDAYS)))
MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Hours from `opens` to `closes`, in minutes since midnight in a time zone; from 22:00 to 06:00 spans midnight.

    `days`: the days of the week on which the hours begin, in order; Monday is 0.
    """

    opens: int
    closes: int
    zone: str
    days: tuple[int, ...] = EVERY_DAY

    @classmethod
    def parse(cls, text: str) -> "OpeningHours":
        """Parse a text such as `08:55-23:55 America/Lima` or `MON-FRI 08:55-23:55 America/Lima`.

        Raises ValueError when it is not of this form.
        """
        match = PATTERN.fullmatch(text)
        if match is None:
            raise ValueError("not hours and a time zone, such as 08:55-23:55 America/Lima or MON-FRI 09:00-18:00 UTC")
        opens, closes = (_minutes(*match.group(first, first + 1)) for first in (2, 4))
        if opens in (closes, MINUTES_PER_DAY):
            raise ValueError("the hours are empty: the whole day is 00:00-24:00")
        return cls(opens, closes, match[6], EVERY_DAY if match[1] is None else _days(match[1]))

    def includes(self, today: int, minute: int) -> bool:
        """Return whether a time in the time zone is within the hours: a day of the week, and minutes since midnight.

        The last minute is excluded.
        """
        if self.opens < self.closes:
            return today in self.days and self.opens <= minute < self.closes
        # After midnight, the hours are those that began the day before.
        began = today if minute >= self.opens else (today - 1) % len(WEEKDAYS)
        return began in self.days and (minute >= self.opens or minute < self.closes)

    def __str__(self) -> str:
        days = "" if self.days == EVERY_DAY else f"{','.join(WEEKDAYS[day] for day in self.days)} "
        return f"{days}{_clock(self.opens)}-{_clock(self.closes)} {self.zone}"


def _days(text: str) -> tuple[int, ...]:
    """Return the days of a list such as MON,WED or MON-FRI, which may contain ranges."""
    days = set[int]()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS or part.endswith("-"):
            raise ValueError(f"{part!r} is neither a day nor a range of days; the days are {', '.join(WEEKDAYS)}")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days |= {(begin + offset) % len(WEEKDAYS) for offset in range((end - begin) % len(WEEKDAYS) + 1)}
    return tuple(sorted(days))


def _minutes(hours: str, minutes: str) -> int:
    total = 60 * int(hours) + int(minutes)
    if int(minutes) > 59 or total > MINUTES_PER_DAY:
        raise ValueError(f"{hours}:{minutes} is not a time from 00:00 to 24:00")
    return total


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
