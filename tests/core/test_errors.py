"""Recorded errors are shown without the name of their type."""

import pytest

from readmit.core.errors import error_message


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("SourceUnavailable: it does not respond", "it does not respond"),
        ("SourceAway: it does not answer", "it does not answer"),
        ("KeyError: 'rows'", "KeyError: 'rows'"),
        ("MemoryError", "MemoryError"),
    ],
)
def test_the_name_of_a_type_of_ours_is_dropped_also_a_former_one(recorded: str, shown: str) -> None:
    assert error_message(recorded) == shown
