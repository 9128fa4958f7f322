import pytest

from ec2_api.release import Release, batch_spans


@pytest.mark.parametrize(("after", "released"), [(-50, 1), (0, 1), (9.9, 1), (10, 2), (29.9, 3), (30, 4), (10_000, 4)])
def test_one_batch_is_released_at_the_start_and_one_more_after_each_interval_until_the_last(
    after: float, released: int
) -> None:
    assert Release(1_000.0, 10, 4).released(1_000.0 + after) == released


def test_an_interval_of_0_releases_all_at_once() -> None:
    release = Release(1_000.0, 0, 6)
    assert release.released(1_000.0) == 6
    assert release.exhausted(1_000.0)
    assert release.seconds_to(6, 1_000.0) == 0


def test_another_interval_withdraws_no_released_batch() -> None:
    release = Release(1_000.0, 10, 6)
    slower = release.with_interval(600, now=1_025.0)
    assert slower.released(1_025.0) == release.released(1_025.0) == 3
    assert slower.seconds_to(4, 1_025.0) == 600
    assert release.with_interval(0, now=1_025.0).released(1_025.0) == 6


def test_added_rows_become_further_batches_after_a_short_one_that_stays_short() -> None:
    assert batch_spans([], 700, 300) == [(0, 300), (300, 300), (600, 100)]
    assert batch_spans([(0, 300), (300, 300), (600, 100)], 1_050, 300)[3:] == [(700, 300), (1_000, 50)]
