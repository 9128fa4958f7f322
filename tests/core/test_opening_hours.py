import pytest

from readmit.core.opening_hours import OpeningHours

TEXT = "08:55-23:55 America/Lima"


def minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return 60 * int(hour) + int(minute)


@pytest.mark.parametrize(
    ("text", "included", "excluded"),
    [
        (TEXT, ("08:55", "12:00", "23:54"), ("00:00", "08:54", "23:55")),
        ("22:00-06:30 UTC", ("22:00", "23:59", "00:00", "06:29"), ("06:30", "21:59")),
        ("00:00-24:00 UTC", ("00:00", "23:59"), ()),
        ("20:00-00:00 UTC", ("20:00", "23:59"), ("00:00", "19:59")),
    ],
)
def test_a_minute_is_within_the_hours_from_the_first_to_before_the_last(
    text: str, included: tuple[str, ...], excluded: tuple[str, ...]
) -> None:
    hours = OpeningHours.parse(text)
    for clock, expected in (*((clock, True) for clock in included), *((clock, False) for clock in excluded)):
        assert {hours.includes(day, minutes(clock)) for day in range(7)} == {expected}, clock


@pytest.mark.parametrize(
    ("days", "expected"),
    [("MON-FRI", [0, 1, 2, 3, 4]), ("SAT-MON", [0, 5, 6]), ("WED", [2]), ("MON,WED-THU,SUN", [0, 2, 3, 6])],
)
def test_hours_may_be_those_of_some_days_of_the_week(days: str, expected: list[int]) -> None:
    hours = OpeningHours.parse(f"{days} {TEXT}")
    assert [day for day in range(7) if hours.includes(day, minutes("12:00"))] == expected


def test_hours_that_span_midnight_belong_to_the_day_on_which_they_begin() -> None:
    hours = OpeningHours.parse("FRI 22:00-06:30 UTC")
    assert [day for day in range(7) if hours.includes(day, minutes("23:00"))] == [4]
    assert [day for day in range(7) if hours.includes(day, minutes("06:00"))] == [5]
    assert not any(hours.includes(day, minutes("12:00")) for day in range(7))


@pytest.mark.parametrize("text", [TEXT, "22:00-06:30 UTC", "00:00-24:00 Europe/Madrid", f"MON,TUE,SUN {TEXT}"])
def test_the_text_of_hours_is_that_they_were_parsed_from(text: str) -> None:
    assert str(OpeningHours.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "08:55-23:55", "8:55-23:55 UTC", "08:55 - 23:55 UTC", "08:55-23:55 America/Lima ", "24:01-23:00 UTC",
     "08:60-23:00 UTC", "25:00-26:00 UTC", "08:00-08:00 UTC", "24:00-08:00 UTC", "٠٨:00-09:00 UTC",
     "mon-fri 08:55-23:55 UTC", "MON-FRI08:55-23:55 UTC", " 08:55-23:55 UTC"],
)  # fmt: skip
def test_a_text_of_another_form_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="such as 08:55-23:55 America/Lima|00:00"):
        OpeningHours.parse(text)


@pytest.mark.parametrize("days", ["MO", "MON-", "-FRI", "MON,,TUE", "MON-TUE-WED", "MON,"])
def test_an_unknown_day_is_rejected_with_the_days_that_exist(days: str) -> None:
    with pytest.raises(ValueError, match="is neither a day nor a range of days; the days are MON, TUE, WED"):
        OpeningHours.parse(f"{days} {TEXT}")
