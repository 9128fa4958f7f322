import io
import os
import zipfile
from pathlib import Path

import polars as pl
import pytest

from readmit.core.cleaning import clean, to_text_columns
from readmit.core.encounter import ENCOUNTER
from readmit.core.splitting import with_split

BATCH_ROWS = 15_000


@pytest.fixture(scope="session")
def raw_file() -> pl.DataFrame:
    """The rows of the real file, all text, in its order."""
    path = os.environ.get("READMIT_DATA")
    if path is None:
        pytest.skip("READMIT_DATA is not set: the thresholds are those of the real file")
    content = Path(path).read_bytes()
    if zipfile.is_zipfile(path):
        content = zipfile.ZipFile(path).read("diabetic_data.csv")
    return to_text_columns(pl.read_csv(io.BytesIO(content), infer_schema=False))


@pytest.fixture(scope="session")
def real(raw_file: pl.DataFrame) -> pl.DataFrame:
    """The encounters of the real file, clean, each with its split."""
    return with_split(clean(raw_file, ()).clean).sort(ENCOUNTER)


@pytest.fixture(scope="session")
def real_batches(raw_file: pl.DataFrame) -> list[pl.DataFrame]:
    """The same by batch, as the data API releases them."""
    return [with_split(clean(rows, ()).clean).sort(ENCOUNTER) for rows in raw_file.iter_slices(BATCH_ROWS)]
