import pytest

from readmit.embedded.eta import FIXED_SECONDS, Plan, format_duration
from readmit.pipeline import STEPS


def test_every_step_has_an_expected_time_and_later_batches_are_expected_to_take_longer() -> None:
    assert set(FIXED_SECONDS) == {step.name for step in STEPS}
    first, last = (Plan.of([batch], 15_000).remaining_seconds({}) for batch in (1, 6))
    assert 0 < first < last


def test_the_remaining_time_falls_to_zero_and_follows_the_pace_so_far() -> None:
    plan = Plan.of([1, 2], 15_000)
    whole, done = plan.remaining_seconds({}), dict[tuple[int, str], float]()
    remaining = [whole]
    for task in plan.tasks:
        done[task] = 3 * plan.expected_seconds([task])
        remaining.append(plan.remaining_seconds(done))
    assert remaining[-1] == 0
    half = dict(list(done.items())[: len(STEPS)])
    assert plan.remaining_seconds(half) > 2 * plan.expected_seconds([task for task in plan.tasks if task not in half])
    assert plan.remaining_seconds(half, running=1.0) == pytest.approx(
        plan.remaining_seconds(half) - min(1.0, plan.remaining_seconds(half)), abs=1.0
    )


def test_with_the_training_group_alone_no_other_step_is_expected() -> None:
    assert [step for _, step in Plan.of([6], 15_000, training_alone=True).tasks] == [
        step.name for step in STEPS if step.group == "training"
    ]
    assert Plan.of([], 15_000).remaining_seconds({}) == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "less than a minute"), (64, "about a minute"), (290, "about 5 minutes")]
)
def test_an_estimate_is_shown_no_more_precisely_than_it_is_known(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
