import pytest

from readmit.embedded.eta import ONCE_SECONDS, Plan, in_words
from readmit.pipeline import STEPS


def test_every_step_has_an_expectation_and_later_batches_are_expected_to_take_longer() -> None:
    assert set(ONCE_SECONDS) == {step.name for step in STEPS}
    first, last = (Plan.of([batch], 15_000).left({}) for batch in (1, 6))
    assert 0 < first < last


def test_what_is_left_falls_to_nothing_and_goes_by_the_pace_so_far() -> None:
    plan = Plan.of([1, 2], 15_000)
    whole, done = plan.left({}), dict[tuple[int, str], float]()
    left = [whole]
    for task in plan.tasks:
        done[task] = 3 * plan.expected([task])
        left.append(plan.left(done))
    assert left[-1] == 0
    half = dict(list(done.items())[: len(STEPS)])
    assert plan.left(half) > 2 * plan.expected([task for task in plan.tasks if task not in half])
    assert plan.left(half, running=1.0) == pytest.approx(plan.left(half) - min(1.0, plan.left(half)), abs=1.0)


def test_with_the_training_group_alone_nothing_else_is_waited_for() -> None:
    assert [step for _, step in Plan.of([6], 15_000, training_alone=True).tasks] == [
        step.name for step in STEPS if step.group == "training"
    ]
    assert Plan.of([], 15_000).left({}) == 0


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "less than a minute"), (64, "about a minute"), (290, "about 5 minutes")]
)
def test_an_estimate_is_said_no_more_exactly_than_it_is_known(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
