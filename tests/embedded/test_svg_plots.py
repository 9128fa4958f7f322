import pytest

from readmit.embedded.svg_plots import Axis, Plot, axis_range


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, ["0.0", "0.5", "1.0"]),
        (0.0, 0.4, ["0.0", "0.1", "0.2", "0.3", "0.4"]),
        (0.6, 0.75, ["0.60", "0.65", "0.70", "0.75"]),
        (0.0, 5_000.0, ["0", "2000", "4000"]),
    ],
)
def test_ticks_are_few_and_round(low: float, high: float, ticks: list[str]) -> None:
    assert Axis(low, high, 0, 100).ticks == ticks


@pytest.mark.parametrize("values", [[0.606, 0.703, None], [0.5, 0.5], [0.0], [-0.2, 0.31], [1e-7, 2e-7], []])
def test_a_range_holds_its_values_and_has_an_inside(values: list[float | None]) -> None:
    low, high = axis_range(values)
    assert low < high
    assert all(low - 1e-12 <= value <= high + 1e-12 for value in values if value is not None)


def test_a_path_runs_through_its_points_with_y_upwards() -> None:
    plot = Plot(Axis(0, 1, 10, 110), Axis(0, 1, 100, 0))
    assert plot.path([(0, 0), (0.5, 0.25), (1, 1)]) == "M10.0 100.0 L60.0 75.0 L110.0 0.0"
    assert plot.path([]) == ""
