"""The page of `just ops::scale` fits exponents to what was measured, and names what breaks first."""

import math
from pathlib import Path

import pytest
import yaml

from readmit.pipeline import BY_NAME
from tests.scale.__main__ import INGESTION, TRAINING
from tests.scale.measurement import Sample, at_limit, exponent
from tests.scale.page import SOURCE_LIMIT_MB, Scale, page

ROOT = Path(__file__).parents[2]
SIZES = (100_000, 300_000, 1_000_000)


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5])
def test_the_exponent_is_the_power_of_the_growth(power: float) -> None:
    assert exponent([(size, 3 * size**power) for size in SIZES]) == pytest.approx(power)


def test_a_limit_is_where_the_line_reaches_it_and_what_does_not_rise_never_does() -> None:
    assert at_limit([(100, 1), (200, 2)], 10) == 1_000
    assert at_limit([(100, 2), (200, 2)], 10) == math.inf


def scale(train_power: float) -> Scale:
    """Flat ingestion, and training that grows with a power of the encounters."""
    sizes = range(100_000, 1_100_000, 100_000)
    ingested = [Sample(step, 1, size, 2.0, 3.0, 300, {}) for size in sizes for step in INGESTION]
    trained = [
        Sample(step, 1, size, 60.0, (size / 1e5) ** train_power, 300, {}) for size in SIZES for step in TRAINING[1:]
    ]
    left_out = {size: {} if size < SIZES[-1] else {"left_out": "x"} for size in SIZES}
    trained += [
        Sample("train", 1, size, 60.0, (size / 1e5) ** train_power, 300 + size / 1e3, left_out[size]) for size in SIZES
    ]
    disk = [(0, 10.0), (100_000, 90.0), (200_000, 200.0)]
    return Scale("a machine", "A setting.", ingested, trained, disk, 900.0, 100_000)


def test_every_step_has_a_line_with_its_exponent_and_whether_the_bar_was_held() -> None:
    lines = page(scale(1.5)).splitlines()
    assert [line.rsplit("| ", 2)[-2:] for line in lines if line.startswith("| `")] == [
        *[["0.00 ", "held |"]] * len(INGESTION),
        *[["1.50 ", "missed |"]] * len(TRAINING),
    ]
    assert {*INGESTION, *TRAINING, "check_source"} == set(BY_NAME)
    assert "At 1,000,000 encounters `train` left out x; its exponent is without." in lines


def test_the_page_names_what_breaks_first() -> None:
    *_, first, _, source = page(scale(1.0)).splitlines()
    assert "largest size: `train` takes 16,000 MB at about 15.7 million encounters. Then: the data API" in first
    assert source.endswith("where it has 2,000 MB, it is the first to break, at about 2.2 million encounters.")


def test_the_page_names_the_limit_of_the_data_api_in_compose() -> None:
    service = yaml.safe_load((ROOT / "compose/ec2-api.yaml").read_text())["services"]["ec2-api"]
    assert service["mem_limit"] == f"{SOURCE_LIMIT_MB // 1000}g"
