"""Candidates are left out of a training, and fitted one after the other, only where the memory does not suffice."""

from readmit.core.model import CANDIDATES
from readmit.core.training_memory import BYTES_PER_ENCOUNTER, MB, PROCESS_MB, fits_at_once, within_memory

LEAST = min(candidate.bytes_per_row for candidate in CANDIDATES)
ROWS = 100_000


def test_at_the_size_of_the_published_data_all_candidates_are_fitted_two_at_a_time() -> None:
    assert within_memory(CANDIDATES, ROWS, 85_000, 2_000) == list(CANDIDATES)
    assert fits_at_once(CANDIDATES, 85_000, 70_000, 2_000, most=2) == 2


def test_at_a_million_encounters_some_candidates_are_left_and_fitted_one_after_the_other() -> None:
    left = within_memory(CANDIDATES, 1_000_000, 850_000, 2_000)
    assert 0 < len(left) < len(CANDIDATES)
    assert fits_at_once(left, 850_000, 700_000, 2_000, most=2) == 1


def test_a_candidate_is_left_out_from_the_first_encounter_that_does_not_fit() -> None:
    memory = PROCESS_MB + ROWS * (BYTES_PER_ENCOUNTER + LEAST) // MB
    fitting = [candidate for candidate in CANDIDATES if candidate.bytes_per_row == LEAST]
    assert within_memory(CANDIDATES, ROWS, ROWS, memory) == fitting
    assert fits_at_once(fitting, ROWS, ROWS, memory, most=2) == 1
    assert fits_at_once(fitting, ROWS, ROWS // 2, memory, most=2) == min(2, len(fitting))


def test_one_candidate_is_always_fitted() -> None:
    (only,) = within_memory(CANDIDATES, ROWS, ROWS, 1)
    assert only.bytes_per_row == LEAST
    assert fits_at_once([only], ROWS, ROWS, 1, most=2) == 1
