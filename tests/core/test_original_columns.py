"""The benchmark's model of the original system has the input that docs/benchmarks.md describes."""

import polars as pl

from readmit.core.encounter import OUTCOME
from tests.bench.original_columns import COLUMNS, original_columns


def test_the_original_model_is_fitted_to_sixty_integer_columns_and_its_label(real: pl.DataFrame) -> None:
    columns = original_columns(real.head(500))
    assert (columns.width, columns.columns[-1]) == (COLUMNS + 1, OUTCOME)
    assert COLUMNS == 60
    assert set(columns.dtypes) == {pl.Int64}
    assert columns.null_count().sum_horizontal().item() == 0
