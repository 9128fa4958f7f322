import pytest

from readmit.core.opening_hours import OpeningHours

TEXT = "08:55-23:55 America/Lima"


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
        hour, minute = clock.split(":")
        assert hours.includes(60 * int(hour) + int(minute)) is expected, clock


@pytest.mark.parametrize("text", [TEXT, "22:00-06:30 UTC", "00:00-24:00 Europe/Madrid"])
def test_the_text_of_hours_is_that_they_were_parsed_from(text: str) -> None:
    assert str(OpeningHours.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "08:55-23:55", "8:55-23:55 UTC", "08:55 - 23:55 UTC", "08:55-23:55 America/Lima ", "24:01-23:00 UTC",
     "08:60-23:00 UTC", "25:00-26:00 UTC", "08:00-08:00 UTC", "24:00-08:00 UTC", "٠٨:00-09:00 UTC"],
)  # fmt: skip
def test_a_text_of_another_form_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="such as 08:55-23:55 America/Lima|00:00"):
        OpeningHours.parse(text)
